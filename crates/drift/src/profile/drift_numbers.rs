//! Drift of numbers.

use super::bins::{BIN_DISTANCES, Bin, Share};
use super::column::ColumnProfile;
use super::estimate::{ColumnDrift, DriftEstimate};
use super::fixed_histogram::FixedHistogram;
use super::numbers::Numbers;
use super::steps::{StepFunction, walk};
use crate::error::{Error, Side};
use crate::math::kolmogorov::limit_survival;
use crate::math::moments::compensated_sum;
use crate::method::Method;

/// `reference` are the numbers of `profile`; `histogram` are current counts, exact if they are over the right edges.
pub(super) fn compare(
    profile: &ColumnProfile,
    reference: &Numbers,
    current: &StepFunction,
    histogram: Option<&FixedHistogram>,
    current_missing_fraction: f64,
) -> Result<ColumnDrift, Error> {
    let steps = StepFunction::of_profile(reference, Side::Reference)?;
    let edges = profile.decile_edges().unwrap_or_default();
    let mut estimates = vec![kolmogorov_smirnov(&steps, current)];
    estimates.extend(wasserstein(&steps, current, reference)?);
    let mine = shares(&steps, reference.histogram.as_ref(), &edges);
    let theirs = shares(current, histogram, &edges);
    let bins: Vec<Bin> = mine.into_iter().zip(theirs).collect();
    estimates.extend(BIN_DISTANCES.iter().map(|distance| {
        let found = distance.over(&bins, None);
        let (value, lower, upper) = (found.value, found.lower, found.upper);
        DriftEstimate { method: distance.method, value, lower, upper, p_value: None, bins: Some(bins.len()) }
    }));
    let reference_missing_fraction = profile.missing_fraction();
    Ok(ColumnDrift { estimates, edges, reference_missing_fraction, current_missing_fraction })
}

/// The largest distance of the two functions; it is off by no more than the rank errors of both together.
fn kolmogorov_smirnov(reference: &StepFunction, current: &StepFunction) -> DriftEstimate {
    let (below_f, below_g) = (reference.below_fraction(), current.below_fraction());
    let (finite_f, finite_g) = (reference.finite_fraction(), current.finite_fraction());
    let mut value = (below_f - below_g).abs();
    walk(reference, current, |_, f, g| {
        value = value.max((below_f + finite_f * f - below_g - finite_g * g).abs());
    });
    let error = finite_f * reference.error + finite_g * current.error;
    let (lower, upper) = ((value - error).max(0.0), (value + error).min(1.0));
    let (n, m) = (reference.values(), current.values());
    let p_value = Some(limit_survival((n * m / (n + m)).sqrt() * lower));
    DriftEstimate { method: Method::Ks, value, lower, upper, p_value, bins: None }
}

/// The area between the two functions; it is off by no more than the rank error of each over the range of its values.
fn wasserstein(
    reference: &StepFunction,
    current: &StepFunction,
    numbers: &Numbers,
) -> Result<[DriftEstimate; 2], Error> {
    let mut areas = Vec::new();
    let mut before = None;
    walk(reference, current, |value, f, g| {
        // Halves, because the width may exceed the range where the area does not.
        areas.extend(before.map(|(last, gap): (f64, f64)| (value / 2.0 - last / 2.0) * gap));
        before = Some((value, (f - g).abs()));
    });
    let value = 2.0 * compensated_sum(areas);
    let reach = |side: &StepFunction| 2.0 * side.error * (side.max / 2.0 - side.min / 2.0);
    let error = reach(reference) + reach(current);
    let std = numbers.moments.std_population().unwrap_or(0.0).max(STD_FLOOR);
    let estimate = |method, unit: f64| {
        let (value, lower, upper) = (value / unit, (value - error).max(0.0) / unit, (value + error) / unit);
        if !upper.is_finite() {
            return Err(Error::Range { what: "wasserstein" });
        }
        Ok(DriftEstimate { method, value, lower, upper, p_value: None, bins: None })
    };
    Ok([estimate(Method::Wasserstein, 1.0)?, estimate(Method::WassersteinNormed, std)?])
}

/// Returns the share of finite values in each bin, exactly if they were counted in these bins.
fn shares(side: &StepFunction, histogram: Option<&FixedHistogram>, edges: &[f64]) -> Vec<Share> {
    if let Some(counted) = histogram.filter(|histogram| histogram.edges == edges) {
        return counted.counts.iter().map(|count| Share::within(*count as f64 / side.finite as f64, 0.0)).collect();
    }
    let mut before = 0.0;
    let mut shares = Vec::with_capacity(edges.len() + 1);
    for up_to in edges.iter().map(|edge| side.share(*edge)).chain([1.0]) {
        shares.push(Share::within(up_to - before, side.error));
        before = up_to;
    }
    shares
}

/// As in the exact method.
const STD_FLOOR: f64 = 0.001;
