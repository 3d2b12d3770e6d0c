use lineal_core::Timestamp;

/// A calendar unit of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Hour,
    Day,
    /// Monday to Sunday, as ISO 8601 has them; a week belongs to no year here, so none is cut at New Year.
    Week,
    Month,
    Year,
}

impl Unit {
    /// Numbers the period that `time` lies in: later periods have higher numbers, the same period the same one.
    pub(super) fn period(self, time: Timestamp) -> i64 {
        let nanos = time.as_nanos();
        let days = nanos.div_euclid(NANOS_PER_DAY);
        match self {
            Self::Hour => nanos.div_euclid(NANOS_PER_HOUR),
            Self::Day => days,
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => (days + 3).div_euclid(7),
            Self::Month => {
                let (year, month) = year_and_month(days);
                year * 12 + month - 1
            }
            Self::Year => year_and_month(days).0,
        }
    }
}

/// Returns the Gregorian year and the month, from 1, of a day counted from 1970-01-01 (H. Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", 2013): years begin in March there, so that the day that comes and goes is the last one.
fn year_and_month(days: i64) -> (i64, i64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = ((5 * day_of_year + 2) / 153 + 2) % 12 + 1;
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month)
}

const NANOS_PER_HOUR: i64 = 3_600_000_000_000;
const NANOS_PER_DAY: i64 = 24 * NANOS_PER_HOUR;
/// Days of 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01 on.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(unit: Unit, time: &str) -> i64 {
        unit.period(time.parse().unwrap())
    }

    /// Asserts that a period of `unit` ends right before `next`.
    fn ends_before(unit: Unit, next: &str) {
        let next: Timestamp = next.parse().unwrap();
        let last = Timestamp::from_nanos(next.as_nanos() - 1);
        assert_eq!(unit.period(last) + 1, unit.period(next), "{unit:?} at {next}");
    }

    #[test]
    fn periods_end_where_the_calendar_says() {
        for (unit, next) in [
            (Unit::Hour, "2013-08-15T01:00:00Z"),
            (Unit::Hour, "1969-12-31T23:00:00Z"),
            (Unit::Day, "1970-01-01T00:00:00Z"),
            (Unit::Day, "2016-02-29T00:00:00Z"),
            (Unit::Week, "1969-12-29T00:00:00Z"),
            (Unit::Week, "2012-12-31T00:00:00Z"),
            (Unit::Week, "2024-12-30T00:00:00Z"),
            (Unit::Month, "2016-03-01T00:00:00Z"),
            (Unit::Month, "1970-01-01T00:00:00Z"),
            (Unit::Month, "1900-03-01T00:00:00Z"),
            (Unit::Year, "2000-01-01T00:00:00Z"),
            (Unit::Year, "1969-01-01T00:00:00Z"),
        ] {
            ends_before(unit, next);
        }
    }

    #[test]
    fn days_that_belong_together_share_a_period() {
        for (unit, from, to) in [
            // ISO week 1 of 2013 has the last day of 2012; week 53 of 2009 has the first days of 2010.
            (Unit::Week, "2012-12-31T00:00:00Z", "2013-01-06T23:59:59.999999999Z"),
            (Unit::Week, "2009-12-28T00:00:00Z", "2010-01-03T23:59:59Z"),
            (Unit::Month, "2016-02-01T00:00:00Z", "2016-02-29T23:59:59Z"),
            (Unit::Month, "2100-02-01T00:00:00Z", "2100-02-28T23:59:59Z"),
            (Unit::Year, "2016-01-01T00:00:00Z", "2016-12-31T23:59:59Z"),
            (Unit::Year, "1677-09-21T00:12:44Z", "1677-12-31T23:59:59Z"),
        ] {
            assert_eq!(period(unit, from), period(unit, to), "{unit:?} of {from}");
        }
    }

    proptest! {
        #[test]
        fn months_are_those_of_the_written_date(nanos in any::<i64>()) {
            let time = Timestamp::from_nanos(nanos);
            let text = time.to_string();
            let (year, month): (i64, i64) = (text[..4].parse().unwrap(), text[5..7].parse().unwrap());
            prop_assert_eq!(Unit::Year.period(time), year);
            prop_assert_eq!(Unit::Month.period(time), year * 12 + month - 1);
        }

        #[test]
        fn later_times_are_in_no_earlier_period(a in any::<i64>(), b in any::<i64>()) {
            let (early, late) = (Timestamp::from_nanos(a.min(b)), Timestamp::from_nanos(a.max(b)));
            for unit in [Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year] {
                prop_assert!(unit.period(early) <= unit.period(late));
            }
        }
    }
}
