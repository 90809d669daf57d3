//! Text made by the product, in every language that it has.
//!
//! A phrase has placeholders in braces. How a parameter prints follows from its name: `*_at` is RFC 3339 and prints
//! as a time of day in UTC, `*_secs` is a number of seconds and prints as a duration, everything else prints as it
//! is. Parameters are stored, not the printed text, so a reader gets the language that they ask for.

use std::fmt::Write;
use std::time::Duration;

use nines_model::Timestamp;

use crate::Language;

/// Words on the timeline: a phrase with parameters, or what somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    Phrase { key: String, params: Vec<(String, String)> },
    Plain(String),
}

pub struct Phrase {
    pub key: &'static str,
    pub en: &'static str,
    pub zh_tw: &'static str,
    pub zh_cn: &'static str,
}

macro_rules! phrases {
    ($($key:literal: $en:literal, $zh_tw:literal, $zh_cn:literal;)*) => {
        /// Every phrase, sorted as the code that uses them is.
        pub const PHRASES: &[Phrase] =
            &[$(Phrase { key: $key, en: $en, zh_tw: $zh_tw, zh_cn: $zh_cn }),*];
    };
}

phrases! {
    "opened.person": "reported by {who}: {status}", "{who} 通報：{status}", "{who} 上报：{status}";
    "opened.alert": "opened by alert {rule}: {summary}", "由告警 {rule} 開啟：{summary}", "由告警 {rule} 开启：{summary}";
    "joined.service": "alert {rule} joined because {service} already has this incident: {summary}", "告警 {rule} 併入，因為 {service} 已有此事件：{summary}", "告警 {rule} 并入，因为 {service} 已有此事件：{summary}";
    "joined.again": "alert {rule} fires again: {summary}", "告警 {rule} 再次觸發：{summary}", "告警 {rule} 再次触发：{summary}";
    "reopened.alert": "reopened: alert {rule} fired {since_secs} after it was resolved: {summary}", "重新開啟：解決後 {since_secs} 告警 {rule} 觸發：{summary}", "重新打开：解决后 {since_secs} 告警 {rule} 触发：{summary}";
    "alert.resolved": "alert {rule} resolved, {left} still firing", "告警 {rule} 已恢復，尚有 {left} 個觸發中", "告警 {rule} 已恢复，还有 {left} 个触发中";
    "alert.all_quiet": "alert {rule} resolved, none is firing any more", "告警 {rule} 已恢復，已無觸發中的告警", "告警 {rule} 已恢复，已无触发中的告警";
    "level.raised": "preliminary level raised from {from} to {to} by alert {rule}", "初步等級由 {from} 升為 {to}，依據告警 {rule}", "初步等级由 {from} 升为 {to}，依据告警 {rule}";
    "level.proposed": "alert {rule} proposes {to}; confirmed level stays {from} until somebody confirms", "告警 {rule} 建議 {to}；確認前維持 {from}", "告警 {rule} 建议 {to}；确认前维持 {from}";
    "level.confirmed": "{who} confirmed level {to}", "{who} 確認等級為 {to}", "{who} 确认等级为 {to}";
    "level.changed": "{who} changed the confirmed level from {from} to {to}", "{who} 將確認等級由 {from} 改為 {to}", "{who} 将确认等级由 {from} 改为 {to}";
    "class.changed": "{who} changed the class from {from} to {to}: {reason}", "{who} 將分類由 {from} 改為 {to}：{reason}", "{who} 将分类由 {from} 改为 {to}：{reason}";
    "acknowledged": "{who} took it", "{who} 已接手", "{who} 已接手";
    "mitigated": "mitigated: {how}", "已緩解：{how}", "已缓解：{how}";
    "mitigated.plainly": "{who} marked it mitigated", "{who} 標記為已緩解", "{who} 标记为已缓解";
    "relapsed": "the mitigation did not hold: {reason}", "緩解失效：{reason}", "缓解失效：{reason}";
    "resolved": "resolved: {summary}", "已解決：{summary}", "已解决：{summary}";
    "resolved.plainly": "{who} marked it resolved", "{who} 標記為已解決", "{who} 标记为已解决";
    "reopened": "reopened: {reason}", "重新開啟：{reason}", "重新打开：{reason}";
    "reviewed": "reviewed: {summary}", "已檢討：{summary}", "已复盘：{summary}";
    "cancelled": "cancelled: {reason}", "已取消：{reason}", "已取消：{reason}";
    "merged.into": "merged into {incident}", "已併入 {incident}", "已并入 {incident}";
    "merged.from": "{incident} was merged into this", "{incident} 已併入本事件", "{incident} 已并入本事件";
    "role.assigned": "{person} is {role}", "{person} 擔任 {role}", "{person} 担任 {role}";
    "role.removed": "nobody is {role} any more", "{role} 目前無人擔任", "{role} 目前无人担任";
    "fault_start.corrected": "fault start corrected from {from_at} to {to_at}: {reason}", "故障開始時間由 {from_at} 更正為 {to_at}：{reason}", "故障开始时间由 {from_at} 更正为 {to_at}：{reason}";
    "promise.armed": "next update promised for {due_at}", "承諾下次回報時間 {due_at}", "承诺下次回报时间 {due_at}";
    "promise.longer": "next update promised for {due_at}, later than the {cadence_secs} of level {level}", "承諾下次回報時間 {due_at}，晚於等級 {level} 的 {cadence_secs}", "承诺下次回报时间 {due_at}，晚于等级 {level} 的 {cadence_secs}";
    "promise.nudge": "update due at {due_at}, in {left_secs}", "{due_at} 應回報，剩餘 {left_secs}", "{due_at} 应回报，剩余 {left_secs}";
    "promise.overdue": "update promised for {due_at} did not come, late by {late_secs}", "承諾 {due_at} 的回報未送出，已遲 {late_secs}", "承诺 {due_at} 的回报未发出，已迟 {late_secs}";
    "promise.overdue_again": "update promised for {due_at} still missing, late by {late_secs}, {count} more missed", "承諾 {due_at} 的回報仍未送出，已遲 {late_secs}，再錯過 {count} 次", "承诺 {due_at} 的回报仍未发出，已迟 {late_secs}，再错过 {count} 次";
    "promise.escalation": "{streak} promised updates in a row were missed: escalate", "連續 {streak} 次未按時回報：升級處理", "连续 {streak} 次未按时回报：升级处理";
    "update.posted": "update {number}: {text}", "第 {number} 次回報：{text}", "第 {number} 次回报：{text}";
    "update.posted_late": "update {number}, {late_secs} late: {text}", "第 {number} 次回報，遲 {late_secs}：{text}", "第 {number} 次回报，迟 {late_secs}：{text}";
    "page.delivered": "page delivered to {target}", "通知已送達 {target}", "通知已送达 {target}";
    "page.undeliverable": "page to {target} could not be delivered: {reason}", "無法通知 {target}：{reason}", "无法通知 {target}：{reason}";
    "draft.headline": "{incident} · {level} · {service} · update {number}", "{incident} · {level} · {service} · 第 {number} 次回報", "{incident} · {level} · {service} · 第 {number} 次回报";
    "draft.scope": "Scope: {value}", "範圍：{value}", "范围：{value}";
    "draft.status": "Current status: {value}", "現況：{value}", "现况：{value}";
    "draft.started": "Started: {value_at} ({ago_secs} ago)", "開始時間：{value_at}（已 {ago_secs}）", "开始时间：{value_at}（已 {ago_secs}）";
    "draft.progress": "Progress: {value}", "目前處理進度：{value}", "目前处理进度：{value}";
    "draft.since": "Since {since_at}:", "自 {since_at} 以來：", "自 {since_at} 以来：";
    "draft.nothing": "Nothing new since {since_at}; work goes on.", "自 {since_at} 以來無新進展，持續處理中。", "自 {since_at} 以来无新进展，持续处理中。";
    "draft.more": "… and {count} more on the timeline", "……時間軸另有 {count} 筆", "……时间线另有 {count} 条";
    "draft.facts": "Measured:", "量測值：", "测量值：";
    "draft.next": "Next update: {next_at}", "下次回報時間：{next_at}", "下次回报时间：{next_at}";
    "close.subject": "[{incident}] {service}: resolved, {title}", "[{incident}] {service} 已恢復：{title}", "[{incident}] {service} 已恢复：{title}";
    "close.opening": "The disturbance of {service} is over.", "{service} 異常已排除。", "{service} 异常已排除。";
    "close.impact": "From {from_at} to {to_at} ({lasted_secs}). Scope: {scope}", "{from_at} 至 {to_at}（{lasted_secs}）。影響範圍：{scope}", "{from_at} 至 {to_at}（{lasted_secs}）。影响范围：{scope}";
    "close.detected": "Noticed after {detect_secs}.", "發生 {detect_secs} 後察覺。", "发生 {detect_secs} 后察觉。";
    "close.handling": "What happened and what was done:", "經過與處理：", "经过与处理：";
    "page.opened": "told {targets}", "已通知 {targets}", "已通知 {targets}";
    "page.nobody": "nobody was told: no team with a channel answers for {service}; apply a Team with channels", "無人收到通知：{service} 沒有設定通知管道的負責團隊；請套用含 channels 的 Team", "无人收到通知：{service} 没有配置通知渠道的负责团队；请应用含 channels 的 Team";
    "notice.title": "{incident} · {level} · {service}: {about}", "{incident} · {level} · {service}：{about}", "{incident} · {level} · {service}：{about}";
    "notice.opened": "new incident", "新事件", "新事件";
    "notice.level": "level is now {level}", "等級改為 {level}", "等级改为 {level}";
    "notice.state.confirmed": "confirmed", "已確認", "已确认";
    "notice.state.responding": "being handled", "處理中", "处理中";
    "notice.state.mitigated": "mitigated", "已緩解", "已缓解";
    "notice.state.resolved": "resolved", "已解決", "已解决";
    "notice.state.reviewed": "reviewed", "已檢討", "已复盘";
    "notice.state.cancelled": "cancelled", "已取消", "已取消";
    "notice.state.merged": "merged into another incident", "已併入其他事件", "已并入其他事件";
    "notice.update": "update {number}", "第 {number} 次回報", "第 {number} 次回报";
    "notice.nudge": "update due at {due_at}", "{due_at} 前應回報", "{due_at} 前应回报";
    "notice.overdue": "update promised for {due_at} is missing", "承諾 {due_at} 的回報未送出", "承诺 {due_at} 的回报未发出";
    "notice.escalation": "{streak} promised updates in a row were missed", "連續 {streak} 次未按時回報", "连续 {streak} 次未按时回报";
    "close.state": "State now: {value}", "目前狀態：{value}", "目前状态：{value}";
}

