use arrow::{
    array::{BooleanArray, RecordBatch},
    compute::filter_record_batch,
};
use lineal_core::Hasher;

use crate::{Error, key_hash};

/// Divides rows into train, validation and test by the hash of a key and a salt.
///
/// A row goes where its key goes: on every machine, in every order, and whatever is appended, it never moves; rows of one
/// key stay together (a group-aware split). Another salt gives another division. Sizes are therefore only about the
/// fractions asked for, as close as the number of keys allows.
///
/// The hash is SHA-256 over salt and values, with tags and lengths, specified in `docs/format/data.md`; the part is where
/// its first 64 bits lie. Integers of every width hash alike, so do text and dictionaries of text, dates and times of
/// every unit, and floats that are equal; `-0` is `0`, all NaN are one value, null is a value. Decimals and nested types
/// make no key.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Int64Array, RecordBatch};
/// use lineal_data::{Part, Split, arrow};
///
/// let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1000));
/// let batch = RecordBatch::try_from_iter([("id", ids)])?;
/// let split = Split::new("2013", &["id"]).with_fractions(0.7, 0.1, 0.2)?;
/// let train = split.filter(&batch, Part::Train)?;
/// assert!((650..750).contains(&train.num_rows()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    salt: String,
    key: Vec<String>,
    test: u128,
    validation: u128,
}

/// Where a row goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these three are what a split has")]
pub enum Part {
    /// To fit.
    Train,
    /// To choose.
    Validation,
    /// To judge.
    Test,
}

impl Split {
    /// Splits by the columns `key`, in this order: 80 % train, 10 % validation, 10 % test.
    #[must_use]
    pub fn new(salt: &str, key: &[&str]) -> Self {
        let key = key.iter().map(|column| (*column).to_owned()).collect();
        let tenth = ALL / 10;
        Self { salt: salt.to_owned(), key, test: tenth, validation: 2 * tenth }
    }

    /// Sets the fractions, each `0.0..=1.0`, together 1.
    ///
    /// The hashes are divided into test, validation, train, in this order: a row leaves test only if the test fraction
    /// shrinks.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one is out of range, or their sum is not 1 within a billionth.
    pub fn with_fractions(mut self, train: f64, validation: f64, test: f64) -> Result<Self, Error> {
        let given = [train, validation, test];
        let fractions = given.iter().all(|fraction| (0.0..=1.0).contains(fraction));
        if !fractions || (given.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
            let shown = format!("{train}, {validation}, {test}");
            return Err(Error::invalid("fractions", &shown, "must lie between 0 and 1 and add up to 1"));
        }
        self.test = share(test);
        self.validation = if train == 0.0 { ALL } else { share(test + validation) };
        Ok(self)
    }

    /// Returns the part of each row.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`], [`Error::UnsupportedType`]; [`Error::Invalid`] if the key has no column.
    pub fn assign(&self, batch: &RecordBatch) -> Result<Vec<Part>, Error> {
        if self.key.is_empty() {
            return Err(Error::invalid("key", "", "must have at least one column"));
        }
        let mut start = Hasher::new();
        start.update(b"lineal-split 1\0");
        start.update(&(self.salt.len() as u64).to_le_bytes());
        start.update(self.salt.as_bytes());
        let hashes = key_hash::hash_rows(batch, &self.key, &start)?;
        Ok(hashes.into_iter().map(|hash| self.part(hash)).collect())
    }

    /// Returns for each row whether it belongs to `part`.
    ///
    /// # Errors
    /// As [`Split::assign`].
    pub fn mask(&self, batch: &RecordBatch, part: Part) -> Result<BooleanArray, Error> {
        let parts = self.assign(batch)?;
        Ok(parts.into_iter().map(|each| Some(each == part)).collect())
    }

    /// Returns the rows of `part`, in their order.
    ///
    /// # Errors
    /// As [`Split::assign`].
    pub fn filter(&self, batch: &RecordBatch, part: Part) -> Result<RecordBatch, Error> {
        let mask = self.mask(batch, part)?;
        filter_record_batch(batch, &mask)
            .map_err(|error| Error::UnsupportedType { column: String::new(), found: error.to_string() })
    }

    fn part(&self, hash: u64) -> Part {
        let hash = u128::from(hash);
        if hash < self.test {
            Part::Test
        } else if hash < self.validation {
            Part::Validation
        } else {
            Part::Train
        }
    }
}

/// Returns how many of the hashes a fraction is: exact for every double, so the same everywhere.
fn share(fraction: f64) -> u128 {
    ((fraction * ALL as f64) as u128).min(ALL)
}

