//! Regular expressions over whole texts.

use crate::quality::report::UncheckedReason;
#[cfg(feature = "regex")]
use crate::quality::tally::shortened;

/// A regular expression, ready to match whole texts in linear time.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    #[cfg(feature = "regex")]
    regex: regex::Regex,
}

/// Says what is wrong with a pattern; nothing if it can be used, or if there is nothing to try it with.
#[cfg(feature = "regex")]
pub(in crate::quality) fn complaint(pattern: &str) -> Option<String> {
    compiled(pattern).err().map(|error| format!("the pattern cannot be used: {}", fault(&error)))
}

/// Says what is wrong with a pattern; nothing if it can be used, or if there is nothing to try it with.
#[cfg(not(feature = "regex"))]
pub(in crate::quality) fn complaint(_: &str) -> Option<String> {
    None
}

#[cfg(feature = "regex")]
impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, UncheckedReason> {
        let failed = |error| UncheckedReason::Arrow { message: fault(&error) };
        compiled(pattern).map(|regex| Self { regex }).map_err(failed)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

#[cfg(not(feature = "regex"))]
impl Pattern {
    pub(super) fn new(_: &str) -> Result<Self, UncheckedReason> {
        Err(UncheckedReason::NeedsFeature { feature: "regex".to_owned() })
    }

    pub(super) fn matches(&self, _: &str) -> bool {
        false
    }
}

#[cfg(feature = "regex")]
fn compiled(pattern: &str) -> Result<regex::Regex, regex::Error> {
    let build =
        |pattern: &str| regex::RegexBuilder::new(pattern).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build();
    // Alone first: `a)|(b` must not become a good pattern by what is put around it.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

/// The parser draws the pattern with a pointer to the fault; the last line says what it is.
#[cfg(feature = "regex")]
fn fault(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it needs more than a megabyte".to_owned(),
        other => shortened(other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")),
    }
}

/// Bytes of a compiled pattern, and of the cache of its automaton.
#[cfg(feature = "regex")]
const SIZE_LIMIT: usize = 1 << 20;
