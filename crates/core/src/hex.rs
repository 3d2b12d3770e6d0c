//! Lower-case base 16, the text form of digests, ids and keys.

use std::fmt;

use crate::ParseError;

/// Writes `bytes` as lower-case hex digits, two for each byte.
///
/// # Errors
/// Those of the formatter.
pub fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly `2 * N` lower-case hex digits.
///
/// # Errors
/// [`ParseError`] for any other length or character; upper case is refused, so that equal bytes have one text.
pub fn decode<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], ParseError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return Err(ParseError::new(what, text, wrong_length(N)));
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (Some(high), Some(low)) = (value(*high), value(*low)) else {
            return Err(ParseError::new(what, text, "only the digits 0-9 and a-f are allowed"));
        };
        *byte = (high << 4) | low;
    }
    Ok(bytes)
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const fn wrong_length(bytes: usize) -> &'static str {
    match bytes {
        16 => "must have exactly 32 hex digits",
        32 => "must have exactly 64 hex digits",
        _ => "has the wrong number of hex digits",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{Digest, RunId};

    #[test]
    fn one_text_for_each_digest() {
        let good = "ab".repeat(32);
        assert!(good.parse::<Digest>().is_ok());
        for bad in [
            String::new(),
            "ab".repeat(31),
            "ab".repeat(33),
            format!("{good}a"),
            "AB".repeat(32),
            "ag".repeat(32),
            format!("0x{}", "ab".repeat(31)),
            format!(" {}b", "ab".repeat(31)),
            "é".repeat(32),
            "a".repeat(10_000_000),
        ] {
            let refused = bad.parse::<Digest>().unwrap_err();
            assert!(refused.to_string().len() < 200);
        }
        let refused = "x".parse::<RunId>().unwrap_err();
        assert_eq!(refused.to_string(), "RunId \"x\": must have exactly 32 hex digits");
    }

    proptest! {
        #[test]
        fn digests_survive(bytes: [u8; 32]) {
            let digest = Digest::from_bytes(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn any_text_is_judged_without_panic(text in "[0-9a-gA-F]{62,66}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
