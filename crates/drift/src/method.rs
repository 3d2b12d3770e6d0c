//! The table of methods: what each one measures, where it applies, and when it says "drift".

use std::fmt;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::categories::PairedCounts;
use crate::error::Error;
use crate::methods::{
    anderson_darling, chi_square, cramer_von_mises, energy, epps_singleton, g_test, hellinger, jensen_shannon, ks,
    kuiper, kullback_leibler, l_infinity, mann_whitney, psi, t_test, total_variation, wasserstein,
};
use crate::presets::evidently::EvidentlyTest;
use crate::presets::nannyml::NannymlMeasure;
use crate::sample::Sample;

/// Names a method that compares one column of two samples.
///
/// ```
/// use lineal_drift::{Method, Sample};
///
/// let (reference, current) = (Sample::new([1.0, 2.0, 3.0]), Sample::new([2.0, 3.0, 4.0]));
/// let score = Method::WassersteinNormed.score(&reference, &current)?;
/// let spec = Method::WassersteinNormed.spec();
/// assert!(spec.drifted(&score, 0.1));
/// assert_eq!(spec.id, "wasserstein_normed");
/// # Ok::<(), lineal_drift::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Two-sample Kolmogorov-Smirnov test: [`ks`](crate::ks()).
    Ks,
    /// Wasserstein-1 distance in the unit of the column: [`wasserstein`](crate::wasserstein()).
    Wasserstein,
    /// Wasserstein-1 distance in standard deviations of the reference: [`wasserstein`](crate::wasserstein()).
    WassersteinNormed,
    /// Jensen-Shannon distance to base 2: [`jensen_shannon_counts`](crate::jensen_shannon_counts).
    JensenShannon,
    /// Population stability index: [`psi_quantile10`](crate::psi_quantile10), [`psi_counts`](crate::psi_counts).
    Psi,
    /// Chi-square test of homogeneity: [`chi_square`](crate::chi_square()).
    ChiSquare,
    /// Cramér-von Mises test: [`cramer_von_mises`](crate::cramer_von_mises()).
    CramerVonMises,
    /// Anderson-Darling test: [`anderson_darling`](crate::anderson_darling()).
    AndersonDarling,
    /// Mann-Whitney U test: [`mann_whitney`](crate::mann_whitney()).
    MannWhitney,
    /// Kuiper's test: [`kuiper`](crate::kuiper()).
    Kuiper,
    /// Energy distance: [`energy`](crate::energy()).
    Energy,
    /// Epps-Singleton test: [`epps_singleton`](crate::epps_singleton()).
    EppsSingleton,
    /// Student's t test: [`t_test`](crate::t_test()).
    TTest,
    /// Welch's t test: [`welch`](crate::welch()).
    Welch,
    /// Kullback-Leibler divergence: [`kullback_leibler_counts`](crate::kullback_leibler_counts).
    KullbackLeibler,
    /// Hellinger distance: [`hellinger_counts`](crate::hellinger_counts).
    Hellinger,
    /// Total variation distance: [`total_variation_counts`](crate::total_variation_counts).
    TotalVariation,
    /// Largest difference of shares: [`l_infinity_counts`](crate::l_infinity_counts).
    LInfinity,
    /// Likelihood ratio test: [`g_test`](crate::g_test()).
    GTest,
    /// A test of Evidently, number for number: [`EvidentlyTest`].
    Evidently(EvidentlyTest),
    /// A measure of `NannyML`, number for number: [`NannymlMeasure`].
    Nannyml(NannymlMeasure),
}

impl Method {
    /// Evidently's tests.
    pub const EVIDENTLY: &'static [Self] = EvidentlyTest::METHODS;

    /// `NannyML`'s measures.
    pub const NANNYML: &'static [Self] = NannymlMeasure::METHODS;

    /// Every method of our own, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::Ks,
        Self::CramerVonMises,
        Self::AndersonDarling,
        Self::MannWhitney,
        Self::Kuiper,
        Self::EppsSingleton,
        Self::TTest,
        Self::Welch,
        Self::Wasserstein,
        Self::WassersteinNormed,
        Self::Energy,
        Self::JensenShannon,
        Self::KullbackLeibler,
        Self::Hellinger,
        Self::TotalVariation,
        Self::LInfinity,
        Self::Psi,
        Self::ChiSquare,
        Self::GTest,
    ];

    /// Returns the row of the table.
    #[must_use]
    pub const fn spec(self) -> &'static MethodSpec {
        match self {
            Self::Ks => &ks::SPEC,
            Self::Wasserstein => &wasserstein::RAW_SPEC,
            Self::WassersteinNormed => &wasserstein::NORMED_SPEC,
            Self::JensenShannon => &jensen_shannon::SPEC,
            Self::Psi => &psi::SPEC,
            Self::ChiSquare => &chi_square::SPEC,
            Self::CramerVonMises => &cramer_von_mises::SPEC,
            Self::AndersonDarling => &anderson_darling::SPEC,
            Self::MannWhitney => &mann_whitney::SPEC,
            Self::Kuiper => &kuiper::SPEC,
            Self::Energy => &energy::SPEC,
            Self::EppsSingleton => &epps_singleton::SPEC,
            Self::TTest => &t_test::TEST,
            Self::Welch => &t_test::WELCH,
            Self::KullbackLeibler => &kullback_leibler::SPEC,
            Self::Hellinger => &hellinger::SPEC,
            Self::TotalVariation => &total_variation::SPEC,
            Self::LInfinity => &l_infinity::SPEC,
            Self::GTest => &g_test::SPEC,
            Self::Evidently(test) => test.spec(),
            Self::Nannyml(measure) => measure.spec(),
        }
    }

    /// Compares two numeric samples.
    ///
    /// # Errors
    /// [`Error::NotApplicable`] if the method needs categories; otherwise what the method itself reports.
    pub fn score(self, reference: &Sample, current: &Sample) -> Result<Score, Error> {
        let score = self.spec().on_numbers.ok_or(Error::NotApplicable { method: self, kind: "numeric" })?;
        score(reference, current).and_then(Score::checked)
    }

    /// Compares counts over the same labels.
    ///
    /// # Errors
    /// [`Error::NotApplicable`] if the method needs numbers; otherwise what the method itself reports.
    pub fn score_counts(self, counts: &PairedCounts) -> Result<Score, Error> {
        let score = self.spec().on_counts.ok_or(Error::NotApplicable { method: self, kind: "categorical" })?;
        score(counts).and_then(Score::checked)
    }
}

