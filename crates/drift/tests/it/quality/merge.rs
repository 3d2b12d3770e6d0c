//! Parts, threads and cuts give one result.

use std::time::Duration;

use lineal_core::Timestamp;
use lineal_drift::arrow::array::{ArrayRef, RecordBatch};
use lineal_drift::quality::{CheckSettings, ColumnType, Comparison, Constraint, Constraints, Rule, Severity};
use proptest::prelude::*;

use super::data::{integers, millis, texts};
use crate::generators::{batch, optional};

/// One constraint of each kind, all of which some data violate.
pub(super) fn of_each_kind() -> Constraints {
    let rules = [
        Rule::of_type("a", ColumnType::Integer),
        Rule::not_null("x"),
        Rule::between("x", -1.0, 1.0),
        Rule::at_least("at", "1970-01-01T00:00:00.002Z"),
        Rule::length("w", 1..=1),
        Rule::one_of("w", ["a", "b"]),
        Rule::none_of("a", [0, 3]),
        Rule::unique(["a"]),
        Rule::unique(["a", "w"]),
        Rule::increasing("at"),
        Rule::strictly_increasing("x"),
        Rule::constant("w"),
        Rule::fresh("at", Duration::ZERO),
        Rule::compare("a", Comparison::LessOrEqual, "x"),
        Rule::rows(10..=20),
        Rule::exact_columns(["a", "x"]),
    ];
    let named = (0..).zip(rules).map(|(at, rule)| Constraint::new(format!("c{at}"), rule));
    named.fold(Constraints::default(), |all, one| all.with(one.with_severity(Severity::Warning)))
}

fn settings() -> CheckSettings {
    CheckSettings::default().with_now(Timestamp::from_nanos(5_000_000)).with_max_examples(4)
}

fn table() -> impl Strategy<Value = RecordBatch> {
    let row = (
        proptest::option::weighted(0.9, -3_i64..6),
        proptest::option::weighted(0.9, prop_oneof![4 => -2.0..2.0_f64, 1 => Just(f64::NAN)]),
        proptest::option::weighted(0.9, prop_oneof!["a", "b", "c", "abcdefghijklmnopq"]),
        proptest::option::weighted(0.9, 0_i64..9),
    );
    proptest::collection::vec(row, 0..40).prop_map(|rows| {
        let w: ArrayRef = texts(rows.iter().map(|r| r.2.as_deref()));
        batch([
            ("a", integers(rows.iter().map(|r| r.0))),
            ("x", optional(rows.iter().map(|r| r.1))),
            ("w", w),
            ("at", millis(rows.iter().map(|r| r.3))),
        ])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn parts_are_one_table(table in table(), cut in 0.0..1.0_f64, other in 0.0..1.0_f64) {
        let constraints = of_each_kind();
        let whole = constraints.check(std::slice::from_ref(&table), &settings()).unwrap();
        let rows = table.num_rows();
        let at = |share: f64| (share * (rows + 1) as f64) as usize;
        let (cut, other) = (at(cut).min(at(other)), at(cut).max(at(other)));
        let parts = [table.slice(0, cut), table.slice(cut, other - cut), table.slice(other, rows - other)];
        let mut in_order = constraints.check(&parts, &settings()).unwrap();
        in_order.batches = 1;
        prop_assert_eq!(&in_order, &whole);

        let mut checkers = parts.iter().map(|part| {
            let mut checker = constraints.checker(&settings()).unwrap();
            checker.update(part);
            checker
        });
        let (a, b, c) = (checkers.next().unwrap(), checkers.next().unwrap(), checkers.next().unwrap());
        let mut left = a.clone().merge(b.clone()).unwrap().merge(c.clone()).unwrap().finish();
        let mut right = a.merge(b.merge(c).unwrap()).unwrap().finish();
        (left.batches, right.batches) = (1, 1);
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&right, &whole);
    }
}

#[test]
fn only_the_same_constraints_merge() {
    let checker = |constraints: Constraints| constraints.checker(&settings()).unwrap();
    let error = checker(of_each_kind()).merge(checker(Constraints::default())).unwrap_err();
    assert_eq!(error.to_string(), "constraint merge: the two checks have different constraints or settings");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    // Several blocks of rows.
    let rows = 40_000_i64;
    let noise = |at: i64| (at * 2_654_435_761) % 1013;
    let table = batch([
        ("a", integers((0..rows).map(noise))),
        ("x", optional((0..rows).map(|at| (at % 7 > 0).then(|| noise(at) as f64 / 900.0)))),
        ("w", texts((0..rows).map(|at| ["a", "b", "c"][noise(at) as usize % 3]))),
        ("at", millis((0..rows).map(|at| at - noise(at)))),
    ]);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let report = pool.install(|| of_each_kind().check(&[table.clone(), table.clone()], &settings())).unwrap();
        let inference = pool.install(|| Constraints::infer(std::slice::from_ref(&table), &Default::default())).unwrap();
        (serde_json::to_string(&report).unwrap(), serde_json::to_string(&inference).unwrap())
    };
    let alone = run(1);
    for threads in [2, 8] {
        assert!(run(threads) == alone, "{threads} threads");
    }
}
