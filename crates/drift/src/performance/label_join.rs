//! Labels that come later than the predictions they belong to.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, LargeStringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use serde::{Deserialize, Serialize};

use super::keys::{Key, KeyKind, keys_by_row};
use crate::arrays::{self, Nature};
use crate::error::Error;

/// Joins labels to predictions by key, whenever and in whatever order they come.
///
/// It is made for a window of predictions, and holds their keys and at most one label for each: what comes for other keys is counted
/// and dropped, so it never grows. Keys are integers or texts. A key that several predictions have labels all of them.
///
/// ```
/// use arrow::array::{Array, BooleanArray, StringArray};
/// use lineal_drift::performance::LabelJoin;
///
/// let mut join = LabelJoin::new(&StringArray::from(vec!["order 1", "order 2", "order 3"]))?;
/// let late = StringArray::from(vec!["order 3", "order 9", "order 1"]);
/// let counts = join.add(&late, &BooleanArray::from(vec![true, true, false]))?;
/// assert_eq!((counts.matched, counts.unknown_key), (2, 1));
/// assert_eq!(join.coverage().fraction(), 2.0 / 3.0);
///
/// // One for each prediction, in their order.
/// let labels = join.labels();
/// assert!(labels.is_null(1) && labels.as_any().downcast_ref::<BooleanArray>().unwrap().value(2));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LabelJoin {
    conflict: Conflict,
    key_kind: KeyKind,
    slots: HashMap<Key, usize>,
    /// The slot of each prediction, `None` without a key.
    rows: Vec<Option<usize>>,
    labels: Vec<Slot>,
    label_kind: Option<LabelKind>,
    counts: LabelCounts,
}

/// What is done when a key gets two labels that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Conflict {
    /// The key has no label any more: which labels there are in the end does not depend on the order in which they came.
    #[default]
    Withhold,
    /// The first one stays.
    KeepFirst,
    /// The last one counts: later labels are corrections.
    KeepLast,
}

/// What became of labels; the fields other than `received` add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelCounts {
    /// Labels that came.
    pub received: u64,
    /// The first of a key that a prediction has.
    pub matched: u64,
    /// The same label once more.
    pub repeated: u64,
    /// Another label than before, or any after that if conflicts are withheld.
    pub conflicting: u64,
    /// No prediction has the key.
    pub unknown_key: u64,
    /// The key is null.
    pub missing_key: u64,
    /// The label is null or NaN.
    pub missing_label: u64,
}

/// How many predictions have a label; the fields `labelled`, `waiting`, `withheld` and `without_key` add up to `predictions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelCoverage {
    /// Predictions.
    pub predictions: u64,
    /// Predictions with a label.
    pub labelled: u64,
    /// Predictions whose label has not come.
    pub waiting: u64,
    /// Predictions whose labels contradict each other.
    pub withheld: u64,
    /// Predictions whose key is null: they never get a label.
    pub without_key: u64,
    /// Predictions whose key an earlier one has; they are counted above, too.
    pub repeated_key: u64,
}

impl LabelCoverage {
    /// Returns the share of predictions with a label, 0 to 1; 0 of none.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        self.labelled as f64 / self.predictions.max(1) as f64
    }
}

impl LabelJoin {
    /// Takes the keys of predictions, in their order. O(n) time and memory.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] unless the keys are integers or texts.
    pub fn new(keys: &dyn Array) -> Result<Self, Error> {
        let (key_kind, keys) = keys_by_row(keys)?;
        let mut slots = HashMap::with_capacity(keys.len());
        let slot_of = |key: Option<Key>| {
            let next = slots.len();
            key.map(|key| *slots.entry(key).or_insert(next))
        };
        let rows: Vec<Option<usize>> = keys.into_iter().map(slot_of).collect();
        let labels = vec![Slot::Waiting; slots.len()];
        let (conflict, counts) = (Conflict::default(), LabelCounts::default());
        Ok(Self { conflict, key_kind, slots, rows, labels, label_kind: None, counts })
    }

