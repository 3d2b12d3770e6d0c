use std::{collections::BTreeSet, time::Duration};

use lineal_core::{Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::{CatalogState, CatalogVersion, calendar::Unit};
use crate::Error;

/// Says which versions of a name are worth keeping: plain data, with the rules of restic's `forget`.
///
/// A version is kept if at least one rule keeps it, if it is pinned or held, or if it is the latest of its name; the
/// rest is removed. Each name is judged by itself. Periods are those of the calendar in UTC, weeks from Monday; of each
/// of the latest *n* periods that have a version, the newest one is kept.
///
/// No clock is read: the time of a version is what the journal says, and [`keep_within`](Self::keep_within) counts back
/// from the newest version of the name. So a policy means the same on every machine, a wrong clock where it is applied
/// changes nothing, and a name that rests keeps what it has. A clock that was ahead when a version was *recorded* does
/// count: combine `keep_within` and periods with [`keep_last`](Self::keep_last).
///
/// ```
/// use lineal_artifacts::Retention;
/// use std::time::Duration;
///
/// let policy = Retention::default().keep_last(3).keep_within(Duration::from_secs(7 * 86_400)).keep_monthly(12);
/// assert!(!policy.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Retention {
    /// The names it is about; `None`, the default, is all of them.
    pub names: Option<BTreeSet<Name>>,
    /// How many of the newest versions are kept.
    pub last: u32,
    /// How much older than the newest version a version that is kept may be.
    pub within: Duration,
    /// For how many hours that have a version one is kept.
    pub hourly: u32,
    /// For how many days.
    pub daily: u32,
    /// For how many weeks.
    pub weekly: u32,
    /// For how many months.
    pub monthly: u32,
    /// For how many years.
    pub yearly: u32,
}

impl Retention {
    /// Restricts the policy to `name`, and the names that were given so before.
    #[must_use]
    pub fn for_name(mut self, name: Name) -> Self {
        self.names.get_or_insert_default().insert(name);
        self
    }

    /// Keeps the newest `count` versions.
    #[must_use]
    pub fn keep_last(mut self, count: u32) -> Self {
        self.last = count;
        self
    }

    /// Keeps versions that are at most `age` older than the newest version of their name.
    #[must_use]
    pub fn keep_within(mut self, age: Duration) -> Self {
        self.within = age;
        self
    }

    /// Keeps the newest version of each of the latest `count` hours that have one.
    #[must_use]
    pub fn keep_hourly(mut self, count: u32) -> Self {
        self.hourly = count;
        self
    }

    /// Keeps the newest version of each of the latest `count` days that have one.
    #[must_use]
    pub fn keep_daily(mut self, count: u32) -> Self {
        self.daily = count;
        self
    }

    /// Keeps the newest version of each of the latest `count` weeks, Monday to Sunday, that have one.
    #[must_use]
    pub fn keep_weekly(mut self, count: u32) -> Self {
        self.weekly = count;
        self
    }

    /// Keeps the newest version of each of the latest `count` months that have one.
    #[must_use]
    pub fn keep_monthly(mut self, count: u32) -> Self {
        self.monthly = count;
        self
    }

    /// Keeps the newest version of each of the latest `count` years that have one.
    #[must_use]
    pub fn keep_yearly(mut self, count: u32) -> Self {
        self.yearly = count;
        self
    }

