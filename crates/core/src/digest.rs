//! SHA-256, the one hash of Lineal (FIPS 180-4).

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use crate::{ParseError, hex};

/// The SHA-256 of some bytes, and thereby their name.
///
/// `Display`, `FromStr` and serde use all 64 lower-case hex digits; [`Digest::short`] is for people only.
///
/// ```
/// use lineal_core::Digest;
///
/// let digest = Digest::of(b"abc");
/// assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes `bytes`.
    ///
    /// Linear in their length: above a megabyte or so, keep it off an async thread.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Wraps 32 bytes that are already a SHA-256.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 hex digits: enough for people, never for a key.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        hex::decode("digest", text).map(Self)
    }
}

crate::__serde_as_text!(Digest, "a SHA-256 as 64 lower-case hex digits");

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST's examples for FIPS 180-4.
    #[test]
    fn the_examples_of_nist() {
        let examples = [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ];
        for (bytes, hex) in examples {
            assert_eq!(Digest::of(bytes.as_bytes()).to_string(), hex);
        }
        assert_eq!(format!("{:?}", Digest::of(b"")), "Digest(e3b0c44298fc)");
    }
}
