use std::time::Duration;

/// How often and how patiently a storage request is repeated before the caller hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Wait after the first failure; doubles each time.
    pub first_wait: Duration,
    /// Longest single wait.
    pub longest_wait: Duration,
}

impl Default for Retry {
    /// Six attempts within about three seconds.
    fn default() -> Self {
        Self { attempts: 6, first_wait: Duration::from_millis(50), longest_wait: Duration::from_secs(2) }
    }
}

impl Retry {
    /// Sets the number of attempts; 0 counts as 1.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the first and the longest wait.
    #[must_use]
    pub fn with_waits(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest.max(first);
        self
    }

    /// Returns the wait after failed attempt `failed` (1-based), spread by `spread` so that rivals part ways.
    ///
    /// The wait lies in the upper half of the doubled step: at least half of it, at most all of it.
    pub(crate) fn wait(&self, failed: u32, spread: u64) -> Duration {
        let doubled = self.first_wait.saturating_mul(1_u32 << failed.saturating_sub(1).min(16));
        let step = doubled.min(self.longest_wait);
        let half = step / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(if nanos == 0 { 0 } else { spread % nanos })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let retry = Retry::default();
        for failed in 1..40 {
            let wait = retry.wait(failed, u64::from(failed) * 7_919_000_017);
            assert!(wait <= retry.longest_wait, "{wait:?}");
            assert!(wait >= retry.first_wait / 2);
        }
        assert!(retry.wait(1, 3) <= retry.first_wait);
    }
}
