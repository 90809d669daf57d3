//! Budgets in words that people use (D14): how much is left, and until when, for engineers and for leaders, in the three
//! languages of the product.

use std::time::Duration;

use crate::reading::{Exhaustion, MeasurementState, SloReading, StaleReason};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Locale {
    En,
    ZhTw,
    ZhCn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// With burn rate and shares.
    Engineer,
    /// What may still happen, in time only.
    Leader,
}

impl Locale {
    pub const ALL: [Self; 3] = [Self::En, Self::ZhTw, Self::ZhCn];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhTw => "zh-TW",
            Self::ZhCn => "zh-CN",
        }
    }

    /// The nearest of ours to a language tag; English if none is near.
    pub fn from_tag(tag: &str) -> Self {
        let tag = tag.to_ascii_lowercase();
        match tag.as_str() {
            _ if !tag.starts_with("zh") => Self::En,
            _ if tag.contains("tw") || tag.contains("hk") || tag.contains("hant") => Self::ZhTw,
            _ => Self::ZhCn,
        }
    }

    fn pick<'a>(self, en: &'a str, tw: &'a str, cn: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::ZhTw => tw,
            Self::ZhCn => cn,
        }
    }
}

/// The two largest units, rounded down, as "left" must not promise more than there is.
///
/// ```
/// use std::time::Duration;
/// use nines_slo::{Locale, duration_in_words};
/// let words = |secs| duration_in_words(Duration::from_secs(secs), Locale::En);
/// assert_eq!(words(6_720), "1 h 52 min");
/// assert_eq!(words(17 * 60 + 40), "17 min");
/// assert_eq!(words(45), "45 s");
/// assert_eq!(words(100_000), "1 d 3 h");
/// assert_eq!(duration_in_words(Duration::from_secs(6_720), Locale::ZhTw), "1 小時 52 分鐘");
/// ```
pub fn duration_in_words(duration: Duration, locale: Locale) -> String {
    let secs = duration.as_secs();
    let (days, hours, minutes, seconds) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60, secs % 60);
    let (d, h) = (locale.pick("d", "天", "天"), locale.pick("h", "小時", "小时"));
    let (m, s) = (locale.pick("min", "分鐘", "分钟"), locale.pick("s", "秒", "秒"));
    let two = |major: u64, major_unit: &str, minor: u64, minor_unit: &str| match minor {
        0 => format!("{major} {major_unit}"),
        _ => format!("{major} {major_unit} {minor} {minor_unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} {s}"),
        // Seconds matter only when there are few minutes.
        (0, 0, minutes) if minutes < 10 => two(minutes, m, seconds, s),
        (0, 0, minutes) => format!("{minutes} {m}"),
        (0, hours, minutes) => two(hours, h, minutes, m),
        (days, hours, _) => two(days, d, hours, h),
    }
}

/// One sentence about the budget, without a final period. For a state that is not measured, says so first.
pub fn budget_sentence(reading: &SloReading, locale: Locale, audience: Audience) -> String {
    let unmeasured = state_sentence(reading, locale);
    let Some(left) = left(reading, locale, audience) else {
        return unmeasured.unwrap_or_else(|| {
            locale
                .pick("nothing has been measured yet", "尚未量測到任何資料", "尚未测量到任何数据")
                .to_owned()
        });
    };
    match unmeasured {
        Some(state) => {
            format!("{state}{}{left}", locale.pick("; last known: ", "；最後已知：", "；最后已知："))
        }
        None => left,
    }
}

