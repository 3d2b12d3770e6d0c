//! What is worth a finding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::measure;
use crate::error::Error;
use crate::method::Method;
use crate::settings::ColumnKind;

/// Says how windows are scored, and when that becomes a finding.
///
/// ```
/// use lineal_drift::Method;
/// use lineal_drift::monitor::{AlarmSettings, FeatureSettings, MonitorSettings, ThresholdRule};
///
/// let settings = MonitorSettings::default()
///     .with_alarms(AlarmSettings::default().with_raise_after(2, 3))
///     .with_feature("temp", FeatureSettings::default().with_method(Method::Psi).with_threshold(ThresholdRule::fixed(0.25)));
/// assert_eq!(settings.numeric_method, Method::JensenShannon);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MonitorSettings {
    /// Method of features of numbers: Jensen-Shannon (default), PSI, L-infinity or KS, all over the bins of the reference.
    pub numeric_method: Method,
    /// Method of features of labels: Jensen-Shannon (default), PSI or L-infinity.
    pub categorical_method: Method,
    /// Threshold of the score of a distribution.
    pub threshold: ThresholdRule,
    /// Threshold of the absolute change of the missing share; values of the wrong kind are missing here.
    pub missing: ThresholdRule,
    /// Settings of single features.
    pub features: BTreeMap<String, FeatureSettings>,
    /// When a finding is raised and cleared.
    pub alarms: AlarmSettings,
    /// A feature with fewer values in a window is not judged, nor the missing share of fewer rows; 50 by default, 1 at least.
    pub min_values: u64,
    /// Windows simulated for each threshold that is learnt, 1,000 to 1,000,000; 10,000 by default.
    pub simulations: u32,
    /// Seed of the simulations; 0 by default.
    pub seed: u64,
    /// Places to count in, 1 to 1024; 16 by default. Recorders take them in turn: as many as threads record at once is best.
    pub shards: u32,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            numeric_method: Method::JensenShannon,
            categorical_method: Method::JensenShannon,
            threshold: ThresholdRule::default(),
            missing: ThresholdRule::default(),
            features: BTreeMap::new(),
            alarms: AlarmSettings::default(),
            min_values: 50,
            simulations: 10_000,
            seed: 0,
            shards: 16,
        }
    }
}

/// How a threshold is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ThresholdRule {
    /// The same for windows of every size.
    Fixed {
        /// In the unit of the method.
        value: f64,
    },
    /// What windows of stationary, independent rows exceed at most at a rate; learnt by simulation from the counts of the reference for
    /// the size of each window. So many false alarms are expected per window: the rate times the number of features.
    ///
    /// The rate holds on average over references: the reference is a sample, too.
    FalseAlarms {
        /// Per feature, signal and window, from 1e-12 to 0.5.
        rate: f64,
        /// Large windows show differences that are real and of no importance: the threshold is never less.
        at_least: f64,
    },
    /// What is usual among chunks of the reference; right where rows depend on each other, if chunks and windows have the same size.
    ReferenceChunks {
        /// The threshold is never less.
        at_least: f64,
    },
}

impl Default for ThresholdRule {
    /// One false alarm in 10,000 windows, and at least 0.05.
    fn default() -> Self {
        Self::FalseAlarms { rate: 1e-4, at_least: 0.05 }
    }
}

impl ThresholdRule {
    /// One threshold for windows of every size.
    #[must_use]
    pub fn fixed(value: f64) -> Self {
        Self::Fixed { value }
    }

    /// A rate of false alarms, and the smallest threshold.
    #[must_use]
    pub fn false_alarms(rate: f64, at_least: f64) -> Self {
        Self::FalseAlarms { rate, at_least }
    }

    fn check(self) -> Result<(), Error> {
        let (Self::Fixed { value: least }
        | Self::FalseAlarms { at_least: least, .. }
        | Self::ReferenceChunks { at_least: least }) = self;
        if !(least.is_finite() && least >= 0.0) {
            return Err(Error::Setting { name: "threshold", value: least, rule: "finite and not negative" });
        }
        match self {
            Self::FalseAlarms { rate, .. } if !(1e-12..=0.5).contains(&rate) => {
                Err(Error::Setting { name: "rate of false alarms", value: rate, rule: "from 1e-12 to 0.5" })
            }
            _ => Ok(()),
        }
    }
}

