use lineal_core::Digest;

use super::format::{PackFlaw, Reader};

/// One line of a list: a chunk, or a list, and how many bytes of the blob it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Digest,
    pub(crate) size_bytes: u64,
}

/// Encodes a list; its key is the SHA-256 of these bytes.
pub(crate) fn encode(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAGIC.len() + rows.len() * ROW_LEN);
    out.extend_from_slice(MAGIC);
    for row in rows {
        out.extend_from_slice(row.key.as_bytes());
        out.extend_from_slice(&row.size_bytes.to_le_bytes());
    }
    out
}

/// Decodes a list; allocates in proportion to `bytes`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Row>, PackFlaw> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(PackFlaw::NotAPack)?;
    if !rest.len().is_multiple_of(ROW_LEN) {
        return Err(PackFlaw::Counts);
    }
    let row = |bytes: &[u8]| {
        let mut rest = Reader(bytes);
        Ok(Row { key: Digest::from_bytes(rest.array()?), size_bytes: rest.u64()? })
    };
    rest.chunks(ROW_LEN).map(row).collect()
}

/// Collects the chunks of one blob into lists, one leaf at a time.
#[derive(Debug, Default)]
pub(crate) struct ListBuilder {
    open: Vec<Row>,
    leaves: Vec<Row>,
}

/// What a blob is made of, once its end is known.
pub(crate) struct Finished {
    /// Lists still to be stored: the last leaf, and the list of leaves if there are several.
    pub(crate) lists: Vec<Vec<u8>>,
    pub(crate) top: Digest,
    pub(crate) levels: u8,
}

impl ListBuilder {
    /// Adds a chunk; returns a leaf that is full and to be stored.
    pub(crate) fn push(&mut self, row: Row) -> Option<Vec<u8>> {
        self.open.push(row);
        (self.open.len() >= ROWS).then(|| self.close_leaf())
    }

    fn close_leaf(&mut self) -> Vec<u8> {
        let bytes = encode(&self.open);
        let size_bytes = self.open.iter().fold(0, |sum: u64, row| sum.saturating_add(row.size_bytes));
        self.leaves.push(Row { key: Digest::of(&bytes), size_bytes });
        self.open.clear();
        bytes
    }

    pub(crate) fn finish(mut self) -> Finished {
        let mut lists = Vec::new();
        if !self.open.is_empty() || self.leaves.is_empty() {
            lists.push(self.close_leaf());
        }
        match self.leaves.as_slice() {
            [only] => Finished { lists, top: only.key, levels: 0 },
            several => {
                let top = encode(several);
                let key = Digest::of(&top);
                lists.push(top);
                Finished { lists, top: key, levels: 1 }
            }
        }
    }
}

const MAGIC: &[u8; 8] = b"LNLIST1\n";
const ROW_LEN: usize = 40;
/// Rows of a leaf. Two levels of as many reach 64 TiB with chunks of the standard profile.
const ROWS: usize = 16_384;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(at: u64) -> Row {
        Row { key: Digest::of(&at.to_le_bytes()), size_bytes: at }
    }

    #[test]
    fn the_stored_form_is_pinned() {
        insta::assert_snapshot!(Digest::of(&encode(&[row(1), row(2)])).to_string());
    }

    #[test]
    fn a_blob_of_many_chunks_has_two_levels() {
        let mut builder = ListBuilder::default();
        let mut stored: Vec<Vec<u8>> = Vec::new();
        let count = ROWS as u64 * 2 + 5;
        stored.extend((0..count).filter_map(|at| builder.push(row(at))));
        let finished = builder.finish();
        assert_eq!((stored.len(), finished.lists.len(), finished.levels), (2, 2, 1));
        stored.extend(finished.lists);
        let top = decode(stored.last().unwrap()).unwrap();
        assert_eq!(Digest::of(stored.last().unwrap()), finished.top);
        let leaves: Vec<Row> = stored[..3].iter().flat_map(|bytes| decode(bytes).unwrap()).collect();
        assert_eq!(top.iter().map(|row| row.size_bytes).sum::<u64>(), (0..count).sum::<u64>());
        assert!(leaves.iter().copied().eq((0..count).map(row)));
    }

    #[test]
    fn exactly_full_leaves_are_not_followed_by_an_empty_one() {
        let mut builder = ListBuilder::default();
        let leaf: Vec<_> = (0..ROWS as u64).filter_map(|at| builder.push(row(at))).collect();
        let finished = builder.finish();
        assert_eq!((leaf.len(), finished.lists.len(), finished.levels), (1, 0, 0));
        assert_eq!(finished.top, Digest::of(&leaf[0]));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_list_or_a_flaw(tail: Vec<u8>, magic: bool) {
            let mut bytes = if magic { MAGIC.to_vec() } else { Vec::new() };
            bytes.extend(tail);
            if let Ok(rows) = decode(&bytes) {
                prop_assert_eq!(encode(&rows), bytes);
            }
        }
    }
}
