//! Drift between profiles, or from a profile to rows.

use std::collections::BTreeSet;

use super::column::ColumnProfile;
use super::drift_labels;
use super::drift_numbers;
use super::estimate::{ColumnDrift, NamedDrift, TableDrift};
use super::frequent::FrequentItems;
use super::key::Key;
use super::steps::StepFunction;
use super::table::TableProfile;
use crate::categories::Categories;
use crate::error::{Error, Side};
use crate::report::{ColumnStatus, SkipReason};
use crate::sample::Sample;

impl ColumnProfile {
    /// Measures how far a current profile is from this one, the reference.
    ///
    /// Numbers and times: Kolmogorov-Smirnov (infinities take part), Wasserstein raw and in standard deviations of the reference, and
    /// Jensen-Shannon, PSI, total variation and Hellinger over the deciles of the reference as its sketch knows them. Labels: the last four
    /// and the largest difference of shares, over all frequent labels of both sides and one bin for the rest. Each comes with the bounds
    /// of the exact distance; those of PSI over labels are of its value with the rest in one bin. O(k log k).
    ///
    /// ```
    /// use arrow::array::Float64Array;
    /// use lineal_drift::Method;
    /// use lineal_drift::profile::{ColumnProfile, ProfileSettings};
    ///
    /// let profile = |shift: f64| {
    ///     let values = Float64Array::from_iter_values((0..100_000).map(|i| f64::from(i) + shift));
    ///     ColumnProfile::of(&values, &ProfileSettings::default())
    /// };
    /// let drift = profile(0.0)?.drift(&profile(10_000.0)?)?;
    /// let ks = drift.estimate(Method::Ks).unwrap();
    /// assert!(ks.lower <= 0.1 && 0.1 <= ks.upper && ks.upper - ks.lower < 0.07);
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Empty`] if a side has no value; [`Error::TypeChanged`] if the columns are not of one kind; [`Error::UnsupportedType`] for
    /// columns that are neither numbers nor labels; [`Error::Range`] if a distance is beyond `f64`.
    pub fn drift(&self, current: &Self) -> Result<ColumnDrift, Error> {
        self.kind.join(current.kind)?;
        let missing = current.missing_fraction();
        match (&self.numbers, &current.numbers) {
            (Some(mine), Some(theirs)) => {
                let steps = StepFunction::of_profile(theirs, Side::Current)?;
                drift_numbers::compare(self, mine, &steps, theirs.histogram.as_ref(), missing)
            }
            _ if self.kind.is_label() => drift_labels::compare(self, &current.frequent, missing),
            _ => Err(Error::UnsupportedType { data_type: "other than numbers and labels".into() }),
        }
    }

    /// Measures how far current numbers are from this profile; the current side adds no error of its own. As [`ColumnProfile::drift`].
    ///
    /// ```
    /// use lineal_drift::{Method, Sample};
    /// use lineal_drift::profile::{ColumnProfile, ProfileSettings};
    /// use arrow::array::Float64Array;
    ///
    /// let reference = ColumnProfile::of(&Float64Array::from(vec![1.0, 2.0, 3.0]), &ProfileSettings::default())?;
    /// let drift = reference.drift_to_sample(&Sample::new([2.0, 3.0, 4.0]))?;
    /// assert_eq!(drift.estimate(Method::Wasserstein).map(|w| w.upper), Some(1.0));
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotCategorical`] if this is no profile of numbers or times; otherwise as [`ColumnProfile::drift`].
    pub fn drift_to_sample(&self, current: &Sample) -> Result<ColumnDrift, Error> {
        let Some(mine) = &self.numbers else { return Err(Error::NotCategorical { what: "drift to a sample" }) };
        let steps = StepFunction::of_sample(current, Side::Current)?;
        let rows = current.len() as f64 + current.missing() as f64;
        drift_numbers::compare(self, mine, &steps, None, current.missing() as f64 / rows)
    }

    /// Measures how far current labels are from this profile; the current side adds no error of its own. As [`ColumnProfile::drift`].
    ///
    /// ```
    /// use arrow::array::StringArray;
    /// use lineal_drift::{Categories, Method};
    /// use lineal_drift::profile::{ColumnProfile, ProfileSettings};
    ///
    /// let reference = ColumnProfile::of(&StringArray::from(vec!["a", "b"]), &ProfileSettings::default())?;
    /// let drift = reference.drift_to_categories(&Categories::from_array(&StringArray::from(vec!["a", "a"]))?)?;
    /// assert_eq!(drift.estimate(Method::TotalVariation).map(|tv| (tv.lower, tv.upper)), Some((0.5, 0.5)));
    /// # Ok::<(), lineal_drift::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotNumeric`] if this is no profile of labels; otherwise as [`ColumnProfile::drift`].
    pub fn drift_to_categories(&self, current: &Categories) -> Result<ColumnDrift, Error> {
        if !self.kind.is_label() {
            return Err(Error::NotNumeric { what: "drift to categories" });
        }
        let mut counts: Vec<(Key, u64)> = current
            .counts()
            .iter()
            .map(|(label, count)| (Key::text(label), *count))
            .filter(|(_, count)| *count > 0)
            .collect();
        counts.sort_unstable();
        let items = FrequentItems { capacity: u16::MAX, error: 0, total: current.rows(), counts };
        let rows = current.rows() as f64 + current.missing() as f64;
        drift_labels::compare(self, &items, if rows == 0.0 { 0.0 } else { current.missing() as f64 / rows })
    }
}

impl TableProfile {
    /// Measures how far each column of a current profile is from that of this one, the reference. Columns go by name; one that cannot be
    /// compared says why, and never spoils the others.
    ///
    /// ```
    /// use lineal_drift::profile::TableProfile;
    ///
    /// let nothing = TableProfile::default();
    /// assert!(nothing.drift(&nothing).columns.is_empty());
    /// ```
    #[must_use]
    pub fn drift(&self, current: &Self) -> TableDrift {
        let mut seen = BTreeSet::new();
        let names = self.columns().chain(current.columns()).map(|(name, _)| name).filter(|name| seen.insert(*name));
        let columns = names.map(|name| named(name, self.column(name), current.column(name))).collect();
        TableDrift { reference_rows: self.rows, current_rows: current.rows, columns }
    }
}

fn named(name: &str, reference: Option<&ColumnProfile>, current: Option<&ColumnProfile>) -> NamedDrift {
    let (status, drift) = match (reference, current) {
        (None, _) => (skipped(SkipReason::NoColumn(Side::Reference)), None),
        (_, None) => (skipped(SkipReason::NoColumn(Side::Current)), None),
        (Some(reference), Some(current)) => match reference.drift(current) {
            Ok(drift) => (ColumnStatus::Ok, Some(drift)),
            Err(error) => (status_of(&error, reference, current), None),
        },
    };
    NamedDrift { name: name.to_owned(), status, drift }
}

fn status_of(error: &Error, reference: &ColumnProfile, current: &ColumnProfile) -> ColumnStatus {
    match error {
        Error::Empty { side, .. } => {
            let rows = if *side == Side::Reference { reference.rows } else { current.rows };
            skipped(if rows == 0 { SkipReason::NoRows(*side) } else { SkipReason::NoValues(*side) })
        }
        Error::UnsupportedType { .. } => skipped(SkipReason::UnsupportedType),
        error => ColumnStatus::Failed { reason: error.to_string() },
    }
}

fn skipped(reason: SkipReason) -> ColumnStatus {
    ColumnStatus::Skipped { reason }
}
