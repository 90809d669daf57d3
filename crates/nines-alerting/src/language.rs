//! The sentences of a message, in the languages of the product. Figures keep their form in all of them
//! ([`crate::figures`]), so that "1 h 52 m" can be compared at a glance.

use std::time::Duration;

use crate::figures::{count, duration, number, objective, percent};
use crate::{Failing, Measurement, Severity};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    #[default]
    English,
    /// zh-TW
    TraditionalChinese,
    /// zh-CN
    SimplifiedChinese,
}

use Language::{English as En, SimplifiedChinese as Cn, TraditionalChinese as Tw};

/// One word or label in each language.
pub(crate) struct Word(pub &'static str, pub &'static str, pub &'static str);

impl Word {
    pub fn in_language(&self, language: Language) -> &'static str {
        match language {
            En => self.0,
            Tw => self.1,
            Cn => self.2,
        }
    }
}

pub(crate) mod word {
    use super::Word;

    pub const IMPACT: Word = Word("Impact", "影響", "影响");
    pub const OBSERVED: Word = Word("Observed", "現況", "现状");
    pub const IDEAL: Word = Word("Should be", "應有狀態", "应有状态");
    pub const BUDGET: Word = Word("Budget", "錯誤預算", "错误预算");
    pub const SEVERITY: Word = Word("Severity", "嚴重度", "严重度");
    pub const STARTED: Word = Word("Started", "開始", "开始");
    pub const DETECTED: Word = Word("Detected", "偵測", "检测");
    pub const ENDED: Word = Word("Ended", "結束", "结束");
    pub const SERVICE: Word = Word("Service", "服務", "服务");
    pub const OWNER: Word = Word("Owner", "負責團隊", "负责团队");
    pub const ON_CALL: Word = Word("On call", "值班", "值班");
    pub const SUSPECT: Word = Word("Suspect", "嫌疑維度", "嫌疑维度");
    pub const LOG_PATTERNS: Word = Word("In the logs", "日誌異常", "日志异常");
    pub const CHANGE: Word = Word("Last change", "最近變更", "最近变更");
    pub const WHY: Word = Word("Rule", "規則", "规则");
    pub const TRACES: Word = Word("Sample traces", "樣本追蹤", "样本追踪");
    pub const SIMILAR: Word = Word("Similar incidents", "相似事故", "相似事故");
    pub const ACKNOWLEDGED: Word = Word("Acknowledged by", "確認者", "确认者");
    pub const MISSING: Word = Word("Not known", "缺少", "缺少");
    pub const UNKNOWN: Word = Word("not known", "未知", "未知");

    pub const LINK_INCIDENT: Word = Word("Incident", "事故", "事故");
    pub const LINK_SLO: Word = Word("SLO", "SLO", "SLO");
    pub const LINK_SEARCH: Word = Word("Bad events", "異常事件", "异常事件");
    pub const LINK_TRACES: Word = Word("Traces", "追蹤", "追踪");
    pub const LINK_RUNBOOK: Word = Word("Runbook", "處理手冊", "处理手册");
    pub const LINK_ACKNOWLEDGE: Word = Word("Acknowledge", "確認", "确认");
    pub const LINK_SILENCE: Word = Word("Silence", "靜音", "静音");
}

/// The figures that several sentences share.
pub(crate) struct Rates<'a> {
    pub service: &'a str,
    pub noun: &'a str,
    pub failing: Failing,
    pub error_rate: Option<f64>,
    pub normal_rate: Option<f64>,
    pub recent: Duration,
}

impl Language {
    pub const ALL: [Self; 3] = [En, Tw, Cn];