/// Overrides the defaults for one feature.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FeatureSettings {
    /// The method.
    pub method: Option<Method>,
    /// Threshold of the score of the distribution.
    pub threshold: Option<ThresholdRule>,
    /// Threshold of the change of the missing share.
    pub missing: Option<ThresholdRule>,
}

impl FeatureSettings {
    /// Sets the method.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Sets the threshold of the score.
    #[must_use]
    pub fn with_threshold(mut self, rule: ThresholdRule) -> Self {
        self.threshold = Some(rule);
        self
    }

    /// Sets the threshold of the missing share.
    #[must_use]
    pub fn with_missing(mut self, rule: ThresholdRule) -> Self {
        self.missing = Some(rule);
        self
    }
}

/// When a finding is raised, how grave it is, and when it is cleared. Windows that were not judged do not count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AlarmSettings {
    /// Raised when so many ...
    pub raise_after: u32,
    /// ... of the last so many windows lie beyond the threshold, the newest among them; 1 of 1 by default, at most 64.
    pub raise_within: u32,
    /// Cleared after so many windows in a row within the threshold; 2 by default.
    pub clear_after: u32,
    /// Not raised again in so many windows after it was cleared; 0 by default.
    pub cool_down: u32,
    /// So many times the threshold is a warning; 1.5 by default. Less is information.
    pub warning_ratio: f64,
    /// So many times the threshold is critical; 2 by default.
    pub critical_ratio: f64,
}

impl Default for AlarmSettings {
    fn default() -> Self {
        Self { raise_after: 1, raise_within: 1, clear_after: 2, cool_down: 0, warning_ratio: 1.5, critical_ratio: 2.0 }
    }
}

impl AlarmSettings {
    /// Raises a finding when `n` of the last `of` windows lie beyond the threshold.
    #[must_use]
    pub fn with_raise_after(mut self, n: u32, of: u32) -> Self {
        (self.raise_after, self.raise_within) = (n, of);
        self
    }

    /// Clears a finding after so many windows in a row within the threshold.
    #[must_use]
    pub fn with_clear_after(mut self, windows: u32) -> Self {
        self.clear_after = windows;
        self
    }

    /// Lets so many windows pass before a cleared finding may be raised again.
    #[must_use]
    pub fn with_cool_down(mut self, windows: u32) -> Self {
        self.cool_down = windows;
        self
    }

    /// Sets the ratios of score and threshold from which a finding is a warning, and critical.
    #[must_use]
    pub fn with_ratios(mut self, warning: f64, critical: f64) -> Self {
        (self.warning_ratio, self.critical_ratio) = (warning, critical);
        self
    }

    /// Returns how grave a score beyond its threshold is.
    pub(crate) fn severity(&self, score: f64, threshold: f64) -> Severity {
        match score {
            _ if score >= self.critical_ratio * threshold => Severity::Critical,
            _ if score >= self.warning_ratio * threshold => Severity::Warning,
            _ => Severity::Info,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let setting = |name, value: f64, rule| Err(Error::Setting { name, value, rule });
        if !(1..=64).contains(&self.raise_within) {
            return setting("raise_within", f64::from(self.raise_within), "from 1 to 64");
        }
        if !(1..=self.raise_within).contains(&self.raise_after) {
            return setting("raise_after", f64::from(self.raise_after), "from 1 to raise_within");
        }
        if self.clear_after == 0 {
            return setting("clear_after", 0.0, "1 or more");
        }
        if !(self.warning_ratio >= 1.0 && self.warning_ratio.is_finite()) {
            return setting("warning_ratio", self.warning_ratio, "1 or more");
        }
        if !(self.critical_ratio >= self.warning_ratio && self.critical_ratio.is_finite()) {
            return setting("critical_ratio", self.critical_ratio, "warning_ratio or more");
        }
        Ok(())
    }
}

/// How far beyond its threshold a score lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Beyond the threshold, or no longer.
    Info,
    /// At least `warning_ratio` times the threshold.
    Warning,
    /// At least `critical_ratio` times the threshold.
    Critical,
}

impl Severity {
    /// Returns the name as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl MonitorSettings {
    /// Sets the method of features of numbers.
    #[must_use]
    pub fn with_numeric_method(mut self, method: Method) -> Self {
        self.numeric_method = method;
        self
    }

    /// Sets the method of features of labels.
    #[must_use]
    pub fn with_categorical_method(mut self, method: Method) -> Self {
        self.categorical_method = method;
        self
    }

