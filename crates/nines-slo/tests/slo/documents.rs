//! Documents as users write them: a corpus of mistakes, published examples, canonical text.

use std::collections::BTreeMap;
use std::path::PathBuf;

use nines_slo::{DocumentError, parse};

const BASES: &str = include_str!("bases.txt");
const MALFORMED: &str = include_str!("malformed.txt");

struct Case {
    name: String,
    text: String,
    /// line:column and a fragment.
    expected: Vec<(String, String)>,
}

fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n## ")
        .map(|block| block.strip_prefix("## ").unwrap_or(block))
        .filter_map(|block| block.split_once('\n'))
        .filter(|(name, _)| !name.starts_with('#'))
}

fn bases() -> BTreeMap<&'static str, String> {
    blocks(BASES).map(|(name, text)| (name, format!("{}\n", text.trim_end()))).collect()
}

fn cases() -> Vec<Case> {
    let bases = bases();
    let unescape = |text: &str| text.replace("\\n", "\n");
    blocks(MALFORMED)
        .map(|(name, body)| {
            let mut text = String::new();
            let mut expected = Vec::new();
            let mut from: Option<String> = None;
            for line in body.lines() {
                let (sign, rest) = line.split_at(line.len().min(1));
                let rest = rest.strip_prefix(' ').unwrap_or(rest);
                match sign {
                    "b" => text = bases[rest.trim_start_matches("ase ")].clone(),
                    "|" => text.push_str(&format!("{rest}\n")),
                    "-" => from = Some(unescape(rest)),
                    "+" => {
                        let from = from.take().unwrap_or_else(|| panic!("{name}: + without -"));
                        assert!(text.contains(&from), "{name}: `{from}` is not in the base");
                        text = text.replacen(&from, &unescape(rest), 1);
                    }
                    "=" => {
                        let (at, fragment) = rest.split_once(' ').expect("a place and words");
                        expected.push((at.to_owned(), fragment.to_owned()));
                    }
                    _ => {}
                }
            }
            Case { name: name.to_owned(), text, expected }
        })
        .collect()
}

fn place(error: &DocumentError) -> String {
    format!("{}:{}", error.line, error.column)
}

#[test]
fn the_bases_are_right() {
    for (name, text) in bases() {
        if let Err(errors) = parse(None, &text) {
            panic!("{name}: {errors:#?}");
        }
    }
}

/// With `NINES_PRINT=1` the corpus is printed with what happens now, for reading before it is believed.
#[test]
fn every_malformed_document_is_refused_at_its_place() {
    let cases = cases();
    assert!(cases.len() >= 100, "only {} cases", cases.len());
    let print = std::env::var_os("NINES_PRINT").is_some();
    let mut wrong = Vec::new();
    for case in &cases {
        let errors = parse(None, &case.text).err().unwrap_or_default();
        let full = |error: &DocumentError| {
            format!(
                "{}{}",
                error.message,
                error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default()
            )
        };
        if print {
            println!("## {}", case.name);
            errors.iter().for_each(|error| println!("= {} {}", place(error), full(error)));
            continue;
        }
        let matches = !errors.is_empty()
            && errors.len() == case.expected.len()
            && errors
                .iter()
                .zip(&case.expected)
                .all(|(error, (at, words))| place(error) == *at && full(error).contains(words.as_str()));
        if !matches {
            let seen: Vec<String> =
                errors.iter().map(|error| format!("{} {}", place(error), full(error))).collect();
            wrong.push(format!("{}\n  expected {:?}\n  got {seen:#?}", case.name, case.expected));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn shared() -> PathBuf {
    match std::env::var_os("NINES_SHARED") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

#[test]
fn published_openslo_examples_load_and_say_how_they_were_read() {
    let folder = shared().join("data/slo-examples/openslo");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no examples at {}", folder.display());
        return;
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    assert_eq!(files.len(), 6);
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let parsed = parse(Some(&name), &text).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
        assert!(!parsed.documents.is_empty());
        assert!(!parsed.warnings.is_empty(), "{name} measures nothing, and that must be said");
        parsed.warnings.iter().for_each(|warning| println!("{warning}"));
        for document in &parsed.documents {
            let canonical = document.document.to_yaml();
            let again =
                parse(None, &canonical).unwrap_or_else(|errors| panic!("{name}: {errors:#?}\n{canonical}"));
            assert_eq!(again.documents[0].document, document.document, "{canonical}");
        }
    }
}

#[test]
fn canonical_text_is_a_fixed_point_of_every_kind() {
    for (name, text) in bases() {
        let first = parse(None, &text).unwrap().documents.remove(0).document;
        let canonical = first.to_yaml();
        let second =
            parse(None, &canonical).unwrap_or_else(|errors| panic!("{name}: {errors:#?}\n{canonical}"));
        assert_eq!(second.documents[0].document, first, "{name}");
        assert_eq!(second.documents[0].document.to_yaml(), canonical);
        let secret = ["whsec_c2VjcmV0", "xoxb-1"].into_iter().find(|secret| text.contains(secret));
        if let Some(secret) = secret {
            assert!(canonical.contains(secret) && !first.to_yaml_redacted().contains(secret));
            assert!(!format!("{first:?}").contains(secret));
        }
    }
}
