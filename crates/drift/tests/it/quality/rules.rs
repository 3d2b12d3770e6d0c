//! Each rule: passing, failing, at its edges.

use std::time::Duration;

use lineal_core::Timestamp;
use lineal_drift::quality::{
    CheckSettings, ColumnType, Comparison, Constraint, ConstraintStatus, Constraints, NotApplicableReason, Rule,
    Scalar, Severity, UncheckedReason,
};
use lineal_drift::{Error, arrow};

use super::data::{bools, check, check_with, check_x, integers, millis, nothing, texts, violations};
use crate::generators::{batch, floats, optional};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn not_applicable(reason: NotApplicableReason) -> ConstraintStatus {
    ConstraintStatus::NotApplicable { reason }
}

#[test]
fn types_are_families() {
    let of = |is, array| check_x(Rule::of_type("x", is), array).status;
    assert_eq!(of(ColumnType::Integer, integers([1])), ConstraintStatus::Passed);
    assert_eq!(of(ColumnType::Float, integers([1])), ConstraintStatus::Failed);
    // Known without any row, as long as there is a batch.
    assert_eq!(of(ColumnType::Integer, nothing(&integers([1]))), ConstraintStatus::Passed);
    assert_eq!(of(ColumnType::Text, nothing(&integers([1]))), ConstraintStatus::Failed);
    let batches = [batch([("x", integers([1, 2]))]), batch([("x", floats([1.0]))])];
    let result = check_with(Rule::of_type("x", ColumnType::Integer), &batches, &CheckSettings::default());
    assert_eq!((result.rows_checked, result.rows_violating, result.examples[0].row), (3, 1, 2));
    assert_eq!(result.message, "it is of type Float64");
}

#[test]
fn missing_values_are_null_or_nan() {
    let rule = || Rule::not_null("x");
    let result = check_x(rule(), optional([Some(1.0), None, Some(NAN), Some(INF), None]));
    assert_eq!(violations(&result), (5, vec![1, 2, 4]));
    assert_eq!(result.examples.iter().map(|e| e.value.as_str()).collect::<Vec<_>>(), ["null", "NaN", "null"]);
    assert_eq!(violations(&check_x(rule(), texts(["", "a"]))), (2, vec![]));
    assert_eq!(check_x(rule(), nothing(&floats([1.0]))).status, not_applicable(NotApplicableReason::NoRows));
    assert_eq!(violations(&check_x(rule(), integers([None::<i64>, None]))), (2, vec![0, 1]));
}

#[test]
fn a_tolerance_is_a_share_of_the_rows_checked() {
    let with = |tolerance: f64| {
        let constraint = Constraint::new("share", Rule::not_null("x")).with_tolerance(tolerance);
        let report = Constraints::default()
            .with(constraint)
            .check(&[batch([("x", integers([Some(1), None, Some(3), Some(4)]))])], &CheckSettings::default())
            .unwrap();
        report.results[0].clone()
    };
    assert_eq!(with(0.25).status, ConstraintStatus::Passed);
    assert_eq!(with(0.25).message, "1 of 4 violates it (0.25 of them may): row 1 (null)");
    assert_eq!(with(0.24).status, ConstraintStatus::Failed);
    assert_eq!(with(1.0).status, ConstraintStatus::Passed);
    assert_eq!(with(0.0).violating_fraction, Some(0.25));
}

#[test]
fn ranges_are_inclusive_and_look_at_what_is_present() {
    let x = || optional([Some(0.0), Some(5.0), Some(-0.1), Some(NAN), None, Some(INF), Some(-INF), Some(-0.0)]);
    assert_eq!(violations(&check_x(Rule::between("x", 0.0, 5.0), x())), (6, vec![2, 5, 6]));
    assert_eq!(violations(&check_x(Rule::between("x", 0, 5), x())), (6, vec![2, 5, 6]));
    assert_eq!(violations(&check_x(Rule::at_least("x", 0.0), x())), (6, vec![2, 6]));
    assert_eq!(violations(&check_x(Rule::at_most("x", 0.0), x())), (6, vec![1, 5]));
    assert_eq!(check_x(Rule::at_most("x", 0.0), x()).examples[1].value, "inf");
    let all_missing = check_x(Rule::at_least("x", 0), optional([None, Some(NAN)]));
    assert_eq!((all_missing.status, all_missing.rows_checked), (not_applicable(NotApplicableReason::NoValues), 0));
    assert_eq!(all_missing.violating_fraction, None);
    // Values under nulls are not looked at, whatever they are.
    let nulls = arrow::buffer::NullBuffer::from(vec![true, false, true]);
    let under_null = arrow::array::Int64Array::new(vec![1, 99, 2].into(), Some(nulls));
    assert_eq!(violations(&check_x(Rule::at_most("x", 5), std::sync::Arc::new(under_null))), (2, vec![]));
}