    /// Sets the threshold of scores of distributions.
    #[must_use]
    pub fn with_threshold(mut self, rule: ThresholdRule) -> Self {
        self.threshold = rule;
        self
    }

    /// Sets the threshold of missing shares.
    #[must_use]
    pub fn with_missing(mut self, rule: ThresholdRule) -> Self {
        self.missing = rule;
        self
    }

    /// Sets the settings of one feature.
    #[must_use]
    pub fn with_feature(mut self, name: impl Into<String>, feature: FeatureSettings) -> Self {
        self.features.insert(name.into(), feature);
        self
    }

    /// Sets when a finding is raised and cleared.
    #[must_use]
    pub fn with_alarms(mut self, alarms: AlarmSettings) -> Self {
        self.alarms = alarms;
        self
    }

    /// Sets how many values a feature needs in a window to be judged.
    #[must_use]
    pub fn with_min_values(mut self, values: u64) -> Self {
        self.min_values = values;
        self
    }

    /// Sets the seed of the simulations.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many recorders count without waiting for each other.
    #[must_use]
    pub fn with_shards(mut self, shards: u32) -> Self {
        self.shards = shards;
        self
    }

    pub(crate) fn method(&self, name: &str, kind: ColumnKind) -> Method {
        let own = self.features.get(name).and_then(|feature| feature.method);
        own.unwrap_or(match kind {
            ColumnKind::Numeric => self.numeric_method,
            ColumnKind::Categorical => self.categorical_method,
        })
    }

    pub(crate) fn threshold(&self, name: &str) -> ThresholdRule {
        self.features.get(name).and_then(|feature| feature.threshold).unwrap_or(self.threshold)
    }

    pub(crate) fn missing(&self, name: &str) -> ThresholdRule {
        self.features.get(name).and_then(|feature| feature.missing).unwrap_or(self.missing)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let setting = |name, value: f64, rule| Err(Error::Setting { name, value, rule });
        let own = self.features.values().flat_map(|feature| [feature.threshold, feature.missing]).flatten();
        own.chain([self.threshold, self.missing]).try_for_each(ThresholdRule::check)?;
        self.alarms.check()?;
        measure::require(self.numeric_method, ColumnKind::Numeric)?;
        measure::require(self.categorical_method, ColumnKind::Categorical)?;
        if self.min_values == 0 {
            return setting("min_values", 0.0, "1 or more");
        }
        if !(1_000..=1_000_000).contains(&self.simulations) {
            return setting("simulations", f64::from(self.simulations), "from 1,000 to 1,000,000");
        }
        if !(1..=1024).contains(&self.shards) {
            return setting("shards", f64::from(self.shards), "from 1 to 1024");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_settings_are_refused() {
        let (fine, alarms) = (MonitorSettings::default, AlarmSettings::default);
        assert!(fine().check().is_ok());
        for bad in [
            fine().with_threshold(ThresholdRule::fixed(f64::NAN)),
            fine().with_missing(ThresholdRule::fixed(-1.0)),
            fine().with_threshold(ThresholdRule::false_alarms(0.0, 0.1)),
            fine().with_feature("x", FeatureSettings::default().with_missing(ThresholdRule::false_alarms(2.0, 0.1))),
            fine().with_alarms(alarms().with_raise_after(0, 1)),
            fine().with_alarms(alarms().with_raise_after(3, 2)),
            fine().with_alarms(alarms().with_raise_after(1, 65)),
            fine().with_alarms(alarms().with_clear_after(0)),
            fine().with_alarms(alarms().with_ratios(0.5, 2.0)),
            fine().with_alarms(alarms().with_ratios(2.0, 1.5)),
            fine().with_min_values(0),
            fine().with_shards(0),
            MonitorSettings { simulations: 1, ..fine() },
        ] {
            assert!(matches!(bad.check(), Err(Error::Setting { .. })), "{bad:?}");
        }
        assert!(matches!(fine().with_categorical_method(Method::Ks).check(), Err(Error::NotApplicable { .. })));
        assert!(serde_json::from_str::<MonitorSettings>(r#"{"unknown": 1}"#).is_err());
        let json = serde_json::to_string(&fine()).unwrap();
        assert_eq!(serde_json::from_str::<MonitorSettings>(&json).unwrap(), fine());
    }
}
