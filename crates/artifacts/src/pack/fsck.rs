use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Digest, Error, Progress, ProgressEvent, on_cpu};

use super::{
    PackBlobs, PackInfo, PackName, PackState, SegmentId,
    blobs::{CONCURRENCY, Inner},
    format::MAGIC,
    index::{LoadedPack, Place},
    read::open,
};
use crate::codec::Decoder;

/// How much of a store a check reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FsckLevel {
    /// The journal's chain, and that every pack and every segment of the index is there and has its size.
    Chain,
    /// Also the index of every pack, and every segment of the index in full.
    #[default]
    Trailers,
    /// Also every byte of every pack whose digest falls into subset `part` of `of`, so that `of` checks read all.
    Hash {
        /// Which subset, from 0.
        part: u64,
        /// Of how many.
        of: u64,
    },
}

/// What a check read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fsck {
    /// Entries of the journal.
    pub entries: u64,
    /// Packs recorded, without those set aside.
    pub packs: u64,
    /// Packs that a repair has set aside as damaged: not read, and removed by the next collections.
    pub set_aside: u64,
    /// Records whose bytes were hashed.
    pub hashed: u64,
    /// Bytes hashed, as they are stored.
    pub hashed_bytes: u64,
    /// Objects with the name of a pack that the journal does not know: uploads under way, or litter of dead batches.
    pub unrecorded: u64,
    /// Files on a local disk into which packs are being written, or were when a writer stopped.
    pub staged: u64,
    /// What does not hold.
    pub problems: Vec<Problem>,
    /// Segments of the index.
    pub segments: u64,
    /// Segments that cannot be used. No blob is at risk, but opening and lookups cost more until
    /// [`rebuild_index`](PackBlobs::rebuild_index).
    pub index_problems: Vec<IndexProblem>,
}

impl Fsck {
    /// Tells whether everything that was looked at holds, the index included.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.index_problems.is_empty()
    }
}

/// A segment of the index that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexProblem {
    /// The segment.
    pub segment: SegmentId,
    /// What does not hold, in words.
    pub found: String,
}

/// A pack or a part of it that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The pack.
    pub pack: PackName,
    /// The damaged record: its key and where it begins; none if the pack as a whole is meant.
    pub record: Option<(Digest, u64)>,
    /// What does not hold, in words.
    pub found: String,
}

impl PackBlobs {
    /// Checks the store; changes nothing.
    ///
    /// Reads each pack's index in one request, and with [`FsckLevel::Hash`] whole packs of the subset, a few at a time.
    ///
    /// # Errors
    /// [`Error::Broken`] if the journal itself does not verify; [`Error::Storage`] if the store cannot be read. Damage to packs is
    /// in the answer.
    pub async fn fsck(&self, level: FsckLevel, progress: &dyn Progress) -> Result<Fsck, Error> {
        let inner = &self.inner;
        let mut found = Fsck { entries: inner.journal.verify().await?.entries, ..Fsck::default() };
        found.staged = inner.staged().await?.len() as u64;
        let listed = inner.list_packs().await?;
        // Read after the list: what was recorded since is not missing.
        inner.journal.read(|_| ()).await?;
        let packs: Vec<(PackName, PackInfo)> = inner.journal.peek(PackState::list);
        found.packs = packs.len() as u64;
        inner.journal.peek(|state| {
            found.set_aside = state.set_aside().count() as u64;
            found.unrecorded = listed.iter().filter(|(name, _)| !state.packs().contains_key(name)).count() as u64;
        });
        let task = "check packs";
        progress.report(ProgressEvent::Started { task, total: Some(found.packs), unit: "packs" });
        let check = |(name, info)| async move {
            let checked = inner.check(name, info, level).await;
            progress.report(ProgressEvent::Advanced { task, by: 1 });
            checked
        };
        // Whole packs are held in memory while they are hashed.
        let width = if matches!(level, FsckLevel::Hash { .. }) { WHOLE_PACKS } else { CONCURRENCY };
        let mut checks = stream::iter(packs).map(check).buffered(width);
        while let Some(Checked { hashed, hashed_bytes, problems }) = checks.try_next().await? {
            found.hashed += hashed;
            found.hashed_bytes += hashed_bytes;
            found.problems.extend(problems);
        }
        progress.report(ProgressEvent::Finished { task });
        drop(checks);
        let segments: Vec<_> =
            inner.journal.peek(|state| state.segments().iter().map(|(name, info)| (*name, *info)).collect());
        found.segments = segments.len() as u64;
        for (segment, info) in segments {
            if let Some(problem) = inner.check_segment(segment, info, level != FsckLevel::Chain).await? {
                found.index_problems.push(IndexProblem { segment, found: problem });
            }
        }
        Ok(found)
    }
}

#[derive(Debug, Default)]
struct Checked {
    hashed: u64,
    hashed_bytes: u64,
    problems: Vec<Problem>,
}

impl Inner {
    async fn check(&self, name: PackName, info: PackInfo, level: FsckLevel) -> Result<Checked, Error> {
        let whole = |found: String| {
            Ok(Checked { problems: vec![Problem { pack: name, record: None, found }], ..Checked::default() })
        };
        match self.store.stat(&self.pack_key(&name)?).await? {
            None => return whole("it is gone".to_owned()),
            Some(meta) if meta.size != info.size_bytes => {
                return whole(format!("it has {} of its {} bytes", meta.size, info.size_bytes));
            }
            Some(_) => {}
        }
        if level == FsckLevel::Chain {
            return Ok(Checked::default());
        }
        let loaded = match self.load_pack(name, info).await? {
            Ok(loaded) => loaded,
            Err(why) => return whole(why),
        };
        match level {
            FsckLevel::Hash { part, of } if subset(&info.digest, of) == part => self.hash_all(loaded).await,
            _ => Ok(Checked::default()),
        }
    }

    /// Reads a pack and hashes every record in it.
    async fn hash_all(&self, loaded: LoadedPack) -> Result<Checked, Error> {
        let LoadedPack { pack, trailer } = loaded;
        let key = self.pack_key(&pack.name)?;
        let end = pack.info.size_bytes - pack.info.tail_bytes.min(pack.info.size_bytes);
        let Some(bytes) = self.store.read_range(&key, 0..end).await? else { return Ok(Checked::default()) };
        on_cpu(move || {
            use rayon::prelude::*;

            let problem = |record, found| Problem { pack: pack.name, record, found };
            let check = |decoder: &mut Decoder, (at, record): (usize, &super::format::Record)| {
                let from = record.offset as usize;
                let to = from.saturating_add(record.stored_len as usize);
                let stored = if to <= bytes.len() { bytes.slice(from..to) } else { Default::default() };
                let place = Place { pack: Arc::clone(&pack), at: at as u32, record: *record };
                let spot = Some((record.key, u64::from(record.offset)));
                open(decoder, &place, stored).err().map(|found| problem(spot, found))
            };
            let magic = bytes.starts_with(MAGIC);
            let magic = (!magic).then(|| problem(None, "it does not begin like a pack".to_owned()));
            let records = trailer.records.par_iter().enumerate().map_init(Decoder::default, check);
            let problems = magic.into_iter().chain(records.flatten().collect::<Vec<_>>()).collect();
            Checked { hashed: trailer.records.len() as u64, hashed_bytes: bytes.len() as u64, problems }
        })
        .await
    }
}

/// Returns the subset of `of` into which a pack falls: all subsets are about as large.
fn subset(digest: &Digest, of: u64) -> u64 {
    let head = digest.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    head.checked_rem(of).unwrap_or_default()
}

/// Packs that are hashed at once.
const WHOLE_PACKS: usize = 2;
