//! Text that is not what it should be.

use crate::ErrorKind;

/// Text that does not read as a digest, an id, a timestamp, a number or a key.
///
/// The message states the type, the text (escaped, cut to 60 characters) and the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\": {rule}")]
pub struct ParseError {
    what: &'static str,
    text: String,
    rule: &'static str,
}

impl ParseError {
    pub(crate) fn new(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self { what, text: excerpt(text), rule }
    }

    /// Returns the rule that the text breaks, as a phrase for people.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// Returns [`ErrorKind::Invalid`].
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// Makes hostile text fit for a message: control characters escaped, at most 60 characters kept.
pub(crate) fn excerpt(text: &str) -> String {
    let mut escaped = text.chars().flat_map(char::escape_debug);
    let mut shown: String = escaped.by_ref().take(EXCERPT_CHARS).collect();
    if escaped.next().is_some() {
        shown.push('…');
    }
    shown
}

const EXCERPT_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt("a\n\u{202e}b"), "a\\n\\u{202e}b");
        let long = excerpt(&"x".repeat(1_000_000));
        assert_eq!(long.chars().count(), 61);
        assert_eq!(excerpt(&"x".repeat(60)), "x".repeat(60));
    }
}
