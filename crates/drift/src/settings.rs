//! Settings of a comparison of many columns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::method::Method;
use crate::multiple_testing::Correction;
use crate::presets::nannyml::NannymlMeasure;

/// How a column is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnKind {
    /// As numbers with an order and distances.
    Numeric,
    /// As labels.
    Categorical,
}

/// Who chooses the method of a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MethodChoice {
    /// One method for numbers, one for labels.
    #[default]
    ByKind,
    /// Evidently 0.7's rules, by the number of rows and of distinct values.
    Evidently,
}

/// Says how many columns are compared; the defaults suit tabular features.
///
/// ```
/// use lineal_drift::{ColumnSettings, DataDriftSettings, Method};
///
/// let settings = DataDriftSettings::default()
///     .with_only(["temp", "carrier"])
///     .with_column("temp", ColumnSettings::default().with_method(Method::Ks).with_threshold(0.01));
/// assert_eq!(settings.numeric_method, Method::WassersteinNormed);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DataDriftSettings {
    /// Method of numeric columns; normed Wasserstein by default.
    pub numeric_method: Method,
    /// Method of categorical columns; Jensen-Shannon by default.
    pub categorical_method: Method,
    /// Who chooses the method of a column that has none of its own.
    pub choice: MethodChoice,
    /// How p-values that decide are adjusted for the number of columns; Benjamini and Hochberg by default.
    pub correction: Correction,
    /// Numbers with at most so many distinct values in the reference (and at most ten times as many now) are taken as labels; 10 by default.
    pub few_distinct: usize,
    /// A change of the missing share by more than this, up or down, is a signal of its own; 0.05 by default.
    pub missing_threshold: f64,
    /// Only these columns are compared, if set.
    pub only: Option<Vec<String>>,
    /// Settings of single columns.
    pub columns: BTreeMap<String, ColumnSettings>,
}

impl Default for DataDriftSettings {
    fn default() -> Self {
        Self {
            numeric_method: Method::WassersteinNormed,
            categorical_method: Method::JensenShannon,
            choice: MethodChoice::ByKind,
            correction: Correction::BenjaminiHochberg,
            few_distinct: 10,
            missing_threshold: 0.05,
            only: None,
            columns: BTreeMap::new(),
        }
    }
}

impl DataDriftSettings {
    /// Returns settings that give Evidently's numbers and decisions: its choice of tests, its thresholds, no correction.
    ///
    /// What it says of the whole data set is the share of drifted columns, from 0.5 on.
    #[must_use]
    pub fn evidently() -> Self {
        Self { choice: MethodChoice::Evidently, correction: Correction::None, few_distinct: 0, ..Self::default() }
    }

    /// Returns settings that give `NannyML`'s numbers: Jensen-Shannon distance for every column, no correction.
    ///
    /// Its thresholds are learnt from chunks of the reference: [`DataDrift::learn`](crate::DataDrift::learn) does that, leaving each chunk
    /// out of what it is compared with, which `NannyML` does not.
    #[must_use]
    pub fn nannyml() -> Self {
        let method = Method::Nannyml(NannymlMeasure::JensenShannon);
        let settings = Self::default().with_numeric_method(method).with_categorical_method(method);
        Self { correction: Correction::None, few_distinct: 0, ..settings }
    }

    /// Sets how p-values that decide are adjusted for the number of columns.
    #[must_use]
    pub fn with_correction(mut self, correction: Correction) -> Self {
        self.correction = correction;
        self
    }

    /// Compares only these columns.
    #[must_use]
    pub fn with_only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the settings of one column.
    #[must_use]
    pub fn with_column(mut self, name: impl Into<String>, column: ColumnSettings) -> Self {
        self.columns.insert(name.into(), column);
        self
    }

    /// Sets the method of numeric columns.
    #[must_use]
    pub fn with_numeric_method(mut self, method: Method) -> Self {
        self.numeric_method = method;
        self
    }

    /// Sets the method of categorical columns.
    #[must_use]
    pub fn with_categorical_method(mut self, method: Method) -> Self {
        self.categorical_method = method;
        self
    }

    /// Sets up to how many distinct values numbers are taken as labels; 0 never does.
    #[must_use]
    pub fn with_few_distinct(mut self, few: usize) -> Self {
        self.few_distinct = few;
        self
    }

    /// Sets the change of the missing share that is a signal, 0 to 1.
    #[must_use]
    pub fn with_missing_threshold(mut self, threshold: f64) -> Self {
        self.missing_threshold = threshold;
        self
    }

    /// Returns the settings of a column, the default if none were set.
    pub(crate) fn column(&self, name: &str) -> ColumnSettings {
        self.columns.get(name).cloned().unwrap_or_default()
    }

    pub(crate) fn selects(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.iter().any(|n| n == name))
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let shares = self.columns.values().filter_map(|c| c.missing_threshold).chain([self.missing_threshold]);
        for value in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Setting { name: "missing_threshold", value, rule: "from 0 to 1" });
            }
        }
        for value in self.columns.values().filter_map(|c| c.threshold) {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::Setting { name: "threshold", value, rule: "finite and not negative" });
            }
        }
        if !self.numeric_method.spec().numeric() {
            return Err(Error::NotApplicable { method: self.numeric_method, kind: "numeric" });
        }
        if !self.categorical_method.spec().categorical() {
            return Err(Error::NotApplicable { method: self.categorical_method, kind: "categorical" });
        }
        Ok(())
    }
}

/// Overrides the defaults for one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ColumnSettings {
    /// Numbers or labels; chosen from the type and the values if not set.
    pub kind: Option<ColumnKind>,
    /// The method; the default of its kind if not set.
    pub method: Option<Method>,
    /// The threshold; the default of the method if not set.
    pub threshold: Option<f64>,
    /// The change of the missing share that is a signal.
    pub missing_threshold: Option<f64>,
}

impl ColumnSettings {
    /// Takes the column as numbers or as labels.
    #[must_use]
    pub fn with_kind(mut self, kind: ColumnKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Sets the method.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Sets the threshold of the method.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = Some(threshold);
        self
    }

    /// Sets the change of the missing share that is a signal.
    #[must_use]
    pub fn with_missing_threshold(mut self, threshold: f64) -> Self {
        self.missing_threshold = Some(threshold);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_are_refused() {
        let bad = DataDriftSettings::default().with_missing_threshold(f64::NAN);
        assert!(matches!(bad.check(), Err(Error::Setting { name: "missing_threshold", .. })));
        let bad = DataDriftSettings::default().with_column("x", ColumnSettings::default().with_threshold(-1.0));
        assert!(matches!(bad.check(), Err(Error::Setting { name: "threshold", .. })));
        let bad = DataDriftSettings::default().with_numeric_method(Method::ChiSquare);
        assert!(matches!(bad.check(), Err(Error::NotApplicable { .. })));
        assert!(serde_json::from_str::<DataDriftSettings>(r#"{"unknown": 1}"#).is_err());
    }
}
