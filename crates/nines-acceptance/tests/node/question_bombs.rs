//! C7: questions that ask for far too much, in every language: each is answered or refused with a reason within its memory,
//! the node and all other questions go on, and nothing is computed for an asker who has gone.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, ensure};
use nines_acceptance::remote_write::{Series, written};
use nines_acceptance::{Api, Node, PATIENCE, alone, client, eventually};
use nines_base::{MIB, SharedClock, SystemClock};
use serde_json::{Value, json};

/// What the node may take, and so what a question may: a sixteenth.
const MEMORY_BYTES: u64 = 1 << 30;
const QUESTION_BYTES: u64 = MEMORY_BYTES / 16;
/// Questions that run at once, each within its memory; and as much again for what is not given back at once.
const GROWTH_MAX: u64 = 2 * 4 * QUESTION_BYTES;
/// Series in an ordinary run; `NINES_BOMB_SERIES` asks for more.
const SERIES: usize = 20_000;
/// Rows of logs.
const ROWS: usize = 20_000;
/// Panels of dashboards that are opened at once.
const PANELS: usize = 300;
/// Ticks of the processor in a second, as `/proc` counts them.
const TICKS_PER_SECOND: f64 = 100.0;

enum Bomb {
    Sql(String),
    Search(String),
    /// `/query` or `/query_range`, with parameters.
    Prom(&'static str, String),
}

fn bombs() -> Vec<(&'static str, Bomb)> {
    let sql = |text: &str| Bomb::Sql(text.to_owned());
    let list = |count: usize, separator: &str, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(separator)
    };
    let doubled = (0..40).fold("select body as x from logs".to_owned(), |inner, _| {
        format!("select x || x as x from ({inner})")
    });
    let doubled_less = (0..20).fold("select body as x from logs".to_owned(), |inner, _| {
        format!("select x || x as x from ({inner})")
    });
    let mut all = vec![
        (
            "a cross join, grouped",
            sql("select a.n * 20000 + b.n as x, count(*) from logs a cross join logs b group by 1"),
        ),
        (
            "a cross join, sorted",
            sql("select a.body, b.body as other from logs a cross join logs b order by 2, 1"),
        ),
        (
            "a cross join of four",
            sql("select count(*) from logs a cross join logs b cross join logs c cross join logs d"),
        ),
        (
            "distinct of everything",
            sql("select count(distinct a.body || b.body) from logs a cross join logs b"),
        ),
        (
            "a window over everything",
            sql("select sum(a.n) over (order by b.body) from logs a cross join logs b"),
        ),
        ("an array of everything", sql("select array_agg(a.body || b.body) from logs a cross join logs b")),
        ("a text of everything", sql("select length(string_agg(a.body, ',')) from logs a cross join logs b")),
        (
            "a cube",
            sql(
                "select count(*) from logs group by cube(body, n, \"service.name\", timestamp, n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8, n+9, n+10, n+11, n+12)",
            ),
        ),
        (
            "a year, second by second",
            sql(
                "select t.value, count(*) from range(0, 31536000) t left join logs on n = t.value group by 1 order by 1",
            ),
        ),
        ("a range without end", sql("select sum(a.value) from range(0, 1000000000000) a")),
        ("an array without end", sql("select array_length(range(0, 4000000000))")),
        (
            "recursion without end",
            sql("with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t"),
        ),
        (
            "recursion that doubles",
            sql(
                "with recursive t(n) as (select 1 union all select n + m from t cross join (values (1), (2)) v(m)) select count(*) from t",
            ),
        ),
        ("a long text", sql("select length(repeat('x', 2000000000))")),
        ("long texts", sql("select max(length(repeat(body, 100000000))) from logs")),
        ("a padded text", sql("select max(length(lpad(body, 2000000000, 'x'))) from logs")),
        (
            "replaced twice",
            sql(
                "select max(length(replace(replace(repeat('a', 50000), 'a', repeat('b', 50000)), 'b', repeat('c', 50000)))) from logs",
            ),
        ),
        ("a text that doubles", Bomb::Sql(format!("select max(length(x)) from ({doubled})"))),
        ("a text that doubles less often", Bomb::Sql(format!("select max(length(x)) from ({doubled_less})"))),
        (
            "two hundred texts",
            Bomb::Sql(format!("select {}", list(200, ",", &|n| format!("repeat('x', {})", 1_000_000 + n)))),
        ),
        ("a long chain", Bomb::Sql(format!("select max({}) from logs", list(900, "+", &|_| "n".to_owned())))),
        (
            "a long chain of texts",
            Bomb::Sql(format!("select max(length({})) from logs", list(900, "||", &|_| "body".to_owned()))),
        ),
        (
            "a long join",
            Bomb::Sql(format!("select count(*) from {}", list(90, ",", &|n| format!("(values (1)) t{n}")))),
        ),
        ("a hundred unions", Bomb::Sql(list(100, " union ", &|n| format!("select {n}")))),
        (
            "a large expression compiled",
            sql("select count(*) from logs where regexp_like(body, '(a{1000}){1000}')"),
        ),
        (
            "a pattern that backtracks",
            sql("select count(*) from logs where regexp_like(body, '^(([a-z])+.)+[A-Z]([a-z])+$')"),
        ),
        ("three thousand unions", Bomb::Sql(list(3_000, " union all ", &|_| "select 1".to_owned()))),
        (
            "a list of eight thousand",
            Bomb::Sql(format!(
                "select count(*) from logs where n in ({})",
                list(8_000, ",", &|n| n.to_string())
            )),
        ),
        ("parentheses", Bomb::Sql(format!("select {}1{}", "(".repeat(20_000), ")".repeat(20_000)))),
        (
            "a long sum",
            Bomb::Sql(format!(
                "select count(*) from logs where n = {}",
                list(15_000, "+", &|_| "1".to_owned())
            )),
        ),
        (
            "a long and",
            Bomb::Sql(format!(
                "select count(*) from logs where {}",
                list(6_000, " and ", &|n| format!("n>{n}"))
            )),
        ),
        ("nots", Bomb::Sql(format!("select {} true", "not ".repeat(10_000)))),
        (
            "nested queries",
            Bomb::Sql(format!("{}select 1{}", "select * from (".repeat(2_000), ")".repeat(2_000))),
        ),
        ("a filter of 100 kB", Bomb::Search(list(10_000, " or ", &|n| format!("n: {n}")))),
        (
            "parentheses in a filter",
            Bomb::Search(format!("{}n: 1{}", "(".repeat(50_000), ")".repeat(50_000))),
        ),
        ("nots in a filter", Bomb::Search(format!("{}n: 1", "not ".repeat(25_000)))),
        ("a large expression in a filter", Bomb::Search("body: /((a{100}){100}){100}/".to_owned())),
        ("patterns in a filter", Bomb::Search(list(2_000, " or ", &|n| format!("body: *{n}*a*b*c*")))),
        ("all series", Bomb::Prom("query", "{__name__=~\".+\"}".to_owned())),
        ("all series with themselves", Bomb::Prom("query", "bomb * on(id) group_left bomb".to_owned())),
        ("a product of all series", Bomb::Prom("query", "bomb * on() group_left bomb".to_owned())),
        ("a year of seconds", Bomb::Prom("query", "max_over_time(count(bomb)[1y:1s])".to_owned())),
        (
            "windows of windows",
            Bomb::Prom("query", "sum_over_time(max_over_time(rate(bomb[1h])[1y:1m])[1y:1m])".to_owned()),
        ),
        ("a large pattern", Bomb::Prom("query", "bomb{id=~\"((a{100}){100}){100}\"}".to_owned())),
        (
            "parentheses in PromQL",
            Bomb::Prom("query", format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000))),
        ),
        ("a long sum in PromQL", Bomb::Prom("query", list(50_000, "+", &|_| "1".to_owned()))),
        (
            "labels made longer",
            Bomb::Prom(
                "query",
                (0..30).fold("bomb".to_owned(), |inner, _| {
                    format!("label_replace({inner}, \"id\", \"$1$1\", \"id\", \"(.*)\")")
                }),
            ),
        ),
        ("every series at every step", Bomb::Prom("query_range", "bomb".to_owned())),
        ("every rate at every step", Bomb::Prom("query_range", "rate(bomb[1y])".to_owned())),
    ];
    let mut case = String::new();
    for n in 0..3_000 {
        let _ = write!(case, " when n={n} then {n}");
    }
    all.push(("cases", Bomb::Sql(format!("select sum(case{case} end) from logs"))));
    all
}

