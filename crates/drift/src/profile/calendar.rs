//! When things happen: counts per hour, weekday and month.

use serde::{Deserialize, Serialize};

use super::codec::{Malformed, Reader, Writer};

/// Exact counts per hour of the day, day of the week and month of the year, as the column stores its times: UTC for timestamps with a
/// zone, the time on the wall for those without one.
///
/// Dates have no hours, times of day nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Calendar {
    /// Rows per hour, 0 to 23.
    pub hours: [u64; 24],
    /// Rows per weekday, Monday first.
    pub weekdays: [u64; 7],
    /// Rows per month, January first.
    pub months: [u64; 12],
}

/// What a number of a temporal column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ticks {
    /// Days since 1970.
    Days,
    /// Since midnight, so many per second.
    OfDay(i64),
    /// Since 1970, so many per second.
    SinceEpoch(i64),
}

impl Calendar {
    /// Adds times that ascend, so that one hour after the other can be counted.
    pub(super) fn add_sorted(&mut self, times: impl Iterator<Item = i64>, ticks: Ticks) {
        let per_hour = match ticks {
            Ticks::Days => 1,
            Ticks::OfDay(per_second) | Ticks::SinceEpoch(per_second) => 3600 * per_second,
        };
        // One division for each hour that occurs, and one comparison for each time.
        let (mut hour, mut end, mut rows) = (0, i64::MIN, 0);
        for time in times {
            if time >= end {
                self.count(hour, rows, ticks);
                hour = time.div_euclid(per_hour);
                end = hour.saturating_add(1).saturating_mul(per_hour);
                rows = 0;
            }
            rows += 1;
        }
        self.count(hour, rows, ticks);
    }

    /// Counts rows of one hour (of one day, for dates).
    fn count(&mut self, hour: i64, rows: u64, ticks: Ticks) {
        let day = if ticks == Ticks::Days { hour } else { hour.div_euclid(24) };
        if ticks != Ticks::Days {
            bump(&mut self.hours, hour.rem_euclid(24), rows);
        }
        if !matches!(ticks, Ticks::OfDay(_)) {
            // The first of January 1970 was a Thursday.
            bump(&mut self.weekdays, (day.rem_euclid(7) + 3) % 7, rows);
            bump(&mut self.months, month(day), rows);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (count, other) in self.counts_mut().zip(other.counts()) {
            *count = count.saturating_add(*other);
        }
    }

    fn counts(&self) -> impl Iterator<Item = &u64> {
        self.hours.iter().chain(&self.weekdays).chain(&self.months)
    }

    fn counts_mut(&mut self) -> impl Iterator<Item = &mut u64> {
        self.hours.iter_mut().chain(&mut self.weekdays).chain(&mut self.months)
    }

    pub(super) fn write(&self, to: &mut Writer) {
        self.counts().for_each(|count| to.u64(*count));
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut calendar = Self::default();
        for count in calendar.counts_mut() {
            *count = from.u64()?;
        }
        Ok(calendar)
    }
}

fn bump(counts: &mut [u64], at: i64, rows: u64) {
    if let Some(count) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) {
        *count = count.saturating_add(rows);
    }
}

/// Returns the month, from 0 on, of a day counted from 1970 in the Gregorian calendar.
///
/// The calendar repeats after 146,097 days. Years are begun in March, so that a leap day is the last day of its year.
fn month(day: i64) -> i64 {
    // Days since the first of March of the year 0 modulo 400.
    let in_era = (day.rem_euclid(146_097) + 719_468).rem_euclid(146_097);
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let from_march = (5 * in_year + 2) / 153;
    (from_march + 2) % 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_their_lengths() {
        let mut day = -719_528; // the first of January of the year 0
        for year in 0..2_400_i64 {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (at, length) in lengths.into_iter().zip(0..) {
                assert_eq!((month(day), month(day + at - 1)), (length, length), "{year}");
                day += at;
            }
        }
    }

    #[test]
    fn hours_and_weekdays() {
        let mut calendar = Calendar::default();
        // 2013-01-01 05:15:00 UTC was a Tuesday, a nanosecond before 1970 a Wednesday in December.
        calendar.add_sorted([-1, 1_357_017_300_000_000_000].into_iter(), Ticks::SinceEpoch(1_000_000_000));
        assert_eq!((calendar.hours[23], calendar.hours[5]), (1, 1));
        assert_eq!((calendar.weekdays[2], calendar.weekdays[1]), (1, 1));
        assert_eq!((calendar.months[11], calendar.months[0]), (1, 1));
        calendar.add_sorted([i64::MIN, i64::MAX].into_iter(), Ticks::Days);
        assert_eq!(calendar.weekdays.iter().sum::<u64>(), 4);
        assert_eq!(calendar.months.iter().sum::<u64>(), 4);
        assert_eq!(calendar.hours.iter().sum::<u64>(), 2);
    }
}
