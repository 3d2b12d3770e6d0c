//! The stored form: golden bytes, hostile JSON.

use proptest::prelude::*;

use super::sample;
use crate::{
    Categories, Dim, ErrorKind, FieldRule, IoField, IoSchema, IoSide, IoType, SchemaError, TimeUnit, from_canonical,
    to_canonical,
};

fn every_feature() -> IoSchema {
    let scalars = sample::TYPES.iter().map(|data_type| IoField::new(format!("x {data_type}"), *data_type));
    let ruled = [
        IoField::new("temp", IoType::Float64).nullable().with_range(-40.5, f64::INFINITY),
        IoField::new("origin", IoType::Utf8).optional().with_categories(Categories::strings(["JFK", "EWR"])),
        IoField::new("month", IoType::Int8).with_categories(Categories::ints([12, 1, 2])),
        IoField::new("image", IoType::Float32).with_shape([Dim::Any, Dim::Fixed(3)]).with_range(-0.0, 1.0),
        IoField::new("price", IoType::Decimal128 { precision: 10, scale: -2 }).with_range(0.1, 1e20),
        IoField::new("millis", IoType::Timestamp { unit: TimeUnit::Millisecond, utc: false }),
    ];
    IoSchema::new(scalars.chain(ruled).collect(), vec![IoField::new("late15", IoType::Float64).with_range(0.0, 1.0)])
        .unwrap()
}

#[test]
fn golden_bytes_and_digest() {
    let golden = concat!(
        r#"{"format":1,"inputs":[{"name":"x bool","type":"bool"},{"name":"x int8","type":"int8"},"#,
        r#"{"name":"x int16","type":"int16"},{"name":"x int32","type":"int32"},{"name":"x int64","type":"int64"},"#,
        r#"{"name":"x uint8","type":"uint8"},{"name":"x uint16","type":"uint16"},{"name":"x uint32","type":"uint32"},"#,
        r#"{"name":"x uint64","type":"uint64"},{"name":"x float16","type":"float16"},"#,
        r#"{"name":"x float32","type":"float32"},{"name":"x float64","type":"float64"},{"name":"x utf8","type":"utf8"},"#,
        r#"{"name":"x binary","type":"binary"},{"name":"x date32","type":"date32"},"#,
        r#"{"name":"x timestamp[us,utc]","type":"timestamp[us,utc]"},{"name":"x timestamp[s]","type":"timestamp[s]"},"#,
        r#"{"name":"x duration[ns]","type":"duration[ns]"},{"name":"x decimal128[4,1]","type":"decimal128[4,1]"},"#,
        r#"{"name":"temp","nullable":true,"range":{"max":"inf","min":"-40.5"},"type":"float64"},"#,
        r#"{"categories":{"strings":["EWR","JFK"]},"name":"origin","nullable":true,"optional":true,"type":"utf8"},"#,
        r#"{"categories":{"ints":[1,2,12]},"name":"month","type":"int8"},"#,
        r#"{"name":"image","range":{"max":"1","min":"0"},"shape":[null,3],"type":"float32"},"#,
        r#"{"name":"price","range":{"max":"100000000000000000000","min":"0.1"},"type":"decimal128[10,-2]"},"#,
        r#"{"name":"millis","type":"timestamp[ms]"}],"#,
        r#""outputs":[{"name":"late15","range":{"max":"1","min":"0"},"type":"float64"}]}"#,
    );
    let schema = every_feature();
    assert_eq!(String::from_utf8(to_canonical(&schema).unwrap()).unwrap(), golden);
    assert_eq!(schema.digest().to_string(), "d954019e5e060247f968c49dfee7622c0a9ea90bacddc606d320602cf033bcb6");
    assert_eq!(from_canonical::<IoSchema>(golden.as_bytes()).unwrap(), schema);
}

