//! Panes and windows: which rows are looked at together.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Says how rows make panes and panes make windows.
///
/// A window is one pane (tumbling), or the last so many (sliding): then each pane that ends completes a window.
///
/// ```
/// use lineal_drift::monitor::Windows;
///
/// // A day, looked at every hour; rows may come two hours late.
/// let midnight_us = 1_767_225_600_000_000;
/// let windows = Windows::of_time(midnight_us, 3_600_000_000).with_sliding(24).with_allowed_lateness(2);
/// assert_eq!(windows.panes_per_window, 24);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Windows {
    /// What a pane holds.
    pub pane: Pane,
    /// Panes in a window, 1 to 1024; 1 by default.
    pub panes_per_window: u32,
    /// How many panes a row may come late; 0 by default. Only time has late rows.
    pub allowed_lateness: u32,
    /// How many panes may be open at once, more than the lateness and at most 4096; 64 by default. Bounds the memory: 8 bytes for each
    /// cell, open pane with rows, and shard.
    pub open_panes: u32,
}

/// What a pane holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Pane {
    /// So many rows, in the order of their arrival.
    Rows {
        /// 1 or more.
        rows: u64,
    },
    /// The rows whose time lies in an interval, in microseconds of any origin.
    Time {
        /// Where the first pane starts; rows before it are late.
        starts_at_us: i64,
        /// 1 or more.
        width_us: u64,
    },
    /// Whatever comes until the caller ends it.
    Chunk,
}

impl Windows {
    /// Windows of so many rows; the number of rows is exact, which rows they are follows from the order of arrival.
    #[must_use]
    pub fn of_rows(rows: u64) -> Self {
        Self::of(Pane::Rows { rows })
    }

    /// Windows of time, the first from `starts_at_us`, each `width_us` wide; both in microseconds.
    #[must_use]
    pub fn of_time(starts_at_us: i64, width_us: u64) -> Self {
        Self::of(Pane::Time { starts_at_us, width_us })
    }

    /// Windows that end when the caller says so.
    #[must_use]
    pub fn of_chunks() -> Self {
        Self::of(Pane::Chunk)
    }

    fn of(pane: Pane) -> Self {
        Self { pane, panes_per_window: 1, allowed_lateness: 0, open_panes: 64 }
    }

    /// Looks at the last so many panes together.
    #[must_use]
    pub fn with_sliding(mut self, panes_per_window: u32) -> Self {
        self.panes_per_window = panes_per_window;
        self
    }

    /// Lets rows come so many panes late.
    #[must_use]
    pub fn with_allowed_lateness(mut self, panes: u32) -> Self {
        self.allowed_lateness = panes;
        self
    }

    /// Sets how many panes may be open at once.
    #[must_use]
    pub fn with_open_panes(mut self, panes: u32) -> Self {
        self.open_panes = panes;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let setting = |name, value: f64, rule| Err(Error::Setting { name, value, rule });
        match self.pane {
            Pane::Rows { rows: 0 } => return setting("rows of a pane", 0.0, "1 or more"),
            Pane::Time { width_us: 0, .. } => return setting("width_us", 0.0, "1 or more"),
            _ => {}
        }
        if !(1..=1024).contains(&self.panes_per_window) {
            return setting("panes_per_window", f64::from(self.panes_per_window), "from 1 to 1024");
        }
        if self.open_panes <= self.allowed_lateness || self.open_panes > 4096 {
            return setting("open_panes", f64::from(self.open_panes), "more than the lateness, and at most 4096");
        }
        Ok(())
    }

    /// Returns the pane of a time; `None` before the first one, and unless panes are of time.
    pub(crate) fn pane_at(&self, time_us: i64) -> Option<u64> {
        match self.pane {
            Pane::Time { starts_at_us, width_us } if time_us >= starts_at_us => {
                time_us.abs_diff(starts_at_us).checked_div(width_us)
            }
            _ => None,
        }
    }