    /// Sets what is done when labels differ; set it before the first label comes.
    #[must_use]
    pub fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.conflict = conflict;
        self
    }

    /// Adds labels, one for each key, and says what became of them. O(number of labels).
    ///
    /// # Errors
    /// [`Error::Rows`] if there are not as many labels as keys, [`Error::UnsupportedType`] for labels other than numbers, booleans and
    /// texts, [`Error::TypeChanged`] if keys or labels are not what they were before. Nothing is added then.
    pub fn add(&mut self, keys: &dyn Array, labels: &dyn Array) -> Result<LabelCounts, Error> {
        if keys.len() != labels.len() {
            return Err(Error::Rows { what: "labels", expected: keys.len(), actual: labels.len() });
        }
        let (key_kind, keys) = keys_by_row(keys)?;
        if key_kind != self.key_kind {
            return Err(Error::TypeChanged { from: self.key_kind.name(), to: key_kind.name() });
        }
        let (label_kind, labels) = labels_by_row(labels)?;
        match self.label_kind.replace(label_kind) {
            Some(before) if before != label_kind => {
                self.label_kind = Some(before);
                return Err(Error::TypeChanged { from: before.name(), to: label_kind.name() });
            }
            _ => {}
        }
        let before = self.counts;
        keys.into_iter().zip(labels).for_each(|(key, label)| self.add_one(key, label));
        Ok(self.counts.since(&before))
    }

    fn add_one(&mut self, key: Option<Key>, label: Option<Label>) {
        let counts = &mut self.counts;
        counts.received += 1;
        let Some(key) = key else {
            counts.missing_key += 1;
            return;
        };
        let Some(slot) = self.slots.get(&key).and_then(|slot| self.labels.get_mut(*slot)) else {
            counts.unknown_key += 1;
            return;
        };
        let Some(label) = label else {
            counts.missing_label += 1;
            return;
        };
        match slot {
            Slot::Waiting => {
                counts.matched += 1;
                *slot = Slot::Labelled(label);
            }
            Slot::Labelled(known) if *known == label => counts.repeated += 1,
            Slot::Labelled(known) => {
                counts.conflicting += 1;
                match self.conflict {
                    Conflict::Withhold => *slot = Slot::Withheld,
                    Conflict::KeepFirst => {}
                    Conflict::KeepLast => *known = label,
                }
            }
            Slot::Withheld => counts.conflicting += 1,
        }
    }

    /// Returns the label of each prediction, in their order, null where there is none.
    ///
    /// Booleans stay booleans; integers become `Int64`, other numbers `Float64`, texts `LargeUtf8`. Without any label yet, all are null
    /// booleans.
    #[must_use]
    pub fn labels(&self) -> ArrayRef {
        let label = |slot: &Option<usize>| match self.labels.get((*slot)?) {
            Some(Slot::Labelled(label)) => Some(label),
            _ => None,
        };
        let labels = self.rows.iter().map(label);
        match self.label_kind.unwrap_or(LabelKind::Boolean) {
            LabelKind::Boolean => Arc::new(labels.map(|l| l?.as_boolean()).collect::<BooleanArray>()),
            LabelKind::Integer => Arc::new(labels.map(|l| l?.as_integer()).collect::<Int64Array>()),
            LabelKind::Number => Arc::new(labels.map(|l| l?.as_number()).collect::<Float64Array>()),
            LabelKind::Text => Arc::new(labels.map(|l| l?.as_text()).collect::<LargeStringArray>()),
        }
    }

    /// Returns what became of all labels so far.
    #[must_use]
    pub fn counts(&self) -> LabelCounts {
        self.counts
    }

    /// Returns how many predictions have a label. O(number of predictions).
    #[must_use]
    pub fn coverage(&self) -> LabelCoverage {
        let mut coverage = LabelCoverage { predictions: self.rows.len() as u64, ..LabelCoverage::default() };
        for row in &self.rows {
            match row.and_then(|slot| self.labels.get(slot)) {
                Some(Slot::Labelled(_)) => coverage.labelled += 1,
                Some(Slot::Waiting) => coverage.waiting += 1,
                Some(Slot::Withheld) => coverage.withheld += 1,
                None => coverage.without_key += 1,
            }
        }
        coverage.repeated_key = coverage.predictions - coverage.without_key - self.labels.len() as u64;
        coverage
    }
}