/// The rule that a schema of this one input breaks.
fn broken(field: IoField) -> FieldRule {
    let error = IoSchema::new(vec![field], vec![IoField::new("y", IoType::Bool)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    match error {
        SchemaError::Field { side: IoSide::Input, rule, .. } => rule,
        other => panic!("{other}"),
    }
}

#[test]
fn each_rule_is_kept() {
    let x = |data_type| IoField::new("x", data_type);
    for name in [String::new(), "a\nb".to_owned(), "x".repeat(256)] {
        assert_eq!(broken(IoField::new(name, IoType::Bool)), FieldRule::Name);
    }
    for (precision, scale) in [(0, 0), (39, 0), (5, 6), (5, -39)] {
        let found = IoType::Decimal128 { precision, scale };
        assert_eq!(broken(x(found)), FieldRule::Decimal { found });
    }
    assert_eq!(broken(x(IoType::Bool).with_shape([Dim::Any; 9])), FieldRule::Rank { rank: 9 });
    for shape in [vec![Dim::Fixed(0)], vec![Dim::Fixed(1 << 31)], vec![Dim::Fixed(1 << 16); 2]] {
        assert_eq!(broken(x(IoType::Bool).with_shape(shape)), FieldRule::Dimension);
    }
    assert_eq!(broken(x(IoType::Date32).with_range(0.0, 1.0)), FieldRule::RangeType { found: IoType::Date32 });
    for (data_type, min, max) in [
        (IoType::Float64, f64::NAN, 1.0),
        (IoType::Float64, 1.0, 0.0),
        (IoType::Int8, 0.25, 0.75),
        (IoType::UInt8, -5.0, -1.0),
        (IoType::Decimal128 { precision: 2, scale: 1 }, 10.0, 11.0),
    ] {
        assert!(matches!(broken(x(data_type).with_range(min, max)), FieldRule::EmptyRange { .. }), "{min}..={max}");
    }
    let ones = || Categories::ints([1]);
    assert_eq!(broken(x(IoType::Int8).with_range(0.0, 1.0).with_categories(ones())), FieldRule::RangeAndCategories);
    assert_eq!(broken(x(IoType::Utf8).with_categories(ones())), FieldRule::CategoryType { found: IoType::Utf8 });
    let none = Categories::strings([] as [&str; 0]);
    assert_eq!(broken(x(IoType::Utf8).with_categories(none)), FieldRule::CategoryCount { count: 0, limit: 65_536 });
    let many = Categories::ints(0..=65_536);
    assert_eq!(
        broken(x(IoType::Int64).with_categories(many)),
        FieldRule::CategoryCount { count: 65_537, limit: 65_536 }
    );
    for (data_type, n) in
        [(IoType::Int64, 1 << 53), (IoType::Int64, i64::MIN), (IoType::UInt8, 256), (IoType::UInt8, -1)]
    {
        assert_eq!(
            broken(x(data_type).with_categories(Categories::ints([n]))),
            FieldRule::Category { found: n.to_string() }
        );
    }
    let long = Categories::strings(["ä".repeat(513)]);
    assert!(
        matches!(broken(x(IoType::Utf8).with_categories(long)), FieldRule::Category { found } if found.len() < 130)
    );
}

#[test]
fn sides_are_bounded_and_names_unique() {
    let y = || IoField::new("y", IoType::Bool);
    assert_eq!(IoSchema::new(vec![y()], vec![]), Err(SchemaError::NoOutputs));
    assert_eq!(
        IoSchema::new(vec![], vec![y(), y()]),
        Err(SchemaError::Duplicate { side: IoSide::Output, field: "y".to_owned() })
    );
    assert!(IoSchema::new(vec![y()], vec![y()]).is_ok(), "a model may pass a column through");
    let many = (0..65_537).map(|n| IoField::new(n.to_string(), IoType::Bool)).collect();
    assert!(matches!(IoSchema::new(many, vec![y()]), Err(SchemaError::TooManyFields { count: 65_537, .. })));
}

#[test]
fn hostile_json_is_refused() {
    let read = |field: &str| -> Result<IoSchema, _> {
        serde_json::from_str(&format!(r#"{{"format":1,"inputs":[{field}],"outputs":[{{"name":"y","type":"bool"}}]}}"#))
    };
    read(r#"{"name":"x","type":"int8","nullable":false,"shape":[],"range":null}"#).unwrap();
    for field in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"name":"x"}"#,
        r#"{"name":"x","type":"Int8"}"#,
        r#"{"name":"x","type":"int8 "}"#,
        r#"{"name":"x","type":"int128"}"#,
        r#"{"name":"x","type":"timestamp[us,UTC]"}"#,
        r#"{"name":"x","type":"timestamp[us, utc]"}"#,
        r#"{"name":"x","type":"duration[]"}"#,
        r#"{"name":"x","type":"decimal128[010,2]"}"#,
        r#"{"name":"x","type":"decimal128[10,+2]"}"#,
        r#"{"name":"x","type":"decimal128[300,2]"}"#,
        r#"{"name":"x","type":"[[[[[["}"#,
        r#"{"name":"x","type":"int8","unknown":1}"#,
        r#"{"name":"x","name":"x","type":"int8"}"#,
        r#"{"name":"x","type":"int8","optional":true}"#,
        r#"{"name":"x","type":"int8","shape":[-1]}"#,
        r#"{"name":"x","type":"int8","shape":[1.5]}"#,
        r#"{"name":"x","type":"int8","shape":[99999999999]}"#,
        r#"{"name":"x","type":"int8","range":{"min":0,"max":1}}"#,
        r#"{"name":"x","type":"int8","range":{"min":"0"}}"#,
        r#"{"name":"x","type":"int8","range":{"min":"NaN","max":"1"}}"#,
        r#"{"name":"x","type":"int8","range":{"min":"2","max":"1"}}"#,
        r#"{"name":"x","type":"int8","categories":[1]}"#,
        r#"{"name":"x","type":"int8","categories":{"ints":[1.5]}}"#,
        r#"{"name":"x","type":"int8","categories":{"ints":[]}}"#,
        r#"{"name":"x","type":"utf8","categories":{"ints":[1]}}"#,
        r#"{"name":"y","type":"utf8"},{"name":"y","type":"utf8"}"#,
    ] {
        let result = read(field);
        assert!(field.is_empty() == result.is_ok(), "{field}: {result:?}");
    }
    let newer = r#"{"format":2,"inputs":[],"outputs":[{"name":"y","type":"bool"}]}"#;
    let message = serde_json::from_str::<IoSchema>(newer).unwrap_err().to_string();
    assert!(message.contains("schema format 2 is unknown"), "{message}");
}

#[test]
fn a_long_hostile_name_stays_out_of_the_message() {
    let name = "\u{202e}".repeat(100_000);
    let message = IoSchema::new(vec![IoField::new(name, IoType::Bool)], vec![]).unwrap_err().to_string();
    assert!(message.contains(&format!("`{}…`", r"\u{202e}".repeat(60))), "{message}");
    assert!(size_of::<SchemaError>() < 128);
}

proptest! {
    #[test]
    fn json_round_trips(schema in sample::schema()) {
        let bytes = to_canonical(&schema).unwrap();
        let back: IoSchema = from_canonical(&bytes).unwrap();
        prop_assert_eq!(back.digest(), schema.digest());
        prop_assert_eq!(back, schema);
    }

    #[test]
    fn type_text_round_trips_or_is_refused(
        text in "(decimal128|timestamp|duration|int8)\\[?[0-9+,-]{0,4}(s|us)?(,utc)?\\]?",
    ) {
        if let Ok(parsed) = text.parse::<IoType>() {
            prop_assert_eq!(parsed.to_string(), text);
        }
    }
}
