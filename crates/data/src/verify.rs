use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use lineal_core::{BlobStore, Digest, ErrorKind, Progress, ProgressEvent};

use crate::{Commit, CommitId, Error, FileEntry, Repository, TableSchema, tree::Tree};

/// How thoroughly a repository is verified; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The journal: numbers, links, digests, times.
    Chain,
    /// Every commit, tree and schema is read; every file is there with the right size.
    Closure,
    /// Every byte of every file is read and hashed.
    Rehash,
}

/// What a verification went over and found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Entries of the journal.
    pub entries: u64,
    /// Commits read.
    pub commits: u64,
    /// Trees read.
    pub trees: u64,
    /// Files looked up; one that several versions share counts once.
    pub files: u64,
    /// Bytes of these files.
    pub size_bytes: u64,
    /// What does not hold.
    pub damage: Vec<Damage>,
}

impl Verification {
    /// Tells whether everything holds.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.damage.is_empty()
    }
}

/// A blob that is missing or not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What the blob is to the repository: `commit`, `tree`, `schema`, or the path of a file.
    pub what: String,
    /// A commit that needs it.
    pub commit: CommitId,
    /// The digest it should have.
    pub digest: Digest,
    /// What is wrong, in words.
    pub found: String,
}

pub(crate) async fn verify(
    repository: &Repository,
    level: Level,
    progress: &dyn Progress,
) -> Result<Verification, Error> {
    let chain = repository.journal.verify().await?;
    let mut walk = Walk {
        blobs: repository.blobs.as_ref(),
        level,
        progress,
        read: BTreeSet::new(),
        sizes: BTreeMap::new(),
        found: Verification {
            entries: chain.entries,
            commits: 0,
            trees: 0,
            files: 0,
            size_bytes: 0,
            damage: Vec::new(),
        },
    };
    if level > Level::Chain {
        let kept: BTreeSet<CommitId> = repository.journal.read(|state| state.kept().collect()).await?;
        progress.report(ProgressEvent::Started { task: TASK, total: None, unit: "bytes" });
        let outcome = walk.commits(kept).await;
        progress.report(ProgressEvent::Finished { task: TASK });
        outcome?;
    }
    Ok(walk.found)
}

struct Walk<'a> {
    blobs: &'a dyn BlobStore,
    level: Level,
    progress: &'a dyn Progress,
    /// Trees and schemas read so far.
    read: BTreeSet<Digest>,
    /// Files looked up so far, and the size of those that hold.
    sizes: BTreeMap<Digest, Option<u64>>,
    found: Verification,
}

impl Walk<'_> {
    async fn commits(&mut self, start: BTreeSet<CommitId>) -> Result<(), Error> {
        let mut waiting: Vec<CommitId> = start.into_iter().collect();
        let mut seen: BTreeSet<CommitId> = waiting.iter().copied().collect();
        while let Some(id) = waiting.pop() {
            self.found.commits += 1;
            let loaded = Commit::load(self.blobs, id).await;
            let Some(commit) = self.note("commit", id, id.digest(), loaded)? else {
                continue;
            };
            waiting.extend(commit.parents().iter().copied().filter(|parent| seen.insert(*parent)));
            if let Some(diff) = commit.derived_from().code.as_ref().and_then(|code| code.diff) {
                self.leaf("difference of the code", id, diff, None).await?;
            }
            self.tree(id, commit.tree()).await?;
        }
        Ok(())
    }

    async fn tree(&mut self, commit: CommitId, digest: Digest) -> Result<(), Error> {
        if !self.read.insert(digest) {
            return Ok(());
        }
        self.found.trees += 1;
        let loaded = Tree::load(self.blobs, digest).await;
        let Some(tree) = self.note("tree", commit, digest, loaded)? else {
            return Ok(());
        };
        for entry in tree.entries() {
            self.file(commit, entry).await?;
        }
        Ok(())
    }

    async fn file(&mut self, commit: CommitId, entry: &FileEntry) -> Result<(), Error> {
        if let Some(facts) = entry.table
            && self.read.insert(facts.schema)
        {
            let loaded = TableSchema::load(self.blobs, facts.schema).await;
            self.note("schema", commit, facts.schema, loaded)?;
        }
        self.leaf(entry.path.as_str(), commit, entry.digest, Some(entry.size_bytes)).await
    }

    async fn leaf(&mut self, what: &str, commit: CommitId, digest: Digest, stated: Option<u64>) -> Result<(), Error> {
        let known = match self.sizes.get(&digest) {
            Some(known) => *known,
            None => {
                let looked_up = self.look_up(digest).await;
                let size = self.note(what, commit, digest, looked_up)?;
                self.found.files += 1;
                self.found.size_bytes += size.unwrap_or(0);
                self.sizes.insert(digest, size);
                size
            }
        };
        // What is damaged is named once, where it was met first.
        let Some(size) = known else { return Ok(()) };
        if let Some(stated) = stated.filter(|stated| *stated != size) {
            let found = format!("it has {size} bytes instead of {stated}");
            self.found.damage.push(Damage { what: what.to_owned(), commit, digest, found });
        }
        Ok(())
    }

    /// Returns the size of a blob, after reading all of it if asked to.
    async fn look_up(&self, digest: Digest) -> Result<u64, Error> {
        if self.level < Level::Rehash {
            let stat = self.blobs.stat(&[digest]).await?;
            let info = stat.first().copied().flatten();
            return Ok(info.ok_or(lineal_core::Error::BlobMissing { digest })?.size_bytes);
        }
        let mut pieces = self.blobs.stream(&digest).await?;
        let mut size = 0;
        while let Some(piece) = pieces.try_next().await? {
            size += piece.len() as u64;
            self.progress.report(ProgressEvent::Advanced { task: TASK, by: piece.len() as u64 });
        }
        Ok(size)
    }

    /// Turns an error that speaks of the blob into damage, and passes on one that speaks of the store.
    fn note<T>(
        &mut self,
        what: &str,
        commit: CommitId,
        digest: Digest,
        outcome: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt) => {
                let found = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                self.found.damage.push(Damage { what: what.to_owned(), commit, digest, found });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

const TASK: &str = "verify repository";
