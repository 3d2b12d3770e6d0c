//! Evidently's tests as rows of the table of methods.

use crate::categories::PairedCounts;
use crate::error::Error;
use crate::method::{DecidesOn, Method, MethodSpec, OnCounts, OnNumbers, Score};
use crate::presets::evidently::{EvidentlyScore, EvidentlyTest as Test};
use crate::sample::Sample;

impl Test {
    /// Every test, in the order of its documentation.
    pub(crate) const METHODS: &'static [Method] = &[
        Method::Evidently(Self::Ks),
        Method::Evidently(Self::Wasserstein),
        Method::Evidently(Self::Psi),
        Method::Evidently(Self::JensenShannon),
        Method::Evidently(Self::KlDiv),
        Method::Evidently(Self::Hellinger),
        Method::Evidently(Self::Ed),
        Method::Evidently(Self::Anderson),
        Method::Evidently(Self::CramerVonMises),
        Method::Evidently(Self::MannWhitney),
        Method::Evidently(Self::TTest),
        Method::Evidently(Self::Es),
        Method::Evidently(Self::ChiSquare),
        Method::Evidently(Self::GTest),
        Method::Evidently(Self::Z),
    ];

    pub(crate) const fn spec(self) -> &'static MethodSpec {
        match self {
            Self::Ks => &KS,
            Self::Wasserstein => &WASSERSTEIN,
            Self::Psi => &PSI,
            Self::JensenShannon => &JENSEN_SHANNON,
            Self::KlDiv => &KL_DIV,
            Self::Hellinger => &HELLINGER,
            Self::Ed => &ED,
            Self::Anderson => &ANDERSON,
            Self::CramerVonMises => &CRAMER_VON_MISES,
            Self::MannWhitney => &MANN_WHITNEY,
            Self::TTest => &T_TEST,
            Self::Es => &ES,
            Self::ChiSquare => &CHI_SQUARE,
            Self::GTest => &G_TEST,
            Self::Z => &Z,
        }
    }

    fn score_numbers(self, reference: &Sample, current: &Sample) -> Result<Score, Error> {
        Ok(self.score(self.numbers(reference, current)?, (reference.len() as u64, current.len() as u64), None))
    }

    fn score_counts(self, counts: &PairedCounts) -> Result<Score, Error> {
        Ok(self.score(self.labels(counts)?, counts.rows(), Some(counts.labels().len())))
    }

    /// Evidently has one number per column, be it a p-value or a distance.
    fn score(self, found: EvidentlyScore, rows: (u64, u64), bins: Option<usize>) -> Score {
        let method = Method::Evidently(self);
        let is_p = method.spec().decides_on.p_value();
        Score {
            p_value: is_p.then_some(found.score),
            effect: (!is_p).then_some(found.score),
            ..Score::distance(method, found.score, rows, bins)
        }
    }
}

const P: &str = "p-value, 0 to 1";
const DISTANCE: &str = "0 up";

/// One row; what is odd in a definition is Evidently's.
const fn row(
    test: Test,
    names: (&'static str, &'static str),
    definition: &'static str,
    decision: (DecidesOn, f64),
    on: (Option<OnNumbers>, Option<OnCounts>),
) -> MethodSpec {
    MethodSpec {
        method: Method::Evidently(test),
        id: names.0,
        title: names.1,
        definition,
        source: "Evidently 0.7.23",
        range: if decision.0.p_value() { P } else { DISTANCE },
        decides_on: decision.0,
        default_threshold: Some(decision.1),
        on_numbers: on.0,
        on_counts: on.1,
    }
}

