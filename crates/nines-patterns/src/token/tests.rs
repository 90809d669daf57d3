use super::*;

/// The shape as text: words and punctuation as they are, variables as `*`.
fn shape(line: &str) -> String {
    let mut scanner = Scanner::default();
    scanner.scan(line, 0);
    let parts: Vec<&str> = scanner
        .tokens()
        .iter()
        .map(|token| if token.is_variable() { "*" } else { &line[token.start as usize..token.end as usize] })
        .collect();
    parts.join(" ")
}

#[track_caller]
fn check(line: &str, expected: &str) {
    assert_eq!(shape(line), expected, "{line}");
}

#[test]
fn what_looks_like_a_value_is_a_variable() {
    check("took 12 of 0x1f tries", "took * of * tries");
    check("peer fe80::1:2:3 is up", "peer * is up");
    check("mac aa:bb:cc:dd:ee:ff joined", "mac * joined");
    check("open /var/log/app.log: denied", "open * : denied");
    check("GET /a/b?x=1&y=z HTTP/1.1", "GET *");
    check("see https://a.example/x?y=1.", "see *");
    check(r"load C:\Windows\System32\a.dll failed", "load * failed");
    check("mail to ops@example.org bounced", "mail to * bounced");
    check("resolve db.internal failed", "resolve * failed");
    check("enabled=true retry=null", "enabled = * retry = *");
    check("key deadbeefcafe gone", "key * gone");
}

#[test]
fn words_stay_words() {
    check("cannot load org.example.Foo in main.rs", "cannot load org.example.Foo in main.rs");
    check("decade facade added", "decade facade added");
    check("read/write error", "read/write error");
    check("closing...", "closing ...");
    check("done.", "done");
}

#[test]
fn values_in_a_row_are_one() {
    check("at Fri Jun 17 07:07:00 2005 UTC", "at *");
    check("sizes 1, 2, 3 (4)", "sizes *");
    check("sent 1190 bytes (1.16 KB) to x", "sent * to x");
    check("from 10.0.0.1 () at 5", "from * at *");
    check("1514##12##3", "*");
    check("mode......0", "mode ... *".replace("...", "......").as_str());
}

#[test]
fn a_key_is_a_word_even_with_digits() {
    check("r24=0x01 r25=0x02", "r24 = * r25 = *");
}

#[test]
fn chinese_next_to_digits_stays_readable() {
    check("使用者123登入失敗", "使用者 * 登入失敗");
}

#[test]
fn colours_and_further_lines_do_not_count() {
    check("\u{1b}[31mfailed\u{1b}[0m badly", "failed badly");
    check("boom happened\n  at x.y(z)", "boom happened");
    check("\n\nboom", "boom");
}

#[test]
fn the_shape_of_a_hostile_line_is_bounded() {
    let mut scanner = Scanner::default();
    scanner.scan(&"a ".repeat(1_000_000), 0);
    assert_eq!(scanner.tokens().len(), TOKENS_MAX);
    scanner.scan(&"a".repeat(1_000_000), 0);
    assert_eq!(scanner.tokens().len(), 1);
}
