use std::fmt::Debug;

use crate::{Digest, store::Error};

/// Tells which blobs a blob of some media type names.
pub trait Links: Debug + Send + Sync {
    /// Returns the media type it understands.
    fn media_type(&self) -> &str;

    /// Returns the children of a blob with these bytes, each with the media type it is to be read as.
    ///
    /// # Errors
    /// Any error: the collection then condemns nothing.
    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, Error>;

    /// Tells whether blobs of this type never name others, so that a collector need not read them.
    fn is_leaf(&self) -> bool {
        false
    }
}

/// States that blobs of a media type name no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoLinks(String);

impl NoLinks {
    /// Makes the statement for `media_type`.
    #[must_use]
    pub fn new(media_type: impl Into<String>) -> Self {
        Self(media_type.into())
    }
}

impl Links for NoLinks {
    fn media_type(&self) -> &str {
        &self.0
    }

    fn children(&self, _: &[u8]) -> Result<Vec<(Digest, String)>, Error> {
        Ok(Vec::new())
    }

    fn is_leaf(&self) -> bool {
        true
    }
}
