//! Counts and examples agree with a plain walk over the rows, over several blocks, with nulls, NaN and offsets.

use std::collections::BTreeSet;

use lineal_core::Rng;
use lineal_drift::arrow::array::RecordBatch;
use lineal_drift::quality::{CheckSettings, Comparison, Constraint, ConstraintStatus, Constraints, Rule, Scalar};

use super::data::{dictionary, integers, texts};
use crate::generators::{batch, optional};

const ROWS: usize = 70_001;

struct Table {
    f: Vec<Option<f64>>,
    g: Vec<Option<f64>>,
    i: Vec<Option<i64>>,
    w: Vec<Option<&'static str>>,
}

impl Table {
    /// `rare` is one in how many rows are missing or odd; none if 0.
    fn new(rare: u64) -> Self {
        let mut rng = Rng::new(7, "row by row");
        let mut rows = || {
            let odd = |rng: &mut Rng| rare > 0 && rng.next_u64().is_multiple_of(rare);
            let number = |rng: &mut Rng| match odd(rng) {
                true => [None, Some(f64::NAN), Some(f64::INFINITY), Some(-0.0)][(rng.next_u64() % 4) as usize],
                false => Some((rng.next_u64() % 1000) as f64 / 1000.0),
            };
            let integer = if odd(&mut rng) { None } else { Some((rng.next_u64() % 50) as i64) };
            let word = if odd(&mut rng) {
                None
            } else {
                Some(["a", "bb", "ccc", "a word of many bytes"][(rng.next_u64() % 4) as usize])
            };
            (number(&mut rng), number(&mut rng), integer, word)
        };
        let rows: Vec<_> = (0..ROWS).map(|_| rows()).collect();
        Self {
            f: rows.iter().map(|r| r.0).collect(),
            g: rows.iter().map(|r| r.1).collect(),
            i: rows.iter().map(|r| r.2).collect(),
            w: rows.iter().map(|r| r.3).collect(),
        }
    }

    fn batch(&self) -> RecordBatch {
        batch([
            ("f", optional(self.f.iter().copied())),
            ("g", optional(self.g.iter().copied())),
            ("i", integers(self.i.iter().copied())),
            ("w", texts(self.w.iter().copied())),
            ("d", dictionary(self.w.iter().copied())),
        ])
    }
}

fn present(value: Option<f64>) -> Option<f64> {
    value.filter(|v| !v.is_nan())
}

/// Says of each row whether it is checked, and whether it violates the rule.
type Walk = Vec<Option<bool>>;

fn each<T: Copy>(values: &[Option<T>], is_bad: impl Fn(T) -> bool) -> Walk {
    values.iter().map(|value| value.map(&is_bad)).collect()
}

fn numbers(values: &[Option<f64>], is_bad: impl Fn(f64) -> bool) -> Walk {
    values.iter().map(|value| present(*value).map(&is_bad)).collect()
}

fn after<T: Copy>(values: &[Option<T>], is_bad: impl Fn(T, T) -> bool) -> Walk {
    let mut before = None;
    let walk = values.iter().map(|value| {
        let value = (*value)?;
        let bad = before.is_some_and(|before| is_bad(before, value));
        before = Some(value);
        Some(bad)
    });
    walk.collect()
}

fn expectations(table: &Table) -> Vec<(Rule, Walk)> {
    let Table { f, g, i, w } = table;
    let pairs = |is_bad: fn(f64, f64) -> bool| -> Walk {
        f.iter().zip(g).map(|(a, b)| Some(is_bad(present(*a)?, present(*b)?))).collect()
    };
    let mixed: Walk = i.iter().zip(f).map(|(a, b)| Some(((*a)? as f64) < present(*b)?)).collect();
    let mut seen = BTreeSet::new();
    let unique: Walk = i.iter().zip(w).map(|(a, b)| Some(!seen.insert(((*a)?, (*b)?)))).collect();
    let many: Vec<i64> = (0..40).collect();
    vec![
        (Rule::between("f", 0.0, 0.99), numbers(f, |v| !(0.0..=0.99).contains(&v))),
        (Rule::between("f", 0.0, f64::MAX), numbers(f, f64::is_infinite)),
        (Rule::between("i", 3, 49), each(i, |v| v < 3)),
        (Rule::not_null("f"), f.iter().map(|v| Some(present(*v).is_none())).collect()),
        (Rule::not_null("w"), w.iter().map(|v| Some(v.is_none())).collect()),
        (Rule::one_of("i", many.clone()), each(i, |v| v >= 40)),
        (Rule::none_of("i", [3, 9]), each(i, |v| v == 3 || v == 9)),
        (Rule::one_of("f", many.iter().map(|v| *v as f64 / 1000.0).chain([1.0])), numbers(f, |v| v >= 0.04)),
        (Rule::none_of("f", [Scalar::from(0), 0.5.into()]), numbers(f, |v| v == 0.0 || v == 0.5)),
        (Rule::one_of("w", ["a", "bb"]), each(w, |v| v.len() > 2)),
        (Rule::one_of("d", ["a", "bb"]), each(w, |v| v.len() > 2)),
        (Rule::length("w", 2..=3), each(w, |v| !(2..=3).contains(&v.len()))),
        (Rule::compare("f", Comparison::Less, "g"), pairs(|a, b| a >= b)),
        (Rule::compare("f", Comparison::NotEqual, "g"), pairs(|a, b| a == b)),
        (Rule::compare("i", Comparison::GreaterOrEqual, "f"), mixed),
        (Rule::increasing("i"), after(i, |a, b| a > b)),
        (Rule::strictly_increasing("f"), after(&f.iter().map(|v| present(*v)).collect::<Vec<_>>(), |a, b| a >= b)),
        (Rule::constant("w"), after(w, |a, b| a != b)),
        (Rule::unique(["i", "d"]), unique),
    ]
}

#[test]
fn counts_and_examples() {
    for rare in [0, 3, 5_000] {
        let table = Table::new(rare);
        let whole = table.batch();
        let cuts = [0, 13, 32_768, 32_769, 65_600, ROWS];
        let batches: Vec<RecordBatch> = cuts.windows(2).map(|cut| whole.slice(cut[0], cut[1] - cut[0])).collect();
        let expected = expectations(&table);
        let named = expected.iter().enumerate().map(|(at, (rule, _))| Constraint::new(at.to_string(), rule.clone()));
        let constraints = named.fold(Constraints::default(), Constraints::with);
        for batches in [std::slice::from_ref(&whole), &batches] {
            let report = constraints.check(batches, &CheckSettings::default()).unwrap();
            for (result, (_, walk)) in report.results.iter().zip(&expected) {
                let bad: Vec<u64> = (0..).zip(walk).filter(|(_, row)| **row == Some(true)).map(|(at, _)| at).collect();
                assert_eq!(result.rows_checked, walk.iter().flatten().count() as u64, "{result}");
                assert_eq!(result.rows_violating, bad.len() as u64, "{result}");
                let rows: Vec<u64> = result.examples.iter().map(|e| e.row).collect();
                assert_eq!(rows, bad.iter().copied().take(5).collect::<Vec<_>>(), "{result}");
                let passed = result.status == ConstraintStatus::Passed;
                assert_eq!(passed, bad.is_empty(), "{result}");
            }
        }
    }
}