#[test]
fn integers_are_compared_exactly_beyond_2_to_the_53() {
    let big = 9_007_199_254_740_993_i64;
    let x = || integers([big - 1, big, big + 1, i64::MIN, i64::MAX]);
    assert_eq!(violations(&check_x(Rule::between("x", big, big), x())), (5, vec![0, 2, 3, 4]));
    assert_eq!(violations(&check_x(Rule::at_most("x", 9_007_199_254_740_992.0), x())), (5, vec![1, 2, 4]));
    assert_eq!(violations(&check_x(Rule::at_least("x", 0.5), integers([0, 1]))), (2, vec![0]));
    assert_eq!(violations(&check_x(Rule::one_of("x", [big]), x())), (5, vec![0, 2, 3, 4]));
    assert_eq!(violations(&check_x(Rule::unique(["x"]), x())), (5, vec![]));
    // No 64-bit integer is beyond its own ends, and all are beyond an unsigned limit.
    assert_eq!(violations(&check_x(Rule::at_most("x", u64::MAX), x())), (5, vec![]));
    assert_eq!(violations(&check_x(Rule::at_least("x", u64::MAX), integers([i64::MAX, i64::MIN]))), (2, vec![0, 1]));
    let unsigned =
        || -> arrow::array::ArrayRef { std::sync::Arc::new(arrow::array::UInt64Array::from(vec![0, u64::MAX])) };
    assert_eq!(violations(&check_x(Rule::between("x", -5, u64::MAX), unsigned())), (2, vec![]));
    assert_eq!(violations(&check_x(Rule::between("x", -5, -1), unsigned())), (2, vec![0, 1]));
    assert_eq!(violations(&check_x(Rule::one_of("x", [u64::MAX]), unsigned())), (2, vec![0]));
    // A float against a limit that is no float.
    assert_eq!(violations(&check_x(Rule::at_most("x", big), floats([9_007_199_254_740_994.0]))), (1, vec![0]));
}

#[test]
fn lengths_count_characters() {
    let x = || texts([Some("ORD"), Some(""), Some("ÄÖÜ"), None, Some("ORDX"), Some("日本語")]);
    assert_eq!(violations(&check_x(Rule::length("x", 3..=3), x())), (5, vec![1, 4]));
    let at_most = Rule::Length { column: "x".into(), min: None, max: Some(3) };
    assert_eq!(violations(&check_x(at_most, x())), (5, vec![4]));
    let at_least = Rule::Length { column: "x".into(), min: Some(1), max: None };
    assert_eq!(violations(&check_x(at_least, x())), (5, vec![1]));
    let status = check_x(Rule::length("x", 3..=3), integers([123])).status;
    assert!(matches!(status, ConstraintStatus::Error { reason: UncheckedReason::UnsupportedType { .. } }));
}

