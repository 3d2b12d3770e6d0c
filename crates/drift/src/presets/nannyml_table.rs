//! `NannyML`'s measures as rows of the table of methods.

use crate::categories::PairedCounts;
use crate::error::Error;
use crate::method::{DecidesOn, Method, MethodSpec, OnCounts, OnNumbers, Score};
use crate::presets::nannyml::{NannymlMeasure as Measure, chi2};
use crate::sample::Sample;

impl Measure {
    pub(crate) const METHODS: &'static [Method] = &[
        Method::Nannyml(Self::KolmogorovSmirnov),
        Method::Nannyml(Self::JensenShannon),
        Method::Nannyml(Self::Wasserstein),
        Method::Nannyml(Self::Hellinger),
        Method::Nannyml(Self::Chi2),
        Method::Nannyml(Self::LInfinity),
    ];

    pub(crate) const fn spec(self) -> &'static MethodSpec {
        match self {
            Self::KolmogorovSmirnov => &KOLMOGOROV_SMIRNOV,
            Self::JensenShannon => &JENSEN_SHANNON,
            Self::Wasserstein => &WASSERSTEIN,
            Self::Hellinger => &HELLINGER,
            Self::Chi2 => &CHI2,
            Self::LInfinity => &L_INFINITY,
        }
    }

    fn score_numbers(self, reference: &Sample, current: &Sample) -> Result<Score, Error> {
        let rows = (reference.len() as u64, current.len() as u64);
        Ok(Score::distance(Method::Nannyml(self), self.numbers(reference, current)?, rows, None))
    }

    fn score_counts(self, counts: &PairedCounts) -> Result<Score, Error> {
        let score = |value| Score::distance(Method::Nannyml(self), value, counts.rows(), Some(counts.labels().len()));
        if self == Self::Chi2 {
            let (statistic, p_value) = chi2(counts)?;
            return Ok(Score { p_value: Some(p_value), effect: None, ..score(statistic) });
        }
        self.labels(counts).map(score)
    }
}

const fn row(
    measure: Measure,
    names: (&'static str, &'static str),
    definition: &'static str,
    decision: (DecidesOn, Option<f64>),
    on: (Option<OnNumbers>, Option<OnCounts>),
) -> MethodSpec {
    MethodSpec {
        method: Method::Nannyml(measure),
        id: names.0,
        title: names.1,
        definition,
        source: "NannyML 0.13.1",
        range: if on.0.is_some() && on.1.is_none() { "0 up" } else { "0 to 1" },
        decides_on: decision.0,
        default_threshold: decision.1,
        on_numbers: on.0,
        on_counts: on.1,
    }
}

static KOLMOGOROV_SMIRNOV: MethodSpec = row(
    Measure::KolmogorovSmirnov,
    ("nannyml_kolmogorov_smirnov", "Kolmogorov-Smirnov statistic (NannyML)"),
    "largest difference of the distribution functions; from 10,000 reference values on, at the edges of 10,000 bins",
    (DecidesOn::ValueAbove, Some(0.1)),
    (Some(|r, c| Measure::KolmogorovSmirnov.score_numbers(r, c)), None),
);
static JENSEN_SHANNON: MethodSpec = row(
    Measure::JensenShannon,
    ("nannyml_jensen_shannon", "Jensen-Shannon distance (NannyML)"),
    "Jensen-Shannon distance to base 2 over Doane's bins of the reference and one bin for all values outside",
    (DecidesOn::ValueAbove, Some(0.1)),
    (Some(|r, c| Measure::JensenShannon.score_numbers(r, c)), Some(|c| Measure::JensenShannon.score_counts(c))),
);
static WASSERSTEIN: MethodSpec = row(
    Measure::Wasserstein,
    ("nannyml_wasserstein", "Wasserstein distance (NannyML)"),
    "Wasserstein-1 distance in the unit of the column; from 10,000 reference values on, over 10,000 bins",
    (DecidesOn::ValueAbove, None),
    (Some(|r, c| Measure::Wasserstein.score_numbers(r, c)), None),
);
static HELLINGER: MethodSpec = row(
    Measure::Hellinger,
    ("nannyml_hellinger", "Hellinger distance (NannyML)"),
    "Hellinger distance over Doane's bins of the reference and one bin for all values outside",
    (DecidesOn::ValueAbove, Some(0.1)),
    (Some(|r, c| Measure::Hellinger.score_numbers(r, c)), Some(|c| Measure::Hellinger.score_counts(c))),
);
static CHI2: MethodSpec = row(
    Measure::Chi2,
    ("nannyml_chi2", "Chi-square test (NannyML)"),
    "Pearson's statistic of the table of labels by side, with Yates' correction for two labels",
    (DecidesOn::PValueBelow, Some(0.05)),
    (None, Some(|c| Measure::Chi2.score_counts(c))),
);
static L_INFINITY: MethodSpec = row(
    Measure::LInfinity,
    ("nannyml_l_infinity", "L-infinity distance (NannyML)"),
    "largest absolute difference of the shares of a label",
    (DecidesOn::ValueAbove, Some(0.1)),
    (None, Some(|c| Measure::LInfinity.score_counts(c))),
);
