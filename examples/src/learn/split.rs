//! A split by the hash of a row's key, so that a row never moves between training and test.

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch},
    compute::{cast, filter_record_batch, not},
    datatypes::{DataType, Int64Type},
};
use lineal_core::Digest;

use crate::learn::learn_error::LearnError;

/// Which rows train and which are held out: a pure function of the row's key and the salt.
///
/// The first 64 bits of SHA-256 of salt, a zero byte and the key, read as a fraction of 2^64, are compared with the
/// share. Rows that are added, removed or reordered leave all others where they were.
#[derive(Debug, Clone)]
pub struct Split {
    salt: String,
    train_permille: u16,
}

impl Split {
    /// Puts about `train_permille` of 1000 rows into training; another salt gives an independent split.
    pub fn new(salt: impl Into<String>, train_permille: u16) -> Self {
        Self { salt: salt.into(), train_permille }
    }

    /// Tells whether the row with this key trains.
    pub fn is_train(&self, key: &str) -> bool {
        let salted = [self.salt.as_bytes(), b"\0", key.as_bytes()].concat();
        let mut first = [0_u8; 8];
        first.copy_from_slice(&Digest::of(&salted).as_bytes()[..8]);
        let permille = (u128::from(u64::from_be_bytes(first)) * 1000) >> 64;
        permille < u128::from(self.train_permille)
    }

    /// Returns the rows that train and the rows that are held out, each in the order of `batch`.
    pub fn apply(&self, batch: &RecordBatch) -> Result<(RecordBatch, RecordBatch), LearnError> {
        let keys = row_keys(batch)?;
        let train: BooleanArray = keys.iter().map(|key| Some(self.is_train(key))).collect();
        let arrow = |source| LearnError::Arrow { operation: "split rows", source };
        let held_out = not(&train).map_err(arrow)?;
        Ok((filter_record_batch(batch, &train).map_err(arrow)?, filter_record_batch(batch, &held_out).map_err(arrow)?))
    }
}

/// Returns the key of each row, `time_hour|carrier|flight|origin` with the time in microseconds since 1970.
///
/// It names one flight of the data set, and so one prediction about it.
pub fn row_keys(batch: &RecordBatch) -> Result<Vec<String>, LearnError> {
    let times = column_as(batch, "time_hour", &DataType::Int64)?;
    let flights = column_as(batch, "flight", &DataType::Int64)?;
    let carriers = column_as(batch, "carrier", &DataType::Utf8)?;
    let origins = column_as(batch, "origin", &DataType::Utf8)?;
    let (times, flights) = (times.as_primitive::<Int64Type>(), flights.as_primitive::<Int64Type>());
    let (carriers, origins) = (carriers.as_string::<i32>(), origins.as_string::<i32>());
    Ok((0..batch.num_rows())
        .map(|row| {
            let (time, flight) = (times.value(row), flights.value(row));
            format!("{time}|{}|{flight}|{}", carriers.value(row), origins.value(row))
        })
        .collect())
}

fn column_as(batch: &RecordBatch, column: &str, needed: &DataType) -> Result<ArrayRef, LearnError> {
    let found = batch.column_by_name(column).ok_or_else(|| LearnError::MissingColumn { column: column.to_owned() })?;
    let array = cast(found, needed).map_err(|source| LearnError::Arrow { operation: "read a key column", source })?;
    match (0..array.len()).find(|row| array.is_null(*row)) {
        None => Ok(array),
        Some(row) => Err(LearnError::Null { column: column.to_owned(), row }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_where_it_is_and_salts_are_independent() {
        let split = Split::new("late15", 700);
        // SHA-256("late15\0a") etc.: pinned, because stored models were trained on one side of it.
        let sides: Vec<bool> = ["a", "b", "c", "d", "e", "f", "g", "h"].iter().map(|key| split.is_train(key)).collect();
        assert_eq!(sides, PINNED);
        let keys: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        let share = |split: &Split| keys.iter().filter(|key| split.is_train(key)).count();
        assert!((13_700..14_300).contains(&share(&split)));
        let other = Split::new("other", 700);
        let both = keys.iter().filter(|key| split.is_train(key) && other.is_train(key)).count();
        assert!((9_500..10_100).contains(&both), "{both}");
    }

    #[test]
    fn the_ends_take_all_or_nothing() {
        assert!(!Split::new("s", 0).is_train("a"));
        assert!((0..100).all(|number| Split::new("s", 1000).is_train(&number.to_string())));
    }

    const PINNED: [bool; 8] = [false, true, true, true, true, false, true, true];
}
