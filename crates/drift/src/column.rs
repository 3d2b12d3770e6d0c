//! Compares one column; whatever goes wrong stays in its report.

use arrow::array::Array;

use crate::arrays::{self, Nature};
use crate::categories::{Categories, PairedCounts};
use crate::distribution::{self, NumericSummary, QuantileShift};
use crate::error::{Error, Side};
use crate::method::{Method, Score};
use crate::presets::evidently::EvidentlyTest;
use crate::report::{ColumnReport, ColumnStatus, Finding, MissingShift, SkipReason};
use crate::sample::Sample;
use crate::settings::{ColumnKind, ColumnSettings, DataDriftSettings, MethodChoice};

/// The batches of one column on both sides.
pub(crate) struct ColumnArrays<'a> {
    pub(crate) reference: Vec<&'a dyn Array>,
    pub(crate) current: Vec<&'a dyn Array>,
}

/// Compares a column that both sides hold.
pub(crate) fn compare(name: &str, arrays: &ColumnArrays<'_>, settings: &DataDriftSettings) -> ColumnReport {
    let own = settings.column(name);
    if let Some(side) = arrays.side_without_rows() {
        return skipped(name, SkipReason::NoRows(side));
    }
    let values = match Values::read(arrays, &own, settings) {
        Ok(values) => values,
        Err(Error::UnsupportedType { .. }) => return skipped(name, SkipReason::UnsupportedType),
        Err(error) => return failed(name, &error),
    };
    let missing = values.missing_shift(arrays, own.missing_threshold.unwrap_or(settings.missing_threshold));
    let report = match values.side_without_values() {
        Some(side) => skipped(name, SkipReason::NoValues(side)),
        None => match values.finding(&own, settings) {
            Ok(finding) => found(name, finding),
            Err(error) => failed(name, &error),
        },
    };
    ColumnReport { missing: Some(missing), ..report }
}

pub(crate) fn skipped(name: &str, reason: SkipReason) -> ColumnReport {
    ColumnReport { name: name.to_owned(), status: ColumnStatus::Skipped { reason }, finding: None, missing: None }
}

/// Writes an error and its causes into a report.
pub(crate) fn failed(name: &str, error: &Error) -> ColumnReport {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason = format!("{reason}: {inner}");
        cause = inner.source();
    }
    ColumnReport { name: name.to_owned(), status: ColumnStatus::Failed { reason }, finding: None, missing: None }
}

fn found(name: &str, finding: Finding) -> ColumnReport {
    ColumnReport { name: name.to_owned(), status: ColumnStatus::Ok, finding: Some(finding), missing: None }
}

impl ColumnArrays<'_> {
    fn side_without_rows(&self) -> Option<Side> {
        let empty = |arrays: &[&dyn Array]| arrays.iter().all(|a| a.is_empty());
        match (empty(&self.reference), empty(&self.current)) {
            (true, _) => Some(Side::Reference),
            (_, true) => Some(Side::Current),
            _ => None,
        }
    }

    /// Returns the one nature of all batches of both sides.
    fn nature(&self) -> Result<Nature, Error> {
        let mut types = self.reference.iter().chain(&self.current).map(|a| a.data_type());
        let Some(first) = types.next() else {
            return Err(Error::NoReference);
        };
        let nature = arrays::nature(first)?;
        for other in types {
            if arrays::nature(other)? != nature {
                return Err(Error::TypeChanged { from: arrays::type_name(first), to: arrays::type_name(other) });
            }
        }
        Ok(nature)
    }
}

/// Both sides of a column, as what they are compared.
enum Values {
    Numbers { reference: Sample, current: Sample, infinite: (u64, u64) },
    Labels { reference: Categories, current: Categories, infinite: (u64, u64) },
}

impl Values {
    fn read(arrays: &ColumnArrays<'_>, own: &ColumnSettings, settings: &DataDriftSettings) -> Result<Self, Error> {
        let nature = arrays.nature()?;
        let wanted = own.kind.or_else(|| own.method.and_then(only_kind));
        if nature == Nature::Labels && wanted != Some(ColumnKind::Numeric) {
            let (reference, current) =
                (Categories::from_arrays(&arrays.reference)?, Categories::from_arrays(&arrays.current)?);
            return Ok(Self::Labels { reference, current, infinite: (0, 0) });
        }
        let (reference, infinite_reference) = Sample::from_arrays(&arrays.reference)?.split_infinite();
        let (current, infinite_current) = Sample::from_arrays(&arrays.current)?.split_infinite();
        let infinite = (infinite_reference, infinite_current);
        let as_labels = match wanted {
            Some(kind) => kind == ColumnKind::Categorical,
            None => few_values(&reference, &current, settings.few_distinct),
        };
        if !as_labels {
            return Ok(Self::Numbers { reference, current, infinite });
        }
        let (reference, current) = (Categories::from_sample(&reference), Categories::from_sample(&current));
        Ok(Self::Labels { reference, current, infinite })
    }

