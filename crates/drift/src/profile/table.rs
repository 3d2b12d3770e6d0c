//! A profile of a table, and its stored form.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use lineal_core::Digest;

use super::codec::{Malformed, Reader, Writer};
use super::column::ColumnProfile;
use super::profiler::TableProfiler;
use super::settings::ProfileSettings;
use crate::error::{Error, excerpt};

/// Profiles of all columns of a table, in their order. It takes the place of the rows: it is stored, merged and compared instead of them.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Float64Array, RecordBatch, StringArray};
/// use lineal_drift::profile::{ProfileSettings, TableProfile};
///
/// let batch = |day: f64| {
///     let temp = Float64Array::from_iter_values((0..100).map(|i| f64::from(i) + day));
///     let carrier = StringArray::from_iter_values((0..100).map(|i| ["UA", "AA"][i % 2]));
///     RecordBatch::try_from_iter([("temp", Arc::new(temp) as _), ("carrier", Arc::new(carrier) as _)])
/// };
/// let settings = ProfileSettings::default();
/// let mut profile = TableProfile::of(&[batch(0.0)?], &settings)?;
/// profile.merge(&TableProfile::of(&[batch(1.0)?], &settings)?)?;
///
/// let read = TableProfile::from_bytes(&profile.to_bytes())?;
/// assert_eq!(read, profile);
/// assert_eq!(read.rows(), 200);
/// assert_eq!(read.column("temp").and_then(|temp| temp.summary().mean), Some(50.0));
/// assert_eq!(read.column("carrier").map(|carrier| carrier.frequent()[0].at_least), Some(100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableProfile {
    pub(super) rows: u64,
    pub(super) columns: Vec<(String, ColumnProfile)>,
}

impl TableProfile {
    /// Profiles batches that are in memory.
    ///
    /// Columns and chunks of rows run in parallel on rayon's current pool; the result is the same, bit for bit, on any number of threads
    /// and however the rows are cut into batches.
    ///
    /// # Errors
    /// As [`TableProfiler::new`] and [`TableProfiler::add`].
    pub fn of(batches: &[RecordBatch], settings: &ProfileSettings) -> Result<Self, Error> {
        Self::of_stream(batches.iter().cloned().map(Ok), settings)
    }

    /// Profiles a stream of batches, such as a Parquet reader gives, of any length in bounded memory: see [`TableProfiler`].
    ///
    /// # Errors
    /// [`Error::Batch`] if one cannot be read; as [`TableProfiler::new`] and [`TableProfiler::add`].
    ///
    /// ```
    /// use lineal_drift::profile::{ProfileSettings, TableProfile};
    ///
    /// let profile = TableProfile::of_stream([], &ProfileSettings::default())?;
    /// assert_eq!(profile.rows(), 0);
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    pub fn of_stream(
        batches: impl IntoIterator<Item = Result<RecordBatch, ArrowError>>,
        settings: &ProfileSettings,
    ) -> Result<Self, Error> {
        let mut profiler = TableProfiler::new(settings.clone())?;
        for (at, batch) in (0..).zip(batches) {
            profiler.add(batch.map_err(|source| Error::Batch { at, source: Box::new(source) })?)?;
        }
        profiler.finish()
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns the columns with their names, in the order of the table.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &ColumnProfile)> {
        self.columns.iter().map(|(name, column)| (name.as_str(), column))
    }

    /// Returns the column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns().find(|(held, _)| *held == name).map(|(_, column)| column)
    }

    /// Adds the rows of another profile of the same table. Columns go by name; a profile without rows and columns is fine on either side.
    /// If it fails, nothing is changed.
    ///
    /// # Errors
    /// [`Error::Columns`] if one holds a column that the other does not; [`Error::TypeChanged`] as [`ColumnProfile::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if other.columns.is_empty() {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.clone_from(other);
            return Ok(());
        }
        let mut theirs: BTreeMap<&str, &ColumnProfile> = other.columns().collect();
        let mut pairs = Vec::with_capacity(self.columns.len());
        for (name, mine) in self.columns() {
            let their = theirs.remove(name).ok_or_else(|| missing(name))?;
            mine.kind.join(their.kind)?;
            pairs.push(their);
        }
        if let Some((name, _)) = theirs.pop_first() {
            return Err(missing(name));
        }
        for ((_, mine), their) in self.columns.iter_mut().zip(pairs) {
            mine.merge(their)?;
        }
        self.rows = self.rows.saturating_add(other.rows);
        Ok(())
    }

    /// Writes the profile in the form of `docs/format/profile.md`; equal profiles have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.bytes(MAGIC);
        to.u64(self.rows);
        to.u32(u32::try_from(self.columns.len()).unwrap_or(u32::MAX));
        for (name, column) in &self.columns {
            to.sized(name.as_bytes());
            column.write(&mut to);
        }
        let mut bytes = to.into_bytes();
        let checksum = Digest::of(&bytes);
        bytes.extend(checksum.as_bytes());
        bytes
    }

    /// Reads what [`TableProfile::to_bytes`] wrote. Nothing is allocated on the word of a length that the bytes do not bear out.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes of another format or version, or that are damaged: restore them, do not retry.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        checked(bytes).and_then(Self::read).map_err(|Malformed(why)| Error::Malformed { what: "profile", why })
    }

    fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(body);
        let (rows, count) = (from.u64()?, from.u32()?);
        let mut columns: Vec<(String, ColumnProfile)> = Vec::new();
        for _ in 0..count {
            let name = std::str::from_utf8(from.sized()?).map_err(|_| Malformed("a name is not UTF-8"))?;
            let column = ColumnProfile::read(&mut from)?;
            if column.rows != rows {
                return Err(Malformed("a column has not as many rows as the table"));
            }
            columns.push((name.to_owned(), column));
        }
        from.end()?;
        let names: std::collections::BTreeSet<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        if names.len() != columns.len() {
            return Err(Malformed("a name occurs twice"));
        }
        Ok(Self { rows, columns })
    }
}

/// Returns what lies between the magic and the checksum.
fn checked(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let body = bytes.strip_prefix(MAGIC).ok_or(Malformed("it is of another format or version"))?;
    let (body, checksum) = body.split_last_chunk::<32>().ok_or(Malformed("the bytes end early"))?;
    let covered = bytes.get(..bytes.len() - checksum.len()).unwrap_or_default();
    if Digest::of(covered).as_bytes() == checksum { Ok(body) } else { Err(Malformed("the checksum is wrong")) }
}

fn missing(name: &str) -> Error {
    Error::Columns { column: excerpt(name), problem: "only one of the sides holds it" }
}

/// Format and version.
const MAGIC: &[u8] = b"lineal-profile 1\n";
