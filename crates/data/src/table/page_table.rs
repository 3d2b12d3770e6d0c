use lineal_core::{BlobStore, Digest};

use super::{
    bytes::{put_bytes, put_number, take_bytes, take_number},
    file::MAGIC,
    sketch::Sketch,
    value::Bounds,
};
use crate::{Error, bounded::read_one_bounded, error::FormatFlaw};

/// Where the pages of a table lie in its file, with their digests, and what is known of the values; `docs/format/table.md`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PageTable {
    /// The columns in order, with how many Parquet leaves each has.
    pub(super) columns: Vec<(String, usize)>,
    pub(super) groups: Vec<Group>,
    /// Bytes behind the last page.
    pub(super) footer: u64,
}

/// A row group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) rows: u64,
    pub(super) columns: Vec<ColumnFacts>,
    /// The pages of each leaf, in the order of the file.
    pub(super) leaves: Vec<Vec<Page>>,
}

/// What is known of the values that a column has in a row group.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ColumnFacts {
    pub(super) nulls: u64,
    pub(super) bounds: Option<Bounds>,
    pub(super) distinct: Sketch,
}

/// A page, with its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) length: u64,
    /// `None` for the dictionary of the pages behind it.
    pub(super) rows: Option<u64>,
    pub(super) digest: Digest,
}

impl Group {
    pub(super) fn length(&self) -> u64 {
        self.leaves.iter().flatten().map(|page| page.length).sum()
    }
}

impl ColumnFacts {
    pub(super) fn merge(&mut self, other: &Self) {
        self.nulls += other.nulls;
        self.bounds = Bounds::join(self.bounds.take(), other.bounds.clone());
        self.distinct.merge(&other.distinct);
    }
}

impl PageTable {
    pub(super) fn new(columns: Vec<(String, usize)>) -> Self {
        Self { columns, groups: Vec::new(), footer: 0 }
    }

    pub(crate) fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows).sum()
    }

    /// Returns the places of the leaves of a column.
    pub(super) fn leaves_of(&self, column: usize) -> std::ops::Range<usize> {
        let before = self.columns.iter().take(column).map(|(_, leaves)| leaves).sum::<usize>();
        before..before + self.columns.get(column).map_or(0, |(_, leaves)| *leaves)
    }

    /// Returns the stored form, and where the section of each group begins.
    pub(super) fn encode(&self) -> (Vec<u8>, Vec<u64>) {
        let mut out = FORMAT.to_vec();
        put_number(&mut out, self.columns.len() as u64);
        for (name, leaves) in &self.columns {
            put_bytes(&mut out, name.as_bytes());
            put_number(&mut out, *leaves as u64);
        }
        put_number(&mut out, self.groups.len() as u64);
        let mut starts = Vec::new();
        for group in &self.groups {
            starts.push(out.len() as u64);
            group.encode(&mut out);
        }
        put_number(&mut out, self.footer);
        (out, starts)
    }

    /// Returns where to cut the stored form: at the section of each group.
    pub(crate) fn sections(&self) -> Vec<u64> {
        self.encode().1
    }

    /// Returns where to cut the file: at pages, so that no piece is smaller than need be, at every row group, and at every
    /// column behind which there is enough for a piece: what lies beside a changed column is then not stored again.
    pub(crate) fn cuts(&self) -> Vec<u64> {
        let (mut cuts, mut at, mut since) = (Vec::new(), MAGIC, 0);
        for group in &self.groups {
            for leaf in &group.leaves {
                for (number, page) in leaf.iter().enumerate() {
                    // All of them together fit into an integer; the bytes before them may not.
                    at = at.saturating_add(page.length);
                    since += page.length;
                    let least = if number + 1 == leaf.len() { SMALL_PIECE_BYTES } else { PIECE_BYTES };
                    if since >= least {
                        cuts.push(at);
                        since = 0;
                    }
                }
            }
            if since > 0 {
                cuts.push(at);
                since = 0;
            }
        }
        cuts
    }

    pub(crate) async fn load(blobs: &dyn BlobStore, digest: Digest) -> Result<Self, Error> {
        let flaw = |flaw| Error::Format { what: "page table", digest, source: Box::new(flaw) };
        Self::decode(&read_one_bounded(blobs, "page table", digest, MAX_BYTES).await?).map_err(flaw)
    }

    fn decode(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        let Some(mut rest) = bytes.strip_prefix(FORMAT) else {
            let shown = bytes.get(..FORMAT.len()).unwrap_or(bytes);
            return Err(FormatFlaw::Version(String::from_utf8_lossy(shown).into_owned()));
        };
        Self::take(&mut rest).filter(|_| rest.is_empty()).ok_or_else(|| {
            FormatFlaw::Content(format!("its bytes make no sense from {} on", bytes.len().saturating_sub(rest.len())))
        })
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Result<Self, FormatFlaw> {
        Self::decode(bytes)
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let mut table = Self::new(Vec::new());
        for _ in 0..take_number(rest)? {
            let name = std::str::from_utf8(take_bytes(rest)?).ok()?.to_owned();
            // A column needs a page, and so some bytes, for each of its leaves in each group.
            table.columns.push((name, usize::try_from(take_number(rest)?).ok().filter(|leaves| *leaves > 0)?));
        }
        for _ in 0..take_number(rest)? {
            table.groups.push(Group::take(rest, &table.columns)?);
        }
        table.footer = take_number(rest)?;
        let sizes = table.groups.iter().flat_map(|group| group.leaves.iter().flatten()).map(|page| page.length);
        sizes.chain([table.footer]).try_fold(0_u64, u64::checked_add)?;
        table.groups.iter().map(|group| group.rows).try_fold(0_u64, u64::checked_add)?;
        table.columns.iter().map(|(_, leaves)| *leaves).try_fold(0_usize, usize::checked_add)?;
        Some(table)
    }
}

