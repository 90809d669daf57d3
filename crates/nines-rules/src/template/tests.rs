use super::*;

const NO_QUERY: &str = "no query";

fn expand(text: &str) -> Result<String, TemplateError> {
    let labels: BTreeMap<String, String> =
        [("instance", "10.0.0.1:9100"), ("job", "node")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    let external: BTreeMap<String, String> = [("cluster".to_owned(), "eu".to_owned())].into();
    let external_url = "http://prom:9090/path/prefix";
    let data =
        AlertData { labels: &labels, external_labels: &external, external_url, value: Value::Float(1234.5) };
    let mut query = |text: &str| match text {
        "two" => Ok([("b", 2.0), ("a", 1.5)]
            .map(|(name, value)| QuerySample { labels: [("n".to_owned(), name.to_owned())].into(), value })
            .into()),
        "none" => Ok(Vec::new()),
        _ => Err(NO_QUERY.to_owned()),
    };
    let mut around = Surroundings { external_url, now_ms: 1_500, query: &mut query };
    Template::parse(text)?.expand(&data, &mut around)
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(expand(text).as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn alerts_say_what_upstreams_say() {
    check(&[
        ("plain", "plain"),
        ("{{ $value }}", "1234.5"),
        ("{{ $labels.instance }} of {{ .Labels.job }}", "10.0.0.1:9100 of node"),
        ("{{ $labels }}", "map[instance:10.0.0.1:9100 job:node]"),
        ("{{ $labels.missing }}|", "|"),
        ("{{ $value | humanize }} {{humanize $value}}", "1.234k 1.234k"),
        ("{{ printf \"%.2f\" $value }} {{ $value | printf \"%.1f%%\" }}", "1234.50 1234.5%"),
        ("{{ $externalLabels.cluster }} {{ $externalURL }}", "eu http://prom:9090/path/prefix"),
        ("{{ externalURL }} {{ pathPrefix }}", "http://prom:9090/path/prefix /path/prefix"),
        (
            "{{ 0.123 | humanizePercentage }} {{ 3723 | humanizeDuration }} {{ 1048576 | humanize1024 }}",
            "12.3% 1h 2m 3s 1Mi",
        ),
        ("{{ 1435065584.128 | humanizeTimestamp }}", "2015-06-23 13:19:44.128 +0000 UTC"),
        ("{{ \"3\" | humanize }} {{ -0.5 | humanize }}", "3 -500m"),
    ]);
}

#[test]
fn control_structures_and_blanks_are_gos() {
    check(&[
        ("a {{- 1 -}} b", "a1b"),
        ("a {{- /* note */ -}} b", "ab"),
        ("{{ if gt $value 1000.0 }}high{{ else if gt $value 10.0 }}mid{{ else }}low{{ end }}", "high"),
        ("{{ if gt $value 9999.0 }}high{{ else if gt $value 10.0 }}mid{{ else }}low{{ end }}", "mid"),
        ("{{ with $labels.job }}{{ . }}{{ else }}none{{ end }}", "node"),
        ("{{ with $labels.nope }}{{ . }}{{ else }}none{{ end }}", "none"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        (
            "{{ range $name, $value := $labels }}{{ $name }}={{ $value }};{{ end }}",
            "instance=10.0.0.1:9100;job=node;",
        ),
        ("{{ range query \"two\" }}{{ .Labels.n }}:{{ .Value }} {{ end }}", "b:2 a:1.5 "),
        (
            "{{ range $i, $s := query \"two\" | sortByLabel \"n\" }}{{ $i }}{{ $s | label \"n\" }}{{ $s | value }} {{ end }}",
            "0a1.5 1b2 ",
        ),
        ("{{ range query \"none\" }}x{{ else }}empty{{ end }}", "empty"),
        ("{{ with query \"two\" }}{{ . | first | value | humanize }}{{ end }}", "2"),
        (
            "{{ range query \"two\" }}{{ if eq .Value 2.0 }}{{ continue }}{{ end }}{{ .Value }}{{ break }}{{ end }}",
            "1.5",
        ),
        ("{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" $labels.job }}", "<node>"),
        ("{{ define \"t\" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template \"t\" (args 1 \"x\") }}", "1-x"),
        ("{{ if and $labels.job (not $labels.nope) }}yes{{ end }}", "yes"),
        ("{{ or $labels.nope \"default\" }}", "default"),
        ("{{ (query \"two\" | first).Labels.n }}", "b"),
        ("{{ len (query \"two\") }} {{ index $labels \"job\" }} {{ slice \"abcdef\" 1 3 }}", "2 node bc"),
        ("{{ \"{{ literal }}\" }} {{ `raw \\n` }} {{ \"a\\tb\" }}", "{{ literal }} raw \\n a\tb"),
        ("{{ print 1 2 \"x\" 3 }} {{ println \"y\" }}", "1 2x3 y\n"),
    ]);
}

#[test]
fn functions_are_upstreams() {
    check(&[
        ("{{ reReplaceAll \"(.*):.*\" \"$1\" $labels.instance }}", "10.0.0.1"),
        ("{{ match \"10\\\\..*\" $labels.instance }}", "true"),
        ("{{ title \"aa bb-cc\" }} {{ toUpper \"x\" }} {{ toLower \"Y\" }}", "Aa Bb-Cc X y"),
        (
            "{{ stripPort \"[::1]:80\" }} {{ stripPort \"host:80\" }} {{ stripPort \"host\" }}",
            "::1 host host",
        ),
        (
            "{{ stripDomain \"a.b.c:80\" }} {{ stripDomain \"10.0.0.1:80\" }} {{ stripDomain \"a.b\" }}",
            "a:80 10.0.0.1:80 a",
        ),
        ("{{ parseDuration \"1h30m\" }} {{ now }} {{ 90.5 | toDuration }}", "5400 1.5 1m30.5s"),
        (
            "{{ graphLink \"up == 1\" }} {{ tableLink \"up\" }}",
            "/graph?g0.expr=up+%3D%3D+1&g0.tab=0 /graph?g0.expr=up&g0.tab=1",
        ),
        ("{{ html \"<a>\" }} {{ urlquery \"a b\" }}", "&lt;a&gt; a+b"),
        (
            "{{ printf \"%5d|%-5s|%05.1f|%q|%v|%x\" 42 \"ab\" 3.14159 \"q\" true 255 }}",
            "   42|ab   |003.1|\"q\"|true|ff",
        ),
        ("{{ printf \"%d %s\" 1.5 }}", "%!d(float64=1.5) %!s(MISSING)"),
        ("{{ printf \"x\" 1 }}", "x%!(EXTRA int=1)"),
        ("{{ printf \"%s\" $value }}", "%!s(float64=1234.5)"),
        ("{{ printf \"%g %e %.3g\" 1e21 1.5 1234.5 }}", "1e+21 1.500000e+00 1.23e+03"),
        (
            "{{ eq 1 1 }} {{ ne \"a\" \"b\" }} {{ le 1.0 1.0 }} {{ eq \"a\" \"b\" \"a\" }}",
            "true true true true",
        ),
    ]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let table = [
        ("x\n {{ foo }}", "line 2, column 5: function `foo` is not defined"),
        (
            "{{ humanise 1 }}",
            "line 1, column 4: function `humanise` is not defined: did you mean `humanize`?",
        ),
        ("{{ $vlaue }}", "line 1, column 4: undefined variable `$vlaue`: did you mean `$value`?"),
        ("{{ if true }}x", "line 1, column 7: `if` has no end: close it with `{{ end }}`"),
        ("{{ 1", "line 1, column 1: action has no end: close it with `}}`"),
        ("{{ end }}", "line 1, column 8: unexpected `{{ end }}`"),
        ("{{ \"x }}", "line 1, column 4: text in quotes has no end"),
        ("{{ }}", "line 1, column 4: action is empty"),
        ("{{ 1 | 2 }}", "line 1, column 8: only a function can stand behind `|`"),
        ("{{ break }}", "line 1, column 4: `break` outside of a `range`"),
        ("{{ query \"two\" | first | .Nope }}", "line 1, column 4: a field takes no arguments"),
        (
            "{{ (query \"two\" | first).Nope }}",
            "line 1, column 4: there is no field `Nope` here: fields are Labels, Value",
        ),
        ("{{ query \"none\" | first }}", "line 1, column 4: first() called on vector with no elements"),
        ("{{ query \"bad\" }}", "line 1, column 4: no query"),
        ("{{ template \"t\" }}", "line 1, column 4: template `t` is not defined"),
        (
            "{{ gt $value 1 }}",
            "line 1, column 4: a float64 cannot be compared with a int: write numbers alike, `1.0` or `1`",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(expand(text).unwrap_err().to_string(), expected, "{text}");
    }
}

#[test]
fn an_expansion_ends_whatever_is_written() {
    let endless = expand("{{ define \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}").unwrap_err();
    assert!(endless.message.contains("deeper than"), "{endless}");
    let bomb = "{{ define \"a\" }}xxxxxxxxxx{{ end }}".to_owned()
        + &"{{ range 300 }}".repeat(4)
        + "{{ template \"a\" }}"
        + &"{{ end }}".repeat(4);
    assert!(expand(&bomb).is_err());
    assert!(expand(&"{{ query \"two\" }}".repeat(QUERIES_MAX + 1)).unwrap_err().message.contains("queries"));
    let doubled = "{{ $x := \"0123456789\" }}".to_owned() + &"{{ $x = printf \"%s%s\" $x $x }}".repeat(40);
    assert!(expand(&doubled).is_err());
    assert!(Template::parse(&"{{ if true }}".repeat(1000)).is_err());
    assert!(Template::parse(&format!("{{{{ {}1{} }}}}", "(".repeat(1000), ")".repeat(1000))).is_err());
    assert!(Template::parse(&"x".repeat(TEMPLATE_BYTES_MAX + 1)).is_err());
    // An else-if chain is a nest too.
    assert!(
        Template::parse(&format!("{{{{ if true }}}}{}{{{{ end }}}}", "{{ else if true }}".repeat(1000)))
            .is_err()
    );
}

proptest::proptest! {
    #[test]
    fn no_text_panics(parts in proptest::collection::vec(proptest::sample::select(vec![
        "{{", "}}", "{{-", " -}}", "if", "else", "end", "range", "with", " ", "$x", ":=", "=", "|", "(", ")", ".", ".a",
        "\"a\"", "`", "1", "-1.5e", "'x'", "query", "printf", "\"%d%s%5.2f%q%*d\"", "/*", "*/", "$labels", "é", "\\", ",",
        "define", "template", "block", "\"t\"", "slice", "index", "and", "first", "0x1F", "break", "\n",
    ]), 0..24)) {
        let _ = expand(&parts.concat());
    }
}
