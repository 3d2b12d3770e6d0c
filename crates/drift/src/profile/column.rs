//! A profile of one column.

use arrow::array::Array;
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::codec::{Malformed, Reader, Writer};
use super::collector::Collector;
use super::fixed_histogram::FixedHistogram;
use super::frequent::FrequentItems;
use super::hyper_log_log::{HyperLogLog, STANDARD_ERROR};
use super::kind::ProfileKind;
use super::kll::KllSketch;
use super::numbers::Numbers;
use super::settings::ProfileSettings;
use crate::error::Error;
use crate::summary::Summary;

/// What is known of a column without its rows: about 10 KiB whatever it held, and two of them merge.
///
/// Counts, sums, extremes and histograms are exact and merge exactly, in any order; so do the registers of the distinct count. Quantiles
/// ([`KllSketch`]) and frequent values err as stated, also after merging. Null and NaN are missing; infinities are counted, and left out of
/// everything but that.
///
/// ```
/// use arrow::array::Float64Array;
/// use lineal_drift::profile::{ColumnProfile, ProfileSettings};
///
/// let settings = ProfileSettings::default();
/// let mut profile = ColumnProfile::of(&Float64Array::from(vec![Some(1.0), None, Some(3.0)]), &settings)?;
/// profile.merge(&ColumnProfile::of(&Float64Array::from(vec![8.0]), &settings)?)?;
/// let summary = profile.summary();
/// assert_eq!((profile.rows(), summary.missing, summary.mean), (4, 1, Some(4.0)));
/// assert_eq!(profile.quantiles().and_then(|sketch| sketch.quantile(0.5)), Some(3.0));
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnProfile {
    pub(super) kind: ProfileKind,
    pub(super) rows: u64,
    pub(super) nulls: u64,
    pub(super) numbers: Option<Numbers>,
    /// Characters of texts.
    pub(super) lengths: Option<Numbers>,
    pub(super) distinct: HyperLogLog,
    pub(super) frequent: FrequentItems,
    pub(super) calendar: Option<Calendar>,
}

/// A frequent value and the bounds of its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FrequentItem {
    /// The text, or the shortest decimal of the number. A text of more than 64 bytes is cut, and carries its length and hash.
    pub label: String,
    /// It occurs at least so often.
    pub at_least: u64,
    /// It occurs at most so often.
    pub at_most: u64,
}

impl ColumnProfile {
    pub(super) fn empty(kind: ProfileKind, frequent: u16) -> Self {
        Self {
            kind,
            rows: 0,
            nulls: 0,
            numbers: None,
            lengths: None,
            distinct: HyperLogLog::default(),
            frequent: FrequentItems::new(frequent),
            calendar: None,
        }
    }

    /// Profiles one array of any type. One pass, some 20 ns per number on one core.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings out of range; [`Error::Arrow`] if Arrow cannot convert the array.
    pub fn of(array: &dyn Array, settings: &ProfileSettings) -> Result<Self, Error> {
        settings.check()?;
        let mut collector = Collector::new(array.data_type(), "", settings, 0);
        collector.add(array)?;
        Ok(collector.finish())
    }