#[cfg(feature = "regex")]
#[test]
fn patterns_match_whole_texts() {
    let x = || texts([Some("UA123"), Some("UA"), Some("xUA1"), None, Some("UA1 ")]);
    assert_eq!(violations(&check_x(Rule::pattern("x", "[A-Z]{2}[0-9]+"), x())), (4, vec![1, 2, 4]));
    assert_eq!(violations(&check_x(Rule::pattern("x", "UA|UA1."), x())), (4, vec![0, 2]));
    let bad = |pattern: &str| {
        let constraints = Constraints::default().with(Constraint::new("p", Rule::pattern("x", pattern)));
        constraints.checker(&CheckSettings::default()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(bad("("), @"constraint p: the pattern cannot be used: unclosed group");
    insta::assert_snapshot!(bad("a)|(b"), @"constraint p: the pattern cannot be used: unopened group");
    insta::assert_snapshot!(bad(r"\w{1000}{1000}"), @"constraint p: the pattern cannot be used: it needs more than a megabyte");
    insta::assert_snapshot!(bad(r"(a)\1"), @"constraint p: the pattern cannot be used: backreferences are not supported");
}

#[cfg(not(feature = "regex"))]
#[test]
fn patterns_need_a_feature() {
    let result = check_x(Rule::pattern("x", "a+"), texts(["a"]));
    let reason = UncheckedReason::NeedsFeature { feature: "regex".into() };
    assert_eq!(result.status, ConstraintStatus::Error { reason });
    assert_eq!(result.message, "it cannot be told: this build lacks the cargo feature regex");
}

#[test]
fn sets_allow_and_forbid() {
    let x = || texts([Some("UA"), Some("ua"), None, Some("AA"), Some("")]);
    assert_eq!(violations(&check_x(Rule::one_of("x", ["UA", "AA"]), x())), (4, vec![1, 4]));
    assert_eq!(violations(&check_x(Rule::none_of("x", ["UA", ""]), x())), (4, vec![0, 4]));
    let numbers = || optional([Some(1.0), Some(1.5), Some(-0.0), Some(NAN), Some(INF), None]);
    assert_eq!(violations(&check_x(Rule::one_of("x", [Scalar::from(1), 0.into()]), numbers())), (4, vec![1, 4]));
    assert_eq!(violations(&check_x(Rule::none_of("x", [1.5, 0.0]), numbers())), (4, vec![1, 2]));
    assert_eq!(violations(&check_x(Rule::one_of("x", [1.0, 2.5]), integers([1, 2]))), (2, vec![1]));
    assert_eq!(violations(&check_x(Rule::one_of("x", [true]), bools([Some(true), Some(false), None]))), (2, vec![1]));
    let days = || millis([0, 86_400_000, 1]);
    assert_eq!(violations(&check_x(Rule::one_of("x", ["1970-01-01", "1970-01-02T00:00:00Z"]), days())), (3, vec![2]));
    // A member between two ticks is no value of the column.
    assert_eq!(violations(&check_x(Rule::none_of("x", ["1970-01-01T00:00:00.0015Z"]), days())), (3, vec![]));
    // Nothing of the set could ever be a value of the column.
    let status = check_x(Rule::one_of("x", ["1", "2"]), integers([1])).status;
    let reason = UncheckedReason::Incomparable { left: "integer".into(), right: "the rule's".into() };
    assert_eq!(status, ConstraintStatus::Error { reason });
}

#[test]
fn unique_counts_repetitions() {
    let x = || integers([Some(1), Some(2), None, Some(1), None, Some(1)]);
    let result = check_x(Rule::unique(["x"]), x());
    assert_eq!(violations(&result), (4, vec![3, 5]));
    assert_eq!(result.examples[1].value, "1, first in row 0");
    assert_eq!(violations(&check_x(Rule::unique(["x"]), floats([0.0, -0.0, NAN, NAN, INF]))), (3, vec![1]));
    assert_eq!(violations(&check_x(Rule::unique(["x"]), bools([true, false, true]))), (3, vec![2]));
    let long = ["a".repeat(100), "a".repeat(101), "a".repeat(100)];
    assert_eq!(violations(&check_x(Rule::unique(["x"]), texts(long.iter().map(String::as_str)))), (3, vec![2]));
}

#[test]
fn keys_of_several_columns() {
    let columns = || {
        [
            ("flight", texts([Some("1"), Some("1"), Some("2"), Some("1"), None, None])),
            ("day", integers([Some(1), Some(2), Some(1), Some(1), Some(1), Some(1)])),
        ]
    };
    let result = check(Rule::unique(["flight", "day"]), columns());
    assert_eq!(violations(&result), (4, vec![3]));
    assert_eq!(result.rule, "flight, day are unique together");
    assert_eq!(result.examples[0].value, "first in row 0");
}

#[test]
fn too_many_keys_are_said() {
    let settings = CheckSettings::default().with_max_keys(3);
    let of = |values: &[i64]| {
        check_with(Rule::unique(["x"]), &[batch([("x", integers(values.iter().copied()))])], &settings)
    };
    assert_eq!(of(&[1, 2, 3]).status, ConstraintStatus::Passed);
    let reason = UncheckedReason::TooManyKeys { max_keys: 3 };
    assert_eq!(of(&[1, 2, 3, 4, 4]).status, ConstraintStatus::Error { reason });
    let found = of(&[1, 2, 3, 4, 4, 2]);
    assert_eq!((found.status, found.rows_violating, found.examples[0].row), (ConstraintStatus::Failed, 1, 5));
}

/// Enough rows for keys to be sorted several times on the way.
#[test]
fn unique_agrees_with_a_table_of_first_rows() {
    let keys: Vec<i64> = (0..60_000_i64).map(|at| (at * at * 31 + at * 7) % 50_021).collect();
    for (max_keys, as_text) in [(1_000_000, false), (1_000_000, true), (10_000, false), (1, false)] {
        let mut first_rows = std::collections::HashMap::new();
        let mut expected = Vec::new();
        for (row, key) in (0_u64..).zip(&keys) {
            let room = first_rows.len() < max_keys;
            match first_rows.get(key) {
                Some(first) => expected.push((row, format!("first in row {first}"))),
                None if room => {
                    first_rows.insert(*key, row);
                }
                None => {}
            }
        }
        let words: Vec<String> = keys.iter().map(|key| format!("a key of many bytes, number {key}")).collect();
        let x = if as_text { texts(words.iter().map(String::as_str)) } else { integers(keys.iter().copied()) };
        let settings = CheckSettings::default().with_max_keys(max_keys).with_max_examples(7);
        let whole = batch([("x", x)]);
        let batches = [whole.slice(0, 10_001), whole.slice(10_001, 1), whole.slice(10_002, 49_998)];
        let result = check_with(Rule::unique(["x"]), &batches, &settings);
        assert_eq!((result.rows_checked, result.rows_violating), (60_000, expected.len() as u64), "{max_keys}");
        for (example, (row, first)) in result.examples.iter().zip(&expected) {
            assert!(example.row == *row && example.value.ends_with(first), "{example:?} {first}");
        }
    }
}

#[test]
fn increasing_compares_with_the_value_before() {
    let x = || integers([Some(1), Some(2), None, Some(2), Some(9), Some(3), Some(4)]);
    assert_eq!(violations(&check_x(Rule::increasing("x"), x())), (6, vec![5]));
    let strict = check_x(Rule::strictly_increasing("x"), x());
    assert_eq!(violations(&strict), (6, vec![3, 5]));
    assert_eq!(strict.examples[1].value, "3 after 9");
    assert_eq!(violations(&check_x(Rule::increasing("x"), floats([1.0, NAN, 0.0, INF, INF]))), (4, vec![2]));
    assert_eq!(violations(&check_x(Rule::increasing("x"), millis([3, 4, 4, 1]))), (4, vec![3]));
    assert_eq!(violations(&check_x(Rule::strictly_increasing("x"), integers([7]))), (1, vec![]));
    let status = check_x(Rule::increasing("x"), texts(["a"])).status;
    assert!(matches!(status, ConstraintStatus::Error { reason: UncheckedReason::UnsupportedType { .. } }));
    // Over the border of batches, also those without a value.
    let batches = [integers([1, 5]), nothing(&integers([0])), integers([None::<i64>]), integers([4, 6])];
    let batches = batches.map(|x| batch([("x", x)]));
    assert_eq!(violations(&check_with(Rule::increasing("x"), &batches, &CheckSettings::default())), (4, vec![3]));
}

#[test]
fn constant_is_one_value() {
    let result = check_x(Rule::constant("x"), texts([Some("a"), None, Some("a"), Some("b"), Some("b")]));
    assert_eq!(violations(&result), (4, vec![3]));
    assert_eq!(result.examples[0].value, "\"b\" after \"a\"");
    assert_eq!(violations(&check_x(Rule::constant("x"), floats([0.0, -0.0, NAN]))), (2, vec![]));
    assert_eq!(violations(&check_x(Rule::constant("x"), bools([true, false]))), (2, vec![1]));
}

#[test]
fn freshness_is_measured_against_the_time_given() {
    let settings = CheckSettings::default().with_now(Timestamp::from_unix_secs(1_000_000).unwrap());
    let of = |seconds: u64, millis_ago: &[i64]| {
        let x = millis(millis_ago.iter().map(|ago| 1_000_000_000 - ago));
        check_with(Rule::fresh("x", Duration::from_secs(seconds)), &[batch([("x", x)])], &settings)
    };
    assert_eq!(of(60, &[90_000, 60_000, 70_000]).status, ConstraintStatus::Passed);
    let old = of(60, &[90_000, 60_001]);
    assert_eq!(old.status, ConstraintStatus::Failed);
    assert_eq!(old.message, "it is 1970-01-12T13:45:39.999Z, 60.001 s old");
    // A time that has not come yet hides nothing.
    assert_eq!(of(60, &[90_000, -5_000]).status, ConstraintStatus::Failed);
    assert_eq!(of(60, &[-5_000]).message, "every time is after now");
    assert_eq!(of(60, &[]).status, not_applicable(NotApplicableReason::NoRows));
    let without = check_x(Rule::fresh("x", Duration::from_secs(1)), millis([0]));
    assert_eq!(without.status, ConstraintStatus::Error { reason: UncheckedReason::NoNow });
    let number = check_with(Rule::fresh("x", Duration::from_secs(1)), &[batch([("x", integers([0]))])], &settings);
    assert!(matches!(number.status, ConstraintStatus::Error { reason: UncheckedReason::UnsupportedType { .. } }));
}

#[test]
fn columns_compare_where_both_are_present() {
    let of = |is, a, b| violations(&check(Rule::compare("a", is, "b"), [("a", a), ("b", b)]));
    let a = || integers([Some(1), Some(2), Some(3), None, Some(5)]);
    let b = || integers([Some(1), Some(3), Some(2), Some(4), None]);
    assert_eq!(of(Comparison::LessOrEqual, a(), b()), (3, vec![2]));
    assert_eq!(of(Comparison::Less, a(), b()), (3, vec![0, 2]));
    assert_eq!(of(Comparison::Equal, a(), b()), (3, vec![1, 2]));
    assert_eq!(of(Comparison::NotEqual, a(), b()), (3, vec![0]));
    assert_eq!(of(Comparison::Greater, a(), b()), (3, vec![0, 1]));
    assert_eq!(of(Comparison::GreaterOrEqual, a(), b()), (3, vec![1]));
    // Exactly between integers and floats, missing where NaN.
    let (big, float) = (9_007_199_254_740_993, 9_007_199_254_740_992.0);
    assert_eq!(of(Comparison::Equal, integers([big, big - 1, 0]), floats([float, float, NAN])), (2, vec![0]));
    assert_eq!(of(Comparison::NotEqual, floats([1.0, NAN]), floats([1.0, NAN])), (1, vec![0]));
    assert_eq!(of(Comparison::Less, texts(["a", "b"]), texts(["b", "a"])), (2, vec![1]));
    let status = check(Rule::compare("a", Comparison::Less, "b"), [("a", texts(["a"])), ("b", integers([1]))]).status;
    let reason = UncheckedReason::Incomparable { left: "text".into(), right: "integer".into() };
    assert_eq!(status, ConstraintStatus::Error { reason });
}

#[test]
fn tables_have_rows_and_columns() {
    let columns = || [("a", integers([1, 2])), ("b", integers([1, 2]))];
    assert_eq!(check(Rule::rows(2..=2), columns()).status, ConstraintStatus::Passed);
    let few = check(Rule::rows(3..=9), columns());
    assert_eq!((few.status, few.message.as_str()), (ConstraintStatus::Failed, "it is 2"));
    assert_eq!(check(Rule::columns(["b"]), columns()).status, ConstraintStatus::Passed);
    assert_eq!(check(Rule::exact_columns(["b", "a"]), columns()).status, ConstraintStatus::Passed);
    let wrong = check(Rule::exact_columns(["b", "c"]), columns());
    assert_eq!((wrong.status, wrong.message.as_str()), (ConstraintStatus::Failed, "missing: c; unexpected: a"));
}

#[test]
fn no_batch_at_all() {
    let none = |rule| check_with(rule, &[], &CheckSettings::default()).status;
    assert_eq!(none(Rule::rows(1..=2)), ConstraintStatus::Failed);
    assert_eq!(none(Rule::columns(["a"])), not_applicable(NotApplicableReason::NoBatches));
    assert_eq!(none(Rule::not_null("a")), not_applicable(NotApplicableReason::NoBatches));
    assert_eq!(none(Rule::of_type("a", ColumnType::Text)), not_applicable(NotApplicableReason::NoBatches));
}

#[test]
fn a_column_that_is_not_there_is_an_error_of_its_own() {
    let result = check(Rule::not_null("y"), [("x", integers([1]))]);
    let reason = UncheckedReason::NoColumn { column: "y".into() };
    assert_eq!(result.status, ConstraintStatus::Error { reason });
    assert_eq!(result.to_string(), "ERROR  error it: y is not null; it cannot be told: there is no column y");
    // What was found elsewhere stays a failure.
    let batches = [batch([("x", integers([None::<i64>]))]), batch([("y", integers([1]))])];
    let result = check_with(Rule::not_null("x"), &batches, &CheckSettings::default());
    assert_eq!(result.status, ConstraintStatus::Failed);
    assert_eq!(result.message, "1 of 1 violates it: row 0 (null); besides, there is no column x");
}

#[test]
fn severity_decides_whether_data_passes() {
    let of = |severity| {
        let constraint = Constraint::new("it", Rule::at_least("x", 1)).with_severity(severity);
        let constraints = Constraints::default().with(constraint);
        constraints.check(&[batch([("x", integers([0]))])], &CheckSettings::default()).unwrap()
    };
    for severity in [Severity::Info, Severity::Warning, Severity::Error] {
        let report = of(severity);
        assert_eq!((report.worst(), report.failed().count()), (Some(severity), 1));
        assert_eq!(report.passed(), severity < Severity::Error);
    }
}

#[test]
fn constraints_that_cannot_be_meant_are_refused() {
    let complaint = |constraint: Constraint| {
        let constraints = Constraints::default().with(constraint);
        let error = constraints.checker(&CheckSettings::default()).unwrap_err();
        assert_eq!(error.kind(), lineal_core::ErrorKind::Invalid);
        error.to_string()
    };
    let rule = |rule| complaint(Constraint::new("c", rule));
    let range = |min: Option<Scalar>, max: Option<Scalar>| rule(Rule::Range { column: "x".into(), min, max });
    let all = [
        complaint(Constraint::new("", Rule::not_null("x"))),
        complaint(Constraint::new("c", Rule::not_null("x")).with_tolerance(NAN)),
        complaint(Constraint::new("c", Rule::not_null("x")).with_tolerance(1.1)),
        complaint(Constraint::new("c", Rule::rows(0..=1)).with_tolerance(0.1)),
        range(None, None),
        range(Some(2.into()), Some(1.5.into())),
        range(Some("2013-08-15".into()), Some("2013-08-14".into())),
        range(Some("2013-08-15".into()), Some(3.into())),
        range(Some("soon".into()), None),
        range(Some(true.into()), None),
        range(Some(NAN.into()), None),
        range(None, Some(Scalar::Integer(1 << 64))),
        rule(Rule::Length { column: "x".into(), min: Some(2), max: Some(1) }),
        rule(Rule::Rows { min: None, max: None }),
        rule(Rule::one_of("x", Vec::<i64>::new())),
        rule(Rule::one_of("x", [INF])),
        rule(Rule::unique(Vec::<String>::new())),
        rule(Rule::unique(["a", "b", "a"])),
        rule(Rule::columns(["a", "a"])),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    constraint : it needs a name
    constraint c: the tolerance is NaN; it must be from 0 to 1
    constraint c: the tolerance is 1.1; it must be from 0 to 1
    constraint c: this kind of rule takes no tolerance
    constraint c: it needs a limit
    constraint c: the limits 2 and 1.5 are the wrong way round
    constraint c: the limits "2013-08-15" and "2013-08-14" are the wrong way round
    constraint c: the limits must be numbers or times in UTC, like 7, 0.5, "2013-08-15" or "2013-08-15T12:30:00Z"
    constraint c: the limits must be numbers or times in UTC, like 7, 0.5, "2013-08-15" or "2013-08-15T12:30:00Z"
    constraint c: the limits must be numbers or times in UTC, like 7, 0.5, "2013-08-15" or "2013-08-15T12:30:00Z"
    constraint c: NaN is not a finite number
    constraint c: 18446744073709551616 has more than 64 bits
    constraint c: the limits 2 and 1 are the wrong way round
    constraint c: it needs a limit
    constraint c: the set is empty
    constraint c: inf is not a finite number
    constraint c: it needs a column
    constraint c: it names the column a twice
    constraint c: it names the column a twice
    "#);
    let twice = Constraints::default()
        .with(Constraint::new("c", Rule::not_null("x")))
        .with(Constraint::new("c", Rule::not_null("y")));
    let error = twice.check(&[], &CheckSettings::default()).unwrap_err();
    assert!(matches!(&error, Error::Constraint { .. }));
    assert_eq!(error.to_string(), "constraint c: another constraint has the same name");
}

#[test]
fn a_stream_that_breaks_off_is_an_error() {
    let constraints = Constraints::default().with(Constraint::new("c", Rule::not_null("x")));
    let broken = || [Ok(batch([("x", integers([1]))])), Err(arrow::error::ArrowError::CsvError("line 3".into()))];
    let error = constraints.check_stream(broken(), &CheckSettings::default()).unwrap_err();
    assert_eq!(error.to_string(), "reading record batch 1");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("line 3"));
    assert!(matches!(Constraints::infer_stream(broken(), &Default::default()), Err(Error::Batch { at: 1, .. })));
}
