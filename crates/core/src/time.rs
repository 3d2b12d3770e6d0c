//! Timestamps in whole nanoseconds, and the seam that tells the time.

use std::{
    fmt::{self, Debug},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use crate::ParseError;

/// A moment: nanoseconds since 1970-01-01 UTC, from the year 1677 to 2262.
///
/// `Display` and serde write RFC 3339 with nine digits and `Z`; reading accepts 0 to 9 digits and `Z` only. Like Unix
/// time it knows no leap seconds.
///
/// ```
/// use lineal_core::Timestamp;
///
/// let at: Timestamp = "2013-08-15T00:00:00Z".parse()?;
/// assert_eq!(at.to_string(), "2013-08-15T00:00:00.000000000Z");
/// assert_eq!(Some(at), Timestamp::from_unix_secs(1_376_524_800));
/// # Ok::<(), lineal_core::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The first moment: 1677-09-21T00:12:43.145224192Z.
    pub const MIN: Self = Self(i64::MIN);
    /// The last moment: 2262-04-11T23:47:16.854775807Z.
    pub const MAX: Self = Self(i64::MAX);

    /// Wraps nanoseconds since 1970.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Converts whole seconds since 1970; `None` outside 1677 to 2262.
    #[must_use]
    pub const fn from_unix_secs(secs: i64) -> Option<Self> {
        match secs.checked_mul(NANOS_PER_SEC) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// Returns the nanoseconds since 1970.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Returns the moment `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let sum =
            i128::try_from(duration.as_nanos()).ok().and_then(|nanos| i64::try_from(i128::from(self.0) + nanos).ok());
        sum.map_or(Self::MAX, Self)
    }

    /// Returns the time passed since `earlier`; `None` if that is later than this moment.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Option<Duration> {
        (self >= earlier).then(|| Duration::from_nanos(self.0.abs_diff(earlier.0)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, nanos) = (self.0.div_euclid(NANOS_PER_DAY), self.0.rem_euclid(NANOS_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        let (secs, fraction) = (nanos / NANOS_PER_SEC, nanos % NANOS_PER_SEC);
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
    }
}

impl Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |rule| ParseError::new("timestamp", text, rule);
        let fields = Fields::read(text.as_bytes()).ok_or_else(|| refuse(SHAPE))?;
        if !fields.exist() {
            return Err(refuse("no such date or time of day"));
        }
        i64::try_from(fields.nanos()).map(Self).map_err(|_| refuse("must lie between the years 1677 and 2262"))
    }
}

crate::__serde_as_text!(Timestamp, "a time like 2013-08-15T00:00:00.000000000Z");

/// Tells the time.
///
/// # Contract
/// Called from any thread; does not block. It may go backwards, as every real clock may: what is true never depends on
/// it, only when something is tried and what time is written down.
pub trait Clock: Debug + Send + Sync {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place where the wall clock is read")]
    fn now(&self) -> Timestamp {
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Timestamp::EPOCH.saturating_add(since),
            Err(before) => {
                i64::try_from(before.duration().as_nanos()).map_or(Timestamp::MIN, |nanos| Timestamp(-nanos))
            }
        }
    }
}

/// A clock that stands still until it is moved: for tests, and for replaying a history in its own time.
///
/// Clones show and move the same time.
///
/// ```
/// use std::time::Duration;
/// use lineal_core::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::EPOCH);
/// let same = clock.clone();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(same.now().to_string(), "1970-01-01T00:01:00.000000000Z");
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    nanos: Arc<AtomicI64>,
}

impl ManualClock {
    /// Starts at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self { nanos: Arc::new(AtomicI64::new(at.0)) }
    }

    /// Jumps to `at`, backwards too: that is how a test moves a clock that lies.
    pub fn set(&self, at: Timestamp) {
        self.nanos.store(at.0, Ordering::SeqCst);
    }

    /// Moves on by `duration`, at most to [`Timestamp::MAX`]; never backwards, also from many threads.
    pub fn advance(&self, duration: Duration) {
        let later = |nanos| Some(Timestamp(nanos).saturating_add(duration).0);
        // The closure never declines, so the update never fails.
        self.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).ok();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.nanos.load(Ordering::SeqCst))
    }
}

/// The numbers of an RFC 3339 text, not yet known to be a date.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    fraction: i64,
}

impl Fields {
    fn read(text: &[u8]) -> Option<Self> {
        let (mut rest, last) = (text.strip_suffix(b"Z")?, text.len());
        if last > MAX_TEXT {
            return None;
        }
        let mut number = |digits: usize, before: &[u8]| {
            rest = rest.strip_prefix(before)?;
            let (head, tail) = rest.split_at_checked(digits)?;
            rest = tail;
            decimal(head)
        };
        let fields = Self {
            year: number(4, b"")?,
            month: number(2, b"-")?,
            day: number(2, b"-")?,
            hour: number(2, b"T")?,
            minute: number(2, b":")?,
            second: number(2, b":")?,
            fraction: 0,
        };
        let fraction = match rest {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                digits.len().try_into().ok().and_then(|n: u32| Some(decimal(digits)? * 10_i64.pow(9 - n)))?
            }
            _ => return None,
        };
        Some(Self { fraction, ..fields })
    }

    fn exist(&self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    fn nanos(&self) -> i128 {
        let days = days_from_civil(self.year, self.month, self.day);
        let secs = days * 86_400 + self.hour * 3600 + self.minute * 60 + self.second;
        i128::from(secs) * i128::from(NANOS_PER_SEC) + i128::from(self.fraction)
    }
}

fn decimal(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a Gregorian date (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
///
/// Years begin in March there, so that the day that comes and goes is the last one.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
}

/// The inverse of [`days_from_civil`].
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

const NANOS_PER_SEC: i64 = 1_000_000_000;
const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SEC;
const DAYS_PER_ERA: i64 = 146_097;
const DAYS_TO_1970: i64 = 719_468;
const MAX_TEXT: usize = "2013-08-15T00:00:00.000000000Z".len();
const SHAPE: &str = "must look like 2013-08-15T00:00:00Z, with up to nine digits after a point";

#[cfg(test)]
mod tests;