impl Text {
    pub fn phrase<const N: usize>(key: &str, params: [(&str, String); N]) -> Self {
        debug_assert!(find(key).is_some(), "phrase `{key}` is not in the table");
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self::Phrase { key: key.to_owned(), params }
    }

    /// The text in `language`. A key that this version does not know (written by a newer one) prints its
    /// parameters, so nothing is lost.
    pub fn render(&self, language: Language) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Phrase { key, params } => match find(key) {
                Some(phrase) => fill(phrase.in_language(language), params, language),
                None => {
                    let params: Vec<_> =
                        params.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    format!("{key} {}", params.join(" "))
                }
            },
        }
    }
}

impl Phrase {
    fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::ZhTw => self.zh_tw,
            Language::ZhCn => self.zh_cn,
        }
    }
}

fn find(key: &str) -> Option<&'static Phrase> {
    PHRASES.iter().find(|phrase| phrase.key == key)
}

fn fill(template: &str, params: &[(String, String)], language: Language) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else { break };
        let value = params.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str());
        out.push_str(&show(name, value.unwrap_or("?"), language));
        rest = tail;
    }
    out.push_str(rest);
    out
}

fn show(name: &str, value: &str, language: Language) -> String {
    if name.ends_with("_at") {
        if let Ok(at) = Timestamp::parse_rfc3339(value) {
            return show_time(at);
        }
    } else if name.ends_with("_secs")
        && let Ok(secs) = value.parse()
    {
        return show_duration(Duration::from_secs(secs), language);
    }
    value.to_owned()
}

