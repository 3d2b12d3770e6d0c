//! Validated names: safe in object keys, URLs and file systems.

use std::{fmt, str::FromStr};

use crate::{ErrorKind, parse_error::excerpt};

/// Defines a name of its own type, with the rules of [`Name`](crate::Name).
///
/// ```
/// lineal_core::name_type! {
///     /// Names a branch.
///     pub struct BranchName;
/// }
///
/// let branch = BranchName::new("main")?;
/// assert_eq!(branch.as_str(), "main");
/// let refused = BranchName::new("feature/x").unwrap_err();
/// assert!(refused.to_string().starts_with("BranchName \"feature/x\": "));
/// # Ok::<(), lineal_core::InvalidName>(())
/// ```
#[macro_export]
macro_rules! name_type {
    ($(#[$meta:meta])* $vis:vis struct $name:ident;) => {
        $(#[$meta])*
        ///
        /// 1 to 100 bytes; a letter `a-z` or digit first, then those and `.`, `_`, `-`; no `..`, no `.` at the end, and
        /// not a reserved device name of Windows. serde checks the same rules.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis struct $name(::std::string::String);

        impl $name {
            /// Checks `name` and takes it.
            ///
            /// # Errors
            /// [`InvalidName`]($crate::InvalidName) with the rule that is broken: choose another name.
            $vis fn new(
                name: impl ::core::convert::Into<::std::string::String>,
            ) -> ::core::result::Result<Self, $crate::InvalidName> {
                let name = name.into();
                $crate::InvalidName::check(::core::stringify!($name), &name)?;
                ::core::result::Result::Ok(Self(name))
            }

            /// Returns the name as text.
            #[must_use]
            $vis fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::core::str::FromStr for $name {
            type Err = $crate::InvalidName;

            fn from_str(text: &str) -> ::core::result::Result<Self, $crate::InvalidName> {
                Self::new(text)
            }
        }

        $crate::__name_traits!($name, "a name");
    };
}

/// Implements what all kinds of names have in common.
#[doc(hidden)]
#[macro_export]
macro_rules! __name_traits {
    ($name:ident, $expecting:literal) => {
        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl ::core::convert::AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl ::core::convert::TryFrom<&str> for $name {
            type Error = $crate::InvalidName;

            fn try_from(text: &str) -> ::core::result::Result<Self, $crate::InvalidName> {
                Self::new(text)
            }
        }

        impl ::core::convert::TryFrom<::std::string::String> for $name {
            type Error = $crate::InvalidName;

            fn try_from(text: ::std::string::String) -> ::core::result::Result<Self, $crate::InvalidName> {
                Self::new(text)
            }
        }

        $crate::__serde_as_text!($name, $expecting);
    };
}

name_type! {
    /// A name that is safe as part of an object key, a URL and a file name on every system.
    ///
    /// Crates define their own types of name by [`name_type!`](crate::name_type); this one stands where the kind of
    /// thing is clear from the field. The order is that of the bytes.
    ///
    /// ```
    /// use lineal_core::Name;
    ///
    /// assert_eq!(Name::new("late15.v2")?.as_str(), "late15.v2");
    /// for refused in ["", "Late", "a/b", "a..b", ".hidden", "con.txt", "über"] {
    ///     assert!(Name::new(refused).is_err(), "{refused}");
    /// }
    /// # Ok::<(), lineal_core::InvalidName>(())
    /// ```
    pub struct Name;
}

/// Who did something: a person, a service, a job.
///
/// 1 to 200 printable characters, such as `ana@example.org` or `ci/nightly`. Control characters, invisible and
/// direction-changing characters, and any white space but single inner blanks are refused rather than removed: two
/// actors that look alike must not be told apart by something nobody sees.
///
/// ```
/// use lineal_core::Actor;
///
/// assert_eq!(Actor::new("Ana Sousa <ana@example.org>")?.as_str(), "Ana Sousa <ana@example.org>");
/// assert!(Actor::new(" ana").is_err());
/// assert!(Actor::new("ana\u{200b}").is_err());
/// # Ok::<(), lineal_core::InvalidName>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(String);

impl Actor {
    /// Checks `actor` and takes it.
    ///
    /// # Errors
    /// [`InvalidName`] with the rule that is broken.
    pub fn new(actor: impl Into<String>) -> Result<Self, InvalidName> {
        let actor = actor.into();
        match broken_actor_rule(&actor) {
            None => Ok(Self(actor)),
            Some(rule) => Err(InvalidName::new("Actor", &actor, rule)),
        }
    }

    /// Returns the actor as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Actor {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::new(text)
    }
}

crate::__name_traits!(Actor, "an actor");

/// A name that breaks the rules of its type.
///
/// The message states the type, the name (escaped, cut to 60 characters) and the rule.
#[derive(Clone, PartialEq, Eq)]
pub struct InvalidName {
    what: &'static str,
    name: String,
    rule: &'static str,
}

impl InvalidName {
    fn new(what: &'static str, name: &str, rule: &'static str) -> Self {
        Self { what, name: excerpt(name), rule }
    }

    /// Checks the rules of [`Name`] for the type called `what`; part of [`name_type!`](crate::name_type).
    #[doc(hidden)]
    pub fn check(what: &'static str, name: &str) -> Result<(), Self> {
        match broken_name_rule(name) {
            None => Ok(()),
            Some(rule) => Err(Self::new(what, name, rule)),
        }
    }

    /// Returns the rule that the name breaks, as a phrase for people.
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

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\": {}", self.what, self.name, self.rule)
    }
}

impl fmt::Debug for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvalidName({self})")
    }
}

impl std::error::Error for InvalidName {}

fn broken_name_rule(name: &str) -> Option<&'static str> {
    let Some(first) = name.bytes().next() else {
        return Some("must not be empty");
    };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.len() > MAX_NAME_BYTES {
        Some("must have at most 100 bytes")
    } else if !name.bytes().all(|byte| allowed(byte) || b"._-".contains(&byte)) {
        Some("may contain only a-z, 0-9, '.', '_' and '-'")
    } else if !allowed(first) {
        Some("must begin with a-z or 0-9")
    } else if name.contains("..") {
        Some("must not contain '..'")
    } else if name.ends_with('.') {
        Some("must not end in '.'")
    } else if is_device(name) {
        Some("is reserved for a device on Windows")
    } else {
        None
    }
}

/// Windows opens the device whatever follows the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    match stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")) {
        Some(number) => number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()),
        None => matches!(stem, "con" | "prn" | "aux" | "nul"),
    }
}

fn broken_actor_rule(actor: &str) -> Option<&'static str> {
    if actor.is_empty() {
        Some("must not be empty")
    } else if actor.chars().nth(MAX_ACTOR_CHARS).is_some() {
        Some("must have at most 200 characters")
    } else if actor.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else if actor.chars().any(is_invisible) {
        Some("must not contain invisible or direction-changing characters")
    } else if actor.chars().any(|c| c.is_whitespace() && c != ' ') {
        Some("may contain no white space but the blank")
    } else if actor.starts_with(' ') || actor.ends_with(' ') || actor.contains("  ") {
        Some("must not begin or end with a blank, nor contain two in a row")
    } else {
        None
    }
}

/// Format characters (Unicode Cf) and others that leave no mark on the screen.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

const MAX_NAME_BYTES: usize = 100;
const MAX_ACTOR_CHARS: usize = 200;

#[cfg(test)]
mod tests;
