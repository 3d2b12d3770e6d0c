use std::collections::BTreeMap;

use lineal_core::{Actor, Digest};
use proptest::prelude::*;

use super::*;

fn version(number: u64, time: Timestamp) -> CatalogVersion {
    let (artifact, actor) = (Digest::of(&number.to_le_bytes()), Actor::new("ana").unwrap());
    CatalogVersion { version: number, artifact, actor, time, pinned: false, holds: BTreeMap::new() }
}

fn at(times: &[&str]) -> Vec<CatalogVersion> {
    times.iter().zip(1..).map(|(time, number)| version(number, time.parse().unwrap())).collect()
}

/// The numbers of what is kept.
fn kept(policy: &Retention, versions: &[CatalogVersion]) -> Vec<u64> {
    let reasons = policy.reasons(versions);
    versions.iter().zip(reasons).filter(|(_, keeps)| !keeps.is_empty()).map(|(version, _)| version.version).collect()
}

fn remaining(policy: &Retention, versions: &[CatalogVersion]) -> Vec<CatalogVersion> {
    let numbers = kept(policy, versions);
    versions.iter().filter(|version| numbers.contains(&version.version)).cloned().collect()
}

#[test]
fn the_newest_of_each_period_is_kept() {
    let versions = at(&[
        "2012-11-30T10:00:00Z",
        "2012-12-30T10:00:00Z",
        "2012-12-31T10:00:00Z",
        "2013-01-01T10:00:00Z",
        "2013-01-01T10:59:59Z",
        "2013-01-06T10:00:00Z",
        "2013-01-07T10:00:00Z",
    ]);
    let policy = Retention::default;
    assert_eq!(kept(&policy().keep_last(2), &versions), [6, 7]);
    assert_eq!(kept(&policy().keep_hourly(3), &versions), [5, 6, 7]);
    assert_eq!(kept(&policy().keep_daily(4), &versions), [3, 5, 6, 7]);
    assert_eq!(kept(&policy().keep_weekly(2), &versions), [6, 7], "the week of New Year is one");
    assert_eq!(kept(&policy().keep_weekly(3), &versions), [2, 6, 7]);
    assert_eq!(kept(&policy().keep_monthly(9), &versions), [1, 3, 7]);
    assert_eq!(kept(&policy().keep_yearly(9), &versions), [3, 7]);
    assert_eq!(kept(&policy().keep_within(Duration::from_secs(86_400)), &versions), [6, 7], "both ends count");
    assert_eq!(kept(&policy().keep_yearly(2).keep_hourly(2), &versions), [3, 6, 7]);
    assert!(kept(&policy().keep_last(1), &[]).is_empty());
}

#[test]
fn all_reasons_are_told() {
    let mut versions = at(&["2013-01-01T10:00:00Z", "2013-01-01T11:00:00Z"]);
    versions[0].pinned = true;
    let hold =
        super::super::Hold { actor: Actor::new("bea").unwrap(), reason: "audit".to_owned(), time: Timestamp::EPOCH };
    versions[0].holds.insert(Name::new("audit").unwrap(), hold);
    let reasons =
        Retention::default().keep_last(1).keep_within(Duration::from_secs(1)).keep_hourly(1).reasons(&versions);
    let held = Keep::Held(Name::new("audit").unwrap());
    assert_eq!(reasons, [vec![Keep::Pinned, held], vec![Keep::Latest, Keep::Last, Keep::Within, Keep::Hourly]]);
}

