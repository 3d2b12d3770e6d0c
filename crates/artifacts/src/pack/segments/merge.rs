use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use lineal_core::Error;

use super::super::{PackInfo, PackName, SegmentId, SegmentInfo, blobs::Inner};
use super::{
    row::{BlobEntry, Entry, Row},
    segment::{BLOCKS_AT_ONCE, Segment, Trouble},
    write::SegmentWriter,
};

/// The new number of each pack of a segment; none for one that is gone.
type NewNumbers = Arc<Vec<Option<u32>>>;

type Numbered = (Arc<Segment>, NewNumbers);

/// Rows of one segment in order, those of packs that stay, read some blocks at a time.
struct Cursor<R> {
    segment: Arc<Segment>,
    packs: NewNumbers,
    next_block: usize,
    rows: VecDeque<R>,
}

impl<R: Row> Cursor<R> {
    /// Makes sure that the next row is there, if there is one.
    async fn fill(&mut self, inner: &Inner) -> Result<(), Trouble> {
        let end = self.segment.block_count::<R>();
        while self.rows.is_empty() && self.next_block < end {
            let blocks = self.next_block..end.min(self.next_block + BLOCKS_AT_ONCE);
            self.next_block = blocks.end;
            let read = inner.read_blocks::<R>(&self.segment, blocks).await?;
            let packs = &self.packs;
            let stays = |row: R| packs.get(row.pack() as usize).copied().flatten().map(|pack| row.with_pack(pack));
            self.rows = read.into_iter().flatten().filter_map(stays).collect();
        }
        Ok(())
    }
}

/// Rows of several segments in one order, each once.
struct Merge<R> {
    cursors: Vec<Cursor<R>>,
    last: Option<R>,
}

impl<R: Row> Merge<R> {
    fn new(segments: &[Numbered]) -> Self {
        let cursor = |(segment, packs): &Numbered| Cursor {
            segment: Arc::clone(segment),
            packs: Arc::clone(packs),
            next_block: 0,
            rows: VecDeque::new(),
        };
        Self { cursors: segments.iter().map(cursor).collect(), last: None }
    }

    /// Returns the next rows; none at the end.
    async fn next(&mut self, inner: &Inner) -> Result<Vec<R>, Trouble> {
        let mut out = Vec::new();
        while out.len() < ROWS_AT_ONCE {
            for cursor in &mut self.cursors {
                cursor.fill(inner).await?;
            }
            let first = self.cursors.iter_mut().filter(|cursor| !cursor.rows.is_empty());
            let first = first.min_by_key(|cursor| cursor.rows.front().map(Row::order));
            let Some(row) = first.and_then(|cursor| cursor.rows.pop_front()) else { break };
            // Two processes may have covered one pack at the same time.
            if self.last != Some(row) {
                out.push(row);
            }
            self.last = Some(row);
        }
        Ok(out)
    }
}

impl Inner {
    /// Writes one segment with the rows of several, but for those of packs that are not in `packs`.
    ///
    /// Memory: some blocks of each, a part of the upload, and the new directory.
    pub(super) async fn merge(
        &self,
        segments: &[Arc<Segment>],
        packs: &BTreeMap<PackName, PackInfo>,
    ) -> Result<(SegmentId, SegmentInfo), Trouble> {
        let mut kept: BTreeMap<PackName, (PackInfo, u32)> = BTreeMap::new();
        for (name, info) in segments.iter().flat_map(|segment| &segment.directory.packs) {
            if packs.get(name) == Some(info) {
                kept.insert(*name, (*info, 0));
            }
        }
        kept.values_mut().zip(0..).for_each(|((_, number), at)| *number = at);
        let number = |(name, info): &(PackName, PackInfo)| {
            kept.get(name).filter(|(kept, _)| kept == info).map(|(_, number)| *number)
        };
        let numbered = |segment: &Arc<Segment>| {
            (Arc::clone(segment), Arc::new(segment.directory.packs.iter().map(number).collect::<Vec<_>>()))
        };
        let inputs: Vec<_> = segments.iter().map(numbered).collect();
        let rows = segments.iter().map(|segment| segment.directory.rows()).sum();
        let table = kept.iter().map(|(name, (info, _))| (*name, *info)).collect();
        let mut writer = SegmentWriter::new(self, table, rows)?;
        let mut records = Merge::<Entry>::new(&inputs);
        loop {
            let rows = records.next(self).await?;
            if rows.is_empty() {
                break;
            }
            writer.push_records(rows).await?;
        }
        let mut blobs = Merge::<BlobEntry>::new(&inputs);
        loop {
            let rows = blobs.next(self).await?;
            if rows.is_empty() {
                break;
            }
            writer.push_blobs(rows).await?;
        }
        Ok(writer.finish().await?)
    }

    /// Writes a segment of packs whose trailers are read for it, all of their rows in memory at once.
    ///
    /// Packs that cannot be read are left out; `None` if that is all of them.
    pub(super) async fn write_run(
        &self,
        packs: &[(PackName, PackInfo)],
    ) -> Result<Option<(SegmentId, SegmentInfo, u64)>, Error> {
        use futures::{StreamExt, TryStreamExt, stream};

        let load = |(name, info): (PackName, PackInfo)| async move {
            let known = self.index().loaded(&name);
            let loaded = match known {
                Some(loaded) => Ok(loaded),
                None => self.load_pack(name, info).await?.map(Arc::new),
            };
            Ok::<_, Error>(loaded.ok())
        };
        let mut loading = stream::iter(packs.to_vec()).map(load).buffered(super::super::blobs::CONCURRENCY);
        let (mut table, mut records, mut blobs) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(loaded) = loading.try_next().await? {
            let Some(loaded) = loaded else { continue };
            let pack = table.len() as u32;
            table.push((loaded.pack.name, loaded.pack.info));
            records.extend((0..).zip(&loaded.trailer.records).map(|(at, record)| Entry { record: *record, pack, at }));
            blobs.extend((0..).zip(&loaded.trailer.blobs).map(|(at, row)| BlobEntry { row: *row, pack, at }));
        }
        drop(loading);
        if table.is_empty() {
            return Ok(None);
        }
        let covered = table.len() as u64;
        let (records, blobs) = lineal_core::on_cpu(move || {
            records.sort_unstable_by_key(Row::order);
            blobs.sort_unstable_by_key(Row::order);
            (records, blobs)
        })
        .await?;
        let mut writer = SegmentWriter::new(self, table, (records.len() + blobs.len()) as u64)?;
        for rows in records.chunks(ROWS_AT_ONCE) {
            writer.push_records(rows.to_vec()).await?;
        }
        for rows in blobs.chunks(ROWS_AT_ONCE) {
            writer.push_blobs(rows.to_vec()).await?;
        }
        let (name, info) = writer.finish().await?;
        Ok(Some((name, info, covered)))
    }
}

/// Rows that are merged before they are encoded.
const ROWS_AT_ONCE: usize = 8192;