struct Asker {
    node: Node,
    api: Api,
    clock: SharedClock,
    now_secs: u64,
}

impl Asker {
    /// The status and the answer, cut short.
    async fn ask(&self, bomb: &Bomb) -> anyhow::Result<(u16, Value)> {
        let json = |value: Value| Some(("application/json", value.to_string().into_bytes()));
        match bomb {
            Bomb::Sql(query) => {
                self.api.call("POST", "/api/v1/sql", json(json!({"query": query, "timeout_secs": 2}))).await
            }
            Bomb::Search(filter) => {
                let question = json!({"dataset": "logs", "filter": filter});
                self.api.call("POST", "/api/v1/search", json(question)).await
            }
            Bomb::Prom(endpoint, query) => {
                let (start, end) = (self.now_secs - 10_000, self.now_secs);
                let form =
                    format!("query={}&time={end}&start={start}&end={end}&step=1&timeout=2s", encoded(query));
                let body = Some(("application/x-www-form-urlencoded", form.into_bytes()));
                self.api.call("POST", &format!("/prometheus/api/v1/{endpoint}"), body).await
            }
        }
    }

    /// Asks and goes away without the answer.
    async fn hang_up(&self, path: &str, content_type: &str, body: String) -> anyhow::Result<()> {
        let key = self.node.key("owner.key")?;
        let request = client()
            .post(format!("{}{path}", self.node.addresses.http))
            .bearer_auth(&key)
            .header("content-type", content_type)
            .body(body);
        // Long enough that the question has begun, and far less than it takes.
        let answered = tokio::time::timeout(Duration::from_millis(50), request.send()).await;
        ensure!(answered.is_err(), "{path} was answered before anybody could hang up: {answered:?}");
        Ok(())
    }

