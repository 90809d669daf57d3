use nines_series::{Budgets, Reason, WriteRequest};

use crate::harness::{DAY_MS, Machine, add, write};

/// New label sets without end: the catalogue says ten million in ten minutes. `NINES_LABEL_SETS` sets how many.
fn label_sets() -> u64 {
    std::env::var("NINES_LABEL_SETS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

#[test]
fn a_budget_holds_names_the_label_and_lets_known_series_flow() {
    let mut machine = Machine::new(9);
    machine.config.budgets = Budgets { series_max: 1_000_000, series_per_metric_max: 5_000 };
    let (store, _) = machine.open();
    let known = [("__name__", "requests_total"), ("method", "GET"), ("service", "shop")];
    write(&store, &known, &[(DAY_MS, 0.0)]).unwrap();
    let (sets, per_request) = (label_sets(), 1_000);
    let mut memory_when_full = 0;
    for start in (0..sets).step_by(per_request) {
        let t_ms = DAY_MS + 1 + start as i64;
        let ids: Vec<String> = (start..start + per_request as u64).map(|id| format!("user-{id}")).collect();
        let mut request = WriteRequest::default();
        for id in &ids {
            let labels =
                [("__name__", "requests_total"), ("method", "GET"), ("service", "shop"), ("user_id", id)];
            add(&mut request, &labels, &[(t_ms, 1.0)]);
        }
        add(&mut request, &known, &[(t_ms, start as f64)]);
        let outcome = store.write(request).unwrap().wait().unwrap();
        if start < 4_000 {
            assert!(outcome.is_whole());
        } else if start > 5_000 {
            assert_eq!((outcome.samples_written, outcome.rejected), (1, per_request as u64));
            let Reason::Budget(exceeded) = &outcome.rejections[0].reason else {
                panic!("{:?}", outcome.rejections[0]);
            };
            assert_eq!((&*exceeded.metric, &*exceeded.label), ("requests_total", "user_id"));
            assert_eq!((exceeded.label_values, exceeded.limit), (4_999, 5_000));
            let stats = store.stats();
            assert_eq!(stats.active_series, 5_000);
            if memory_when_full == 0 {
                memory_when_full = stats.index_bytes;
            }
            assert_eq!(stats.index_bytes, memory_when_full);
        }
    }
    // Another metric is not held up.
    assert!(write(&store, &[("__name__", "up")], &[(DAY_MS, 1.0)]).unwrap().is_whole());
    let refused = &store.stats().refused_metrics[0];
    assert_eq!(refused.refused_series, sets - 4_999);
    assert_eq!(
        refused.exceeded.to_string(),
        "metric `requests_total` is at its limit of 5000 active series, and label `user_id` has 4999 values: drop the label or raise the budget"
    );
    let cardinality = store.cardinality(1);
    assert_eq!(
        (&*cardinality.series_by_metric[0].name, cardinality.series_by_metric[0].count),
        ("requests_total", 5_000)
    );
    assert_eq!(
        (&*cardinality.values_by_label[0].name, cardinality.values_by_label[0].count),
        ("user_id", 4_999)
    );
    // Raised while it runs.
    store.set_budgets(Budgets { series_per_metric_max: 5_001, ..store.budgets() });
    let labels = [("__name__", "requests_total"), ("user_id", "late")];
    assert!(write(&store, &labels, &[(DAY_MS, 1.0)]).unwrap().is_whole());
}
