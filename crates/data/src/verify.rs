use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{BlobStore, Digest, ErrorKind, FilePath, Progress, ProgressEvent};

use crate::{
    Commit, CommitId, Error, FileEntry, Repository, TableSchema,
    bounded::{read_bounded, read_one_bounded},
    file_entry::Contents,
    groups::{BLOBS, SMALL, groups},
    reference::{InPlace, Sources},
    tree::{Link, MAX_BYTES, NODES_AT_ONCE, Node},
};

/// How thoroughly a repository is verified; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The journal: numbers, links, digests, times.
    Chain,
    /// Every commit, tree and schema is read; every file is there with the right size.
    Closure,
    /// Every byte of every file is read and hashed, also of those that lie elsewhere.
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
    /// Nodes of trees read; one that several versions share counts once.
    pub trees: u64,
    /// Files and page tables looked up; one that several versions share counts once.
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
    /// What the blob is to the repository: `commit`, `tree`, `schema`, `page table of` a path, or the path of a file.
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
        sources: &repository.sources,
        substitutes: repository.journal.read(|state| state.substitutes().clone()).await?,
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
    sources: &'a Sources,
    substitutes: BTreeMap<Digest, Digest>,
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
            let Some(commit) = self.note("commit", id, id.digest(), loaded)? else { continue };
            waiting.extend(commit.parents().iter().copied().filter(|parent| seen.insert(*parent)));
            let diff = commit.derived_from().code.as_ref().and_then(|code| code.diff);
            let diff = diff.map(|digest| Leaf { what: "difference of the code".to_owned(), digest, stated: None });
            self.leaves(id, diff.into_iter().collect()).await?;
            self.tree(id, commit.tree()).await?;
        }
        Ok(())
    }

    async fn tree(&mut self, commit: CommitId, digest: Digest) -> Result<(), Error> {
        let mut waiting = vec![Place { digest, below: None, before: None, is_last: true }];
        while !waiting.is_empty() {
            let mut some = waiting.split_off(waiting.len().saturating_sub(NODES_AT_ONCE));
            some.retain(|place| self.read.insert(place.digest));
            let read = self.nodes(&some).await;
            for (place, bytes) in some.into_iter().zip(read).rev() {
                self.found.trees += 1;
                let loaded = bytes.and_then(|bytes| place.decode(&bytes, self.substitutes.contains_key(&place.digest)));
                match self.note("tree", commit, place.digest, loaded)? {
                    Some(Node::Leaf(files)) => self.files(commit, files).await?,
                    Some(Node::Branch(level, links)) => waiting.extend(place.children(level, links)),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Reads the nodes at some places: together, or one by one if one cannot be read.
    async fn nodes(&self, places: &[Place]) -> Vec<Result<Bytes, Error>> {
        let blob = |place: &Place| (*self.substitutes.get(&place.digest).unwrap_or(&place.digest), MAX_BYTES);
        let blobs: Vec<(Digest, u64)> = places.iter().map(blob).collect();
        if let Ok(read) = read_bounded(self.blobs, "tree", &blobs).await {
            return read.into_iter().map(Ok).collect();
        }
        let read = |(blob, most)| read_one_bounded(self.blobs, "tree", blob, most);
        stream::iter(blobs).map(read).buffered(CONCURRENCY).collect().await
    }

    async fn files(&mut self, commit: CommitId, files: Vec<FileEntry>) -> Result<(), Error> {
        for facts in files.iter().filter_map(|entry| entry.table) {
            if self.read.insert(facts.schema) {
                let loaded = TableSchema::load(self.blobs, facts.schema).await;
                self.note("schema", commit, facts.schema, loaded)?;
            }
        }
        let pages = files.iter().filter_map(|entry| {
            let digest = entry.table?.pages?;
            Some(Leaf { what: format!("page table of {}", entry.path), digest, stated: None })
        });
        self.leaves(commit, pages.collect()).await?;
        let leaf = |entry: &FileEntry| {
            let digest = entry.blob()?;
            Some(Leaf { what: entry.path.to_string(), digest, stated: Some(entry.size_bytes) })
        };
        self.leaves(commit, files.iter().filter_map(leaf).collect()).await?;
        for entry in files {
            if let Contents::Elsewhere(file) = entry.contents()
                && self.level >= Level::Rehash
                && self.read.insert(Digest::of(file.reference.to_string().as_bytes()))
            {
                let outcome = self.rehash_in_place(file).await;
                self.note(entry.path.as_str(), commit, entry.digest, outcome)?;
                self.found.files += 1;
                self.found.size_bytes += entry.size_bytes;
            }
        }
        Ok(())
    }

    async fn rehash_in_place(&self, file: InPlace<'_>) -> Result<(), Error> {
        let mut pieces = self.sources.stream(file).await?;
        while let Some(piece) = pieces.try_next().await? {
            self.progress.report(ProgressEvent::Advanced { task: TASK, by: piece.len() as u64 });
        }
        Ok(())
    }

    async fn leaves(&mut self, commit: CommitId, leaves: Vec<Leaf>) -> Result<(), Error> {
        let unknown: BTreeSet<Digest> = leaves.iter().map(|leaf| leaf.digest).collect();
        let unknown: Vec<Digest> = unknown.into_iter().filter(|digest| !self.sizes.contains_key(digest)).collect();
        let mut looked_up = self.look_up(unknown).await?;
        for Leaf { what, digest, stated } in leaves {
            if let Some(outcome) = looked_up.remove(&digest) {
                let size = self.note(&what, commit, digest, outcome)?;
                self.found.files += 1;
                self.found.size_bytes += size.unwrap_or(0);
                self.sizes.insert(digest, size);
            }
            // What is damaged is named once, where it was met first.
            let Some(size) = self.sizes.get(&digest).copied().flatten() else { continue };
            if stated.is_some_and(|stated| stated != size) {
                let found = format!("it has {size} bytes instead of {}", stated.unwrap_or_default());
                self.found.damage.push(Damage { what, commit, digest, found });
            }
        }
        Ok(())
    }

    /// Returns the sizes of blobs, after reading all of them if asked to.
    async fn look_up(&self, digests: Vec<Digest>) -> Result<BTreeMap<Digest, Result<u64, Error>>, Error> {
        let mut sizes = BTreeMap::new();
        for some in digests.chunks(LOOKED_UP_AT_ONCE) {
            for (digest, info) in some.iter().copied().zip(self.blobs.stat(some).await?) {
                let missing = || lineal_core::Error::BlobMissing { digest }.into();
                sizes.insert(digest, info.map(|info| info.size_bytes).ok_or_else(missing));
            }
        }
        if self.level >= Level::Rehash {
            let there: Vec<(Digest, u64)> =
                sizes.iter().filter_map(|(digest, size)| Some((*digest, *size.as_ref().ok()?))).collect();
            let (small, large): (Vec<_>, Vec<_>) = there.into_iter().partition(|(_, size)| *size <= SMALL);
            let groups =
                groups(small, BLOBS, |(_, size)| *size).into_iter().chain(large.into_iter().map(|one| vec![one]));
            let mut reads = stream::iter(groups).map(|group| self.rehash(group)).buffer_unordered(CONCURRENCY);
            while let Some(read) = reads.next().await {
                sizes.extend(read);
            }
        }
        Ok(sizes)
    }

    /// Reads blobs: small ones together, or one by one if one of them is damaged.
    async fn rehash(&self, group: Vec<(Digest, u64)>) -> Vec<(Digest, Result<u64, Error>)> {
        let is_small = group.iter().all(|(_, size)| *size <= SMALL);
        if is_small && let Ok(read) = read_bounded(self.blobs, "file", &group).await {
            let by = read.iter().map(|bytes| bytes.len() as u64).sum();
            self.progress.report(ProgressEvent::Advanced { task: TASK, by });
            return group.iter().zip(read).map(|((digest, _), bytes)| (*digest, Ok(bytes.len() as u64))).collect();
        }
        let rehash = async |(digest, _)| (digest, rehash(self.blobs, digest, self.progress).await);
        stream::iter(group).then(rehash).collect().await
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

/// A node of a tree, where the nodes above say that it is.
struct Place {
    digest: Digest,
    /// The level of the node above, and its link; none at the top.
    below: Option<(u8, Link)>,
    /// The last path before it.
    before: Option<FilePath>,
    /// Whether it is the last node of its level.
    is_last: bool,
}

impl Place {
    fn decode(&self, bytes: &[u8], is_substitute: bool) -> Result<Node, Error> {
        let flaw = |flaw| Error::Format { what: "tree", digest: self.digest, source: Box::new(flaw) };
        let node = Node::decode(bytes).map_err(flaw)?;
        node.check_place(self.digest, self.below.as_ref(), self.before.as_ref()).map_err(flaw)?;
        if !is_substitute {
            node.check_end(self.is_last).map_err(flaw)?;
        }
        Ok(node)
    }

    /// Returns the nodes below a branch; the first of them comes last.
    fn children(&self, level: u8, links: Vec<Link>) -> Vec<Self> {
        let (mut before, count) = (self.before.clone(), links.len());
        let place = |(at, link): (usize, Link)| {
            let before = before.replace(link.last.clone());
            let is_last = self.is_last && at + 1 == count;
            Self { digest: link.digest, below: Some((level, link)), before, is_last }
        };
        let mut places: Vec<Self> = links.into_iter().enumerate().map(place).collect();
        places.reverse();
        places
    }
}

/// A blob that names no others, as a commit or tree names it.
struct Leaf {
    what: String,
    digest: Digest,
    stated: Option<u64>,
}

/// Reads a blob to its end, which the store does not reach unless the hash is right; returns the size.
async fn rehash(blobs: &dyn BlobStore, digest: Digest, progress: &dyn Progress) -> Result<u64, Error> {
    let mut pieces = blobs.stream(&digest).await?;
    let mut size = 0;
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        progress.report(ProgressEvent::Advanced { task: TASK, by: piece.len() as u64 });
    }
    Ok(size)
}

const TASK: &str = "verify repository";
/// Blobs read at once.
const CONCURRENCY: usize = 4;
/// Blobs asked for in one request.
const LOOKED_UP_AT_ONCE: usize = 1000;
