//! Paths of files in datasets and artifacts: those that every system can write out, and no others.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use crate::{ErrorKind, parse_error::excerpt};

/// A relative path that means the same file on every system, and never one outside its directory.
///
/// UTF-8 of 1 to 1024 bytes; components of 1 to 255 bytes between forward slashes. Refused, because some system would not
/// write the file or would write another one: `.` and `..`, absolute paths and empty components, control characters and
/// those that change the direction of text, any of `\ : * ? " < > |`, a component that ends in a dot or a blank, and the
/// device names of Windows (`con`, `nul.txt`, `COM1`, …). The order is that of the bytes. serde checks the same rules.
///
/// ```
/// use lineal_core::FilePath;
///
/// let path = FilePath::new("2013/01.parquet")?;
/// assert_eq!(path.below("/data".as_ref()), std::path::Path::new("/data").join("2013").join("01.parquet"));
/// for refused in ["", "/etc/passwd", "a/../b", "a//b", "c:x", "aux.csv", "a\\b", "end."] {
///     assert!(FilePath::new(refused).is_err(), "{refused}");
/// }
/// # Ok::<(), lineal_core::InvalidPath>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// Checks `path` and takes it.
    ///
    /// # Errors
    /// [`InvalidPath`] with the rule that is broken: rename the file.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidPath> {
        let path = path.into();
        match broken_rule(&path) {
            None => Ok(Self(path)),
            Some(rule) => Err(InvalidPath { path: excerpt(&path), rule }),
        }
    }

    /// Checks bytes, as file systems give them, and takes them.
    ///
    /// # Errors
    /// [`InvalidPath`], also if they are not UTF-8; the message then shows them with the offending bytes replaced.
    pub fn from_bytes(path: &[u8]) -> Result<Self, InvalidPath> {
        match std::str::from_utf8(path) {
            Ok(text) => Self::new(text),
            Err(_) => Err(InvalidPath { path: excerpt(&String::from_utf8_lossy(path)), rule: "must be UTF-8" }),
        }
    }

    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns where the file lies below `directory`.
    #[must_use]
    pub fn below(&self, directory: &Path) -> PathBuf {
        self.components().fold(directory.to_owned(), |path, component| path.join(component))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for FilePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for FilePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::new(text)
    }
}

impl TryFrom<&str> for FilePath {
    type Error = InvalidPath;

    fn try_from(text: &str) -> Result<Self, InvalidPath> {
        Self::new(text)
    }
}

crate::__serde_as_text!(FilePath, "a relative path with forward slashes");

/// A path that breaks the rules of [`FilePath`].
///
/// The message states the path (escaped, cut to 60 characters) and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path \"{path}\": {rule}")]
pub struct InvalidPath {
    path: String,
    rule: &'static str,
}

impl InvalidPath {
    /// Returns the rule that the path breaks, as a phrase for people.
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

/// Paths that can lie in one directory, on every system.
///
/// Two paths clash if they, or directories on the way to them, differ in the case of letters only, or if one needs as a
/// directory what the other needs as a file. Composed and decomposed forms of a letter are different letters here.
/// O(depth) per path; memory grows with the number of files and directories.
///
/// ```
/// use lineal_core::{FilePath, PathSet};
///
/// let mut paths = PathSet::default();
/// paths.insert(&FilePath::new("a/b")?)?;
/// paths.insert(&FilePath::new("a/c")?)?;
/// assert!(paths.insert(&FilePath::new("A/d")?).is_err());
/// assert!(paths.insert(&FilePath::new("a")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PathSet {
    /// By the folded path: the spelling, and whether it is a file.
    taken: BTreeMap<String, (String, bool)>,
}

impl PathSet {
    /// Takes in one path.
    ///
    /// # Errors
    /// [`PathClash`] with the path it clashes with, also if it is the same one; the set is then as before but for
    /// directories on the way.
    pub fn insert(&mut self, path: &FilePath) -> Result<(), PathClash> {
        let text = path.as_str();
        let directories = text.match_indices('/').filter_map(|(at, _)| text.get(..at));
        for directory in directories {
            self.take(directory, false, path)?;
        }
        self.take(text, true, path)
    }

    fn take(&mut self, part: &str, file: bool, path: &FilePath) -> Result<(), PathClash> {
        let folded = part.to_lowercase();
        match self.taken.get(&folded) {
            Some((spelling, taken_by_file)) => {
                if spelling == part && !file && !taken_by_file {
                    return Ok(());
                }
                Err(PathClash { path: path.0.clone(), with: spelling.clone() })
            }
            None => {
                self.taken.insert(folded, (part.to_owned(), file));
                Ok(())
            }
        }
    }
}

