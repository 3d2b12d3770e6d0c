//! Distances of shares that are known within bounds.

use crate::math::moments::compensated_sum;
use crate::method::Method;
use crate::methods::{jensen_shannon::divergence_of, psi::index_of};

/// A share and the bounds between which the exact one lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Share {
    pub(super) value: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl Share {
    pub(super) fn within(value: f64, error: f64) -> Self {
        Self { value, lower: (value - error).max(0.0), upper: (value + error).min(1.0) }
    }
}

/// The shares of both sides in one bin.
pub(super) type Bin = (Share, Share);

/// A distance that adds up a term of each bin, and what comes of the sum.
pub(super) struct BinDistance {
    pub(super) method: Method,
    /// Jointly convex in both shares (above a floor), and 0 where they are equal, so that its extremes over a box of shares are at the
    /// corner where they differ most, and on the diagonal or at the corner nearest to it.
    term: fn(f64, f64) -> f64,
    finish: fn(f64) -> f64,
    /// The greatest sum of terms that a bin can hide, if it stands for many values, by the shares of both sides in it.
    hidden: Option<fn(f64, f64) -> f64>,
}

/// The value of a distance and the bounds of the exact one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounded {
    pub(super) value: f64,
    pub(super) lower: f64,
    pub(super) upper: f64,
}

impl BinDistance {
    /// Returns the distance over bins. The upper bound also covers what `rest`, a bin of many values, may hide.
    pub(super) fn over(&self, bins: &[Bin], rest: Option<Bin>) -> Bounded {
        let all = || bins.iter().copied().chain(rest);
        let value = compensated_sum(all().map(|(p, q)| (self.term)(p.value, q.value)));
        let lower = compensated_sum(all().map(|bin| self.least(bin)));
        let hidden = |(p, q): Bin| self.hidden.map_or_else(|| self.greatest((p, q)), |hidden| hidden(p.upper, q.upper));
        let upper = compensated_sum(bins.iter().map(|bin| self.greatest(*bin)).chain(rest.map(hidden)));
        Bounded {
            value: (self.finish)(value),
            lower: (self.finish)(lower.min(value)),
            upper: (self.finish)(upper.max(value)),
        }
    }

    fn least(&self, (p, q): Bin) -> f64 {
        if p.lower > q.upper {
            (self.term)(p.lower, q.upper)
        } else if q.lower > p.upper {
            (self.term)(p.upper, q.lower)
        } else {
            0.0
        }
    }

    fn greatest(&self, (p, q): Bin) -> f64 {
        (self.term)(p.lower, q.upper).max((self.term)(p.upper, q.lower))
    }
}

/// The distances of bins, those with the most use first.
pub(super) const BIN_DISTANCES: [BinDistance; 4] = [
    BinDistance {
        method: Method::JensenShannon,
        term: divergence_of,
        finish: |sum| (sum.clamp(0.0, std::f64::consts::LN_2) / std::f64::consts::LN_2).sqrt(),
        hidden: Some(|p, q| (p + q) / 2.0 * std::f64::consts::LN_2),
    },
    BinDistance { method: Method::Psi, term: index_of, finish: |sum| sum, hidden: None },
    BinDistance {
        method: Method::TotalVariation,
        term: |p, q| (p - q).abs() / 2.0,
        finish: |sum| sum.min(1.0),
        hidden: Some(|p, q| (p + q) / 2.0),
    },
    BinDistance {
        method: Method::Hellinger,
        term: |p, q| (p.sqrt() - q.sqrt()).powi(2) / 2.0,
        finish: |sum| sum.sqrt().min(1.0),
        hidden: Some(|p, q| (p + q) / 2.0),
    },
];
