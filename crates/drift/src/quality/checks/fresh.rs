//! The newest time.

use lineal_core::Timestamp;

use super::Verdict;
use crate::quality::{
    batch::Block,
    cell::instant,
    report::UncheckedReason,
    tally::Tally,
    values::{Values, unsupported},
};

#[derive(Clone, Debug)]
pub(in crate::quality) struct Fresh {
    column: String,
    max_age_nanos: i128,
    now: i128,
    /// The newest time that is not after now.
    newest: Option<i128>,
    any: bool,
}

impl Fresh {
    pub(super) fn new(column: &str, max_age_seconds: u64, now: Timestamp) -> Self {
        let max_age_nanos = i128::from(max_age_seconds) * 1_000_000_000;
        Self { column: column.to_owned(), max_age_nanos, now: now.as_nanos().into(), newest: None, any: false }
    }

    pub(super) fn update(&mut self, block: &Block<'_>, tally: &mut Tally) -> Result<(), UncheckedReason> {
        let array = block.array(&self.column)?;
        let values = Values::read(&self.column, &array)?;
        let (ticks, tick) = match &values {
            Values::Missing(_) => return Ok(()),
            Values::Instant(ticks, tick) => (ticks, *tick),
            _ => return Err(unsupported(&self.column, array.data_type())),
        };
        let present = ticks.iter().flatten();
        let mut newest = None;
        for tick_count in present {
            tally.checked += 1;
            let at = i128::from(tick_count) * tick.nanos();
            if at <= self.now {
                newest = newest.max(Some(at));
            }
            self.any = true;
        }
        self.newest = self.newest.max(newest);
        Ok(())
    }

    pub(super) fn merge(&mut self, later: &Self) {
        self.newest = self.newest.max(later.newest);
        self.any |= later.any;
    }

    pub(super) fn finish(&self) -> Verdict {
        match self.newest {
            Some(newest) => {
                let age = self.now - newest;
                let observed = format!("it is {}, {} s old", instant(newest), age as f64 / 1e9);
                Verdict::Whole { holds: age <= self.max_age_nanos, observed }
            }
            None if self.any => Verdict::Whole { holds: false, observed: "every time is after now".to_owned() },
            None => Verdict::Nothing,
        }
    }
}
