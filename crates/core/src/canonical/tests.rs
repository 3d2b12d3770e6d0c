use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_canonical(value).unwrap()).unwrap()
}

fn refusal<T: Serialize + ?Sized>(value: &T) -> String {
    to_canonical(value).unwrap_err().to_string()
}

/// RFC 8785, section 3.2.3: sorting by UTF-16 units puts the emoji before the Hebrew letter.
#[test]
fn keys_are_sorted_as_in_rfc_8785() {
    let value = json!({
        "\u{20ac}": "Euro Sign", "\r": "Carriage Return", "\u{fb33}": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\u{1f600}": "Emoji: Grinning Face", "\u{80}": "Control", "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\
        \"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(text(&value), expected);
    assert_eq!(from_canonical::<Value>(expected.as_bytes()).unwrap(), value);
}

/// RFC 8785, section 3.2.2.2.
#[test]
fn strings_have_the_shortest_escapes() {
    let string = "\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{8}\t\u{c}\r\u{7f}";
    assert_eq!(text(string), "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\t\\f\\r\u{7f}\"");
    for control in '\0'..' ' {
        let bytes = to_canonical(&control).unwrap();
        assert_eq!(from_canonical::<char>(&bytes).unwrap(), control);
    }
}

#[derive(Serialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, Option<bool>),
    Struct { b: i8, a: char },
}

#[test]
fn every_shape_of_serde_has_its_form() {
    let shapes = [Shape::Unit, Shape::Newtype(1), Shape::Tuple(2, None), Shape::Struct { b: -3, a: 'x' }];
    assert_eq!(text(&shapes), r#"["Unit",{"Newtype":1},{"Tuple":[2,null]},{"Struct":{"a":"x","b":-3}}]"#);
    assert_eq!(text(&((), [true, false], Some("s"))), r#"[null,[true,false],"s"]"#);
    assert_eq!(text(&BTreeMap::from([(10, 'a'), (9, 'b')])), r#"{"10":"a","9":"b"}"#);
    assert_eq!(text(&BTreeMap::from([('b', 1_u128), ('a', 2)])), r#"{"a":2,"b":1}"#);
    assert_eq!(text::<[u8]>(&[]), "[]");
    assert_eq!(text(&json!({})), "{}");
}

#[test]
fn integers_stop_at_two_to_the_53() {
    let limit = 1_i64 << 53;
    assert_eq!(text(&(limit - 1)), "9007199254740991");
    assert_eq!(text(&(1 - limit)), "-9007199254740991");
    for refused in [limit.to_string(), (-limit).to_string(), u64::MAX.to_string(), i64::MIN.to_string()] {
        let value: Value = serde_json::from_str(&refused).unwrap();
        assert!(matches!(to_canonical(&value), Err(CanonicalError::Integer { .. })), "{refused}");
        assert!(from_canonical::<Value>(refused.as_bytes()).is_err(), "{refused}");
    }
    assert!(matches!(to_canonical(&i128::MAX), Err(CanonicalError::Integer { .. })));
    assert!(matches!(to_canonical(&u128::MAX), Err(CanonicalError::Integer { .. })));
}

#[test]
fn refusals_name_the_place() {
    #[derive(Serialize)]
    struct Doubled {
        key: u8,
        #[serde(flatten)]
        more: BTreeMap<String, u8>,
    }
    let doubled = Doubled { key: 1, more: BTreeMap::from([("key".to_owned(), 2)]) };
    assert_eq!(refusal(&[doubled]), r#"duplicate key at "/0/key""#);
    assert_eq!(refusal(&json!({"a/b": [0, {"~": 1.5}]})), r#"raw float at "/a~1b/1/~0": store it as a `Real`"#);
    assert_eq!(refusal(&1.0_f32), r#"raw float at "": store it as a `Real`"#);
    assert_eq!(refusal(&BTreeMap::from([("n", u64::MAX)])), r#"integer of 2^53 or more at "/n": store it as a `Wide`"#);
    assert_eq!(refusal(&[HashMap::from([([1, 2], 3)])]), r#"key at "/0" is neither text nor an integer"#);
    assert_eq!(refusal(&HashMap::from([((), 3)])), r#"key at "" is neither text nor an integer"#);
    #[derive(Serialize)]
    enum Variants {
        A(f64),
        B(u8, f64),
        C { x: f64 },
    }
    let at = |value| match to_canonical(&value) {
        Err(CanonicalError::Float { path }) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!([at(Variants::A(0.5)), at(Variants::B(0, 0.5)), at(Variants::C { x: 0.5 })], ["/A", "/B/1", "/C/x"]);
}

#[test]
fn kinds_and_size() {
    assert_eq!(to_canonical(&0.5).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(from_canonical::<u8>(b"256").unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(from_canonical::<u8>(b" 1").unwrap_err().kind(), ErrorKind::Corrupt);
    assert!(size_of::<CanonicalError>() < 128);
}

/// With `serde_json`'s feature `arbitrary_precision`, on in somebody's build, numbers arrive as such a struct.
#[test]
fn numbers_of_arbitrary_precision_obey_the_same_rules() {
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Number {
        #[serde(rename = "$serde_json::private::Number")]
        text: &'static str,
    }
    assert_eq!(text(&[Number { text: "-12" }]), "[-12]");
    assert!(matches!(to_canonical(&Number { text: "1.0" }), Err(CanonicalError::Float { .. })));
    assert!(matches!(to_canonical(&Number { text: "1e2" }), Err(CanonicalError::Float { .. })));
    for text in ["9007199254740992", "99999999999999999999999999"] {
        assert!(matches!(to_canonical(&Number { text }), Err(CanonicalError::Integer { .. })));
    }
}

#[test]
fn what_is_not_canonical_is_refused_with_its_place() {
    let cases: [(&[u8], usize, &str); 34] = [
        (b"", 0, "ends too early"),
        (b" 1", 0, "must have no white space"),
        (b"1 ", 1, "must end after the value"),
        (b"1\n", 1, "must end after the value"),
        (b"[1, 2]", 3, "must have no white space"),
        (b"[1 ,2]", 2, "must have no white space"),
        (b"{\"a\": 1}", 5, "must have no white space"),
        (b"[1,]", 3, "expected a value"),
        (b"[1", 2, "ends too early"),
        (b"[1}", 2, "expected ',', ':' or the end of the array or object"),
        (b"{1:2}", 1, "expected a key"),
        (b"{\"a\":1,}", 7, "expected a key"),
        (b"{\"a\"}", 4, "expected ',', ':' or the end of the array or object"),
        (b"{\"b\":1,\"a\":2}", 7, "keys must ascend by their UTF-16 units, each once"),
        (b"{\"a\":1,\"a\":2}", 7, "keys must ascend by their UTF-16 units, each once"),
        (b"{\"\\n\":1,\"\\n\":2}", 8, "keys must ascend by their UTF-16 units, each once"),
        (b"1.5", 0, "must have no raw floats"),
        (b"[1e3]", 1, "must have no raw floats"),
        (b"01", 0, "integers must have no leading zeros"),
        (b"-01", 0, "integers must have no leading zeros"),
        (b"-0", 0, "zero must have no sign"),
        (b"-", 0, "expected a digit"),
        (b"+1", 0, "expected a value"),
        (b"9007199254740992", 0, "integers must be below 2^53"),
        (b"nul", 0, "expected a value"),
        (b"NaN", 0, "expected a value"),
        (b"\"\\u0041\"", 1, "must be written without this escape"),
        (b"\"\\/\"", 1, "must be written without this escape"),
        (b"\"\\u000A\"", 1, "must be written without this escape"),
        (b"\"\\u000a\"", 1, "must be written without this escape"),
        (b"\"\\ud83d\\ude00\"", 1, "must be written without this escape"),
        (b"\"a\nb\"", 2, "control characters must be escaped"),
        (b"\"abc", 4, "ends too early"),
        (b"\"\xff\"", 1, "must be UTF-8"),
    ];
    for (bytes, place, broken) in cases {
        match from_canonical::<Value>(bytes) {
            Err(CanonicalError::NotCanonical { at, rule }) => {
                assert_eq!((at, rule), (place, broken), "{:?}", String::from_utf8_lossy(bytes));
            }
            other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
        }
    }
}

#[test]
fn depth_is_bounded_both_ways() {
    let nested = |depth: usize| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    let deepest = to_canonical(&nested(127)).unwrap();
    assert_eq!(from_canonical::<Value>(&deepest).unwrap(), nested(127));
    assert!(matches!(to_canonical(&nested(128)), Err(CanonicalError::Depth)));
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let hostile = opening.repeat(1_000_000);
        let refused = from_canonical::<Value>(hostile.as_bytes()).unwrap_err();
        assert!(refused.to_string().ends_with("nested deeper than 127 levels"), "{refused}");
    }
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(from_canonical::<Value>(objects(127).as_bytes()).is_ok());
    assert!(from_canonical::<Value>(objects(128).as_bytes()).is_err());
}

#[test]
fn huge_tokens_are_refused_without_a_copy() {
    let digits = "9".repeat(1_000_000);
    assert!(from_canonical::<Value>(digits.as_bytes()).is_err());
    let key = "k".repeat(1_000_000);
    let message = refusal(&BTreeMap::from([(key, 0.5)]));
    assert!(message.len() < 200, "{}", message.len());
}

/// Any value that has a canonical form.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The definition that the scanner must agree with: what is read is written back.
fn is_canonical(bytes: &[u8]) -> bool {
    let value = serde_json::from_slice::<Value>(bytes);
    value.is_ok_and(|value| to_canonical(&value).is_ok_and(|written| written == bytes))
}

proptest! {
    #[test]
    fn values_survive(value in value()) {
        let bytes = to_canonical(&value).unwrap();
        prop_assert_eq!(from_canonical::<Value>(&bytes).unwrap(), value);
        prop_assert!(is_canonical(&bytes));
    }

    #[test]
    fn damaged_bytes_pass_only_if_canonical(value in value(), at: prop::sample::Index, to in "[0-9a-c{}\\[\\]\",:\\\\ un.e-]{0,2}") {
        let mut bytes = to_canonical(&value).unwrap();
        let at = at.index(bytes.len());
        bytes.splice(at..=at, to.bytes());
        prop_assert_eq!(from_canonical::<Value>(&bytes).is_ok(), is_canonical(&bytes));
    }

    #[test]
    fn texts_like_json_pass_only_if_canonical(text in "([\\[\\]{},:]|\"[ab]\"|\"\\\\[nu\"]|0|1|-|null|\\.|e| ){0,9}") {
        prop_assert_eq!(from_canonical::<Value>(text.as_bytes()).is_ok(), is_canonical(text.as_bytes()));
    }

    #[test]
    fn any_bytes_are_an_error_and_no_panic(bytes: Vec<u8>) {
        prop_assert_eq!(from_canonical::<Value>(&bytes).is_ok(), is_canonical(&bytes));
    }
}
