use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Result<Timestamp, ParseError> {
    text.parse()
}

#[test]
fn known_moments() {
    // Seconds from `date -u -d ... +%s` of GNU coreutils.
    let moments = [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.000000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000000Z"),
        (951_868_799, "2000-02-29T23:59:59.000000000Z"),
        (951_868_800, "2000-03-01T00:00:00.000000000Z"),
        (-2_203_891_200, "1900-03-01T00:00:00.000000000Z"),
        (-2_203_891_201, "1900-02-28T23:59:59.000000000Z"),
        (1_376_524_800, "2013-08-15T00:00:00.000000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000000Z"),
        (4_107_542_399, "2100-02-28T23:59:59.000000000Z"),
    ];
    for (secs, text) in moments {
        let at = Timestamp::from_unix_secs(secs).unwrap();
        assert_eq!(at.to_string(), text);
        assert_eq!(parse(text), Ok(at));
    }
}

#[test]
fn the_ends_of_time() {
    assert_eq!(Timestamp::MIN.to_string(), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(Timestamp::MAX.to_string(), "2262-04-11T23:47:16.854775807Z");
    assert_eq!(parse("1677-09-21T00:12:43.145224192Z"), Ok(Timestamp::MIN));
    assert_eq!(parse("2262-04-11T23:47:16.854775807Z"), Ok(Timestamp::MAX));
    for text in [
        "1677-09-21T00:12:43.145224191Z",
        "2262-04-11T23:47:16.854775808Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(parse(text).unwrap_err().rule(), "must lie between the years 1677 and 2262", "{text}");
    }
    assert_eq!(Timestamp::from_unix_secs(i64::MAX), None);
    assert_eq!(Timestamp::MAX.saturating_add(Duration::from_nanos(1)), Timestamp::MAX);
    assert_eq!(Timestamp::MIN.saturating_add(Duration::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::MAX.duration_since(Timestamp::MIN), Some(Duration::from_nanos(u64::MAX)));
    assert_eq!(Timestamp::MIN.duration_since(Timestamp::EPOCH), None);
}

#[test]
fn fewer_digits_are_read() {
    for (text, nanos) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500_000_000),
        ("1970-01-01T00:00:00.000001Z", 1000),
        ("1970-01-01T00:00:00.123456789Z", 123_456_789),
    ] {
        assert_eq!(parse(text), Ok(Timestamp::from_nanos(nanos)));
    }
}

#[test]
fn what_is_no_time_is_refused() {
    let long = format!("2013-08-15T00:00:00.{}Z", "0".repeat(1_000_000));
    for text in [
        "",
        "Z",
        "2013-08-15",
        "2013-08-15T00:00:00",
        "2013-08-15T00:00:00z",
        "2013-08-15t00:00:00Z",
        "2013-08-15 00:00:00Z",
        "2013-08-15T00:00:00+00:00",
        "2013-08-15T00:00:00.Z",
        "2013-08-15T00:00:00.1234567890Z",
        "2013-8-15T00:00:00Z",
        "+013-08-15T00:00:00Z",
        "2013-08-15T00:00:00.-1Z",
        "2013-08-15T0 :00:00Z",
        "٢٠١٣-08-15T00:00:00Z",
        "12013-08-15T00:00:00Z",
        &long,
    ] {
        assert_eq!(parse(text).unwrap_err().rule(), SHAPE, "{text:?}");
    }
    for text in [
        "2013-00-15T00:00:00Z",
        "2013-13-15T00:00:00Z",
        "2013-08-00T00:00:00Z",
        "2013-08-32T00:00:00Z",
        "2013-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2013-04-31T00:00:00Z",
        "2013-08-15T24:00:00Z",
        "2013-08-15T00:60:00Z",
        "2016-12-31T23:59:60Z",
    ] {
        assert_eq!(parse(text).unwrap_err().rule(), "no such date or time of day", "{text:?}");
    }
}

#[test]
fn a_manual_clock_stands_still_and_saturates() {
    let clock = ManualClock::new(Timestamp::EPOCH);
    assert_eq!(clock.now(), clock.now());
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Timestamp::MAX);
    clock.set(Timestamp::MIN);
    assert_eq!(clock.now(), Timestamp::MIN);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| clock.advance(Duration::from_nanos(1))));
        }
    });
    assert_eq!(clock.now().as_nanos(), i64::MIN + 4000);
}

#[test]
fn the_system_clock_shows_this_century() {
    let now = SystemClock.now();
    assert!(parse("2020-01-01T00:00:00Z").unwrap() < now && now < parse("2200-01-01T00:00:00Z").unwrap());
}

proptest! {
    #[test]
    fn moments_survive_and_keep_their_order(a: i64, b: i64) {
        let (a, b) = (Timestamp::from_nanos(a), Timestamp::from_nanos(b));
        prop_assert_eq!(parse(&a.to_string()), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        let json = serde_json::to_string(&a).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), a);
    }

    #[test]
    fn adding_what_passed_comes_back(a: i64, b: i64) {
        let (a, b) = (Timestamp::from_nanos(a.min(b)), Timestamp::from_nanos(a.max(b)));
        prop_assert_eq!(a.saturating_add(b.duration_since(a).unwrap()), b);
    }

    #[test]
    fn the_day_after_is_the_next_date(days in -106_000_i64..106_000) {
        let (year, month, day) = civil_from_days(days);
        prop_assert_eq!(days_from_civil(year, month, day), days);
        let next = match (month, day == days_in_month(year, month)) {
            (12, true) => (year + 1, 1, 1),
            (_, true) => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
        prop_assert_eq!(civil_from_days(days + 1), next);
    }

    #[test]
    fn any_text_is_an_error_or_a_moment(text in "[0-9TZ:.+ -]{0,32}") {
        if let Ok(at) = parse(&text) {
            prop_assert_eq!(parse(&at.to_string()), Ok(at));
        }
    }
}
