use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use lineal_core::{Error, ErrorKind};

use super::super::{PackBlobs, PackInfo, PackName, PackState, SegmentId, SegmentInfo, blobs::Inner};
use super::segment::Segment;

/// What was done to the index of a pack store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Indexed {
    /// Packs that were put into segments.
    pub packs: u64,
    /// Segments written.
    pub segments: u64,
    /// Segments that were merged or given up, and unrecorded ones that were deleted.
    pub removed: u64,
}

impl PackBlobs {
    /// Puts packs into the index on disk that are not in it yet, so that handles need not keep their rows in memory.
    ///
    /// Collections do it when it is time, and handles before they have too much in memory. Run beside writers, readers and
    /// collectors, best in one process at a time. New packs become segments of
    /// up to half a million rows; eight of a size are merged, so a row is written about once for every eightfold of the store,
    /// and dropped with its pack. Nothing rests on the index: it is rebuilt from packs, and where a segment is missing or damaged
    /// the packs are read themselves. Memory: about 100 MiB beside what the handle has. Requests: one per new pack, a list, and
    /// the segments that are merged once in and out.
    ///
    /// ```
    /// use lineal_artifacts::PackBlobs;
    /// use lineal_core::{BlobStoreExt, Store};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
    /// let blobs = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?;
    /// blobs.put_one("found by its segment from now on".into()).await?;
    /// assert_eq!(blobs.index_packs().await?.packs, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of reading and writing. What was recorded so far stays; the next call goes on from there and removes litter.
    pub async fn index_packs(&self) -> Result<Indexed, Error> {
        self.inner.maintain(false).await
    }

    /// Writes the index on disk anew, from packs alone, and gives up all that is there; for one that `fsck` found damaged.
    ///
    /// Reads the index of every pack. The old segments serve until the new ones are recorded.
    ///
    /// # Errors
    /// As [`PackBlobs::index_packs`].
    pub async fn rebuild_index(&self) -> Result<Indexed, Error> {
        self.inner.maintain(true).await
    }
}

/// How large segments become.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sizes {
    /// Rows of packs that no segment covers which a handle has in memory at most, about 200 bytes each.
    pub(in super::super) resident: u64,
    /// Rows of packs that become one segment.
    pub(super) run: u64,
    /// Segments up to this many rows count as equal.
    pub(super) least: u64,
    /// Rows of the largest segments.
    pub(super) most: u64,
    /// Segments of a size that are merged.
    pub(super) fan_out: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { resident: 1024 * 1024, run: 512 * 1024, least: 4096, most: 32 * 1024 * 1024, fan_out: 8 }
    }
}

impl Sizes {
    /// Returns the class of segments that are merged with each other.
    fn class(&self, rows: u64) -> u32 {
        (rows / self.least).checked_ilog(self.fan_out as u64).map_or(0, |class| class + 1)
    }
}

/// What became of a step that others may get ahead of.
enum Step {
    Done,
    /// Nothing is left to be done.
    Idle,
    /// Somebody changed the index meanwhile: look again.
    Overtaken,
}