static KS: MethodSpec = row(
    Test::Ks,
    ("evidently_ks", "K-S p-value (Evidently)"),
    "Kolmogorov-Smirnov p-value, exact up to 10,000 values a side",
    (DecidesOn::PValueAtMost, 0.05),
    (Some(|r, c| Test::Ks.score_numbers(r, c)), None),
);
static WASSERSTEIN: MethodSpec = row(
    Test::Wasserstein,
    ("evidently_wasserstein", "Wasserstein distance, normed (Evidently)"),
    "Wasserstein-1 distance over the standard deviation of the reference, at least 0.001",
    (DecidesOn::ValueAtLeast, 0.1),
    (Some(|r, c| Test::Wasserstein.score_numbers(r, c)), None),
);
static PSI: MethodSpec = row(
    Test::Psi,
    ("evidently_psi", "PSI (Evidently)"),
    "population stability index over Sturges' bins of the pooled data, empty bins filled",
    (DecidesOn::ValueAtLeast, 0.1),
    (Some(|r, c| Test::Psi.score_numbers(r, c)), Some(|c| Test::Psi.score_counts(c))),
);
static JENSEN_SHANNON: MethodSpec = row(
    Test::JensenShannon,
    ("evidently_jensenshannon", "Jensen-Shannon distance (Evidently)"),
    "Jensen-Shannon distance to base e over Sturges' bins of the pooled data",
    (DecidesOn::ValueAtLeast, 0.1),
    (Some(|r, c| Test::JensenShannon.score_numbers(r, c)), Some(|c| Test::JensenShannon.score_counts(c))),
);
static KL_DIV: MethodSpec = row(
    Test::KlDiv,
    ("evidently_kl_div", "Kullback-Leibler divergence (Evidently)"),
    "Kullback-Leibler divergence over Sturges' bins of the pooled data, empty bins filled",
    (DecidesOn::ValueAtLeast, 0.1),
    (Some(|r, c| Test::KlDiv.score_numbers(r, c)), Some(|c| Test::KlDiv.score_counts(c))),
);
static HELLINGER: MethodSpec = row(
    Test::Hellinger,
    ("evidently_hellinger", "Hellinger distance (Evidently)"),
    "Hellinger distance over Sturges' bins of the distinct values",
    (DecidesOn::ValueAtLeast, 0.1),
    (Some(|r, c| Test::Hellinger.score_numbers(r, c)), Some(|c| Test::Hellinger.score_counts(c))),
);
static ED: MethodSpec = row(
    Test::Ed,
    ("evidently_ed", "Energy distance (Evidently)"),
    "energy distance, square root of twice the integral of the squared difference of the distribution functions",
    (DecidesOn::ValueAbove, 0.1),
    (Some(|r, c| Test::Ed.score_numbers(r, c)), None),
);
static ANDERSON: MethodSpec = row(
    Test::Anderson,
    ("evidently_anderson", "Anderson-Darling p-value (Evidently)"),
    "Anderson-Darling p-value, clipped to 0.001 to 0.25",
    (DecidesOn::PValueBelow, 0.1),
    (Some(|r, c| Test::Anderson.score_numbers(r, c)), None),
);
static CRAMER_VON_MISES: MethodSpec = row(
    Test::CramerVonMises,
    ("evidently_cramer_von_mises", "Cramér-von Mises p-value (Evidently)"),
    "Cramér-von Mises p-value, counted in half precision for at most 20 values a side",
    (DecidesOn::PValueBelow, 0.1),
    (Some(|r, c| Test::CramerVonMises.score_numbers(r, c)), None),
);
static MANN_WHITNEY: MethodSpec = row(
    Test::MannWhitney,
    ("evidently_mannw", "Mann-Whitney p-value (Evidently)"),
    "one-sided Mann-Whitney p-value: blind to current values that are smaller",
    (DecidesOn::PValueBelow, 0.05),
    (Some(|r, c| Test::MannWhitney.score_numbers(r, c)), None),
);
static T_TEST: MethodSpec = row(
    Test::TTest,
    ("evidently_t_test", "t test p-value (Evidently)"),
    "p-value of Student's t test with pooled variance",
    (DecidesOn::PValueBelow, 0.05),
    (Some(|r, c| Test::TTest.score_numbers(r, c)), None),
);
static ES: MethodSpec = row(
    Test::Es,
    ("evidently_es", "Epps-Singleton p-value (Evidently)"),
    "p-value of Epps and Singleton's test of the characteristic functions",
    (DecidesOn::PValueBelow, 0.05),
    (Some(|r, c| Test::Es.score_numbers(r, c)), None),
);
static CHI_SQUARE: MethodSpec = row(
    Test::ChiSquare,
    ("evidently_chisquare", "Chi-square p-value (Evidently)"),
    "p-value of the chi-square test of fit, the shares of the reference taken for exact",
    (DecidesOn::PValueBelow, 0.05),
    (None, Some(|c| Test::ChiSquare.score_counts(c))),
);
static G_TEST: MethodSpec = row(
    Test::GTest,
    ("evidently_g_test", "G test p-value (Evidently)"),
    "p-value of the likelihood ratio test of fit, for sides of equal size",
    (DecidesOn::PValueBelow, 0.1),
    (None, Some(|c| Test::GTest.score_counts(c))),
);
static Z: MethodSpec = row(
    Test::Z,
    ("evidently_z", "Z test p-value (Evidently)"),
    "p-value of the pooled z test of two proportions",
    (DecidesOn::PValueBelow, 0.05),
    (None, Some(|c| Test::Z.score_counts(c))),
);
