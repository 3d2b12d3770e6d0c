use std::{cmp::Ordering, path::Path, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Digest, FilePath, ProgressEvent, PutHints, Timestamp, file_stream, on_cpu};

use crate::{
    Error, FileEntry, FileKind,
    file_entry::is_inline,
    groups::{Greatest, SMALL, groups},
    link_target,
    links::PARQUET_MEDIA_TYPE,
    local::{Directory, Found, Hashed, Looked, blocking, is_same, read_one},
    path_order,
    stage::{ANY_BYTES, Stage, TASK},
    tree::{Changes, Tree},
};

/// A file that may differ from the version before.
struct Candidate {
    found: Found,
    /// Mostly there is none: no room is kept for it.
    before: Option<Box<FileEntry>>,
}

/// Makes the files of a version those of a directory: puts the bytes of what differs, and returns the changes.
///
/// A file is read once: its hash is what the blob store answers. One that the cache of the directory vouches for is not
/// read at all.
pub(crate) async fn import(stage: &Stage<'_>, directory: &Directory, base: &Tree) -> Result<Changes, Error> {
    let place = directory.clone();
    let Looked { at, cache, open } = on_cpu(move || place.look()).await??;
    let (mut changes, known, candidates) = compare(open, base).await?;
    let (small, large): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.found.size_bytes <= SMALL);
    let root: Arc<Path> = directory.root().into();
    let groups = groups(small, GROUP, |candidate| candidate.found.size_bytes);
    let groups = stream::iter(groups).map(|group| read_group(directory.clone(), Arc::clone(&root), group));
    let mut groups = groups.buffered(GROUPS);
    let mut known: Vec<(Hashed, Timestamp)> = known.into_iter().map(|file| (file, at)).collect();
    let mut take = |(found, before, entry): Put, at: Timestamp| {
        known.push((Hashed { found, digest: entry.digest }, at));
        // One whose bytes are as before keeps what else was known of it.
        let entry = match before.as_deref() {
            Some(before) if before.digest == entry.digest && are_akin(before.kind, entry.kind) => {
                FileEntry { kind: entry.kind, ..before.clone() }
            }
            _ => entry,
        };
        if before.as_deref() != Some(&entry) {
            changes.insert(entry.path.clone(), Some(entry));
        }
    };
    let mut vanished = Vec::new();
    while let Some((at, group, gone)) = groups.try_next().await? {
        stage.put_all(group).await?.into_iter().for_each(|put| take(put, at));
        vanished.extend(gone);
    }
    for candidate in large {
        let at = directory.now();
        take(stage.put_large(&root, candidate).await?, at);
    }
    changes.extend(vanished.into_iter().map(|path| (path, None)));
    let place = directory.clone();
    let remember = move || {
        known.sort_by(|(one, _), (two, _)| path_order::compare(&one.found.path, &two.found.path));
        place.remember(known.iter().map(|(file, at)| (file, *at)), &cache)
    };
    on_cpu(remember).await??;
    Ok(changes)
}

/// Walks the directory and the version before side by side: returns what is gone or another kind of file, what is as it
/// was, and what has to be read.
async fn compare(
    open: Vec<(Found, Option<Digest>)>,
    base: &Tree,
) -> Result<(Changes, Vec<Hashed>, Vec<Candidate>), Error> {
    let (mut changes, mut known, mut candidates) = (Changes::new(), Vec::new(), Vec::new());
    let mut files = base.list("").ready_chunks(READ_AHEAD).map(|some| some.into_iter().collect::<Result<Vec<_>, _>>());
    let mut before = Vec::new().into_iter().peekable();
    for (found, digest) in open {
        let same = loop {
            if before.peek().is_none()
                && let Some(some) = files.try_next().await?
            {
                before = some.into_iter().peekable();
            }
            let order = before.peek().map(|file: &FileEntry| path_order::compare(&file.path, &found.path));
            match order {
                Some(Ordering::Less) => {
                    changes.extend(before.next().map(|file| (file.path, None)));
                }
                Some(Ordering::Equal) => break before.next(),
                _ => break None,
            }
        };
        let unchanged = match (&same, digest) {
            (Some(before), Some(digest)) => before.digest == digest && before.kind.is_met_by(found.kind),
            (Some(before), None) => before.kind == FileKind::Directory && found.kind == FileKind::Directory,
            _ => false,
        };
        match digest {
            Some(digest) if unchanged => known.push(Hashed { found, digest }),
            None if unchanged => {}
            _ => candidates.push(Candidate { found, before: same.map(Box::new) }),
        }
    }
    changes.extend(before.map(|file| (file.path, None)));
    while let Some(some) = files.try_next().await? {
        changes.extend(some.into_iter().map(|file| (file.path, None)));
    }
    Ok((changes, known, candidates))
}

/// A file as it was read, and as it was before.
type Read = (Found, Option<Box<FileEntry>>, Bytes);
/// Files that were read, a time before the first of them was, and the paths of those that are gone by now.
type ReadGroup = (Timestamp, Vec<Read>, Vec<FilePath>);
/// A file that was put, and as it was before.
type Put = (Found, Option<Box<FileEntry>>, FileEntry);