    fn side_without_values(&self) -> Option<Side> {
        let (reference, current) = match self {
            Self::Numbers { reference, current, .. } => (reference.is_empty(), current.is_empty()),
            Self::Labels { reference, current, .. } => (reference.counts().is_empty(), current.counts().is_empty()),
        };
        match (reference, current) {
            (true, _) => Some(Side::Reference),
            (_, true) => Some(Side::Current),
            _ => None,
        }
    }

    fn missing_shift(&self, arrays: &ColumnArrays<'_>, threshold: f64) -> MissingShift {
        let (reference, current) = match self {
            Self::Numbers { reference, current, .. } => (reference.missing(), current.missing()),
            Self::Labels { reference, current, .. } => (reference.missing(), current.missing()),
        };
        let fraction = |missing: u64, arrays: &[&dyn Array]| {
            let rows: usize = arrays.iter().map(|a| a.len()).sum();
            missing as f64 / rows.max(1) as f64
        };
        let (before, now) = (fraction(reference, &arrays.reference), fraction(current, &arrays.current));
        MissingShift {
            reference,
            current,
            reference_fraction: before,
            current_fraction: now,
            threshold,
            shifted: (now - before).abs() > threshold,
        }
    }

    fn finding(&self, own: &ColumnSettings, settings: &DataDriftSettings) -> Result<Finding, Error> {
        match self {
            Self::Numbers { reference, current, infinite } => {
                let method = own.method.unwrap_or_else(|| number_method(settings, reference, current));
                let score = score_numbers(method, reference, current)?;
                let test = beside(Method::Ks, method, || Method::Ks.score(reference, current))?;
                let picture = distribution::of_samples(reference, current);
                let finding = judge(ColumnKind::Numeric, score, test, own, *infinite, picture)?;
                Ok(Finding {
                    summary_reference: NumericSummary::of(reference),
                    summary_current: NumericSummary::of(current),
                    quantile_shift: QuantileShift::of(reference, current),
                    ..finding
                })
            }
            Self::Labels { reference, current, infinite } => {
                let counts = PairedCounts::pair(reference, current);
                let method = own.method.unwrap_or_else(|| label_method(settings, &counts));
                let score = method.score_counts(&counts)?;
                let test = beside(Method::ChiSquare, method, || Method::ChiSquare.score_counts(&counts))?;
                let picture = distribution::of_counts(&counts);
                let finding = judge(ColumnKind::Categorical, score, test, own, *infinite, picture)?;
                Ok(Finding { labels: Some(distribution::label_shift(&counts)), ..finding })
            }
        }
    }
}

fn number_method(settings: &DataDriftSettings, reference: &Sample, current: &Sample) -> Method {
    match settings.choice {
        MethodChoice::ByKind => settings.numeric_method,
        MethodChoice::Evidently => Method::Evidently(EvidentlyTest::default_for_numbers(reference, current)),
    }
}

fn label_method(settings: &DataDriftSettings, counts: &PairedCounts) -> Method {
    match settings.choice {
        MethodChoice::ByKind => settings.categorical_method,
        MethodChoice::Evidently => {
            let test = EvidentlyTest::default_for_labels(counts.labels().len(), counts.rows().0);
            Method::Evidently(test)
        }
    }
}

/// Scores numbers; a method of labels takes each distinct number for one.
fn score_numbers(method: Method, reference: &Sample, current: &Sample) -> Result<Score, Error> {
    if method.spec().numeric() {
        return method.score(reference, current);
    }
    method.score_counts(&PairedCounts::pair(&Categories::from_sample(reference), &Categories::from_sample(current)))
}

/// Holds a score against its threshold.
fn judge(
    kind: ColumnKind,
    score: Score,
    test: Option<Score>,
    own: &ColumnSettings,
    infinite: (u64, u64),
    distribution: distribution::Distribution,
) -> Result<Finding, Error> {
    let spec = score.method.spec();
    let threshold = own.threshold.or(spec.default_threshold).ok_or(Error::NoThreshold { method: score.method })?;
    Ok(Finding {
        kind,
        definition: spec.definition.to_owned(),
        decides_on: spec.decides_on,
        adjusted_p: None,
        threshold,
        drifted: spec.drifted(&score, threshold),
        score,
        test,
        infinite_reference: infinite.0,
        infinite_current: infinite.1,
        labels: None,
        summary_reference: None,
        summary_current: None,
        quantile_shift: None,
        distribution,
    })
}

/// Runs a test unless it is the deciding method already.
fn beside(test: Method, deciding: Method, run: impl FnOnce() -> Result<Score, Error>) -> Result<Option<Score>, Error> {
    if test == deciding { Ok(None) } else { run().map(Some) }
}

/// Returns the kind a method insists on.
fn only_kind(method: Method) -> Option<ColumnKind> {
    match (method.spec().numeric(), method.spec().categorical()) {
        (true, false) => Some(ColumnKind::Numeric),
        (false, true) => Some(ColumnKind::Categorical),
        _ => None,
    }
}

/// Numbers that are codes: few values in the reference, and not many more now.
fn few_values(reference: &Sample, current: &Sample, few: usize) -> bool {
    reference.distinct(few).is_some() && current.distinct(few.saturating_mul(10)).is_some()
}
