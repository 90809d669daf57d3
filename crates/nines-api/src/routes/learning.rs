//! Routes of what people do around incidents: learning, chats and status pages.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Learning
    get(
        "/api/v1/postmortems",
        "postmortems",
        VIEWER,
        body::<PostmortemsResponse>(),
        "Postmortems, newest incident first",
    ),
    get(
        "/api/v1/postmortems/{id}",
        "postmortem",
        VIEWER,
        body::<Postmortem>(),
        "The postmortem of an incident",
    ),
    post(
        "/api/v1/postmortems/{id}",
        "edit_postmortem",
        RESPONDER,
        body::<PostmortemEdit>(),
        body::<Postmortem>(),
        "Change a postmortem",
    )
    .audited("postmortem.edit"),
    get(
        "/api/v1/postmortems/{id}/markdown",
        "postmortem_markdown",
        VIEWER,
        None,
        "A postmortem as one document in Markdown",
    ),
    post(
        "/api/v1/postmortems/{id}/{step}",
        "step_postmortem",
        RESPONDER,
        body::<PostmortemStep>(),
        body::<Postmortem>(),
        "Draft, close or reopen a postmortem; closing asks for an owned and dated long-term measure",
    )
    .audited("postmortem.step"),
    get(
        "/api/v1/review",
        "review",
        VIEWER,
        body::<ReviewResponse>(),
        "How incidents were handled over a time, drills apart; as CSV with `format=csv`",
    )
    .query(&["start", "end", "format"]),
    get(
        "/api/v1/review/reports",
        "review_reports",
        VIEWER,
        body::<ReviewReportsResponse>(),
        "Reviews that go out by mail: when next, to whom, and where the newest one is",
    ),
    get(
        "/api/v1/review/reports/{name}",
        "review_report",
        VIEWER,
        body::<ReportPreview>(),
        "A review as it goes out by mail",
    ),
    post(
        "/api/v1/review/reports/{name}/send",
        "send_review_report",
        EDITOR,
        body::<ReportSendRequest>(),
        body::<ReportPreview>(),
        "Send the review of the time that ended last; once for each time and reader",
    )
    .audited("report.send"),
    get(
        "/api/v1/meetings/{week}",
        "meeting",
        VIEWER,
        body::<MeetingResponse>(),
        "The weekly meeting of a week such as 2026-W47, or of `now`",
    ),
    post(
        "/api/v1/meetings/{week}",
        "edit_meeting",
        RESPONDER,
        body::<SheetEdit>(),
        body::<Sheet>(),
        "Write into the points of a weekly meeting",
    )
    .audited("meeting.edit"),
    get(
        "/api/v1/takeovers/{service}",
        "takeover",
        VIEWER,
        body::<Sheet>(),
        "The twelve steps of taking over a service, with what the node knows",
    ),
    post(
        "/api/v1/takeovers/{service}",
        "edit_takeover",
        RESPONDER,
        body::<SheetEdit>(),
        body::<Sheet>(),
        "Write into a takeover and tick its steps",
    )
    .audited("takeover.edit"),
    // Status pages
    get("/status/{name}", "status_page", Access::Public, None, "A status page, readable without a program")
        .query(&["key", "lang", "form"]),
    door(
        Method::Post,
        "/status/{name}/subscribers",
        "subscribe_status",
        Access::Public,
        "A form: ask for news of a status page by mail or webhook",
    )
    .audited("status_page.subscribe"),
    get(
        "/status/{name}/subscribers/{key}",
        "status_subscription",
        Access::Public,
        None,
        "The link of a subscriber: confirms or ends by a button",
    ),
    door(
        Method::Post,
        "/status/{name}/subscribers/{key}",
        "change_status_subscription",
        Access::Public,
        "A form: confirm a subscription, or end it with one click (RFC 8058)",
    )
    .audited("status_page.subscription"),
    get("/status/{name}/{file}", "status_page_feed", Access::Public, None, "Its feeds: atom.xml and rss.xml")
        .query(&["key"]),
    get("/api/v1/status-pages", "status_pages", VIEWER, body::<StatusPagesResponse>(), "The status pages"),
    post(
        "/api/v1/status-pages/{name}",
        "put_status_page",
        EDITOR,
        body::<StatusPageRequest>(),
        body::<StatusPage>(),
        "Make or change a status page; a private one answers with its link, once",
    )
    .audited("status_page.put"),
    delete("/api/v1/status-pages/{name}", "remove_status_page", EDITOR, "Remove a status page")
        .audited("status_page.delete"),
    get(
        "/api/v1/incidents/{id}/statements",
        "statements",
        VIEWER,
        body::<StatementsResponse>(),
        "Texts for the public about an incident, and who approved them",
    ),
    post(
        "/api/v1/incidents/{id}/statements",
        "draft_statement",
        RESPONDER,
        body::<StatementRequest>(),
        body::<Statement>(),
        "Draft a text for the public",
    )
    .audited("statement.draft"),
    post(
        "/api/v1/incidents/{id}/statements/{number}",
        "approve_statement",
        EDITOR,
        body::<StatementApproval>(),
        body::<Statement>(),
        "Approve a text for the public as public relations or, as an administrator, as manager; the second publishes it",
    )
    .audited("statement.approve"),
    // Chats and tickets answer
    door(
        Method::Post,
        "/api/v1/chat/slack/commands",
        "chat_slack_command",
        Access::Signed,
        "A slash command of Slack that runs an incident",
    )
    .audited("chat.slack"),
    door(
        Method::Post,
        "/api/v1/chat/slack/interactions",
        "chat_slack_interaction",
        Access::Signed,
        "A button, a menu or a dialog of Slack",
    )
    .audited("chat.slack"),
    door(
        Method::Post,
        "/api/v1/chat/teams",
        "chat_teams",
        Access::Signed,
        "A message to the outgoing webhook of a team in Microsoft Teams",
    )
    .audited("chat.teams"),
    door(
        Method::Post,
        "/api/v1/chat/discord",
        "chat_discord",
        Access::Signed,
        "A slash command or a button of Discord",
    )
    .audited("chat.discord"),
    door(
        Method::Post,
        "/api/v1/chat/telegram/{channel}",
        "chat_telegram",
        Access::Signed,
        "A button or a message of Telegram, for a channel with a webhook secret",
    )
    .audited("chat.telegram"),
    door(
        Method::Post,
        "/api/v1/chat/jira/{channel}",
        "chat_jira",
        Access::Signed,
        "An issue of Jira was moved: in progress acknowledges its incident, done resolves it",
    )
    .audited("chat.jira"),
];
