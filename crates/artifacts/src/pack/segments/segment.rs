use std::ops::Range;

use bytes::Bytes;
use lineal_core::{Digest, Error, on_cpu};

use super::super::{
    PackInfo, PackName, SegmentId, SegmentInfo,
    blobs::Inner,
    format::{FOOTER_LEN, PackFlaw},
    read::OFF_THREAD,
};
use super::{
    directory::{self, BlockMark, Directory},
    row::{BlobEntry, Entry, Row},
};

/// A segment whose directory is known and is the one that was recorded.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: SegmentId,
    pub(super) info: SegmentInfo,
    pub(super) directory: Directory,
}

/// Why a segment did not answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is gone or damaged: the packs themselves have to be asked.
    Spoilt(SegmentId, String),
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Segment {
    /// Tells whether this very pack is covered.
    pub(crate) fn covers(&self, name: &PackName, info: &PackInfo) -> bool {
        let packs = &self.directory.packs;
        let found = packs.binary_search_by_key(name, |(name, _)| *name).ok().and_then(|at| packs.get(at));
        found.is_some_and(|(_, known)| known == info)
    }

    pub(crate) fn may_have<R: Row>(&self, key: &Digest) -> bool {
        self.directory.filter.may_have(R::hash(key))
    }

    pub(super) fn pack(&self, at: u32) -> Option<&(PackName, PackInfo)> {
        self.directory.packs.get(at as usize)
    }

    /// Returns which blocks may have rows of a key: rows of one key may go on in the next block.
    pub(super) fn blocks_with<R: Row>(&self, key: &Digest) -> Range<usize> {
        let marks = R::table(&self.directory).0;
        let start = marks.partition_point(|mark| mark.first < *key).saturating_sub(1);
        start..marks.partition_point(|mark| mark.first <= *key)
    }

    /// Returns where some blocks lie in the object.
    pub(super) fn range<R: Row>(&self, blocks: &Range<usize>) -> Range<u64> {
        let (_, rows, at) = R::table(&self.directory);
        let place = |block: usize| at + (block as u64 * R::A_BLOCK as u64).min(rows) * R::LEN as u64;
        place(blocks.start)..place(blocks.end)
    }

    pub(super) fn mark<R: Row>(&self, block: usize) -> Option<&BlockMark> {
        R::table(&self.directory).0.get(block)
    }

    pub(super) fn block_count<R: Row>(&self) -> usize {
        R::table(&self.directory).0.len()
    }

    pub(super) fn check<R: Row>(&self, block: usize, bytes: &[u8]) -> Result<Vec<R>, PackFlaw> {
        let mark = self.mark::<R>(block).ok_or(PackFlaw::Counts)?;
        if Digest::of(bytes) != mark.digest {
            return Err(PackFlaw::Checksum);
        }
        let rows = decode_block::<R>(bytes)?;
        let first = rows.first().is_some_and(|row| *row.key() == mark.first);
        let packs = rows.iter().all(|row| self.pack(row.pack()).is_some());
        if first && packs { Ok(rows) } else { Err(PackFlaw::Order) }
    }
}

/// Decodes the rows of a block; allocates in proportion to `bytes`.
pub(crate) fn decode_block<R: Row>(bytes: &[u8]) -> Result<Vec<R>, PackFlaw> {
    if !bytes.len().is_multiple_of(R::LEN) {
        return Err(PackFlaw::Counts);
    }
    let rows = bytes.chunks(R::LEN).map(R::decode).collect::<Result<Vec<R>, PackFlaw>>()?;
    if rows.is_sorted_by(|one, next| one.order() < next.order()) { Ok(rows) } else { Err(PackFlaw::Order) }
}