impl Inner {
    /// Puts packs into segments if they have more rows than a handle may have in memory; false if the store does not let it.
    pub(in super::super) async fn relieve(&self) -> Result<bool, Error> {
        if self.index_denied.load(Ordering::Relaxed) {
            return Ok(false);
        }
        match self.cover(self.uncovered(), &mut Indexed::default()).await {
            Ok(()) => Ok(true),
            // Who may only read has to make do with memory, until somebody else does this.
            Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported) => {
                self.index_denied.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Does what `index_packs` does, if it is time: a run of rows is in no segment, or segments are many.
    pub(crate) async fn tend_index(&self) -> Result<(), Error> {
        let waiting = self.index().loaded_rows();
        if waiting >= self.sizes.run || self.index().segments().count() >= self.sizes.fan_out {
            self.maintain(false).await?;
        }
        Ok(())
    }

    pub(super) async fn maintain(&self, anew: bool) -> Result<Indexed, Error> {
        let sizes = self.sizes;
        let mut done = Indexed { removed: self.remove_index_litter().await?, ..Indexed::default() };
        self.refresh().await?;
        let mut old: Vec<SegmentId> = Vec::new();
        if anew {
            old = self.journal.peek(|state| state.segments().keys().copied().collect());
            self.cover(self.journal.peek(PackState::list), &mut done).await?;
        }
        let mut overtaken = 0;
        while overtaken < TRIES {
            self.cover(self.uncovered(), &mut done).await?;
            self.add_spoilt(&mut old);
            let step = match self.give_up(&old, &mut done).await? {
                Step::Overtaken => Step::Overtaken,
                _ => self.merge_some(sizes, &mut done).await?,
            };
            match step {
                Step::Idle => break,
                Step::Done => {}
                Step::Overtaken => overtaken += 1,
            }
            self.refresh().await?;
        }
        self.refresh().await?;
        Ok(done)
    }

    /// Deletes objects of segments that are not recorded.
    ///
    /// One that another process is writing just now may be hit: then what it records is gone, its packs are read themselves,
    /// and the next call covers them again.
    async fn remove_index_litter(&self) -> Result<u64, Error> {
        let listed = self.list_segments().await?;
        // Read after the list: what was recorded since is no litter.
        let recorded: BTreeSet<SegmentId> =
            self.journal.read(|state| state.segments().keys().copied().collect()).await?;
        let mut removed = 0;
        for (_, meta) in listed.iter().filter(|(name, _)| !recorded.contains(name)) {
            self.delete(&meta.location).await?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Returns the packs that no segment covers which can be used.
    fn uncovered(&self) -> Vec<(PackName, PackInfo)> {
        let packs = self.journal.peek(PackState::list).into_iter();
        let index = self.index();
        packs.filter(|(name, info)| !index.segments().any(|segment| segment.covers(name, info))).collect()
    }

    /// Adds the segments that cannot be used to those that are given up; forgets those that are not recorded any more.
    fn add_spoilt(&self, old: &mut Vec<SegmentId>) {
        let all: BTreeSet<SegmentId> = self.index().spoilt().chain(old.iter()).copied().collect();
        *old = self.journal.peek(|state| all.into_iter().filter(|name| state.segments().contains_key(name)).collect());
    }

    /// Writes and records segments of packs, run by run.
    async fn cover(&self, packs: Vec<(PackName, PackInfo)>, done: &mut Indexed) -> Result<(), Error> {
        for run in runs(packs, self.sizes.run) {
            let Some((name, info, covered)) = self.write_run(&run).await? else { continue };
            self.record(BTreeMap::from([(name, info)]), &[]).await?;
            done.segments += 1;
            done.packs += covered;
            // Their trailers need no longer be in memory.
            self.load_segments_only().await?;
        }
        Ok(())
    }

    /// Takes segments out of the index.
    async fn give_up(&self, old: &[SegmentId], done: &mut Indexed) -> Result<Step, Error> {
        if old.is_empty() {
            return Ok(Step::Idle);
        }
        self.replace(BTreeMap::new(), old, done).await
    }

    /// Records segments in place of others, whose objects it deletes; or deletes the new ones if others were faster.
    async fn replace(
        &self,
        new: BTreeMap<SegmentId, SegmentInfo>,
        old: &[SegmentId],
        done: &mut Indexed,
    ) -> Result<Step, Error> {
        let written = new.len() as u64;
        let names: Vec<SegmentId> = new.keys().copied().collect();
        let recorded = self.record(new, old).await?;
        for name in if recorded { old } else { &names } {
            self.delete(&self.segment_key(name)?).await?;
        }
        if !recorded {
            return Ok(Step::Overtaken);
        }
        done.segments += written;
        done.removed += old.len() as u64;
        Ok(Step::Done)
    }

    /// Records segments; false if one of those they replace is no longer there.
    async fn record(&self, new: BTreeMap<SegmentId, SegmentInfo>, old: &[SegmentId]) -> Result<bool, Error> {
        Ok(self.transact(|state| state.index(&new, old).ok_or(())).await?.is_ok())
    }

    /// Merges the segments of one size, or cleans one of packs that are gone.
    async fn merge_some(&self, sizes: Sizes, done: &mut Indexed) -> Result<Step, Error> {
        let packs: BTreeMap<PackName, PackInfo> = self.journal.peek(PackState::list).into_iter().collect();
        let recorded: BTreeSet<SegmentId> = self.journal.peek(|state| state.segments().keys().copied().collect());
        let known = |segment: &&Arc<Segment>| recorded.contains(&segment.name);
        let segments: Vec<Arc<Segment>> = self.index().segments().filter(known).cloned().collect();
        let Some(chosen) = choose(&segments, &packs, sizes) else { return Ok(Step::Idle) };
        let old: Vec<SegmentId> = chosen.iter().map(|segment| segment.name).collect();
        let new = match chosen.iter().any(|segment| live_bytes(segment, &packs).0 > 0) {
            false => BTreeMap::new(),
            true => match self.merge(&chosen, &packs).await {
                Ok((name, info)) => BTreeMap::from([(name, info)]),
                Err(trouble) => {
                    self.without(trouble).await?;
                    return Ok(Step::Overtaken);
                }
            },
        };
        self.replace(new, &old, done).await
    }
}

/// Divides packs into groups of about `rows` rows, as the sizes of their trailers tell.
fn runs(packs: Vec<(PackName, PackInfo)>, rows: u64) -> Vec<Vec<(PackName, PackInfo)>> {
    let (mut out, mut open, mut sum) = (Vec::new(), Vec::new(), 0_u64);
    for (name, info) in packs {
        open.push((name, info));
        sum = sum.saturating_add(info.most_rows());
        if sum >= rows || open.len() >= MOST_PACKS / 8 {
            out.push(std::mem::take(&mut open));
            sum = 0;
        }
    }
    out.extend((!open.is_empty()).then_some(open));
    out
}

/// Returns the bytes of trailers of packs that are still there, and of all that a segment covers.
fn live_bytes(segment: &Segment, packs: &BTreeMap<PackName, PackInfo>) -> (u64, u64) {
    segment.directory.packs.iter().fold((0, 0), |(live, all), (name, info)| {
        let there = packs.get(name) == Some(info);
        (live + if there { info.tail_bytes } else { 0 }, all + info.tail_bytes)
    })
}

/// Chooses what to merge next: enough segments of one size, or one of which less than half is alive.
fn choose(segments: &[Arc<Segment>], packs: &BTreeMap<PackName, PackInfo>, sizes: Sizes) -> Option<Vec<Arc<Segment>>> {
    let mostly_gone = |segment: &&Arc<Segment>| {
        let (live, all) = live_bytes(segment, packs);
        live < all - live
    };
    if let Some(segment) = segments.iter().find(mostly_gone) {
        return Some(vec![Arc::clone(segment)]);
    }
    let mut classes: BTreeMap<u32, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in segments {
        let class = sizes.class(segment.directory.rows());
        classes.entry(class).or_default().push(Arc::clone(segment));
    }
    classes.into_values().filter(|class| class.len() >= sizes.fan_out).find_map(|class| smallest(class, sizes))
}

/// Takes the smallest segments of a class, as many as one segment may hold; none if that is not worth a merge.
fn smallest(mut class: Vec<Arc<Segment>>, sizes: Sizes) -> Option<Vec<Arc<Segment>>> {
    class.sort_by_key(|segment| (segment.directory.rows(), segment.name));
    class.truncate(sizes.fan_out);
    let (mut rows, mut packs) = (0, 0);
    let fits = |segment: &&Arc<Segment>| {
        rows += segment.directory.rows();
        packs += segment.directory.packs.len();
        rows <= sizes.most && packs <= MOST_PACKS
    };
    let count = class.iter().take_while(fits).count();
    class.truncate(count);
    (count > 1 && count >= sizes.fan_out / 2).then_some(class)
}

/// Packs of one segment, so that its directory stays far below what is read.
const MOST_PACKS: usize = 512 * 1024;
/// Times that a call goes on after others changed the index under it.
const TRIES: u32 = 4;
