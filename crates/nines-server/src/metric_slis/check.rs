//! What a person should hear when a promise is applied that asks for series which are not there.

use nines_filter::nearest;
use nines_metrics::Questions;
use nines_series::Select;
use nines_slo::{Document, DocumentWarning, Parsed, Question, Registry};

/// Names of metrics that are looked through. A large Prometheus has some ten thousand.
const NAMES_MAX: usize = 100_000;

/// A warning for each metric of `documents` that nobody has sent, with the nearest name. That is no mistake: promises are
/// often declared before what they are about is deployed.
pub fn unknown_metrics(
    questions: &Questions,
    registry: &Registry,
    documents: &[Parsed],
) -> Vec<DocumentWarning> {
    let mut wanted: Vec<(&Parsed, String, String)> = Vec::new();
    for parsed in documents {
        let slis = match &parsed.document {
            Document::Sli(sli) => vec![("spec".to_owned(), sli)],
            Document::Slo(slo) => (0..slo.objectives.len())
                .filter_map(|index| {
                    let own = slo.objectives[index].indicator.is_some();
                    let holder = if own { format!("spec.objectives[{index}]") } else { "spec".to_owned() };
                    Some((format!("{holder}.indicator.spec"), registry.indicator(slo, index)?))
                })
                .collect(),
            _ => Vec::new(),
        };
        for (holder, sli) in slis {
            for (part, source) in sli.metric.sources() {
                let Some(Ok(question)) = source.promql().map(Question::parse) else { continue };
                for name in question.metric_names() {
                    let path = format!("{holder}.{part}.metricSource.spec.query");
                    if !wanted.iter().any(|(_, _, known)| *known == name) {
                        wanted.push((parsed, path, name));
                    }
                }
            }
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    let everything = Select {
        matchers: &[],
        start_ms: i64::MIN,
        end_ms: i64::MAX,
        samples_max: u64::MAX,
        threads: 1,
        cancelled: &|| false,
    };
    let names = questions.store().label_values(nines_series::METRIC_NAME, &everything).unwrap_or_default();
    let is_there = |name: &str| names.iter().any(|known| &**known == name);
    let warning = |(parsed, path, name): (&Parsed, String, String)| {
        let mark = parsed.marks.find(&path);
        let near = nearest(&name, names.iter().take(NAMES_MAX).map(|name| &**name));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "nothing is measured until it arrives".to_owned(),
        };
        DocumentWarning {
            file: parsed.file.clone(),
            line: mark.line,
            column: mark.column,
            path,
            message: format!("no series is named `{name}` yet: {hint}"),
        }
    };
    wanted.into_iter().filter(|(_, _, name)| !is_there(name)).map(warning).collect()
}