/// Two paths that cannot lie in one directory on every system: rename one of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path \"{path}\" cannot lie beside \"{with}\" on every system")]
pub struct PathClash {
    path: String,
    with: String,
}

impl PathClash {
    /// States that `path` cannot lie beside `with`, for those who find out by other means than a [`PathSet`].
    #[must_use]
    pub fn new(path: &FilePath, with: &FilePath) -> Self {
        Self { path: path.0.clone(), with: with.0.clone() }
    }

    /// Returns the path that was to be added.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the path or directory that is there.
    #[must_use]
    pub fn with(&self) -> &str {
        &self.with
    }

    /// Returns [`ErrorKind::Invalid`].
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("must not be empty")
    } else if path.len() > MAX_PATH_BYTES {
        Some("must have at most 1024 bytes")
    } else if path.starts_with('/') {
        Some("must be relative")
    } else if path.chars().any(|c| c.is_control() || turns_text(c)) {
        Some("must not contain control or direction-changing characters")
    } else if path.contains(RESERVED) {
        Some("must not contain any of \\ : * ? \" < > |")
    } else {
        path.split('/').find_map(broken_component_rule)
    }
}

fn broken_component_rule(component: &str) -> Option<&'static str> {
    if component.is_empty() {
        Some("must have no empty component")
    } else if component == "." || component == ".." {
        Some("must not contain the components '.' and '..'")
    } else if component.len() > MAX_COMPONENT_BYTES {
        Some("must have components of at most 255 bytes")
    } else if component.ends_with(['.', ' ']) {
        Some("must have no component that ends in a dot or a blank")
    } else if is_device(component) {
        Some("must have no component that is a device on Windows")
    } else {
        None
    }
}

/// Windows opens the device whatever follows the first dot, and ignores blanks before it.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component).trim_end().to_ascii_lowercase();
    match stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")) {
        Some(number) => {
            let mut digits = number.chars();
            let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³');
            digits.next().is_some_and(is_digit) && digits.next().is_none()
        }
        None => matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$"),
    }
}

/// Line and paragraph separators, marks and overrides of direction (Unicode UAX 9), and the byte order mark.
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

const MAX_PATH_BYTES: usize = 1024;
const MAX_COMPONENT_BYTES: usize = 255;
const RESERVED: [char; 8] = ['\\', ':', '*', '?', '"', '<', '>', '|'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_some_system_would_not_write_is_refused() {
        let long = "x".repeat(256);
        let deep = "d/".repeat(512) + "x";
        let refused = [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/..",
            "../a",
            "a/./b",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}b",
            "a\\b",
            "c:",
            "c:/x",
            "a:stream",
            "a*",
            "a?",
            "\"a\"",
            "<a",
            "a>",
            "a|b",
            "a.",
            "a ",
            "a./b",
            "con",
            "CON",
            "Nul.txt",
            "x/aux",
            "com1",
            "LPT9.dat",
            "com¹",
            "aux .txt",
            "conin$",
            "a\u{202e}b",
            "\u{feff}a",
            &long,
            &deep,
        ];
        for path in refused {
            assert!(FilePath::new(path).is_err(), "{path:?}");
        }
        assert!(FilePath::from_bytes(b"a\xff").is_err());
    }

    #[test]
    fn ordinary_names_of_all_scripts_are_fine() {
        for path in
            ["a", ".hidden", "...a", "año/2013 01.csv", "データ/列.parquet", "com", "com10", "console", "null", "a b"]
        {
            assert_eq!(FilePath::new(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn paths_that_meet_on_some_system_clash() {
        let clash = |paths: &[&str]| {
            let mut set = PathSet::default();
            paths.iter().find_map(|path| set.insert(&FilePath::new(*path).unwrap()).err())
        };
        assert!(clash(&["a", "b", "c/a", "c/b"]).is_none());
        for paths in [["a", "A"], ["a", "a"], ["a/x", "A/y"], ["a", "a/b"], ["a/b", "a"], ["É", "é"]] {
            assert!(clash(&paths).is_some(), "{paths:?}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_path_never_leaves_its_directory(text in "\\PC{0,12}|[./a\\\\: ]{0,10}") {
            if let Ok(path) = FilePath::new(text) {
                let below = path.below(Path::new("/root"));
                prop_assert!(below.starts_with("/root"));
                prop_assert!(below.components().all(|part| part != std::path::Component::ParentDir));
                prop_assert_eq!(below.components().count(), 2 + path.components().count());
            }
        }
    }
}