    /// BCP 47.
    pub fn tag(self) -> &'static str {
        match self {
            En => "en",
            Tw => "zh-TW",
            Cn => "zh-CN",
        }
    }

    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(tag))
    }

    pub(crate) fn noun(self, noun: &str) -> String {
        match (noun, self) {
            ("" | "events", En) => "events".to_owned(),
            ("" | "events", _) => "事件".to_owned(),
            ("requests", Tw) => "請求".to_owned(),
            ("requests", Cn) => "请求".to_owned(),
            (noun, _) => noun.to_owned(),
        }
    }

    fn fail(self, failing: Failing) -> &'static str {
        match (self, failing) {
            (En, Failing::Fail) => "fail",
            (En, Failing::TooSlow) => "are too slow",
            (Tw, Failing::Fail) => "失敗",
            (Cn, Failing::Fail) => "失败",
            (Tw | Cn, Failing::TooSlow) => "太慢",
        }
    }

    fn normal(self, rate: Option<f64>) -> String {
        match (self, rate) {
            (_, None) => String::new(),
            (En, Some(rate)) => format!(" (normal {})", percent(rate)),
            (Tw | Cn, Some(rate)) => format!("（平常 {}）", percent(rate)),
        }
    }

    pub(crate) fn title_bad(self, rates: &Rates) -> String {
        let (service, noun, fail) = (rates.service, self.noun(rates.noun), self.fail(rates.failing));
        let normal = self.normal(rates.normal_rate);
        match (self, rates.error_rate) {
            (En, Some(rate)) => format!("{service}: {} of {noun} {fail}{normal}", percent(rate)),
            (Tw, Some(rate)) => format!("{service}：{} 的{noun}{fail}{normal}", percent(rate)),
            (Cn, Some(rate)) => format!("{service}：{} 的{noun}{fail}{normal}", percent(rate)),
            (En, None) => format!("{service}: {noun} {fail} too often"),
            (Tw, None) => format!("{service}：{noun}{fail}過多"),
            (Cn, None) => format!("{service}：{noun}{fail}过多"),
        }
    }

    pub(crate) fn title_stopped(self, service: &str, noun: &str) -> String {
        let noun = self.noun(noun);
        match self {
            En => format!("{service}: traffic stopped, no {noun} arrive"),
            Tw => format!("{service}：流量中斷，沒有任何{noun}"),
            Cn => format!("{service}：流量中断，没有任何{noun}"),
        }
    }

    pub(crate) fn title_stale(self, service: &str) -> String {
        match self {
            En => format!("{service}: no data, the promise cannot be measured"),
            Tw => format!("{service}：沒有資料，無法衡量承諾"),
            Cn => format!("{service}：没有数据，无法衡量承诺"),
        }
    }

    pub(crate) fn title_flapping(self, title: &str) -> String {
        match self {
            En => format!("{title}; flapping"),
            Tw => format!("{title}；反覆起伏"),
            Cn => format!("{title}；反复起伏"),
        }
    }

    pub(crate) fn title_resolved(self, service: &str, slo: &str, after: Duration) -> String {
        let after = duration(after);
        match self {
            En => format!("{service}: {slo} is kept again after {after}"),
            Tw => format!("{service}：{slo} 在 {after} 後恢復"),
            Cn => format!("{service}：{slo} 在 {after} 后恢复"),
        }
    }

    pub(crate) fn impact(self, rates: &Rates, users: Option<(u64, Duration)>) -> String {
        let noun = self.noun(rates.noun);
        let fail = self.fail(rates.failing);
        let rate = rates.error_rate.map(percent);
        let normal = self.normal(rates.normal_rate);
        let users = users.map(|(users, window)| (count(users), duration(window)));
        let service = rates.service;
        match self {
            En => {
                let rate = rate.map_or("too many".to_owned(), |rate| rate);
                let users =
                    users.map_or(String::new(), |(users, window)| format!("; {users} users hit in {window}"));
                format!("{rate} of the {noun} of {service} {fail}{normal}{users}.")
            }
            Tw => {
                let rate = rate.map_or("過多".to_owned(), |rate| rate);
                let users = users
                    .map_or(String::new(), |(users, window)| format!("；{window} 內 {users} 位使用者受影響"));
                format!("{service} 有 {rate} 的{noun}{fail}{normal}{users}。")
            }
            Cn => {
                let rate = rate.map_or("过多".to_owned(), |rate| rate);
                let users = users
                    .map_or(String::new(), |(users, window)| format!("；{window} 内 {users} 位用户受影响"));
                format!("{service} 有 {rate} 的{noun}{fail}{normal}{users}。")
            }
        }
    }

    pub(crate) fn impact_stopped(self, service: &str, noun: &str, expected: f64, window: Duration) -> String {
        let (noun, expected, window) = (self.noun(noun), number(expected), duration(window));
        match self {
            En => format!(
                "Nothing reached {service} in {window}, where {expected} {noun} are usual: users probably cannot use it at all."
            ),
            Tw => format!(
                "{service} 在 {window} 內沒有收到任何{noun}，平常約 {expected}：使用者很可能完全無法使用。"
            ),
            Cn => format!(
                "{service} 在 {window} 内没有收到任何{noun}，平常约 {expected}：用户很可能完全无法使用。"
            ),
        }
    }

    pub(crate) fn impact_stale(self, service: &str, age: Option<Duration>) -> String {
        let age = age.map(duration);
        match (self, age) {
            (En, Some(age)) => {
                format!("The newest data of {service} is {age} old: whether users are served is not known.")
            }
            (En, None) => format!("There is no data of {service}: whether users are served is not known."),
            (Tw, Some(age)) => format!("{service} 最新的資料已是 {age} 前：無法得知使用者是否正常。"),
            (Tw, None) => format!("{service} 沒有資料：無法得知使用者是否正常。"),
            (Cn, Some(age)) => format!("{service} 最新的数据已是 {age} 前：无法得知用户是否正常。"),
            (Cn, None) => format!("{service} 没有数据：无法得知用户是否正常。"),
        }
    }

    pub(crate) fn impact_resolved(self, after: Duration, spent: Option<f64>) -> String {
        let after = duration(after);
        let spent = spent.map(percent);
        match (self, spent) {
            (En, Some(spent)) => format!("Over after {after}; it cost {spent} of the error budget."),
            (En, None) => format!("Over after {after}."),
            (Tw, Some(spent)) => format!("歷時 {after} 後結束；用掉 {spent} 的錯誤預算。"),
            (Tw, None) => format!("歷時 {after} 後結束。"),
            (Cn, Some(spent)) => format!("历时 {after} 后结束；用掉 {spent} 的错误预算。"),
            (Cn, None) => format!("历时 {after} 后结束。"),
        }
    }

    pub(crate) fn observed(self, rates: &Rates, good: u64, total: u64) -> String {
        let bad = count(total.saturating_sub(good));
        let (total, window, noun) = (count(total), duration(rates.recent), self.noun(rates.noun));
        let good_rate = rates.error_rate.map(|rate| percent(1.0 - rate));
        match (self, good_rate) {
            (En, Some(rate)) => {
                format!("{rate} good over the last {window}: {bad} of {total} {noun} were bad.")
            }
            (En, None) => format!("No {noun} over the last {window}."),
            (Tw, Some(rate)) => format!("最近 {window} 有 {rate} 正常：{total} 個{noun}中 {bad} 個異常。"),
            (Tw, None) => format!("最近 {window} 沒有{noun}。"),
            (Cn, Some(rate)) => format!("最近 {window} 有 {rate} 正常：{total} 个{noun}中 {bad} 个异常。"),
            (Cn, None) => format!("最近 {window} 没有{noun}。"),
        }
    }

    pub(crate) fn observed_measurement(self, measurement: Measurement) -> String {
        let word = measurement.as_str();
        match self {
            En => format!("The measurement is {word}."),
            Tw => format!("衡量狀態：{word}。"),
            Cn => format!("衡量状态：{word}。"),
        }
    }

    pub(crate) fn ideal(self, target: f64, window: &str, sla: Option<f64>) -> String {
        let (target, allowed) = (objective(target), percent(1.0 - target));
        let sla = sla.map(objective);
        match self {
            En => {
                let sla = sla.map_or(String::new(), |sla| format!(" Customers were sold {sla}."));
                format!("{target} good over {window}, which allows {allowed} bad.{sla}")
            }
            Tw => {
                let sla = sla.map_or(String::new(), |sla| format!("對客戶承諾 {sla}。"));
                format!("{window} 內 {target} 正常，最多容許 {allowed} 異常。{sla}")
            }
            Cn => {
                let sla = sla.map_or(String::new(), |sla| format!("对客户承诺 {sla}。"));
                format!("{window} 内 {target} 正常，最多容许 {allowed} 异常。{sla}")
            }
        }
    }

    pub(crate) fn budget(
        self,
        left: Option<f64>,
        time: Option<Duration>,
        gone_in: Option<Duration>,
    ) -> String {
        let Some(left) = left else {
            return match self {
                En => "How much budget is left is not known yet.".to_owned(),
                Tw => "尚不知剩餘多少預算。".to_owned(),
                Cn => "尚不知剩余多少预算。".to_owned(),
            };
        };
        if left <= 0.0 {
            let over = percent(-left);
            return match self {
                En => format!("The error budget is spent, and {over} beyond it."),
                Tw => format!("錯誤預算已用盡，並超支 {over}。"),
                Cn => format!("错误预算已用尽，并超支 {over}。"),
            };
        }
        let left = percent(left);
        let (time, gone) = (time.map(duration), gone_in.map(duration));
        match self {
            En => {
                let time = time.map_or(String::new(), |time| format!(", {time} of full outage"));
                let gone = gone.map_or(String::new(), |gone| format!("; at this rate it is gone in {gone}"));
                format!("{left} of the error budget is left{time}{gone}.")
            }
            Tw => {
                let time = time.map_or(String::new(), |time| format!("，相當於完全中斷 {time}"));
                let gone = gone.map_or(String::new(), |gone| format!("；照此速度 {gone} 後用盡"));
                format!("錯誤預算剩 {left}{time}{gone}。")
            }
            Cn => {
                let time = time.map_or(String::new(), |time| format!("，相当于完全中断 {time}"));
                let gone = gone.map_or(String::new(), |gone| format!("；照此速度 {gone} 后用尽"));
                format!("错误预算剩 {left}{time}{gone}。")
            }
        }
    }

    pub(crate) fn suspect(self, field: &str, value: &str, of_bad: f64, of_all: f64) -> String {
        let (bad, all) = (percent(of_bad), percent(of_all));
        match self {
            En => format!("{field} {value}: {bad} of the bad, {all} of all"),
            Tw => format!("{field} {value}：占異常 {bad}，占全部 {all}"),
            Cn => format!("{field} {value}：占异常 {bad}，占全部 {all}"),
        }
    }

    /// A pattern of log lines that is new (`times` is absent) or more frequent than before.
    pub(crate) fn log_pattern(self, template: &str, lines: u64, times: Option<f64>) -> String {
        match (self, times) {
            (En, None) => format!("new: {template} ({lines} lines)"),
            (En, Some(times)) => format!("{times:.0}× as often: {template} ({lines} lines)"),
            (Tw, None) => format!("新出現：{template}（{lines} 行）"),
            (Tw, Some(times)) => format!("增至 {times:.0} 倍：{template}（{lines} 行）"),
            (Cn, None) => format!("新出现：{template}（{lines} 行）"),
            (Cn, Some(times)) => format!("增至 {times:.0} 倍：{template}（{lines} 行）"),
        }
    }

    pub(crate) fn change(
        self,
        kind: &str,
        summary: &str,
        before: Duration,
        by: Option<&str>,
        undo: Option<&str>,
    ) -> String {
        let before = duration(before);
        match self {
            En => {
                let by = by.map_or(String::new(), |by| format!(" by {by}"));
                let undo = undo.map_or(String::new(), |undo| format!("; undo: {undo}"));
                format!("{kind} {summary}, {before} before the start{by}{undo}")
            }
            Tw => {
                let by = by.map_or(String::new(), |by| format!("，執行者 {by}"));
                let undo = undo.map_or(String::new(), |undo| format!("；復原：{undo}"));
                format!("{kind} {summary}，開始前 {before}{by}{undo}")
            }
            Cn => {
                let by = by.map_or(String::new(), |by| format!("，执行者 {by}"));
                let undo = undo.map_or(String::new(), |undo| format!("；恢复：{undo}"));
                format!("{kind} {summary}，开始前 {before}{by}{undo}")
            }
        }
    }

    pub(crate) fn severity(self, severity: Severity) -> &'static str {
        match (self, severity) {
            (En, Severity::Page) => "page",
            (En, Severity::Ticket) => "ticket",
            (Tw, Severity::Page) => "呼叫",
            (Cn, Severity::Page) => "呼叫",
            (Tw, Severity::Ticket) => "工單",
            (Cn, Severity::Ticket) => "工单",
        }
    }
}