    /// Adds the rows of another profile of the same column.
    ///
    /// Integers go with floats, and then count as floats. Sizes that differ become the lesser ones; histograms over different edges are
    /// dropped. If it fails, nothing is changed.
    ///
    /// # Errors
    /// [`Error::TypeChanged`] if the columns are not of one kind, or count time in different units.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        self.kind = self.kind.join(other.kind)?;
        self.rows = self.rows.saturating_add(other.rows);
        self.nulls = self.nulls.saturating_add(other.nulls);
        merge_some(&mut self.numbers, other.numbers.as_ref(), Numbers::merge);
        merge_some(&mut self.lengths, other.lengths.as_ref(), Numbers::merge);
        merge_some(&mut self.calendar, other.calendar.as_ref(), Calendar::merge);
        self.distinct.merge(&other.distinct);
        self.frequent.merge(&other.frequent);
        Ok(())
    }

    /// Returns how the values are taken.
    #[must_use]
    pub fn kind(&self) -> ProfileKind {
        self.kind
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns how many rows are null.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// Returns how many rows are NaN.
    #[must_use]
    pub fn nan(&self) -> u64 {
        self.numbers.as_ref().map_or(0, |numbers| numbers.nan)
    }

    /// Returns how many rows are negative and positive infinity.
    #[must_use]
    pub fn infinite(&self) -> [u64; 2] {
        self.numbers.as_ref().map_or([0; 2], |numbers| [numbers.negative_infinite, numbers.positive_infinite])
    }

    /// Returns the share of rows that are null or NaN; 0 without rows.
    #[must_use]
    pub fn missing_fraction(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { self.nulls.saturating_add(self.nan()) as f64 / self.rows as f64 }
    }

    /// Returns the facts of the column: of its numbers, or of the lengths of its texts in characters.
    ///
    /// Counts, extremes and sum are exact, sum and mean up to one rounding; variance, skewness and kurtosis agree with two passes over the
    /// values to about ten digits. `distinct` is [`ColumnProfile::distinct`], rounded.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate of a count")]
    pub fn summary(&self) -> Summary {
        let missing = self.nulls.saturating_add(self.nan());
        let counts =
            Summary { rows: self.rows, missing, distinct: self.distinct().round() as u64, ..Summary::default() };
        let Some(numbers) = self.numbers.as_ref().or(self.lengths.as_ref()) else { return counts };
        let finite = numbers.finite();
        Summary {
            infinite: numbers.infinite(),
            finite,
            min: numbers.quantiles.min(),
            max: numbers.quantiles.max(),
            sum: (finite > 0).then(|| numbers.sum.value()),
            // The mean lies between the extremes; rounding it may not.
            mean: (finite > 0).then(|| numbers.sum.mean(finite).max(numbers.quantiles.min).min(numbers.quantiles.max)),
            variance: numbers.moments.variance(1),
            std_population: numbers.moments.std_population(),
            skewness: numbers.moments.skewness(),
            excess_kurtosis: numbers.moments.excess_kurtosis(),
            zeros: numbers.zeros,
            ..counts
        }
    }

    /// Returns the number of distinct values, exact while all of them are among the frequent ones, otherwise with a standard error of 1.6 %.
    #[must_use]
    pub fn distinct(&self) -> f64 {
        self.frequent.distinct().map_or_else(|| self.distinct.estimate(), |count| count as f64)
    }

    /// Returns the standard error of the number of distinct values, relative to it.
    #[must_use]
    pub fn distinct_error(&self) -> f64 {
        if self.frequent.distinct().is_some() { 0.0 } else { STANDARD_ERROR }
    }

    /// Returns the frequent values, the most frequent first; any other value occurs at most [`ColumnProfile::frequent_error`] times.
    #[must_use]
    pub fn frequent(&self) -> Vec<FrequentItem> {
        let item = |(key, count): &(_, u64)| {
            let key: &super::key::Key = key;
            let at_most = count.saturating_add(self.frequent.error);
            FrequentItem { label: key.label(), at_least: *count, at_most }
        };
        let mut items: Vec<FrequentItem> = self.frequent.counts.iter().map(item).collect();
        // Stable: equal counts stay in the order of their values.
        items.sort_by_key(|item| std::cmp::Reverse(item.at_least));
        items
    }

    /// Returns by how much a count of a frequent value can be too low: at most values / (capacity + 1), and 0 for few distinct values.
    #[must_use]
    pub fn frequent_error(&self) -> u64 {
        self.frequent.error
    }

    /// Returns the quantile sketch of the finite numbers, or of the lengths of texts in characters.
    #[must_use]
    pub fn quantiles(&self) -> Option<&KllSketch> {
        self.numbers.as_ref().or(self.lengths.as_ref()).map(|numbers| &numbers.quantiles)
    }

    /// Returns the counts over the edges that the settings gave.
    #[must_use]
    pub fn histogram(&self) -> Option<&FixedHistogram> {
        self.numbers.as_ref().and_then(|numbers| numbers.histogram.as_ref())
    }

    /// Returns the counts per hour, weekday and month of a column of times.
    #[must_use]
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.as_ref()
    }

    /// Returns the distinct deciles, without those at the ends, as edges of bins; `None` without finite numbers.
    #[must_use]
    pub fn decile_edges(&self) -> Option<Vec<f64>> {
        let sketch = &self.numbers.as_ref()?.quantiles;
        let (min, max) = (sketch.min()?, sketch.max()?);
        let deciles = (1..10_u32).map(|i| f64::from(i) / 10.0).collect::<Vec<_>>();
        let mut edges: Vec<f64> = sketch.quantiles(&deciles).into_iter().flatten().collect();
        edges.dedup();
        // The bins (edge, next edge] next to an end would be empty.
        edges.retain(|edge| min <= *edge && *edge < max);
        Some(edges)
    }

    /// Returns the memory that the profile takes, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let numbers = [&self.numbers, &self.lengths].into_iter().flatten().map(Numbers::size_bytes).sum::<usize>();
        size_of::<Self>() + numbers + HyperLogLog::SIZE_BYTES + self.frequent.size_bytes()
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.kind.write(to);
        to.u64(self.rows);
        to.u64(self.nulls);
        self.distinct.write(to);
        self.frequent.write(to);
        if let Some(numbers) = self.numbers.as_ref().or(self.lengths.as_ref()) {
            numbers.write(to);
        }
        if let Some(calendar) = &self.calendar {
            calendar.write(to);
        }
    }

    /// The kind says which parts there are.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let kind = ProfileKind::read(from)?;
        let (rows, nulls) = (from.u64()?, from.u64()?);
        let (distinct, frequent) = (HyperLogLog::read(from)?, FrequentItems::read(from)?);
        let numbers = if kind.is_number() { Some(Numbers::read(from)?) } else { None };
        let lengths = if kind == ProfileKind::Text { Some(Numbers::read(from)?) } else { None };
        let calendar = if kind.ticks().is_some() { Some(Calendar::read(from)?) } else { None };
        if nulls > rows || frequent.total > rows {
            return Err(Malformed("there are more values than rows"));
        }
        Ok(Self { kind, rows, nulls, numbers, lengths, distinct, frequent, calendar })
    }
}

fn merge_some<T: Clone>(mine: &mut Option<T>, other: Option<&T>, merge: impl Fn(&mut T, &T)) {
    match (mine.as_mut(), other) {
        (Some(mine), Some(other)) => merge(mine, other),
        (None, Some(other)) => *mine = Some(other.clone()),
        _ => (),
    }
}
