//! Drift monitoring: Arrow arrays in, numbers out. No storage, no runtime, no clock, no global state.
//!
//! Two samples of one column are compared by a [`Method`]: each has a file of its own, a row in the table ([`Method::spec`]) that states
//! its definition, source, range and threshold, and a function that returns everything it can tell ([`ks()`], [`wasserstein()`],
//! [`jensen_shannon()`], [`psi_quantile10`], [`chi_square()`] and the rest). Many p-values are judged together by a [`Correction`].
//!
//! Many columns are compared by [`DataDrift`], whose [`DataDriftReport`] has a status per column, serialises, becomes evidence
//! ([`DataDriftReport::to_statement`]) and a page to look at ([`report_html`], or [`SessionPage`] for many windows). Rows as a whole and
//! embeddings: [`multivariate`]; p-values for series: [`resampling`]. A reference that is gone: [`profile`]. Value by value: [`streaming`].
//!
//! How well a model does, with labels, with late ones and without: [`performance`]. Whether data are what they should be: [`quality`].
//! All of it in a running service: [`monitor`].
//!
//! One policy for values: null and NaN are missing, counted and left out; infinities are values where only the order counts and a typed
//! error where a distance is asked (a report leaves them out and counts them); an empty side is a typed error; constants are fine.
//! Results do not depend on the number of threads or on the order of the rows.
//!
//! Not here: thresholds are customs, not proofs, and drift of inputs alone is no reason to retrain. Look at [`performance`] beside it,
//! realised or estimated.
//!
//! ```
//! use lineal_drift::{Sample, ks, wasserstein};
//!
//! let reference: Sample = (0..200).map(|i| f64::from(i % 20)).collect();
//! let current: Sample = (0..200).map(|i| f64::from(i % 20) + 5.0).collect();
//! assert!(ks(&reference, &current)?.p_value() < 0.01);
//! assert!((wasserstein(&reference, &current)?.raw - 5.0).abs() < 1e-12);
//! # Ok::<(), lineal_drift::Error>(())
//! ```
#![warn(clippy::cast_possible_truncation)]

mod error; // what can go wrong, and the two sides

// Samples
mod arrays; // Arrow to numbers and labels, the only place that knows types
mod categories; // label counts of one side, and of both over one list
mod sample; // sorted numbers and the count of missing ones

// Two samples
mod math; // laws, sums and decompositions
mod method; // the table of methods, and the small result they share
mod methods; // one file each
mod multiple_testing; // many p-values at once
mod presets; // Evidently's and NannyML's rules under their own names

// One sample
mod band; // limits learnt from chunks of the reference
mod binning; // rules for bins
mod summary; // facts of one column

// Rows of several columns, and series
pub mod multivariate; // drift of rows as a whole, and of embeddings
pub mod resampling; // p-values by drawing anew

// Many columns
mod column; // one column, whatever goes wrong
mod data_drift; // all columns in parallel
mod distribution; // summaries and bars for pictures
mod learn; // thresholds from windows of the reference
mod report; // what was found, as plain data
mod segments; // parts of the data by the values of columns
mod settings; // methods and thresholds per column

// Streams
pub mod streaming; // detectors, value by value

// With labels, without, and with late ones
pub mod performance; // how well a model does
// Data quality
pub mod quality; // constraints, checked in one pass
// Without the rows
pub mod profile; // mergeable profiles, and drift between them
// A live service
pub mod monitor; // windows of rows against a reference of counts

// Ways out
mod page; // self-contained HTML
mod statement; // evidence for other crates

/// The Arrow whose arrays this crate takes.
pub use arrow;
/// The ndarray whose matrices this crate takes.
pub use ndarray;

pub use self::band::Band;
pub use self::binning::{BinRule, Histogram};
pub use self::categories::{Categories, PairedCounts};
pub use self::data_drift::DataDrift;
pub use self::distribution::{Distribution, NumericSummary, QuantileShift};
pub use self::error::{Error, Side};
pub use self::math::gamma::chi_square_survival;
pub use self::method::{DecidesOn, Method, MethodSpec, Score};
pub use self::methods::{
    anderson_darling::{AndersonDarling, TieRule, anderson_darling},
    chi_square::{ChiSquare, chi_square, chi_square_fit},
    cramer_von_mises::{CramerVonMises, cramer_von_mises},
    energy::energy,
    epps_singleton::{EppsSingleton, epps_singleton},
    g_test::{GTest, g_fit, g_test},
    hellinger::hellinger_counts,
    jensen_shannon::{JensenShannon, jensen_shannon, jensen_shannon_counts},
    ks::{KsOneSided, KsTest, ks},
    kuiper::{Kuiper, kuiper},
    kullback_leibler::kullback_leibler_counts,
    l_infinity::l_infinity_counts,
    mann_whitney::{Alternative, MannWhitney, mann_whitney},
    mmd::{Mmd, energy_rows, median_distances, mmd},
    proportions::{Fisher, TwoByTwo, TwoProportions, chi_square_yates, fisher, two_proportions},
    psi::{Psi, decile_edges, psi_counts, psi_quantile10},
    t_test::{TTest, t_test, welch},
    total_variation::total_variation_counts,
    wasserstein::{Wasserstein, wasserstein},
};
pub use self::multiple_testing::Correction;
pub use self::page::{
    session::{Calibrated, Series, SeriesPoint, SessionPage},
    single::report_html,
};
pub use self::presets::{
    evidently::{EvidentlyScore, EvidentlyTest},
    nannyml::NannymlMeasure,
};
pub use self::report::{
    ColumnReport, ColumnStatus, DataDriftReport, Finding, LabelRows, LabelShift, MissingShift, SkipReason,
};
pub use self::sample::Sample;
pub use self::segments::{SegmentReport, matched_reference};
pub use self::settings::{ColumnKind, ColumnSettings, DataDriftSettings, MethodChoice};
pub use self::statement::{ColumnClaim, DriftPredicate, ScoreClaim};
pub use self::summary::Summary;
