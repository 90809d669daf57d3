//! People, their keys and sessions, the audit log, and secrets.

use crate::route::*;
use crate::*;

pub(super) const ROUTES: &[Route] = &[
    // Signing in
    get("/api/v1/session", "session", MEMBER, body::<Session>(), "Who am I").of_caller(),
    post(
        "/api/v1/session",
        "sign_in",
        Access::Public,
        body::<SignInRequest>(),
        body::<Session>(),
        "Exchange a key or the first-run token for a session",
    )
    .audited("session.sign_in"),
    delete("/api/v1/session", "sign_out", MEMBER, "End the session").audited("session.sign_out").of_caller(),
    // People
    get(
        "/api/v1/sign-in",
        "sign_in_ways",
        Access::Public,
        body::<SignInWays>(),
        "Which ways there are to sign in",
    ),
    get("/oidc/start", "oidc_start", Access::Public, None, "Away to the identity provider"),
    get(
        "/oidc/callback",
        "oidc_callback",
        Access::Public,
        None,
        "Back from the identity provider, with a code",
    )
    .query(&["state", "code", "error"])
    .audited("session.oidc"),
    get("/api/v1/accounts", "accounts", ADMIN, body::<AccountsResponse>(), "Everybody who can sign in"),
    post(
        "/api/v1/accounts",
        "invite",
        ADMIN,
        body::<InviteRequest>(),
        body::<Invited>(),
        "Make an account and the link that signs its owner in, once",
    )
    .audited("account.invite"),
    post(
        "/api/v1/accounts/{id}/link",
        "new_link",
        ADMIN,
        None,
        body::<Invited>(),
        "A fresh link for an account, in place of the one before",
    )
    .audited("account.link"),
    delete(
        "/api/v1/accounts/{id}",
        "disable_account",
        ADMIN,
        "Take everything away from an account, at once and for ever",
    )
    .audited("account.disable"),
    delete(
        "/api/v1/accounts/{id}/second-factor",
        "reset_second_factor",
        ADMIN,
        "Take the second factor away from somebody who lost it, and end their sessions",
    )
    .audited("account.totp_reset"),
    get("/api/v1/me", "me", MEMBER, body::<Me>(), "The caller's account and what it signs in with"),
    get(
        "/api/v1/teams",
        "teams",
        VIEWER,
        body::<TeamsResponse>(),
        "Teams with their services and members; for somebody in teams alone, those",
    )
    .in_teams(),
    put(
        "/api/v1/teams/{name}/members/{person}",
        "put_member",
        ADMIN,
        body::<MemberRequest>(),
        body::<Member>(),
        "Give an account a role in a team, in place of the one that it had there",
    )
    .audited("team.put_member")
    .in_teams(),
    delete("/api/v1/teams/{name}/members/{person}", "remove_member", ADMIN, "Take an account out of a team")
        .audited("team.remove_member")
        .in_teams(),
    post(
        "/api/v1/me/password",
        "set_password",
        MEMBER,
        body::<PasswordRequest>(),
        None,
        "Set one's own password; ends one's other sessions",
    )
    .audited("account.password"),
    post(
        "/api/v1/me/totp",
        "begin_totp",
        MEMBER,
        None,
        body::<TotpBegun>(),
        "Begin a second factor: a secret, and its picture for an authenticator app",
    )
    .audited("account.totp_begin"),
    post(
        "/api/v1/me/totp/confirm",
        "confirm_totp",
        MEMBER,
        body::<CodeRequest>(),
        body::<RecoveryCodes>(),
        "Make the second factor count; recovery codes are shown once",
    )
    .audited("account.totp_confirm"),
    post(
        "/api/v1/me/totp/remove",
        "remove_totp",
        MEMBER,
        body::<CodeRequest>(),
        None,
        "Take the second factor away; needs a code of it",
    )
    .audited("account.totp_remove"),
    get(
        "/api/v1/me/browsers",
        "browsers",
        MEMBER,
        body::<BrowsersResponse>(),
        "The browsers in which the caller takes notifications, and the node's key for another one",
    ),
    post(
        "/api/v1/me/browsers",
        "register_browser",
        MEMBER,
        body::<NewBrowser>(),
        body::<Browser>(),
        "Take notifications in the browser that asks; it has one owner, and only a session can do this",
    )
    .audited("browser.register"),
    delete("/api/v1/me/browsers/{id}", "remove_browser", MEMBER, "Take no notifications there any more")
        .audited("browser.remove"),
    post(
        "/api/v1/me/browsers/{id}/test",
        "test_browser",
        MEMBER,
        None,
        body::<Browser>(),
        "Send one of one's own browsers a notification that says that they arrive",
    )
    .audited("browser.test"),
    get(
        "/api/v1/sessions",
        "sessions",
        MEMBER,
        body::<SessionsResponse>(),
        "One's own open sessions; with `all` everybody's, for administrators",
    )
    .query(&["all"]),
    delete(
        "/api/v1/sessions/{id}",
        "end_session",
        MEMBER,
        "End a session of one's own, or as an administrator anybody's",
    )
    .audited("session.end"),
    post(
        "/api/v1/device",
        "begin_device",
        Access::Public,
        body::<DeviceRequest>(),
        body::<DeviceBegun>(),
        "A terminal asks to be signed in through a browser (RFC 8628)",
    ),
    post(
        "/api/v1/device/token",
        "device_token",
        Access::Public,
        body::<DeviceTokenRequest>(),
        body::<DeviceKey>(),
        "The terminal asks for its key",
    )
    .audited("device.token"),
    get(
        "/api/v1/device/{code}",
        "device",
        MEMBER,
        body::<DeviceWaiting>(),
        "Which terminal waits under a code",
    ),
    post(
        "/api/v1/device/{code}/answer",
        "answer_device",
        MEMBER,
        body::<DeviceAnswer>(),
        None,
        "Let a terminal in as oneself, or refuse it",
    )
    .audited("device.answer"),
    // Keys and the audit log
    get("/api/v1/keys", "keys", ADMIN, body::<KeysResponse>(), "All keys, without their secrets").in_teams(),
    post(
        "/api/v1/keys",
        "create_key",
        ADMIN,
        body::<KeyRequest>(),
        body::<KeyCreated>(),
        "Make a key; the secret is shown once",
    )
    .audited("key.create")
    .in_teams(),
    post(
        "/api/v1/keys/{id}/replace",
        "replace_key",
        ADMIN,
        body::<KeyReplacement>(),
        body::<KeyCreated>(),
        "Make a key in the place of another, which goes on for a while",
    )
    .audited("key.replace")
    .in_teams(),
    delete("/api/v1/keys/{id}", "revoke_key", ADMIN, "Revoke a key at once").audited("key.revoke").in_teams(),
    get(
        "/api/v1/audit",
        "audit",
        ADMIN,
        body::<AuditResponse>(),
        "Who did what: in the order it was done, or with `newest` the other way round, filtered",
    )
    .query(&["after", "limit", "newest", "before", "action", "result", "text"]),
    get(
        "/api/v1/audit/verify",
        "audit_verify",
        ADMIN,
        body::<AuditVerdict>(),
        "Checks the chain of the whole audit log",
    ),
    // Secrets
    get("/api/v1/secrets", "secrets", EDITOR, body::<SecretsResponse>(), "All secrets, without their values"),
    put(
        "/api/v1/secrets/{name}",
        "put_secret",
        EDITOR,
        body::<SecretRequest>(),
        body::<Secret>(),
        "Keep a value under a name, as its newest version; it is not given back",
    )
    .audited("secret.put"),
    post(
        "/api/v1/secrets/{name}/rotate",
        "rotate_secret",
        EDITOR,
        body::<RotateRequest>(),
        body::<SecretRotated>(),
        "Put a new value, given or made here, in place of the one in use; both are good until the next",
    )
    .audited("secret.rotate"),
    post(
        "/api/v1/secrets/{name}/reveal",
        "reveal_secret",
        ADMIN,
        body::<RevealRequest>(),
        body::<SecretRevealed>(),
        "Show a value to a person who says why",
    )
    .audited("secret.reveal"),
    delete(
        "/api/v1/secrets/{name}",
        "delete_secret",
        EDITOR,
        "Delete a secret that no document refers to, or any with `force`",
    )
    .query(&["force"])
    .audited("secret.delete"),
];
