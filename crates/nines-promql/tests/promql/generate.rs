//! Random series and random queries from a seed.

/// Xorshift: small, and the same everywhere.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    pub fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }

    pub fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// Series in the notation of the scripts, a value every 15 s. Counters have no gaps: how upstream extrapolates across a gap
/// changed with version 3.
pub fn series(dice: &mut Dice) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for job in ["api", "db"] {
        for instance in ["a", "b", "c"] {
            let mut counter = 1_000 + dice.below(1_000);
            let mut values = Vec::new();
            for _ in 0..160 {
                counter = if dice.one_in(40) { dice.below(20) } else { counter + dice.below(30) };
                values.push(counter.to_string());
            }
            all.push((format!("requests_total{{job=\"{job}\",instance=\"{instance}\"}}"), values.join(" ")));
            for metric in ["memory", "queue"] {
                if dice.one_in(5) {
                    continue;
                }
                let mut values = Vec::new();
                for _ in 0..160 {
                    let value = dice.below(4_000) as f64 / 8.0 - 200.0;
                    values.push(if dice.one_in(9) { "_".to_owned() } else { value.to_string() });
                }
                all.push((format!("{metric}{{job=\"{job}\",instance=\"{instance}\"}}"), values.join(" ")));
            }
        }
    }
    all
}

/// No window of these begins at a sample: whether that sample belongs to it changed with version 3.
const RANGES: [&str; 5] = ["1m7s", "2m37s", "4m22s", "7m11s", "12m52s"];

/// A query that Prometheus 2.42 knows too.
pub fn query(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return leaf(dice);
    }
    let inner = |dice: &mut Dice| query(dice, depth - 1);
    match dice.below(9) {
        0 => leaf(dice),
        1 => {
            let op = dice.pick(&["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]);
            let by = dice.pick(&["", " by (job)", " by (instance)", " without (job)", " by (job, instance)"]);
            format!("{op}{by} ({})", inner(dice))
        }
        2 => {
            // No `topk`: which of equal values it takes is not defined, and generated values are often equal.
            let op = dice.pick(&["quantile(0.3, ", "quantile by (job) (0.8, "]);
            format!("{op}{})", inner(dice))
        }
        3 => {
            let name =
                dice.pick(&["abs", "ceil", "floor", "sqrt", "exp", "sgn", "deg", "sin", "-", "scalar"]);
            match name {
                "-" => format!("-({})", inner(dice)),
                "scalar" => format!("vector(scalar({}))", inner(dice)),
                _ => format!("{name}({})", inner(dice)),
            }
        }
        4 => {
            let around = dice.pick(&["clamp(X, -50, 120)", "round(X, 0.5)", "clamp_min(X, 3)", "absent(X)"]);
            around.replace('X', &inner(dice))
        }
        5 | 6 => {
            let op =
                dice.pick(&["+", "-", "*", "/", "%", ">", "<=", "== bool", "!= bool", "and", "or", "unless"]);
            let set = matches!(op, "and" | "or" | "unless");
            let with = dice.pick(&["", " on (instance, job)", " ignoring (job)", " on (job) group_left ()"]);
            let with = if set && with.contains("group") { "" } else { with };
            format!("({}) {op}{with} ({})", inner(dice), inner(dice))
        }
        7 => {
            let op = dice.pick(&["+", "-", "*", "/", "^", ">", "< bool"]);
            format!("({}) {op} {}", inner(dice), dice.pick(&["2", "0.5", "-3", "100"]))
        }
        _ => {
            let over = dice.pick(&["max_over_time", "avg_over_time", "count_over_time", "last_over_time"]);
            let (range, step) = (dice.pick(&["9m23s", "5m41s"]), dice.pick(&["1m", "45s", "2m"]));
            format!("{over}(({})[{range}:{step}])", inner(dice))
        }
    }
}

fn leaf(dice: &mut Dice) -> String {
    let matchers =
        dice.pick(&["", "", "{job=\"api\"}", "{instance=~\"a|b\"}", "{job!=\"db\",instance!=\"c\"}"]);
    let offset = dice.pick(&["", "", "", " offset 2m11s", " @ 1213", " offset -1m3s"]);
    let range = RANGES[dice.below(RANGES.len())];
    match dice.below(3) {
        0 => format!("{}{matchers}{offset}", dice.pick(&["requests_total", "memory", "queue"])),
        1 => {
            let name = dice.pick(&["rate", "increase", "irate", "resets"]);
            format!("{name}(requests_total{matchers}[{range}]{offset})")
        }
        _ => {
            let metric = dice.pick(&["memory", "queue", "requests_total"]);
            let name = dice.pick(&[
                "sum_over_time",
                "avg_over_time",
                "min_over_time",
                "max_over_time",
                "count_over_time",
                "last_over_time",
                "present_over_time",
                "stddev_over_time",
                "stdvar_over_time",
                "changes",
                "idelta",
                "deriv",
                "quantile_over_time(0.7, ",
                "predict_linear",
            ]);
            let arg = format!("{metric}{matchers}[{range}]{offset}");
            match name {
                "predict_linear" => format!("predict_linear({arg}, 60)"),
                _ if name.contains('(') => format!("{name}{arg})"),
                _ => format!("{name}({arg})"),
            }
        }
    }
}
