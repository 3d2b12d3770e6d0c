//! Limits of a check.

use lineal_core::Timestamp;
use serde::{Deserialize, Serialize};

/// Says what time it is and how much a check may keep.
///
/// ```
/// use lineal_core::Timestamp;
/// use lineal_drift::quality::CheckSettings;
///
/// let settings = CheckSettings::default().with_now("2013-08-15T12:00:00Z".parse()?).with_max_keys(1_000_000);
/// assert_eq!(settings.max_examples, 5);
/// # Ok::<(), lineal_core::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CheckSettings {
    /// What freshness is measured against; there is no clock.
    pub now: Option<Timestamp>,
    /// Distinct keys that a uniqueness constraint remembers; 5,000,000 by default, which take up to 300 megabytes.
    ///
    /// Beyond it, rows are only compared with the keys remembered: a repetition that is found is a failure, and if none is found the
    /// result is [`UncheckedReason::TooManyKeys`](super::UncheckedReason::TooManyKeys).
    pub max_keys: usize,
    /// Examples of violations per constraint; 5 by default.
    pub max_examples: usize,
}

impl Default for CheckSettings {
    fn default() -> Self {
        Self { now: None, max_keys: 5_000_000, max_examples: 5 }
    }
}

impl CheckSettings {
    /// Sets what freshness is measured against.
    #[must_use]
    pub fn with_now(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Sets how many distinct keys a uniqueness constraint remembers.
    #[must_use]
    pub fn with_max_keys(mut self, keys: usize) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets how many examples each constraint keeps.
    #[must_use]
    pub fn with_max_examples(mut self, examples: usize) -> Self {
        self.max_examples = examples;
        self
    }
}
