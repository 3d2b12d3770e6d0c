use std::{io, path::PathBuf};

use lineal_core::{CanonicalError, Digest, ErrorKind, InvalidPath, Name, PathClash};

use crate::OciFlaw;

/// What can go wrong with an artifact.
///
/// [`Error::kind`] says what to do about it; the cause, where there is one, is in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file's name cannot be written out on every system. Rename the file.
    #[error("file cannot be part of an artifact")]
    Path {
        /// The rule that is broken.
        source: InvalidPath,
    },

    /// Two files of a draft cannot lie in one directory. Rename one of them.
    #[error("files of the artifact clash")]
    Clash {
        /// Which.
        source: PathClash,
    },

    /// An artifact type, media type, annotation or count breaks a rule. Correct it.
    #[error("{what} {value:?}: {rule}")]
    Invalid {
        /// What kind of value it is.
        what: &'static str,
        /// The value, cut to a length fit for a message.
        value: String,
        /// The rule.
        rule: &'static str,
    },

    /// The artifact has no file of this name. Its manifest lists them.
    #[error("artifact {artifact} has no file {name:?}")]
    NoSuchFile {
        /// The artifact.
        artifact: Digest,
        /// The name asked for.
        name: String,
    },

    /// The catalog has no such version. [`Catalog::versions`](crate::Catalog::versions) lists them.
    #[error("{name} has no version {version}")]
    NoSuchVersion {
        /// The name.
        name: Name,
        /// The number asked for.
        version: u64,
    },

    /// The version is held. Have the hold released by whom it belongs to, or leave the version.
    #[error("version {version} of {name} is held as {label}: {reason}")]
    Held {
        /// The name.
        name: Name,
        /// The version.
        version: u64,
        /// Which hold; there may be more.
        label: Name,
        /// Why it is held.
        reason: String,
    },

    /// The blob is not a manifest, or one of a newer release. Check the digest; upgrade.
    #[error("blob {digest} is not a manifest that this release can read")]
    NotAManifest {
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        source: Box<ManifestFlaw>,
    },

    /// A manifest has no canonical encoding, for instance because a file has 2^53 bytes or more.
    #[error("cannot encode the manifest")]
    Encode {
        /// Why.
        source: Box<CanonicalError>,
    },

    /// Something else lies where a file is to be written; it is left as it is. Move it away or export elsewhere.
    #[error("{} is in the way: {found}", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
        /// What lies there.
        found: &'static str,
    },

    /// A local file or directory could not be read or written.
    #[error("cannot {operation} {}", path.display())]
    Local {
        /// What was attempted.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// An OCI image layout, or the part of it at `path`, cannot be used; the cause says why and its kind what to do.
    #[error("cannot use {} of an OCI image layout", path.display())]
    Oci {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<OciFlaw>,
    },

    /// The blob store could not do it, or its bytes are missing or damaged.
    #[error(transparent)]
    Store(#[from] lineal_core::Error),
}

/// What keeps a blob from being read as a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFlaw {
    /// It is not canonical JSON of a manifest's shape.
    #[error(transparent)]
    Encoding(CanonicalError),
    /// It states another format.
    #[error("its format is {0:?}")]
    Format(String),
    /// It is larger than any manifest may be.
    #[error("it has {0} bytes")]
    Size(u64),
    /// Its contents break a rule that every writer keeps.
    #[error(transparent)]
    Content(Box<Error>),
}

impl Error {
    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Path { .. } | Self::Clash { .. } | Self::Invalid { .. } | Self::Encode { .. } => ErrorKind::Invalid,
            Self::NoSuchFile { .. } | Self::NoSuchVersion { .. } => ErrorKind::NotFound,
            Self::NotAManifest { source, .. } => match **source {
                ManifestFlaw::Format(_) => ErrorKind::Unsupported,
                _ => ErrorKind::Invalid,
            },
            Self::Occupied { .. } | Self::Held { .. } => ErrorKind::Conflict,
            Self::Local { source, .. } => local_kind(source),
            Self::Oci { source, .. } => source.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    pub(crate) fn invalid(what: &'static str, value: &str, rule: &'static str) -> Self {
        let value = value.chars().take(SHOWN_CHARS).collect();
        Self::Invalid { what, value, rule }
    }

    pub(crate) fn oci(path: impl Into<PathBuf>) -> impl FnOnce(OciFlaw) -> Self {
        let path = path.into();
        move |flaw| Self::Oci { path, source: Box::new(flaw) }
    }

    pub(crate) fn local(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local { operation, path, source }
    }
}

fn local_kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::InvalidInput | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => ErrorKind::Invalid,
        _ => ErrorKind::Unavailable,
    }
}

const SHOWN_CHARS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_fits_in_128_bytes() {
        assert!(size_of::<Error>() <= 128, "{}", size_of::<Error>());
    }
}