impl Group {
    fn encode(&self, out: &mut Vec<u8>) {
        put_number(out, self.rows);
        for facts in &self.columns {
            put_number(out, facts.nulls);
            out.push(u8::from(facts.bounds.is_some()));
            if let Some(bounds) = &facts.bounds {
                bounds.encode(out);
            }
            facts.distinct.encode(out);
        }
        for pages in &self.leaves {
            put_number(out, pages.len() as u64);
            for page in pages {
                // No data page is without rows, so that number is free for dictionaries.
                put_number(out, page.rows.unwrap_or(0));
                put_number(out, page.length);
                out.extend_from_slice(page.digest.as_bytes());
            }
        }
    }

    fn take(rest: &mut &[u8], columns: &[(String, usize)]) -> Option<Self> {
        let rows = take_number(rest)?;
        let mut group = Self { rows, columns: Vec::new(), leaves: Vec::new() };
        for _ in columns {
            let nulls = take_number(rest).filter(|nulls| *nulls <= rows)?;
            let bounds = match rest.split_off_first()? {
                0 => None,
                1 => Some(Bounds::decode(rest)?),
                _ => return None,
            };
            group.columns.push(ColumnFacts { nulls, bounds, distinct: Sketch::decode(rest)? });
        }
        for _ in columns.iter().flat_map(|(_, leaves)| 0..*leaves) {
            let mut pages = Vec::new();
            for _ in 0..take_number(rest)? {
                let rows = Some(take_number(rest)?).filter(|rows| *rows > 0);
                let length = take_number(rest)?;
                let digest = Digest::from_bytes(*rest.split_off(..32)?.first_chunk()?);
                pages.push(Page { length, rows, digest });
            }
            let counted = pages.iter().map(|page| page.rows.unwrap_or(0)).try_fold(0_u64, u64::checked_add)?;
            let dictionaries = pages.iter().skip(1).filter(|page| page.rows.is_none()).count();
            if counted != rows || dictionaries > 0 {
                return None;
            }
            group.leaves.push(pages);
        }
        (rows > 0).then_some(group)
    }
}

/// The first bytes of every page table.
const FORMAT: &[u8] = b"lineal-table 1\n";
/// Pages are put together up to so many bytes.
const PIECE_BYTES: u64 = 16 * 1024;
/// A piece of so many bytes may end where a column does.
const SMALL_PIECE_BYTES: u64 = 4 * 1024;
/// Enough for a terabyte of ordinary pages.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table() -> PageTable {
        let mut distinct = Sketch::default();
        distinct.add(0x0123_4567_89ab_cdef);
        let bounds = Some(Bounds { min: (-7).into(), max: 300.into() });
        let page = |length, rows, of: &[u8]| Page { length, rows, digest: Digest::of(of) };
        let group = Group {
            rows: 200,
            columns: vec![ColumnFacts { nulls: 3, bounds, distinct }, ColumnFacts::default()],
            leaves: vec![
                vec![page(90, None, b"d"), page(1000, Some(150), b"1"), page(400, Some(50), b"2")],
                vec![page(64, Some(200), b"3")],
            ],
        };
        PageTable { columns: vec![("delay".to_owned(), 1), ("gate".to_owned(), 1)], groups: vec![group], footer: 700 }
    }

    #[test]
    fn the_stored_form_is_pinned() {
        let (bytes, starts) = table().encode();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        insta::assert_snapshot!(format!("{starts:?}\n{hex}"));
        assert_eq!(PageTable::decode(&bytes).unwrap(), table());
        assert!(matches!(PageTable::decode(b"lineal-table 2\n"), Err(FormatFlaw::Version(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_table_in_its_one_form_or_an_error(at in 0_usize..400, byte: u8, cut in 0_usize..400) {
            let (good, _) = table().encode();
            let mut bytes = good.clone();
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
            if let Ok(table) = PageTable::decode(&bytes) {
                prop_assert_eq!(table.encode().0, bytes);
            }
            let cut = &good[..cut.min(good.len() - 1)];
            prop_assert!(PageTable::decode(cut).is_err());
        }
    }
}