    /// Returns where a pane of time starts; the last microsecond there is if it lies behind it.
    pub(crate) fn starts_at(&self, pane: u64) -> Option<i64> {
        let Pane::Time { starts_at_us, width_us } = self.pane else { return None };
        let start = i128::from(pane).saturating_mul(i128::from(width_us)).saturating_add(i128::from(starts_at_us));
        Some(i64::try_from(start).unwrap_or(i64::MAX))
    }

    /// Returns what a window from `first_pane` to `last_pane` spans.
    pub(crate) fn bounds(&self, first_pane: u64, last_pane: u64) -> WindowBounds {
        WindowBounds {
            first_pane,
            last_pane,
            starts_at_us: self.starts_at(first_pane),
            ends_at_us: self.starts_at(last_pane.saturating_add(1)),
        }
    }

    /// Refuses what goes with other windows.
    pub(crate) fn require_time(&self, time: bool) -> Result<(), Error> {
        match (self.pane, time) {
            (Pane::Time { .. }, false) => Err(Error::Windows {
                windows: "time",
                needs: "the time: record_at, record_batch_at, close_until, take_until",
            }),
            (Pane::Rows { .. }, true) => {
                Err(Error::Windows { windows: "row", needs: "no time: record, record_batch, close, take" })
            }
            (Pane::Chunk, true) => {
                Err(Error::Windows { windows: "chunk", needs: "no time: record, record_batch, close, take" })
            }
            _ => Ok(()),
        }
    }
}

/// What a window spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WindowBounds {
    /// Number of its first pane; panes are numbered from 0.
    pub first_pane: u64,
    /// Number of its last pane.
    pub last_pane: u64,
    /// The first microsecond of the window; only of windows of time.
    pub starts_at_us: Option<i64>,
    /// The first microsecond behind it; only of windows of time.
    pub ends_at_us: Option<i64>,
}

/// Where a row went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// Into its pane.
    Counted,
    /// Into its pane, which is full now: [`Monitor::close`](super::Monitor::close) is due. Only panes of so many rows say so.
    Filled,
    /// Nowhere but into the count of late rows: its pane has ended.
    Late,
    /// Nowhere but into the count of rows ahead: it lies beyond the open panes. Close panes, then record it again if it is to count.
    Ahead,
}

/// Where the rows of a batch went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchPlacement {
    /// Rows in their panes.
    pub counted: u64,
    /// Rows of panes that have ended.
    pub late: u64,
    /// Rows beyond the open panes.
    pub ahead: u64,
    /// Whether a pane of so many rows is full now.
    pub filled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_of_time_hold_at_the_extremes() {
        let windows = Windows::of_time(i64::MIN, 1);
        assert_eq!(windows.pane_at(i64::MAX), Some(u64::MAX));
        assert_eq!(windows.starts_at(u64::MAX), Some(i64::MAX));
        let windows = Windows::of_time(-5, 10);
        assert_eq!([-6, -5, 4, 5].map(|t| windows.pane_at(t)), [None, Some(0), Some(0), Some(1)]);
        let bounds = windows.bounds(1, 2);
        assert_eq!((bounds.starts_at_us, bounds.ends_at_us), (Some(5), Some(25)));
        assert_eq!(Windows::of_time(0, u64::MAX).bounds(3, u64::MAX).ends_at_us, Some(i64::MAX));
    }

    #[test]
    fn impossible_windows_are_refused() {
        let windows = Windows::of_chunks;
        for bad in [
            Windows::of_rows(0),
            Windows::of_time(0, 0),
            windows().with_sliding(0),
            windows().with_sliding(2000),
            windows().with_open_panes(0),
            windows().with_open_panes(5000),
            windows().with_allowed_lateness(64),
        ] {
            assert!(matches!(bad.check(), Err(Error::Setting { .. })), "{bad:?}");
        }
    }
}