impl LabelCounts {
    fn since(&self, before: &Self) -> Self {
        Self {
            received: self.received - before.received,
            matched: self.matched - before.matched,
            repeated: self.repeated - before.repeated,
            conflicting: self.conflicting - before.conflicting,
            unknown_key: self.unknown_key - before.unknown_key,
            missing_key: self.missing_key - before.missing_key,
            missing_label: self.missing_label - before.missing_label,
        }
    }
}

#[derive(Clone, Debug)]
enum Slot {
    Waiting,
    Labelled(Label),
    Withheld,
}

#[derive(Clone, Debug, PartialEq)]
enum Label {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(Box<str>),
}

impl Label {
    fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    fn as_number(&self) -> Option<f64> {
        if let Self::Number(value) = self { Some(*value) } else { None }
    }

    fn as_text(&self) -> Option<&str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LabelKind {
    Boolean,
    Integer,
    Number,
    Text,
}

impl LabelKind {
    fn of(data_type: &DataType) -> Result<Self, Error> {
        let values = if let DataType::Dictionary(_, values) = data_type { values.as_ref() } else { data_type };
        match (values, arrays::nature(values)?) {
            (DataType::Boolean, _) => Ok(Self::Boolean),
            (_, Nature::Labels) => Ok(Self::Text),
            (other, _) if other.is_integer() => Ok(Self::Integer),
            (other, _) if other.is_numeric() => Ok(Self::Number),
            (other, _) => Err(Error::UnsupportedType { data_type: arrays::type_name(other) }),
        }
    }

    fn name(self) -> Box<str> {
        match self {
            Self::Boolean => "booleans",
            Self::Integer => "integers",
            Self::Number => "numbers",
            Self::Text => "texts",
        }
        .into()
    }
}

fn labels_by_row(array: &dyn Array) -> Result<(LabelKind, Vec<Option<Label>>), Error> {
    let kind = LabelKind::of(array.data_type())?;
    let converted =
        |to: &DataType| cast(array, to).map_err(|source| Error::Arrow { to: "labels", source: Box::new(source) });
    let labels = match kind {
        LabelKind::Boolean => {
            converted(&DataType::Boolean)?.as_boolean().iter().map(|v| v.map(Label::Boolean)).collect()
        }
        LabelKind::Integer => {
            converted(&DataType::Int64)?.as_primitive::<Int64Type>().iter().map(|v| v.map(Label::Integer)).collect()
        }
        LabelKind::Number => {
            let present = |value: f64| (!value.is_nan()).then_some(Label::Number(value));
            arrays::numbers_by_row(array)?.into_iter().map(present).collect()
        }
        LabelKind::Text => arrays::texts_by_row(array)?.into_iter().map(|v| v.map(Label::Text)).collect(),
    };
    Ok((kind, labels))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, DictionaryArray, Float32Array, Int8Array, Int64Array, StringArray, UInt64Array};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn integers(join: &LabelJoin) -> Vec<Option<i64>> {
        join.labels().as_primitive::<Int64Type>().iter().collect()
    }