/// Why the numbers cannot be believed; `None` if they can.
pub fn state_sentence(reading: &SloReading, locale: Locale) -> Option<String> {
    let time = |at: nines_model::Timestamp| at.to_jiff().strftime("%H:%M:%S UTC").to_string();
    Some(match &reading.state {
        MeasurementState::Measured => return None,
        MeasurementState::Paused => locale.pick("paused", "已暫停", "已暂停").to_owned(),
        MeasurementState::Invalid(reason) => {
            format!("{}{reason}", locale.pick("not measured: ", "無法量測：", "无法测量："))
        }
        MeasurementState::TooFew { have, need } => match locale {
            Locale::En => format!("too few events to judge: {have} of the {need} needed"),
            Locale::ZhTw => format!("事件太少，無法判斷：需要 {need} 筆，目前 {have} 筆"),
            Locale::ZhCn => format!("事件太少，无法判断：需要 {need} 条，目前 {have} 条"),
        },
        MeasurementState::Stale(StaleReason::Starting) => {
            locale.pick("history is being counted", "正在計算歷史資料", "正在计算历史数据").to_owned()
        }
        MeasurementState::Stale(StaleReason::NeverSeen) => locale
            .pick("no matching event has been seen", "尚未收到符合的事件", "尚未收到匹配的事件")
            .to_owned(),
        MeasurementState::Stale(StaleReason::Silent { since }) => match locale {
            Locale::En => format!("no events since {}", time(*since)),
            Locale::ZhTw => format!("自 {} 起沒有事件", time(*since)),
            Locale::ZhCn => format!("自 {} 起没有事件", time(*since)),
        },
        MeasurementState::Stale(StaleReason::TrafficStopped { since, expected_per_minute, .. }) => {
            match locale {
                Locale::En => {
                    format!(
                        "traffic stopped at {}, usually {expected_per_minute:.0} events per minute",
                        time(*since)
                    )
                }
                Locale::ZhTw => {
                    format!("流量自 {} 中斷，平時每分鐘約 {expected_per_minute:.0} 筆", time(*since))
                }
                Locale::ZhCn => {
                    format!("流量自 {} 中断，平时每分钟约 {expected_per_minute:.0} 条", time(*since))
                }
            }
        }
    })
}

fn left(reading: &SloReading, locale: Locale, audience: Audience) -> Option<String> {
    let budget = reading.budget.as_ref()?;
    let words = |duration| duration_in_words(duration, locale);
    let remaining = words(budget.remaining_time);
    let (allowed, over) = (words(budget.allowed_time), words(budget.overspent_time));
    let percent = (budget.remaining_share * 100.0).clamp(0.0, 100.0);
    let mut text = match (reading.exhaustion, audience, locale) {
        (Some(Exhaustion::Exhausted), _, Locale::En) => format!("no budget left, exceeded by {over}"),
        (Some(Exhaustion::Exhausted), _, Locale::ZhTw) => format!("額度已用盡，超出 {over}"),
        (Some(Exhaustion::Exhausted), _, Locale::ZhCn) => format!("额度已用尽，超出 {over}"),
        (_, Audience::Engineer, Locale::En) => {
            format!("{remaining} of budget left ({percent:.0}% of {allowed})")
        }
        (_, Audience::Engineer, Locale::ZhTw) => {
            format!("額度剩餘 {remaining}（{allowed} 的 {percent:.0}%）")
        }
        (_, Audience::Engineer, Locale::ZhCn) => {
            format!("额度剩余 {remaining}（{allowed} 的 {percent:.0}%）")
        }
        (_, Audience::Leader, Locale::En) => format!("{remaining} of budget left"),
        (_, Audience::Leader, Locale::ZhTw) => format!("額度剩餘 {remaining}"),
        (_, Audience::Leader, Locale::ZhCn) => format!("额度剩余 {remaining}"),
    };
    if let (Audience::Engineer, Some(burn)) = (audience, &reading.burn)
        && burn.rate > 0.0
    {
        let over = words(burn.over);
        text.push_str(&match locale {
            Locale::En => format!("; burning {:.1}× over the last {over}", burn.rate),
            Locale::ZhTw => format!("；過去 {over}燃燒率 {:.1} 倍", burn.rate),
            Locale::ZhCn => format!("；过去 {over}燃烧率 {:.1} 倍", burn.rate),
        });
    }
    if let Some(Exhaustion::In(gone)) = reading.exhaustion {
        let gone = words(gone);
        text.push_str(&match locale {
            Locale::En => format!("; at this rate gone in {gone}"),
            Locale::ZhTw => format!("；照此速度 {gone}後用盡"),
            Locale::ZhCn => format!("；照此速度 {gone}后用尽"),
        });
    }
    if reading.young {
        text.push_str(locale.pick("; the window is young", "；量測期間尚短", "；测量期间尚短"));
    }
    Some(text)
}