    /// Cores that the process uses, over a fifth of a second.
    async fn load(&self) -> anyhow::Result<f64> {
        let ticks = || -> anyhow::Result<u64> {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.node.process_id()))?;
            let (_, fields) = stat.rsplit_once(") ").context("fields of stat")?;
            let numbers = fields.split(' ').skip(11).take(2);
            Ok(numbers.filter_map(|number| number.parse::<u64>().ok()).sum())
        };
        let (from, before) = (self.clock.monotonic(), ticks()?);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let seconds = (self.clock.monotonic() - from).as_secs_f64();
        Ok((ticks()? - before) as f64 / TICKS_PER_SECOND / seconds)
    }

    /// Once the node has far more than it may.
    async fn takes_all(&self) -> anyhow::Result<u64> {
        loop {
            let resident = self.memory("VmRSS")?;
            if resident > 3 * MEMORY_BYTES {
                return Ok(resident);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn memory(&self, line: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.node.process_id()))?;
        let found = status.lines().find_map(|known| known.strip_prefix(line)).context("a line of status")?;
        Ok(found.trim_matches(&[':', '\t', ' '][..]).trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

fn encoded(text: &str) -> String {
    nines_base::percent_encoded(text)
}

async fn started(folder: &std::path::Path) -> anyhow::Result<Asker> {
    let memory_max = MEMORY_BYTES.to_string();
    let node = Node::start(&folder.join("data"), &["--memory-max", &memory_max]).await?;
    let clock = SystemClock::shared();
    let now_secs = clock.now().as_nanos().cast_unsigned() / 1_000_000_000;
    let api = node.api()?;
    let key = node.key("ingest.key")?;
    let sender = Api::new(&node.addresses.http, &key);
    let mut body = String::new();
    for n in 0..ROWS {
        writeln!(
            body,
            "{{\"service.name\":\"edge-{}\",\"n\":{n},\"body\":\"GET /v1/items/{n} took {} ms\"}}",
            n % 9,
            n % 700
        )?;
    }
    let headers = [("content-type", "application/x-ndjson")];
    let (status, answer) = sender.send("POST", "/api/v1/ingest/logs", &headers, body.into_bytes()).await?;
    ensure!(status == 200, "{status} {answer}");
    let count = std::env::var("NINES_BOMB_SERIES").ok().and_then(|text| text.parse().ok()).unwrap_or(SERIES);
    let at = now_secs.cast_signed() * 1_000;
    for first in (0..count).step_by(10_000) {
        let series = (first..(first + 10_000).min(count)).map(|id| {
            let text = id.to_string();
            let samples = [(1.0, at - 30_000), (2.0, at - 15_000), (3.0, at)];
            Series::new(&[("__name__", "bomb"), ("id", &text)], &samples)
        });
        let headers = [("content-type", "application/x-protobuf"), ("content-encoding", "snappy")];
        let (status, answer) =
            sender.send("POST", "/prometheus/api/v1/write", &headers, written(series)).await?;
        ensure!((200..300).contains(&status), "{status} {answer}");
    }
    Ok(Asker { node, api, clock, now_secs })
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_ask_for_too_much_are_refused_within_their_memory_and_others_go_on()
-> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let asker = started(folder.path()).await?;
    // Whatever a first question makes is there before anything is measured.
    asker.api.sql_number("select count(*) from logs").await?;
    asker.ask(&Bomb::Prom("query", "count(bomb)".to_owned())).await?;
    let before = asker.memory("VmHWM")?;
    let (mut refused, mut answered, mut faults) = (0, 0, Vec::new());
    let only = std::env::var("NINES_BOMB").ok();
    for (name, bomb) in
        bombs().into_iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
    {
        let (peak, begun) = (asker.memory("VmHWM")?, asker.clock.monotonic());
        let ask = async {
            // A bomb that is not stopped would take the machine with it.
            tokio::select! {
                asked = tokio::time::timeout(PATIENCE, asker.ask(&bomb)) => asked.context("no answer")?,
                all = asker.takes_all() => Err(anyhow::anyhow!("the node took {} MiB", all? / MIB)),
            }
        };
        let other = async {
            let rows = asker.api.sql_number("select count(*) from logs").await?;
            ensure!(rows as usize == ROWS, "{rows} rows");
            anyhow::Ok(())
        };
        let (asked, other) = tokio::join!(ask, other);
        let (status, answer) = asked.with_context(|| format!("{name}: not answered"))?;
        other.with_context(|| format!("another question beside {name}"))?;
        let took = asker.clock.monotonic() - begun;
        let growth = asker.memory("VmHWM")?.saturating_sub(peak);
        let text = answer.to_string();
        println!(
            "C7 {name}: {status} after {took:.1?}, {} MiB more: {}",
            growth / MIB,
            &text[..text.len().min(160)]
        );
        if status == 200 {
            answered += 1;
        } else {
            refused += 1;
            let is_said = answer["detail"].is_string() || answer["error"].is_string();
            if !is_said || !(matches!(status, 400..500 | 503 | 504)) {
                faults.push(format!("{name}: {status} {text:.200}"));
            }
        }
        // Resident memory: what is counted, the batches in between, and what the allocator has not given back.
        if growth > 4 * QUESTION_BYTES {
            faults.push(format!("{name}: {} MiB more", growth / MIB));
        }
    }
    let growth = asker.memory("VmHWM")?.saturating_sub(before);
    println!("C7 {refused} refused, {answered} answered; peak of memory {} MiB more", growth / MIB);
    ensure!(faults.is_empty(), "{faults:#?}");
    ensure!(growth <= GROWTH_MAX, "{} MiB more", growth / MIB);
    asker.node.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_at_once_are_answered_and_nothing_is_computed_for_who_has_gone() -> anyhow::Result<()> {
    let _machine = alone().await;
    let folder = tempfile::tempdir()?;
    let asker = started(folder.path()).await?;
    asker.api.sql_number("select count(*) from logs").await?;
    let before = asker.memory("VmHWM")?;
    let mut panels = tokio::task::JoinSet::new();
    for panel in 0..PANELS {
        let (api, end) = (asker.api.clone(), asker.now_secs);
        panels.spawn(async move {
            let (path, content_type, body) = if panel % 2 == 0 {
                let query = encoded("sum by (job) (rate(bomb[5m]))");
                let form = format!("query={query}&start={}&end={end}&step=60", end - 3_600);
                ("/prometheus/api/v1/query_range", "application/x-www-form-urlencoded", form)
            } else {
                let query = "select \"service.name\", count(*), avg(n) from logs group by 1";
                ("/api/v1/sql", "application/json", json!({"query": query}).to_string())
            };
            let (status, _) = api.call("POST", path, Some((content_type, body.into_bytes()))).await?;
            anyhow::Ok(status)
        });
    }
    let mut answered = 0;
    while let Some(panel) = panels.join_next().await {
        let status = panel??;
        ensure!(matches!(status, 200 | 429 | 503 | 504), "a panel was answered with {status}");
        answered += usize::from(status == 200);
    }
    println!(
        "C7 {PANELS} panels at once: {answered} answered, {} MiB more at most",
        asker.memory("VmHWM")?.saturating_sub(before) / MIB
    );
    ensure!(answered > 0, "no panel was answered");

    let heavy = "select count(*) from logs a cross join logs b where a.body < b.body and a.n * b.n % 7 = 3";
    // Few samples, and a million labels that an expression is put to.
    let form = {
        let within = (0..60).fold("bomb".to_owned(), |inner, _| {
            format!("label_replace({inner}, \"id\", \"$2$1\", \"id\", \"([0-9]*?)([0-9]?)\")")
        });
        format!(
            "query={}&start={}&end={}&step=60",
            encoded(&format!("count({within})")),
            asker.now_secs,
            asker.now_secs
        )
    };
    let asked = [
        ("/api/v1/sql", "application/json", json!({"query": heavy, "timeout_secs": 30}).to_string()),
        ("/prometheus/api/v1/query_range", "application/x-www-form-urlencoded", form),
    ];
    for (path, content_type, body) in asked {
        asker.hang_up(path, content_type, body).await?;
        let gone_at = asker.clock.monotonic();
        eventually("the node to rest", async || Ok((asker.load().await? < 0.3).then_some(()))).await?;
        println!("C7 {path}: at rest {:.1?} after its asker had gone", asker.clock.monotonic() - gone_at);
    }
    asker.node.stop().await
}
