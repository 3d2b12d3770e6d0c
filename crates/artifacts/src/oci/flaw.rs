use lineal_core::{Digest, ErrorKind};

use crate::Error;

/// What keeps an OCI image layout, or a part of it, from being used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciFlaw {
    /// It is not the JSON document that belongs there.
    #[error("it is not the document that belongs there")]
    Json(#[source] serde_json::Error),
    /// It is larger than any index or manifest may be: registries stop at 4 MiB too.
    #[error("it has {size_bytes} bytes, and an index or manifest at most {limit_bytes}")]
    TooLarge {
        /// Its size, as stated or found.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The layout does not hold it.
    #[error("it is missing")]
    Missing,
    /// A symbolic link, a device or the like lies there; such things are never followed.
    #[error("it is not a {0}")]
    NotA(&'static str),
    /// A file has another size than its descriptor states: damage or tampering.
    #[error("it has {found} bytes, and its descriptor states {stated}")]
    Size {
        /// What the descriptor states.
        stated: u64,
        /// What was found, counted no further than one piece beyond the stated size.
        found: u64,
    },
    /// A file has other bytes than its name says: damage or tampering.
    #[error("its content hashes to {found}")]
    Digest {
        /// The hash of what lies there.
        found: Digest,
    },
    /// The layout is of another version. Upgrade.
    #[error("its layout version is {0:?}")]
    LayoutVersion(String),
    /// The document is of another version.
    #[error("its schema version is {0}")]
    SchemaVersion(u64),
    /// It is something else than an image manifest or index, or not what the descriptor promised.
    #[error("its media type is {0:?}")]
    MediaType(String),
    /// It could be read as a manifest and as an index.
    #[error("it is a manifest and an index in one")]
    TwoInOne,
    /// A digest that is none.
    #[error("{0:?} is not a digest")]
    BadDigest(String),
    /// A digest of an algorithm other than SHA-256.
    #[error("digests by {0} are not supported, only sha256")]
    Algorithm(String),
    /// What was asked for is an image index: name one of its manifests by digest.
    #[error("it is an image index; name one of its manifests: {}", shown(.0))]
    Index(Vec<String>),
    /// The layout has no such tag or manifest.
    #[error("it does not name {0:?}")]
    NoSuchReference(String),
    /// Several manifests would do: name one by tag or digest.
    #[error("{0} of its manifests would do: name one by tag or digest")]
    Ambiguous(usize),
    /// Subjects of subjects of subjects, or indexes in indexes, beyond the limit.
    #[error("it leads through more than {0} manifests or indexes")]
    TooDeep(usize),
    /// It says which artifact it is, and is not: it was altered after the export.
    #[error("it says that it is artifact {stated}, and is {found}")]
    Claim {
        /// What its annotation states.
        stated: String,
        /// What it amounts to.
        found: Digest,
    },
    /// The title, place or media type of a layer cannot be that of a file of an artifact.
    #[error("its layer {number} cannot be a file of an artifact")]
    Layer {
        /// Its place, from 0.
        number: usize,
        /// The rule that is broken.
        source: Box<Error>,
    },
    /// An annotation or type breaks a rule that every artifact keeps.
    #[error("it cannot be an artifact")]
    Rule {
        /// The rule that is broken, and by what.
        source: Box<Error>,
    },
}

impl OciFlaw {
    /// Returns what the caller must do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Missing | Self::NoSuchReference(_) => ErrorKind::NotFound,
            Self::Size { .. } | Self::Digest { .. } | Self::Claim { .. } => ErrorKind::Corrupt,
            Self::LayoutVersion(_)
            | Self::SchemaVersion(_)
            | Self::MediaType(_)
            | Self::Algorithm(_)
            | Self::Index(_)
            | Self::TooDeep(_) => ErrorKind::Unsupported,
            _ => ErrorKind::Invalid,
        }
    }

    pub(super) fn rule(source: Error) -> Self {
        Self::Rule { source: Box::new(source) }
    }

    pub(super) fn layer(number: usize) -> impl FnOnce(Error) -> Self {
        move |source| Self::Layer { number, source: Box::new(source) }
    }
}

fn shown(manifests: &[String]) -> String {
    manifests.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ")
}
