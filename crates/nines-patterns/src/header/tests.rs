use super::message_start;

#[track_caller]
fn check(line: &str, message: &str) {
    assert_eq!(line[message_start(line)..].trim_start(), message, "{line}");
}

#[test]
fn headers_of_many_programs_are_left_out() {
    // Written for this test after the formats' documentation.
    check("2024-05-01 12:30:01,123 INFO [main] org.example.web.Server: started on 80", "started on 80");
    check("2024-05-01T12:30:01.123Z INFO org.example.web.Server - started on 80", "started on 80");
    check("24/05/01 12:30:01 WARN storage.Pool: evicting 3", "evicting 3");
    check("240501 123001 148 INFO dfs.Node: serving it", "serving it");
    check("May  1 12:30:01 web sshd[123]: closed by peer", "closed by peer");
    check("May  1 12:30:01 web kernel: panic averted", "panic averted");
    check("<34>May  1 12:30:01 web su: failed for root", "failed for root");
    check("[Wed May 01 12:30:01 2024] [error] child died", "child died");
    check("05-01 12:30:01.123  1702  2395 D Display: off now", "off now");
    check("2024-05-01 12:30:01, Info                  CBS    Session begins", "CBS    Session begins");
    check("[05.01 12:30:01] agent.exe - host.example.com:443 open", "host.example.com:443 open");
    check("20240501-12:30:01:606|Step_Counter|30002312|on change 3", "on change 3");
    check("- 1714566601 2024.05.01 n7 May 1 12:30:01 n7/n7 crond(pam_unix)[29]: closed", "closed");
    check("2024-05-01 12:30:01.123  INFO 1 --- [main] o.e.Boot : up in 3 s", "up in 3 s");
    check("I0501 12:30:01.123456   12 main.go:35] ready", "ready");
    check("ERROR: disk is full", "disk is full");
    check("time 12 INFO x", "time 12 INFO x");
}

#[test]
fn messages_are_left_alone() {
    for message in [
        "Error loading module x",
        "user alice logged in at 12:30:01",
        "10.0.0.1 \"GET /\" status: 200",
        "connection from 10.0.0.1 at Fri Jun 17 07:07:00 2005",
        "kernel: up",
        "[instance: 12] started",
        "",
        "2024-05-01",
        "  ",
    ] {
        assert_eq!(message_start(message), 0, "{message}");
    }
}