#[test]
fn a_policy_is_plain_data() {
    let policy = Retention::default().keep_last(3).keep_daily(7).for_name(Name::new("late").unwrap());
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Retention>(&text).unwrap(), policy);
    assert_eq!(serde_json::from_str::<Retention>(r#"{"last":3}"#).unwrap(), Retention::default().keep_last(3));
    assert!(serde_json::from_str::<Retention>(r#"{"lats":3}"#).is_err(), "a slip is not an empty rule");
}

#[test]
fn only_a_policy_without_rules_is_empty() {
    assert!(Retention::default().is_empty());
    assert!(Retention::default().for_name(Name::new("late").unwrap()).is_empty());
    let second = Duration::from_secs(1);
    let policy = Retention::default;
    for policy in
        [policy().keep_last(1), policy().keep_within(second), policy().keep_hourly(1), policy().keep_yearly(1)]
    {
        assert!(!policy.is_empty(), "{policy:?}");
    }
}

/// Times that never decrease, with steps from none to years, from before 1970 on.
fn line() -> impl Strategy<Value = Vec<CatalogVersion>> {
    let step = prop_oneof![Just(0), 1..7200_i64, 3600..200_000_i64, 86_400..40_000_000_i64];
    (-200_000_000..2_000_000_000_i64, prop::collection::vec((step, 0..10_u8), 1..40)).prop_map(|(start, steps)| {
        let mut secs = start;
        let next = |((step, pinned), number): ((i64, u8), u64)| {
            secs += step;
            let mut version = version(number, Timestamp::from_unix_secs(secs).unwrap());
            version.pinned = pinned == 0;
            version
        };
        steps.into_iter().zip(1..).map(next).collect()
    })
}

prop_compose! {
    fn policies()(
        last in 0..5_u32, days in 0..400_u64, hourly in 0..5_u32, daily in 0..5_u32,
        weekly in 0..5_u32, monthly in 0..5_u32, yearly in 0..5_u32,
    ) -> Retention {
        let within = Duration::from_secs(days.saturating_sub(200) * 86_400);
        Retention { names: None, last, within, hourly, daily, weekly, monthly, yearly }
    }
}

proptest! {
    /// Rule by rule and written down anew: the newest version of each of the latest periods is there.
    #[test]
    fn what_is_kept_is_what_the_rules_say(policy in policies(), versions in line()) {
        let mut expected: BTreeSet<u64> =
            versions.iter().filter(|version| version.pinned).map(|version| version.version).collect();
        let latest = versions.last().unwrap();
        expected.insert(latest.version);
        expected.extend(versions.iter().rev().take(policy.last as usize).map(|version| version.version));
        let within = |version: &&CatalogVersion| {
            !policy.within.is_zero() && latest.time.duration_since(version.time).unwrap() <= policy.within
        };
        expected.extend(versions.iter().filter(within).map(|version| version.version));
        for (unit, _, count) in policy.periods() {
            let newest: BTreeMap<i64, u64> =
                versions.iter().map(|version| (unit.period(version.time), version.version)).collect();
            expected.extend(newest.values().rev().take(count as usize));
        }
        prop_assert_eq!(kept(&policy, &versions), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn applying_twice_removes_nothing_more(policy in policies(), versions in line()) {
        let left = remaining(&policy, &versions);
        prop_assert_eq!(kept(&policy, &left), kept(&policy, &versions));
    }

    /// So it does not matter how often a policy is applied on the way.
    #[test]
    fn what_was_removed_would_not_be_kept_later(policy in policies(), versions in line(), cut in 1..40_usize) {
        let (before, after) = versions.split_at(cut.min(versions.len()));
        let mut line = remaining(&policy, before);
        line.extend_from_slice(after);
        prop_assert_eq!(kept(&policy, &line), kept(&policy, &versions));
    }

    #[test]
    fn a_more_generous_policy_keeps_no_less(policy in policies(), more in policies(), versions in line()) {
        let generous = Retention {
            names: None,
            last: policy.last + more.last,
            within: policy.within + more.within,
            hourly: policy.hourly + more.hourly,
            daily: policy.daily + more.daily,
            weekly: policy.weekly + more.weekly,
            monthly: policy.monthly + more.monthly,
            yearly: policy.yearly + more.yearly,
        };
        let kept_by_more = kept(&generous, &versions);
        prop_assert!(kept(&policy, &versions).iter().all(|version| kept_by_more.contains(version)));
    }
}
