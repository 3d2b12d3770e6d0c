//! Provenance: by which code and in which environment an attempt runs. A stored format, see `docs/format/runs.md`.

use bytes::Bytes;
use lineal_core::{BlobStoreExt, CanonicalError, CodeRef, Digest, EnvRef, RunId, from_canonical, to_canonical};
use serde::{Deserialize, Serialize};

use crate::{Error, Experiment};

/// By which code and in which environment an attempt runs.
///
/// Libraries do not look around by themselves: a program calls [`Provenance::capture`], or states what it knows.
///
/// ```
/// use lineal_core::{CodeRef, EnvRef};
/// use lineal_runner::Provenance;
///
/// let code = CodeRef { repository: None, commit: "6cfaa1b".into(), dirty: false, diff: None };
/// let stated = Provenance::new(EnvRef::new("rustc 1.95.0", "linux", "x86_64")).with_code(code);
/// assert!(!stated.code.unwrap().dirty);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provenance {
    /// The code, if it is under version control.
    pub code: Option<CodeRef>,
    /// The environment.
    pub env: EnvRef,
    pub(crate) attachments: Vec<(Bytes, String)>,
}

impl Provenance {
    /// States an environment.
    #[must_use]
    pub fn new(env: EnvRef) -> Self {
        Self { code: None, env, attachments: Vec::new() }
    }

    /// States the code. Its `diff`, if any, must be stored already or be given to [`Provenance::with_diff`].
    #[must_use]
    pub fn with_code(mut self, code: CodeRef) -> Self {
        self.code = Some(code);
        self
    }

    /// Attaches the difference between the working tree and the commit of the code, and marks the code as dirty.
    ///
    /// Without code there is nothing it differs from, and nothing happens.
    #[must_use]
    pub fn with_diff(mut self, diff: impl Into<Bytes>) -> Self {
        let diff = diff.into();
        if let Some(code) = &mut self.code {
            code.dirty = true;
            code.diff = Some(Digest::of(&diff));
            self.attachments.push((diff, DIFF.to_owned()));
        }
        self
    }

    /// Attaches the lock file that fixes all dependencies.
    #[must_use]
    pub fn with_lock(mut self, lock: impl Into<Bytes>) -> Self {
        let lock = lock.into();
        self.env.lock = Some(Digest::of(&lock));
        self.attachments.push((lock, LOCK.to_owned()));
        self
    }

    /// Replaces the toolchain: the output of `rustc -V` or the like.
    #[must_use]
    pub fn with_toolchain(mut self, toolchain: impl Into<String>) -> Self {
        self.env.toolchain = toolchain.into();
        self
    }

    /// Returns the record's digest and all blobs to store, the record first.
    pub(crate) fn blobs(&self) -> Result<(Digest, Vec<(Bytes, String)>), Error> {
        let record = Record { code: self.code.clone(), env: self.env.clone(), format: FORMAT };
        let bytes = to_canonical(&record)
            .map_err(|source| lineal_core::Error::Encode { what: "provenance", source: Box::new(source) })?;
        let digest = Digest::of(&bytes);
        let mut puts = vec![(Bytes::from(bytes), PROVENANCE.to_owned())];
        puts.extend(self.attachments.iter().cloned());
        Ok((digest, puts))
    }
}

impl Experiment {
    /// Returns by which code and in which environment the newest attempt of a run ran; `None` if nobody said.
    ///
    /// # Errors
    /// [`Error::UnknownRun`], [`Error::Store`], [`Error::Provenance`].
    pub async fn provenance(&self, run: RunId) -> Result<Option<Provenance>, Error> {
        match self.record_of(run).await?.provenance() {
            Some(digest) => self.load_provenance(digest).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn load_provenance(&self, digest: Digest) -> Result<Provenance, Error> {
        let bytes = self.blobs.read_all(&digest).await?;
        let record = decode(&bytes).map_err(|source| Error::Provenance { digest, source: Box::new(source) })?;
        Ok(Provenance { code: record.code, env: record.env, attachments: Vec::new() })
    }
}

/// The stored form.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<CodeRef>,
    env: EnvRef,
    format: u32,
}

fn decode(bytes: &[u8]) -> Result<Record, CanonicalError> {
    from_canonical(bytes)
}

/// Returns the blobs that a stored record names.
pub(crate) fn children(bytes: &[u8]) -> Result<Vec<(Digest, String)>, CanonicalError> {
    let record = decode(bytes)?;
    let diff = record.code.and_then(|code| code.diff).map(|digest| (digest, DIFF.to_owned()));
    let lock = record.env.lock.map(|digest| (digest, LOCK.to_owned()));
    Ok(diff.into_iter().chain(lock).collect())
}

const FORMAT: u32 = 1;
/// Media type of provenance records.
pub(crate) const PROVENANCE: &str = "application/vnd.lineal.provenance+json";
/// Media type of differences to a commit.
pub(crate) const DIFF: &str = "text/x-diff";
/// Media type of lock files.
pub(crate) const LOCK: &str = "application/vnd.lineal.lock-file";
