use std::time::Duration;

use lineal_core::{Clock, Timestamp};

use crate::sim::Sim;

/// Clock of one machine of a world: the world's time, perhaps ahead or behind, fast or slow.
///
/// Worlds begin at the start of 2013.
#[derive(Clone, Debug)]
pub struct SimClock {
    sim: Sim,
    starts_at: Timestamp,
    /// How much faster than the world it runs, in thousandths.
    rate: i64,
}

impl Sim {
    /// Returns a clock that tells the world's time.
    #[must_use]
    pub fn clock(&self) -> SimClock {
        SimClock { sim: self.clone(), starts_at: Timestamp::from_nanos(START_NANOS), rate: 0 }
    }

    /// Returns a clock that starts at most `skew` ahead or behind and runs at most a tenth fast or slow, drawn at random.
    #[must_use]
    pub fn skewed_clock(&self, skew: Duration) -> SimClock {
        let mut dice = self.dice();
        let limit = i64::try_from(skew.as_nanos()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
        let offset = dice.below(2 * limit.unsigned_abs() + 1) as i64 - limit;
        let rate = dice.below(201) as i64 - 100;
        SimClock { sim: self.clone(), starts_at: Timestamp::from_nanos(START_NANOS + offset), rate }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.sim.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let drift = elapsed / 1_000 * self.rate;
        let own = elapsed.saturating_add(drift);
        Timestamp::from_nanos(self.starts_at.as_nanos().saturating_add(own))
    }
}

/// 2013-01-01T00:00:00Z.
const START_NANOS: i64 = 1_356_998_400 * 1_000_000_000;
