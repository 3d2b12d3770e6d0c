//! Checks that bytes are canonical JSON, without building anything.

use super::{CanonicalError, INTEGER_LIMIT, MAX_DEPTH};

/// Checks the whole of `bytes`.
pub(super) fn check(bytes: &[u8]) -> Result<(), CanonicalError> {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(CanonicalError::NotCanonical { at: error.valid_up_to(), rule: "must be UTF-8" });
    }
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.value(0)?;
    match scanner.peek() {
        None => Ok(()),
        Some(_) => Err(scanner.refuse("must end after the value")),
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn value(&mut self, depth: usize) -> Result<(), CanonicalError> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b'n') => self.word(b"null"),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b' ' | b'\t' | b'\n' | b'\r') => Err(self.refuse("must have no white space")),
            Some(_) => Err(self.refuse("expected a value")),
            None => Err(self.refuse("ends too early")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.at += 1;
        if self.take(b'}') {
            return Ok(());
        }
        let mut last: Option<Key<'a>> = None;
        loop {
            let start = self.at;
            let key = self.key()?;
            if last.is_some_and(|last| !last.is_before(&key)) {
                self.at = start;
                return Err(self.refuse("keys must ascend by their UTF-16 units, each once"));
            }
            last = Some(key);
            self.expect(b':')?;
            self.value(depth)?;
            if self.take(b'}') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), CanonicalError> {
        self.at += 1;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.take(b']') {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    fn key(&mut self) -> Result<Key<'a>, CanonicalError> {
        if self.peek() != Some(b'"') {
            return Err(self.refuse("expected a key"));
        }
        let quoted = self.string()?;
        if !quoted.contains(&b'\\') {
            let plain = quoted.get(1..quoted.len().saturating_sub(1));
            let plain = plain.and_then(|bytes| std::str::from_utf8(bytes).ok());
            return plain.map(Key::Plain).ok_or_else(|| self.refuse("must be UTF-8"));
        }
        serde_json::from_slice(quoted).map(Key::Escaped).map_err(|_| self.refuse("expected a key"))
    }

    /// Passes a string and returns it with its quotes.
    fn string(&mut self) -> Result<&'a [u8], CanonicalError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.bytes.get(start..self.at).unwrap_or_default());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.refuse("control characters must be escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.refuse("ends too early")),
            }
        }
    }

    /// Passes the one escape that each control character, quote and backslash has.
    fn escape(&mut self) -> Result<(), CanonicalError> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        self.at += match rest {
            [b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => 2,
            [b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..]
            | [b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return Err(self.refuse("must be written without this escape")),
        };
        Ok(())
    }

    fn integer(&mut self) -> Result<(), CanonicalError> {
        let start = self.at;
        let negative = self.take(b'-');
        let mut magnitude = Some(0_u64);
        let digits = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            let next = |sum: u64| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
            magnitude = magnitude.and_then(next);
            self.at += 1;
        }
        let length = self.at - digits;
        let rule = match (magnitude, self.peek()) {
            (_, Some(b'.' | b'e' | b'E')) => "must have no raw floats",
            _ if length == 0 => "expected a digit",
            _ if length > 1 && self.bytes.get(digits) == Some(&b'0') => "integers must have no leading zeros",
            (Some(0), _) if negative => "zero must have no sign",
            (Some(0..INTEGER_LIMIT), _) => return Ok(()),
            _ => "integers must be below 2^53",
        };
        self.at = start;
        Err(self.refuse(rule))
    }

    fn word(&mut self, word: &[u8]) -> Result<(), CanonicalError> {
        if !self.bytes.get(self.at..).unwrap_or_default().starts_with(word) {
            return Err(self.refuse("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    fn deeper(&self, depth: usize) -> Result<usize, CanonicalError> {
        if depth >= MAX_DEPTH {
            return Err(self.refuse("nested deeper than 127 levels"));
        }
        Ok(depth + 1)
    }

    fn expect(&mut self, byte: u8) -> Result<(), CanonicalError> {
        match self.peek() {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(b' ' | b'\t' | b'\n' | b'\r') => Err(self.refuse("must have no white space")),
            Some(_) => Err(self.refuse("expected ',', ':' or the end of the array or object")),
            None => Err(self.refuse("ends too early")),
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    const fn refuse(&self, rule: &'static str) -> CanonicalError {
        CanonicalError::NotCanonical { at: self.at, rule }
    }
}

enum Key<'a> {
    Plain(&'a str),
    Escaped(String),
}

impl Key<'_> {
    fn is_before(&self, other: &Self) -> bool {
        self.as_str().encode_utf16().lt(other.as_str().encode_utf16())
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Escaped(text) => text,
        }
    }
}
