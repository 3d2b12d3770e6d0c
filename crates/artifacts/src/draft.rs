use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use lineal_core::{Digest, file_stream};

/// What is to become an artifact: collected first, checked and stored by [`Artifacts::put`](crate::Artifacts::put).
#[derive(Debug)]
pub struct Draft {
    pub(crate) artifact_type: String,
    pub(crate) files: Vec<(String, Content)>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) subject: Option<Digest>,
}

impl Draft {
    /// Starts an artifact without files; `artifact_type` is a media type that says what kind it is.
    #[must_use]
    pub fn new(artifact_type: impl Into<String>) -> Self {
        Self { artifact_type: artifact_type.into(), files: Vec::new(), annotations: BTreeMap::new(), subject: None }
    }

    /// Adds a file under a relative path with forward slashes; see [`FilePath`](lineal_core::FilePath) for the rules.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>, content: Content) -> Self {
        self.files.push((name.into(), content));
        self
    }

    /// Adds an annotation; the last value of a key counts.
    #[must_use]
    pub fn with_annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }

    /// States which artifact this one is about; it must be stored already, and stays alive as long as this one.
    #[must_use]
    pub fn with_subject(mut self, artifact: Digest) -> Self {
        self.subject = Some(artifact);
        self
    }
}

/// The bytes of one file, and what they are.
pub struct Content {
    pub(crate) source: Source,
    pub(crate) media_type: String,
}

pub(crate) enum Source {
    Bytes(Bytes),
    File(PathBuf),
    Stream(BoxStream<'static, io::Result<Bytes>>),
}

impl Content {
    /// Takes bytes in memory.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Source::Bytes(bytes.into()))
    }

    /// Reads a local file when the artifact is put, in bounded memory.
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::new(Source::File(path.as_ref().to_owned()))
    }

    /// Takes bytes as they come, in bounded memory.
    #[must_use]
    pub fn stream(bytes: BoxStream<'static, io::Result<Bytes>>) -> Self {
        Self::new(Source::Stream(bytes))
    }

    /// States what the bytes are; without it, `application/octet-stream`.
    #[must_use]
    pub fn with_media_type(mut self, media_type: impl Into<String>) -> Self {
        self.media_type = media_type.into();
        self
    }

    fn new(source: Source) -> Self {
        Self { source, media_type: "application/octet-stream".to_owned() }
    }

    /// Returns the local file it comes from, if it does.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.source.path()
    }
}

impl Source {
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    pub(crate) fn into_stream(self) -> BoxStream<'static, io::Result<Bytes>> {
        match self {
            Self::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Self::File(path) => file_stream(&path),
            Self::Stream(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source: &dyn fmt::Debug = match &self.source {
            Source::Bytes(bytes) => &format_args!("{} bytes", bytes.len()),
            Source::File(path) => path,
            Source::Stream(_) => &"stream",
        };
        f.debug_struct("Content").field("source", source).field("media_type", &self.media_type).finish()
    }
}
