//! What a page and its mails say, in the languages of the product.

use nines_incidents::Language;

use crate::Condition;

/// The texts of one language.
#[derive(Debug)]
pub struct Words {
    pub language: Language,
    overall: [&'static str; 6],
    condition: [&'static str; 6],
    pub as_of: &'static str,
    pub maintenance: &'static str,
    pub planned: &'static str,
    pub until: &'static str,
    pub components: &'static str,
    pub days_ago: &'static str,
    pub today: &'static str,
    pub without_outage: &'static str,
    pub no_data: &'static str,
    pub past: &'static str,
    pub nothing: &'static str,
    pub looking: &'static str,
    pub over: &'static str,
    pub feed: &'static str,
    pub subscribe: &'static str,
    pub subscribe_why: &'static str,
    pub email: &'static str,
    pub webhook: &'static str,
    pub only: &'static str,
    pub asked_email: &'static str,
    pub asked_webhook: &'static str,
    pub confirm: &'static str,
    pub confirm_why: &'static str,
    pub confirmed: &'static str,
    pub unsubscribe: &'static str,
    pub unsubscribe_why: &'static str,
    pub unsubscribed: &'static str,
    pub gone: &'static str,
    pub back: &'static str,
}

impl Words {
    pub fn of(language: Language) -> &'static Self {
        match language {
            Language::En => &EN,
            Language::ZhTw => &ZH_TW,
            Language::ZhCn => &ZH_CN,
        }
    }

    /// A sentence about the whole page.
    pub fn overall(&self, condition: Condition) -> &'static str {
        self.overall[condition as usize]
    }

    /// A word or two about a component.
    pub fn condition(&self, condition: Condition) -> &'static str {
        self.condition[condition as usize]
    }
}

static EN: Words = Words {
    language: Language::En,
    overall: [
        "We have no data yet",
        "All components are operational",
        "Maintenance is under way",
        "Some components are degraded",
        "Some components are down in part",
        "There is a major outage",
    ],
    condition: [
        "No data",
        "Operational",
        "Maintenance",
        "Degraded performance",
        "Partial outage",
        "Major outage",
    ],
    as_of: "as of",
    maintenance: "Maintenance",
    planned: "Scheduled maintenance",
    until: "until",
    components: "Components",
    days_ago: "days ago",
    today: "today",
    without_outage: "without an outage",
    no_data: "no data",
    past: "Past incidents",
    nothing: "Nothing to report.",
    looking: "We are looking into it.",
    over: "It is over.",
    feed: "Atom feed",
    subscribe: "Be told of news",
    subscribe_why: "By mail, or by a webhook that answers our challenge. A mail is asked to be confirmed first.",
    email: "Mail address",
    webhook: "Webhook address",
    only: "Only these components; none chosen means all",
    asked_email: "If this address can be told of news, a mail with a link is on its way to it. Nothing else is sent before the link is followed.",
    asked_webhook: "The webhook has answered our challenge and is told of news from now on.",
    confirm: "Yes, send me news",
    confirm_why: "You, or somebody who typed your address, asked for news of this page.",
    confirmed: "You are told of news from now on. Each message has a link to end that.",
    unsubscribe: "Send me no more",
    unsubscribe_why: "You are told of news of this page.",
    unsubscribed: "Nothing more is sent, and your address is forgotten.",
    gone: "This link is not good any more.",
    back: "To the status page",
};

static ZH_TW: Words = Words {
    language: Language::ZhTw,
    overall: [
        "尚無資料",
        "所有元件運作正常",
        "維護進行中",
        "部分元件效能下降",
        "部分元件部分中斷",
        "發生重大中斷",
    ],
    condition: ["無資料", "正常", "維護", "效能下降", "部分中斷", "重大中斷"],
    as_of: "截至",
    maintenance: "維護",
    planned: "預定維護",
    until: "直到",
    components: "元件",
    days_ago: "天前",
    today: "今天",
    without_outage: "無中斷",
    no_data: "無資料",
    past: "過往事件",
    nothing: "沒有事件。",
    looking: "我們正在調查。",
    over: "已經結束。",
    feed: "Atom 訂閱",
    subscribe: "訂閱通知",
    subscribe_why: "以電子郵件，或以能回應驗證的 webhook。電子郵件須先確認。",
    email: "電子郵件地址",
    webhook: "Webhook 網址",
    only: "只選這些元件；不選代表全部",
    asked_email: "若此地址可以訂閱，確認連結已寄出。在點選連結之前不會再寄送其他郵件。",
    asked_webhook: "Webhook 已通過驗證，從現在起會收到通知。",
    confirm: "是的，請通知我",
    confirm_why: "您或某人以您的地址訂閱了此頁的消息。",
    confirmed: "從現在起您會收到通知。每則訊息都附有取消連結。",
    unsubscribe: "取消訂閱",
    unsubscribe_why: "您已訂閱此頁的消息。",
    unsubscribed: "不會再寄送，您的地址已刪除。",
    gone: "此連結已失效。",
    back: "回到狀態頁",
};

static ZH_CN: Words = Words {
    language: Language::ZhCn,
    overall: [
        "尚无数据",
        "所有组件运行正常",
        "维护进行中",
        "部分组件性能下降",
        "部分组件部分中断",
        "发生重大中断",
    ],
    condition: ["无数据", "正常", "维护", "性能下降", "部分中断", "重大中断"],
    as_of: "截至",
    maintenance: "维护",
    planned: "计划维护",
    until: "直到",
    components: "组件",
    days_ago: "天前",
    today: "今天",
    without_outage: "无中断",
    no_data: "无数据",
    past: "过往事件",
    nothing: "没有事件。",
    looking: "我们正在调查。",
    over: "已经结束。",
    feed: "Atom 订阅",
    subscribe: "订阅通知",
    subscribe_why: "通过电子邮件，或通过能回应验证的 webhook。电子邮件须先确认。",
    email: "电子邮件地址",
    webhook: "Webhook 网址",
    only: "只选这些组件；不选表示全部",
    asked_email: "如果该地址可以订阅，确认链接已发出。在点击链接之前不会再发送其他邮件。",
    asked_webhook: "Webhook 已通过验证，从现在起会收到通知。",
    confirm: "是的，请通知我",
    confirm_why: "您或某人用您的地址订阅了此页的消息。",
    confirmed: "从现在起您会收到通知。每条消息都附有取消链接。",
    unsubscribe: "取消订阅",
    unsubscribe_why: "您已订阅此页的消息。",
    unsubscribed: "不会再发送，您的地址已删除。",
    gone: "此链接已失效。",
    back: "回到状态页",
};
