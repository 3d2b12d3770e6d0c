use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::hash::open;
use crate::Error;

/// The name of the files with ignore rules, in the syntax of `.gitignore`.
pub(crate) const IGNORE_FILE: &str = ".linealignore";

/// The rules that hold in a directory: those of its own file, then those of the directories above it.
#[derive(Debug)]
pub(crate) struct IgnoreRules {
    own: Gitignore,
    /// Length of the path of the directory, with the separator behind it.
    base: usize,
    above: Option<Arc<Self>>,
}

impl IgnoreRules {
    /// Adds the rules of the file at `place`, which lies in the directory whose path has `base` bytes.
    pub(crate) fn load(place: &Path, base: usize, above: Option<Arc<Self>>) -> Result<Option<Arc<Self>>, Error> {
        let Some(text) = read(place).map_err(Error::local("read", place))? else { return Ok(above) };
        let broken = |line: &str| Error::invalid("ignore rule", line, "must have the syntax of .gitignore");
        let mut rules = GitignoreBuilder::new("");
        for line in text.trim_start_matches('\u{feff}').lines() {
            rules.add_line(None, line).map_err(|_| broken(line))?;
        }
        let own = rules.build().map_err(|_| broken(&text))?;
        Ok(Some(Arc::new(Self { own, base, above })))
    }

    /// Tells whether what lies at `path`, relative to the root, is left out; nearer rules go first, later ones of a file too.
    pub(crate) fn leave_out(&self, path: &str, is_directory: bool) -> bool {
        let mut next = Some(self);
        while let Some(rules) = next {
            match rules.own.matched(path.get(rules.base..).unwrap_or_default(), is_directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => next = rules.above.as_deref(),
            }
        }
        false
    }
}

/// Reads a file with rules; `None` if it has vanished.
fn read(place: &Path) -> io::Result<Option<String>> {
    let mut text = String::new();
    match open(place).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text)) {
        Ok(len) if len as u64 > MAX_BYTES => Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 1 MiB")),
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

const MAX_BYTES: u64 = 1024 * 1024;
