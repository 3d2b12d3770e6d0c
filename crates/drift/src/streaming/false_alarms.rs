use serde::Serialize;

/// How often a detector with its default settings says [`Drift`](super::Signal::Drift) on a stream that does not change.
///
/// ```
/// use lineal_drift::streaming::FALSE_ALARMS;
/// let quiet: Vec<&str> = FALSE_ALARMS.iter().filter(|row| row.at_most_per_million <= 1.0).map(|row| row.detector).collect();
/// assert_eq!(quiet, ["DriftAlarm", "GeometricMovingAverage"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FalseAlarms {
    /// Name of the type.
    pub detector: &'static str,
    /// The stationary stream on which it fired most.
    pub worst_on: &'static str,
    /// Drifts in a million values that it does not exceed on 10,000,000 values of any of the streams.
    pub at_most_per_million: f64,
}

/// False alarms of the default settings, in rising order; [`DriftAlarm`](super::DriftAlarm) is the one to start with.
///
/// Defaults are those of the papers and of river and frouros, so that numbers can be compared, and most of them are no alarm for a
/// stream that never ends: they test at every value, each test at a level of its own. Measured on 10,000,000 independent values each:
/// errors at rates from 0.01 to 0.5; normal (mean 0, deviation 1), uniform (0 to 1) and exponential (mean 1) numbers. The bounds leave
/// room for chance above what was measured, and tests hold them. Where a unit matters (Page-Hinkley, CUSUM, the geometric moving
/// average, ADWIN), they hold in this one only. What compares with its best time ever (DDM, EDDM, HDDM-A) fires in the first thousands
/// of values and grows dull later, which this average hides.
pub const FALSE_ALARMS: &[FalseAlarms] = &[
    row("DriftAlarm", "errors at any rate, exponential numbers", 1.0),
    row("GeometricMovingAverage", "none", 1.0),
    row("Adwin", "exponential numbers", 2.0),
    row("Ddm", "errors at a rate of 0.01", 10.0),
    row("HddmA", "errors at a rate of 0.5", 10.0),
    row("Eddm", "errors at a rate of 0.02", 200.0),
    row("Fhddm", "errors at a rate of 0.5", 300.0),
    row("Cusum", "exponential numbers", 400.0),
    row("Rddm", "errors at a rate of 0.01", 400.0),
    row("PageHinkley", "normal numbers", 700.0),
    row("Stepd", "errors at a rate of 0.5", 700.0),
    row("HddmW", "errors at a rate of 0.5", 1_000.0),
    row("Kswin", "numbers of any law", 1_500.0),
    row("Ecdd", "errors at a rate of 0.01", 6_000.0),
];

const fn row(detector: &'static str, worst_on: &'static str, at_most_per_million: f64) -> FalseAlarms {
    FalseAlarms { detector, worst_on, at_most_per_million }
}
