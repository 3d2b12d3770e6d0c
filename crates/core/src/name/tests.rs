use proptest::prelude::*;

use super::*;

#[test]
fn good_names() {
    for name in ["a", "0", "late15", "a.b-c_d", "con1", "com", "com10", "comx", "lpt", "nul-x", "console.log"] {
        assert_eq!(Name::new(name).unwrap().as_str(), name);
    }
    assert!(Name::new("a".repeat(100)).is_ok());
}

#[test]
fn bad_names_and_their_rules() {
    let long = "a".repeat(101);
    let cases = [
        ("", "must not be empty"),
        (long.as_str(), "must have at most 100 bytes"),
        ("A", "may contain only a-z, 0-9, '.', '_' and '-'"),
        ("a/b", "may contain only a-z, 0-9, '.', '_' and '-'"),
        ("a b", "may contain only a-z, 0-9, '.', '_' and '-'"),
        ("a\0", "may contain only a-z, 0-9, '.', '_' and '-'"),
        ("über", "may contain only a-z, 0-9, '.', '_' and '-'"),
        (".a", "must begin with a-z or 0-9"),
        ("-rf", "must begin with a-z or 0-9"),
        ("..", "must begin with a-z or 0-9"),
        ("a..b", "must not contain '..'"),
        ("a.", "must not end in '.'"),
        ("con", "is reserved for a device on Windows"),
        ("nul.tar.gz", "is reserved for a device on Windows"),
        ("com1", "is reserved for a device on Windows"),
        ("lpt9.x", "is reserved for a device on Windows"),
        ("aux", "is reserved for a device on Windows"),
        ("prn.1", "is reserved for a device on Windows"),
    ];
    for (name, rule) in cases {
        let refused = Name::new(name).unwrap_err();
        assert_eq!(refused.rule(), rule, "{name:?}");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}

#[test]
fn messages_name_the_type_and_stay_short() {
    crate::name_type! {
        /// Names a dataset.
        pub(crate) struct DatasetName;
    }
    let refused = DatasetName::new("x\u{1b}[2J").unwrap_err();
    assert_eq!(refused.to_string(), "DatasetName \"x\\u{1b}[2J\": may contain only a-z, 0-9, '.', '_' and '-'");
    let refused = DatasetName::new("\n".repeat(1_000_000)).unwrap_err();
    assert!(refused.to_string().len() < 200);
    assert_eq!(DatasetName::new("ok").unwrap().as_str(), "ok");
}

#[test]
fn reading_checks_the_rules() {
    assert_eq!(serde_json::from_str::<Name>("\"ok\"").unwrap().as_str(), "ok");
    let refused = serde_json::from_str::<Name>("\"../x\"").unwrap_err();
    assert!(refused.to_string().starts_with("Name \"../x\": "), "{refused}");
    assert!(serde_json::from_str::<Name>("7").is_err());
    assert!(serde_json::from_str::<Actor>("\"ana\\u202e\"").is_err());
}

#[test]
fn actors() {
    let long = "é".repeat(200);
    for actor in ["ana@example.org", "ci/nightly", "Ana Sousa", "José 李", &long] {
        assert_eq!(Actor::new(actor).unwrap().as_str(), actor);
    }
    let too_long = "a".repeat(201);
    for actor in [
        "",
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a\u{a0}b",
        "a\u{3000}b",
        "a\u{200d}b",
        "\u{feff}a",
        "a\u{202e}b",
        "a\u{7f}",
        "a\u{9b}31m",
        "a\u{e0041}",
        "a\u{2028}b",
        &too_long,
    ] {
        assert!(Actor::new(actor).is_err(), "{actor:?}");
    }
}

proptest! {
    #[test]
    fn accepted_names_are_safe_and_survive(name in "[a-c0A/.:_-]{0,5}|(con|com|lpt)[0-9]?[.a]?") {
        if let Ok(checked) = Name::new(name.as_str()) {
            prop_assert!(!name.is_empty() && !name.contains(['/', ':', 'A']) && !name.starts_with('.'));
            prop_assert!(name.split('.').all(|part| !part.is_empty()));
            let json = serde_json::to_string(&checked).unwrap();
            prop_assert_eq!(serde_json::from_str::<Name>(&json).unwrap(), checked);
        }
    }

    #[test]
    fn any_text_is_judged_without_panic(text: String) {
        let (name, actor) = (Name::new(text.as_str()), Actor::new(text.as_str()));
        prop_assert!(name.is_err() || actor.is_ok());
    }
}
