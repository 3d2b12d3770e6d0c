use globset::{GlobBuilder, GlobMatcher};
use lineal_core::FilePath;

use crate::Error;

/// A part of a version: everything, or what lies at or below some paths, or what matches some globs.
///
/// ```
/// use lineal_core::FilePath;
/// use lineal_data::local::Selection;
///
/// let part = Selection::all().with_prefix(FilePath::new("2013")?).with_glob("docs/**/*.md")?;
/// assert!(part.contains(&FilePath::new("2013/01.parquet")?));
/// assert!(part.contains(&FilePath::new("docs/a/b.md")?));
/// assert!(!part.contains(&FilePath::new("20130/x")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Selection {
    prefixes: Vec<FilePath>,
    globs: Vec<GlobMatcher>,
}

impl Selection {
    /// Selects everything, as long as nothing is added.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Adds a file, or a directory with all that lies below it.
    #[must_use]
    pub fn with_prefix(mut self, prefix: FilePath) -> Self {
        self.prefixes.push(prefix);
        self
    }

    /// Adds what matches a glob: `*` and `?` do not match `/`, `**` does, `{a,b}` and `[a-z]` choose.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not a glob.
    pub fn with_glob(mut self, glob: &str) -> Result<Self, Error> {
        let built = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
        let glob = built.map_err(|_| Error::invalid("glob", glob, "must be a glob such as data/**/*.csv"))?;
        self.globs.push(glob.compile_matcher());
        Ok(self)
    }

    /// Tells whether a file is in the selection.
    #[must_use]
    pub fn contains(&self, path: &FilePath) -> bool {
        let below = |prefix: &FilePath| {
            path.as_str().strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.prefixes.is_empty() && self.globs.is_empty())
            || self.prefixes.iter().any(below)
            || self.globs.iter().any(|glob| glob.is_match(path.as_str()))
    }
}