async fn read_group(directory: Directory, root: Arc<Path>, group: Vec<Candidate>) -> Result<ReadGroup, Error> {
    let read = move |found: Found| {
        if found.kind == FileKind::Directory {
            return Ok(Some((found, Bytes::new())));
        }
        let read = read_one(&root, found)?;
        match &read {
            // It led elsewhere when the directory was searched.
            Some((found, target)) if found.kind == FileKind::Symlink => link_target::check(&found.path, target)
                .map_err(|_| Error::Restless { path: found.path.below(&root) })?,
            _ => {}
        }
        Ok::<_, Error>(read)
    };
    // Not on threads that come and go: what an allocator frees for one of those is seldom used again by another.
    let read_all = move || {
        let (at, mut files, mut gone) = (directory.now(), Vec::with_capacity(group.len()), Vec::new());
        for Candidate { found, before } in group {
            let path = before.is_some().then(|| found.path.clone());
            match read(found)? {
                Some((found, bytes)) => files.push((found, before, bytes)),
                None => gone.extend(path),
            }
        }
        Ok((at, files, gone))
    };
    on_cpu(read_all).await?
}

impl Stage<'_> {
    /// Puts the bytes of files that were read, but for those that go into the tree.
    async fn put_all(&self, group: Vec<Read>) -> Result<Vec<Put>, Error> {
        let with_type = |read: Read| (media_type(&read.0.path, read.1.as_deref(), read.0.kind), read);
        let group: Vec<(String, Read)> = group.into_iter().map(with_type).collect();
        let blob = |(media_type, (found, _, bytes)): &(String, Read)| {
            let hints = PutHints::default().with_size(bytes.len() as u64).with_media_type(media_type.as_str());
            is_blob(found.kind, bytes).then(|| (bytes.clone(), hints))
        };
        let mut digests = self.batch.put_many(group.iter().filter_map(blob).collect()).await?.into_iter();
        let put = |(media_type, (found, before, bytes)): (String, Read)| {
            let (path, size_bytes) = (found.path.clone(), bytes.len() as u64);
            let digest = if is_blob(found.kind, &bytes) { digests.next() } else { None };
            let kind = kind(found.kind, before.as_deref());
            let entry = match digest {
                Some(digest) => FileEntry { kind, ..FileEntry::new(path, digest, size_bytes, media_type) },
                None => FileEntry::of_bytes(path, kind, &bytes, media_type),
            };
            self.progress.report(ProgressEvent::Advanced { task: TASK, by: size_bytes });
            (found, before, entry)
        };
        Ok(group.into_iter().map(put).collect())
    }

    async fn put_large(&self, root: &Path, candidate: Candidate) -> Result<Put, Error> {
        let Candidate { found, before } = candidate;
        let path = found.path.below(root);
        let media_type = media_type(&found.path, before.as_deref(), found.kind);
        let hints = PutHints::default().with_size(found.size_bytes).with_media_type(media_type.as_str());
        let digest = self.batch.put_stream(file_stream(&path), hints).await.map_err(|error| match error {
            lineal_core::Error::Input { source } => Error::local("read", &path)(source),
            error => error.into(),
        })?;
        let (place, seen) = (root.to_owned(), found.clone());
        if !blocking(move || is_same(&place, &seen)).await? {
            return Err(Error::Restless { path });
        }
        let entry = FileEntry::new(found.path.clone(), digest, found.size_bytes, media_type);
        let entry = FileEntry { kind: kind(found.kind, before.as_deref()), ..entry };
        self.progress.report(ProgressEvent::Advanced { task: TASK, by: entry.size_bytes });
        Ok((found, before, entry))
    }
}

/// Tells whether what is known of a file of one kind holds for one of the other.
fn are_akin(one: FileKind, two: FileKind) -> bool {
    let is_file = |kind| matches!(kind, FileKind::Regular | FileKind::Executable);
    one == two || (is_file(one) && is_file(two))
}

/// Returns the kind of a file that was found: that of the file before, where this system does not tell them apart.
fn kind(found: FileKind, before: Option<&FileEntry>) -> FileKind {
    before.map(|before| before.kind).filter(|kind| kind.is_met_by(found)).unwrap_or(found)
}

/// Tells whether the bytes of a file are a blob of their own.
fn is_blob(kind: FileKind, bytes: &Bytes) -> bool {
    kind != FileKind::Directory && !is_inline(kind, bytes.len() as u64)
}

/// Returns what was said of the file before, or what its name says.
fn media_type(path: &FilePath, before: Option<&FileEntry>, kind: FileKind) -> String {
    let known = match before {
        _ if matches!(kind, FileKind::Symlink | FileKind::Directory) => ANY_BYTES,
        Some(before) => before.media_type.as_str(),
        None if path.as_str().ends_with(".parquet") => PARQUET_MEDIA_TYPE,
        None => ANY_BYTES,
    };
    known.to_owned()
}

/// Files read in one go.
const GROUP: Greatest = Greatest { bytes: 1024 * 1024, count: 1024 };
/// Groups read ahead.
const GROUPS: usize = 3;
/// Files of the version before taken in one go.
const READ_AHEAD: usize = 4096;