    /// Tells whether no rule keeps anything. Such a policy is refused: it is rather forgotten than meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.last == 0 && self.within.is_zero() && self.periods().iter().all(|(.., count)| *count == 0)
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self.is_empty() {
            true => Err(Error::invalid("retention", "no rules", "must keep something: give it at least one rule")),
            false => Ok(()),
        }
    }

    /// Judges every version that the policy is about.
    pub(super) fn plan(&self, state: &CatalogState) -> RetentionPlan {
        let about = |name: &&Name| self.names.as_ref().is_none_or(|names| names.contains(*name));
        let judge = |name: &Name| {
            let versions: Vec<CatalogVersion> = state.versions(name).collect();
            let reasons = self.reasons(&versions);
            let verdict = |(version, keeps)| RetentionVerdict { name: name.clone(), version, keeps };
            versions.into_iter().zip(reasons).map(verdict).collect::<Vec<_>>()
        };
        RetentionPlan { verdicts: state.names().filter(about).flat_map(judge).collect() }
    }

    /// Returns for each version of one name, given by number, what keeps it.
    fn reasons(&self, versions: &[CatalogVersion]) -> Vec<Vec<Keep>> {
        let mut reasons: Vec<Vec<Keep>> = versions.iter().map(own_reasons).collect();
        let Some(newest) = versions.last().map(|latest| latest.time) else { return reasons };
        let mut open = self.periods().map(|(unit, keep, count)| Open { unit, keep, left: count, last: None });
        for (back, (version, keeps)) in versions.iter().zip(&mut reasons).rev().enumerate() {
            keeps.extend((back == 0).then_some(Keep::Latest));
            keeps.extend((u32::try_from(back).is_ok_and(|back| back < self.last)).then_some(Keep::Last));
            keeps.extend(self.is_within(version.time, newest).then_some(Keep::Within));
            keeps.extend(open.iter_mut().filter_map(|rule| rule.keep(version.time)));
        }
        reasons
    }

    fn is_within(&self, time: Timestamp, newest: Timestamp) -> bool {
        // Times never decrease in a journal; should one be later than the newest all the same, it is not old.
        !self.within.is_zero() && newest.duration_since(time).is_none_or(|age| age <= self.within)
    }

    fn periods(&self) -> [(Unit, Keep, u32); 5] {
        [
            (Unit::Hour, Keep::Hourly, self.hourly),
            (Unit::Day, Keep::Daily, self.daily),
            (Unit::Week, Keep::Weekly, self.weekly),
            (Unit::Month, Keep::Monthly, self.monthly),
            (Unit::Year, Keep::Yearly, self.yearly),
        ]
    }
}

/// A rule about periods, while versions are gone through from the newest on.
struct Open {
    unit: Unit,
    keep: Keep,
    left: u32,
    last: Option<i64>,
}

impl Open {
    fn keep(&mut self, time: Timestamp) -> Option<Keep> {
        let period = self.unit.period(time);
        if self.left == 0 || self.last == Some(period) {
            return None;
        }
        self.last = Some(period);
        self.left -= 1;
        Some(self.keep.clone())
    }
}

/// What keeps a version whatever the policy says.
fn own_reasons(version: &CatalogVersion) -> Vec<Keep> {
    let pinned = version.pinned.then_some(Keep::Pinned);
    pinned.into_iter().chain(version.holds.keys().cloned().map(Keep::Held)).collect()
}

/// Why retention keeps a version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// It is pinned.
    Pinned,
    /// It is held, under this label.
    Held(Name),
    /// It is the latest version of its name.
    Latest,
    /// It is one of the newest versions.
    Last,
    /// It is hardly older than the newest version.
    Within,
    /// It is the newest of an hour.
    Hourly,
    /// It is the newest of a day.
    Daily,
    /// It is the newest of a week.
    Weekly,
    /// It is the newest of a month.
    Monthly,
    /// It is the newest of a year.
    Yearly,
}

/// What retention does with one version.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionVerdict {
    /// The name.
    pub name: Name,
    /// The version.
    pub version: CatalogVersion,
    /// All that keeps it; it is removed if this is empty.
    pub keeps: Vec<Keep>,
}

impl RetentionVerdict {
    /// Tells whether the version is removed: nothing keeps it.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.keeps.is_empty()
    }
}

/// What retention does with every version it is about, by name and number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionPlan {
    /// The verdicts.
    pub verdicts: Vec<RetentionVerdict>,
}

impl RetentionPlan {
    /// Returns what is removed.
    pub fn removed(&self) -> impl Iterator<Item = &RetentionVerdict> {
        self.verdicts.iter().filter(|verdict| verdict.is_removed())
    }

    /// Returns what is kept.
    pub fn kept(&self) -> impl Iterator<Item = &RetentionVerdict> {
        self.verdicts.iter().filter(|verdict| !verdict.is_removed())
    }
}

#[cfg(test)]
mod tests;