    #[test]
    fn every_label_is_accounted_for() {
        let predictions = Int64Array::from(vec![Some(1), Some(2), None, Some(2), Some(3), Some(4)]);
        let mut join = LabelJoin::new(&predictions).unwrap();
        let keys = Int64Array::from(vec![Some(2), Some(1), Some(1), Some(3), Some(3), Some(9), None, Some(4)]);
        let labels = Int8Array::from(vec![Some(7), Some(5), Some(5), Some(0), Some(1), Some(1), Some(1), None]);
        let counts = join.add(&keys, &labels).unwrap();
        let (matched, repeated, conflicting) = (counts.matched, counts.repeated, counts.conflicting);
        assert_eq!((counts.received, matched, repeated, conflicting), (8, 3, 1, 1));
        assert_eq!((counts.unknown_key, counts.missing_key, counts.missing_label), (1, 1, 1));
        assert_eq!(integers(&join), [Some(5), Some(7), None, Some(7), None, None]);
        let coverage = join.coverage();
        assert_eq!((coverage.predictions, coverage.labelled, coverage.waiting, coverage.withheld), (6, 3, 1, 1));
        assert_eq!((coverage.without_key, coverage.repeated_key), (1, 1));
        // Later ones find the state of the first.
        assert_eq!(join.add(&Int64Array::from(vec![4, 3]), &Int64Array::from(vec![8, 0])).unwrap().matched, 1);
        assert_eq!((join.counts().received, join.coverage().labelled), (10, 4));
    }

    #[test]
    fn conflicts_are_settled_as_set() {
        let settle = |conflict| {
            let mut join = LabelJoin::new(&Int64Array::from(vec![1])).unwrap().with_conflict(conflict);
            join.add(&Int64Array::from(vec![1, 1, 1]), &Int64Array::from(vec![5, 6, 5])).unwrap();
            (integers(&join)[0], join.counts().conflicting)
        };
        assert_eq!(settle(Conflict::Withhold), (None, 2));
        assert_eq!(settle(Conflict::KeepFirst), (Some(5), 1));
        assert_eq!(settle(Conflict::KeepLast), (Some(5), 2));
    }

    #[test]
    fn keys_and_labels_of_many_types() {
        let mut join = LabelJoin::new(&UInt64Array::from(vec![u64::MAX, 0])).unwrap();
        join.add(&Int8Array::from(vec![0, -1]), &Float32Array::from(vec![f32::NAN, 1.0])).unwrap();
        assert_eq!((join.counts().missing_label, join.counts().unknown_key), (1, 1));
        join.add(&UInt64Array::from(vec![u64::MAX]), &Float32Array::from(vec![0.5])).unwrap();
        assert_eq!(join.coverage().labelled, 1);
        let texts: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("")].into_iter().collect();
        let mut join = LabelJoin::new(&texts).unwrap();
        join.add(&StringArray::from(vec!["", "a"]), &StringArray::from(vec!["x", "y"])).unwrap();
        let labels: Vec<_> = join.labels().as_string::<i64>().iter().map(|l| l.map(str::to_owned)).collect();
        assert_eq!(labels, [Some("y".to_owned()), None, Some("x".to_owned())]);
    }

    #[test]
    fn what_does_not_go_together_changes_nothing() {
        assert!(matches!(LabelJoin::new(&Float32Array::from(vec![1.0])), Err(Error::UnsupportedType { .. })));
        let keys = Int64Array::from(vec![1]);
        let mut join = LabelJoin::new(&keys).unwrap();
        assert!(matches!(join.add(&keys, &Int64Array::from(vec![1, 2])), Err(Error::Rows { .. })));
        assert!(matches!(join.add(&StringArray::from(vec!["1"]), &keys), Err(Error::TypeChanged { .. })));
        assert!(matches!(join.add(&keys, &Date32Array::from(vec![1])), Err(Error::UnsupportedType { .. })));
        join.add(&keys, &Int64Array::from(vec![3])).unwrap();
        assert!(matches!(join.add(&keys, &StringArray::from(vec!["3"])), Err(Error::TypeChanged { .. })));
        assert_eq!((integers(&join), join.counts().received), (vec![Some(3)], 1));
        let none = LabelJoin::new(&Int64Array::from(Vec::<i64>::new())).unwrap();
        assert_eq!((none.coverage().fraction(), none.labels().len()), (0.0, 0));
    }
}