/// A method is written as its id.
impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.spec().id)
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let known = Self::ALL.iter().chain(Self::EVIDENTLY).chain(Self::NANNYML);
        let found = known.copied().find(|method| method.spec().id == id);
        found.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&id), &"the id of a method"))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spec().id)
    }
}

/// Describes a method: one row of the table.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MethodSpec {
    /// The method.
    pub method: Method,
    /// Stable name, as in reports.
    pub id: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// What is computed, in one sentence.
    pub definition: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// Range of [`Score::value`].
    pub range: &'static str,
    /// What a threshold is held against, and on which side of it drift lies.
    pub decides_on: DecidesOn,
    /// The threshold when none is set; `None` where no scale-free one exists.
    pub default_threshold: Option<f64>,
    pub(crate) on_numbers: Option<OnNumbers>,
    pub(crate) on_counts: Option<OnCounts>,
}

/// How a method compares two numeric samples, reference first.
pub(crate) type OnNumbers = fn(&Sample, &Sample) -> Result<Score, Error>;

/// How a method compares counts over the same labels.
pub(crate) type OnCounts = fn(&PairedCounts) -> Result<Score, Error>;

impl MethodSpec {
    /// Returns whether the method compares numbers.
    #[must_use]
    pub const fn numeric(&self) -> bool {
        self.on_numbers.is_some()
    }

    /// Returns whether the method compares category counts.
    #[must_use]
    pub const fn categorical(&self) -> bool {
        self.on_counts.is_some()
    }

    /// Returns whether a score counts as drift at a threshold.
    #[must_use]
    pub fn drifted(&self, score: &Score, threshold: f64) -> bool {
        let number = if self.decides_on.p_value() { score.p_value } else { Some(score.value) };
        number.is_some_and(|number| self.decides_on.drifted(number, threshold))
    }
}

/// Says what a threshold is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DecidesOn {
    /// Drift if the value exceeds the threshold.
    ValueAbove,
    /// Drift if the p-value is below the threshold. With many rows every difference becomes significant: look at the effect size.
    PValueBelow,
    /// Drift if the value reaches the threshold; only in rules of other tools.
    ValueAtLeast,
    /// Drift if the p-value is not above the threshold; only in rules of other tools.
    PValueAtMost,
}

impl DecidesOn {
    /// Says whether the p-value decides, not the value.
    #[must_use]
    pub const fn p_value(self) -> bool {
        matches!(self, Self::PValueBelow | Self::PValueAtMost)
    }

    /// Says whether the deciding number is drift at a threshold.
    #[must_use]
    pub fn drifted(self, number: f64, threshold: f64) -> bool {
        match self {
            Self::ValueAbove => number > threshold,
            Self::PValueBelow => number < threshold,
            Self::ValueAtLeast => number >= threshold,
            Self::PValueAtMost => number <= threshold,
        }
    }
}

/// The outcome of one method on one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Score {
    /// The method.
    pub method: Method,
    /// The statistic or distance.
    pub value: f64,
    /// Probability of a value at least as extreme if both samples come from one distribution; tests only.
    pub p_value: Option<f64>,
    /// A size of the difference that does not grow with the number of rows; `None` where it is undefined.
    pub effect: Option<f64>,
    /// Values of the reference that were used.
    pub n_reference: u64,
    /// Values of the current sample that were used.
    pub n_current: u64,
    /// Bins or labels compared; `None` for methods without bins.
    pub bins: Option<u64>,
}

impl Score {
    pub(crate) fn distance(method: Method, value: f64, rows: (u64, u64), bins: Option<usize>) -> Self {
        Self {
            method,
            value,
            p_value: None,
            effect: Some(value),
            n_reference: rows.0,
            n_current: rows.1,
            bins: bins.map(|b| b as u64),
        }
    }

    /// Lets only finite numbers out.
    fn checked(self) -> Result<Self, Error> {
        if !self.value.is_finite() {
            return Err(Error::Range { what: self.method.spec().id });
        }
        let effect = self.effect.filter(|e| e.is_finite());
        Ok(Self { effect, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_consistent() {
        for method in Method::ALL.iter().chain(Method::EVIDENTLY).chain(Method::NANNYML) {
            let spec = method.spec();
            assert_eq!(spec.method, *method);
            let written = serde_json::to_string(method).unwrap();
            assert_eq!(written, format!("\"{}\"", spec.id));
            assert_eq!(serde_json::from_str::<Method>(&written).unwrap(), *method);
            assert!(spec.numeric() || spec.categorical());
        }
    }

    #[test]
    fn wrong_kind_is_refused() {
        let sample = Sample::new([1.0]);
        assert!(matches!(Method::ChiSquare.score(&sample, &sample), Err(Error::NotApplicable { .. })));
        let counts = PairedCounts::new(["a"], [1], [1]).unwrap();
        assert!(matches!(Method::Ks.score_counts(&counts), Err(Error::NotApplicable { .. })));
    }
}