impl Inner {
    /// Reads the directory of a segment; the inner error says in words why it is not what the journal says.
    pub(super) async fn load_segment(
        &self,
        name: SegmentId,
        info: SegmentInfo,
    ) -> Result<Result<Segment, String>, Error> {
        let most = u64::from(directory::MAX_DIRECTORY) + FOOTER_LEN as u64;
        let start = info.size_bytes.saturating_sub(info.tail_bytes.min(most));
        let tail = match self.read_segment(name, &info, start..info.size_bytes).await {
            Ok(tail) => tail,
            Err(Trouble::Spoilt(_, why)) => return Ok(Err(why)),
            Err(Trouble::Error(error)) => return Err(error),
        };
        let decode = move || directory::decode_tail(&tail, info.size_bytes);
        let decoded = if info.tail_bytes < OFF_THREAD as u64 { decode() } else { on_cpu(decode).await? };
        Ok(match decoded {
            Ok((directory, digest)) if digest == info.digest && directory.name == name => {
                Ok(Segment { name, info, directory })
            }
            Ok(_) => Err("it is not the one that was recorded".to_owned()),
            Err(flaw) => Err(flaw.to_string()),
        })
    }

    async fn read_segment(&self, name: SegmentId, info: &SegmentInfo, range: Range<u64>) -> Result<Bytes, Trouble> {
        let key = self.segment_key(&name)?;
        let gone = || Trouble::Spoilt(name, "it is gone".to_owned());
        match self.store.read_range(&key, range).await {
            Ok(bytes) => bytes.ok_or_else(gone),
            // A segment that is shorter than recorded looks like any failed read: ask how large it is.
            Err(error) => match self.store.stat(&key).await? {
                None => Err(gone()),
                Some(meta) if meta.size != info.size_bytes => {
                    Err(Trouble::Spoilt(name, format!("it has {} of its {} bytes", meta.size, info.size_bytes)))
                }
                Some(_) => Err(Trouble::Error(error)),
            },
        }
    }

    /// Reads blocks that lie one behind the other, and checks each against the directory.
    pub(super) async fn read_blocks<R: Row>(
        &self,
        segment: &Segment,
        blocks: Range<usize>,
    ) -> Result<Vec<Vec<R>>, Trouble> {
        if blocks.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = self.read_segment(segment.name, &segment.info, segment.range::<R>(&blocks)).await?;
        let check = |(block, bytes): (usize, &[u8])| segment.check::<R>(block, bytes);
        let rows = blocks.zip(bytes.chunks(R::A_BLOCK * R::LEN)).map(check).collect::<Result<_, PackFlaw>>();
        rows.map_err(|flaw| Trouble::Spoilt(segment.name, format!("a block of it is damaged: {flaw}")))
    }

    /// Checks that a segment is there, and if `in_full` every block of it; says in words what does not hold.
    pub(crate) async fn check_segment(
        &self,
        name: SegmentId,
        info: SegmentInfo,
        in_full: bool,
    ) -> Result<Option<String>, Error> {
        match self.store.stat(&self.segment_key(&name)?).await? {
            None => return Ok(Some("it is gone".to_owned())),
            Some(meta) if meta.size != info.size_bytes => {
                return Ok(Some(format!("it has {} of its {} bytes", meta.size, info.size_bytes)));
            }
            Some(_) if !in_full => return Ok(None),
            Some(_) => {}
        }
        let segment = match self.load_segment(name, info).await? {
            Ok(segment) => segment,
            Err(why) => return Ok(Some(why)),
        };
        match self.check_blocks(&segment).await {
            Ok(()) => Ok(None),
            Err(Trouble::Spoilt(_, why)) => Ok(Some(why)),
            Err(Trouble::Error(error)) => Err(error),
        }
    }

    async fn check_blocks(&self, segment: &Segment) -> Result<(), Trouble> {
        let magic = self.read_segment(segment.name, &segment.info, 0..directory::MAGIC.len() as u64).await?;
        if magic.as_ref() != directory::MAGIC {
            return Err(Trouble::Spoilt(segment.name, "it does not begin like a segment".to_owned()));
        }
        self.check_table::<Entry>(segment).await?;
        self.check_table::<BlobEntry>(segment).await
    }

    async fn check_table<R: Row>(&self, segment: &Segment) -> Result<(), Trouble> {
        let count = segment.block_count::<R>();
        for start in (0..count).step_by(BLOCKS_AT_ONCE) {
            self.read_blocks::<R>(segment, start..count.min(start + BLOCKS_AT_ONCE)).await?;
        }
        Ok(())
    }
}

/// Blocks read in one request where all of them are needed.
pub(super) const BLOCKS_AT_ONCE: usize = 16;
