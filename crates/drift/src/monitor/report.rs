//! What a window showed: plain data, made to be stored and sent.

use serde::{Deserialize, Serialize};

use super::policy::Severity;
use super::windows::WindowBounds;
use crate::method::Method;
use crate::settings::ColumnKind;

/// One window against the reference. Every number in it is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WindowReport {
    /// What the window spans.
    pub window: WindowBounds,
    /// Rows of the window.
    pub rows: u64,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Every feature, in the order of the reference.
    pub features: Vec<FeatureWindow>,
    /// What was raised, goes on, or was cleared.
    pub findings: Vec<Finding>,
}

impl WindowReport {
    /// Returns the features whose distribution lies beyond its threshold.
    pub fn drifted(&self) -> impl Iterator<Item = &FeatureWindow> {
        self.features.iter().filter(|feature| feature.distribution.as_ref().is_some_and(|d| d.beyond))
    }

    /// Returns the features whose missing share changed by more than its threshold.
    pub fn missing_shifted(&self) -> impl Iterator<Item = &FeatureWindow> {
        self.features.iter().filter(|feature| feature.missing.as_ref().is_some_and(|m| m.beyond))
    }

    /// Returns a feature.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&FeatureWindow> {
        self.features.iter().find(|feature| feature.name == name)
    }
}

/// One feature in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FeatureWindow {
    /// Its name.
    pub name: String,
    /// Numbers or labels.
    pub kind: ColumnKind,
    /// Values that are neither missing nor of the wrong kind.
    pub values: u64,
    /// The same of the reference.
    pub reference_values: u64,
    /// The distribution; `None` if the window has too few values or the reference none.
    pub distribution: Option<Judgement>,
    /// The absolute change of the missing share; `None` if the window has too few rows.
    pub missing: Option<Judgement>,
    /// Share of the rows whose value is missing or of the wrong kind, 0 to 1.
    pub missing_fraction: f64,
    /// The same of the reference.
    pub reference_missing_fraction: f64,
    /// Rows whose value is of the wrong kind.
    pub mistyped: u64,
    /// Share of the values beyond the reference's range, or with a label that is not listed, 0 to 1.
    pub outside_fraction: f64,
    /// The same of the reference: 0 unless labels were left out of the list or there are infinities.
    pub reference_outside_fraction: f64,
    /// Labels that are not listed: the first sixteen by name, cut to 64 bytes.
    pub new_labels: Vec<String>,
}

/// A score held against its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The method.
    pub method: Method,
    /// Its score.
    pub score: f64,
    /// The threshold for so many values.
    pub threshold: f64,
    /// Whether the score exceeds the threshold.
    pub beyond: bool,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// The distribution of the values.
    Distribution,
    /// The share of missing values.
    Missing,
}

impl Signal {
    /// Returns the name as it is serialised.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Distribution => "distribution",
            Self::Missing => "missing",
        }
    }
}

/// What happened to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a finding begins, goes on and ends")]
pub enum Phase {
    /// It is new.
    Raised,
    /// It was raised by an earlier window and not cleared yet.
    Ongoing,
    /// It is over.
    Cleared,
}

/// One thing found about one feature in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// Name of the feature.
    pub feature: String,
    /// What it is about.
    pub signal: Signal,
    /// What happened to it.
    pub phase: Phase,
    /// How grave this window is; of one within the threshold, information.
    pub severity: Severity,
    /// The window.
    pub window: WindowBounds,
    /// The last pane of the window that raised it.
    pub raised_in: u64,
    /// The method.
    pub method: Method,
    /// Its score.
    pub score: f64,
    /// The threshold.
    pub threshold: f64,
    /// The numbers behind it, in a sentence.
    pub why: String,
}

/// What a monitor has seen since it was made, restarts included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Totals {
    /// Rows counted in panes.
    pub rows: u64,
    /// Rows of panes that had ended.
    pub late: u64,
    /// Rows beyond the open panes.
    pub ahead: u64,
    /// Rows and batches that were refused with an error.
    pub rejected: u64,
    /// Windows reported.
    pub windows: u64,
    /// Panes skipped without a report, because time went on by more than the open panes.
    pub skipped_panes: u64,
    /// Findings raised with severity info.
    pub raised_info: u64,
    /// Findings raised with severity warning.
    pub raised_warning: u64,
    /// Findings raised with severity critical.
    pub raised_critical: u64,
}

impl Totals {
    /// Adds what another place has seen.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.rows, other.rows),
            (&mut self.late, other.late),
            (&mut self.ahead, other.ahead),
            (&mut self.rejected, other.rejected),
            (&mut self.windows, other.windows),
            (&mut self.skipped_panes, other.skipped_panes),
            (&mut self.raised_info, other.raised_info),
            (&mut self.raised_warning, other.raised_warning),
            (&mut self.raised_critical, other.raised_critical),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    pub(crate) fn count_raised(&mut self, severity: Severity) {
        let raised = match severity {
            Severity::Info => &mut self.raised_info,
            Severity::Warning => &mut self.raised_warning,
            Severity::Critical => &mut self.raised_critical,
        };
        *raised = raised.saturating_add(1);
    }
}