/// `2026-11-21 08:30 UTC`: minutes are what people plan by, and the zone is never left to guess.
pub(crate) fn show_time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

/// The two largest units that are not zero: `1 h 52 min`, `45 s`.
pub(crate) fn show_duration(duration: Duration, language: Language) -> String {
    let secs = duration.as_secs();
    let names = match language {
        Language::En => [" d", " h", " min", " s"],
        Language::ZhTw => [" 天", " 小時", " 分", " 秒"],
        Language::ZhCn => [" 天", " 小时", " 分", " 秒"],
    };
    let parts = [secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60];
    let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
    let mut out = format!("{}{}", parts[first], names[first]);
    if first < 3 && parts[first + 1] > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, " {}{}", parts[first + 1], names[first + 1]);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn placeholders(template: &str) -> BTreeSet<&str> {
        template.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect()
    }

    #[test]
    fn every_phrase_is_unique_and_says_the_same_in_all_languages() {
        let keys: BTreeSet<_> = PHRASES.iter().map(|phrase| phrase.key).collect();
        assert_eq!(keys.len(), PHRASES.len());
        for phrase in PHRASES {
            assert_eq!(placeholders(phrase.en), placeholders(phrase.zh_tw), "{}", phrase.key);
            assert_eq!(placeholders(phrase.en), placeholders(phrase.zh_cn), "{}", phrase.key);
        }
    }

    #[test]
    fn parameters_print_by_their_name() {
        let text = Text::phrase(
            "promise.nudge",
            [("due_at", "2026-11-21T08:50:00Z".to_owned()), ("left_secs", "6720".to_owned())],
        );
        assert_eq!(text.render(Language::En), "update due at 2026-11-21 08:50 UTC, in 1 h 52 min");
        assert_eq!(text.render(Language::ZhTw), "2026-11-21 08:50 UTC 應回報，剩餘 1 小時 52 分");
        let unknown =
            Text::Phrase { key: "of.tomorrow".to_owned(), params: vec![("a".to_owned(), "1".to_owned())] };
        assert_eq!(unknown.render(Language::ZhCn), "of.tomorrow a=1");
    }

    #[test]
    fn a_value_with_braces_is_not_a_template() {
        let text = Text::phrase("acknowledged", [("who", "{who} {x".to_owned())]);
        assert_eq!(text.render(Language::En), "{who} {x took it");
    }
}