/// How many hashes there are.
const ALL: u128 = 1 << 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::{
        array::{
            Array, ArrayRef, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
            StringArray, StringViewArray, TimestampMillisecondArray, TimestampSecondArray, UInt8Array,
        },
        datatypes::Int8Type,
    };
    use proptest::prelude::*;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap()
    }

    fn parts(column: impl Array + 'static) -> Vec<Part> {
        let split = Split::new("salt", &["k"]).with_fractions(0.4, 0.3, 0.3).unwrap();
        split.assign(&batch(vec![("k", Arc::new(column))])).unwrap()
    }

    #[test]
    fn the_division_is_pinned() {
        let letters: String = parts(Int64Array::from_iter_values(0..64))
            .into_iter()
            .map(|part| match part {
                Part::Train => 't',
                Part::Validation => 'v',
                Part::Test => '.',
            })
            .collect();
        insta::assert_snapshot!(letters);
    }

    #[test]
    fn equal_values_of_related_types_go_together() {
        let wide = parts(Int64Array::from_iter_values(0..100));
        assert_eq!(wide, parts(Int32Array::from_iter_values(0..100)));
        assert_eq!(wide, parts(UInt8Array::from_iter_values(0..100)));
        let texts: Vec<String> = (0..100).map(|id| format!("row {id}")).collect();
        let text = parts(StringArray::from_iter_values(&texts));
        assert_eq!(text, parts(LargeStringArray::from_iter_values(&texts)));
        assert_eq!(text, parts(StringViewArray::from_iter_values(&texts)));
        let dictionary: DictionaryArray<Int8Type> = texts.iter().map(String::as_str).collect();
        assert_eq!(text, parts(dictionary));
        let seconds = parts(TimestampSecondArray::from_iter_values(0..100));
        assert_eq!(seconds, parts(TimestampMillisecondArray::from_iter_values((0..100).map(|s| s * 1000))));
        let floats = [0.0, -0.0, 1.5, f64::NAN, -f64::NAN];
        let doubles = parts(Float64Array::from_iter_values(floats));
        assert_eq!(doubles, parts(Float32Array::from_iter_values(floats.map(|value| value as f32))));
        assert!(doubles[0] == doubles[1] && doubles[3] == doubles[4]);
    }

    #[test]
    fn null_is_a_value_and_nested_types_are_refused() {
        let some = parts(Int64Array::from(vec![None, Some(0), None]));
        assert_eq!(some[0], some[2]);
        let dictionary: DictionaryArray<Int8Type> = vec![None, Some("a"), None].into_iter().collect();
        assert_eq!(parts(dictionary)[0], some[0]);
        let list = arrow::array::ListArray::new_null(
            Arc::new(arrow::datatypes::Field::new("item", arrow::datatypes::DataType::Int8, true)),
            1,
        );
        let refused = Split::new("s", &["k"]).assign(&batch(vec![("k", Arc::new(list))]));
        assert!(matches!(refused, Err(Error::UnsupportedType { .. })));
        let missing = Split::new("s", &["no"]).assign(&batch(vec![("k", Arc::new(Int64Array::from(vec![1])))]));
        assert!(matches!(missing, Err(Error::NoSuchColumn { .. })));
    }

    #[test]
    fn fractions_must_make_sense() {
        for (train, validation, test) in [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (f64::NAN, 0.5, 0.5), (1.1, 0.0, -0.1)] {
            assert!(Split::new("s", &["k"]).with_fractions(train, validation, test).is_err());
        }
        let all = Split::new("s", &["k"]).with_fractions(0.0, 0.9, 0.1).unwrap();
        assert_eq!(all.part(u64::MAX), Part::Validation);
        let train = Split::new("s", &["k"]).with_fractions(1.0, 0.0, 0.0).unwrap();
        assert_eq!(train.part(0), Part::Train);
    }

    #[test]
    fn the_shares_are_what_was_asked() {
        let counted = parts(Int64Array::from_iter_values(0..20_000));
        let share = |part| counted.iter().filter(|each| **each == part).count() as f64 / 20_000.0;
        // Three standard deviations of a binomial share are 0.0104.
        assert!((share(Part::Train) - 0.4).abs() < 0.0104, "{}", share(Part::Train));
        assert!((share(Part::Test) - 0.3).abs() < 0.0104, "{}", share(Part::Test));
    }

    proptest! {
        #[test]
        fn a_row_never_moves(keys in proptest::collection::vec(any::<i64>(), 1..50), more in proptest::collection::vec(any::<i64>(), 0..50)) {
            let before = parts(Int64Array::from(keys.clone()));
            let after = parts(Int64Array::from([keys.clone(), more].concat()));
            prop_assert_eq!(&after[..keys.len()], &before[..]);
            let reversed: Vec<_> = parts(Int64Array::from_iter_values(keys.into_iter().rev())).into_iter().rev().collect();
            prop_assert_eq!(reversed, before);
        }

        #[test]
        fn neighbouring_columns_do_not_run_together(a in "[ab]{0,3}", b in "[ab]{0,3}") {
            let split = Split::new("salt", &["x", "y"]).with_fractions(0.5, 0.25, 0.25).unwrap();
            let column = |text: &str| Arc::new(StringArray::from(vec![text])) as ArrayRef;
            let one = crate::key_hash::hash_rows(&batch(vec![("x", column(&a)), ("y", column(&b))]), &split.key, &Hasher::new()).unwrap();
            let joined = format!("{a}{b}");
            let two = crate::key_hash::hash_rows(&batch(vec![("x", column(&joined)), ("y", column(""))]), &split.key, &Hasher::new()).unwrap();
            prop_assert_eq!(one == two, b.is_empty());
        }
    }
}
