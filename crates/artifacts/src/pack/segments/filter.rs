use lineal_core::Digest;

use super::super::format::{PackFlaw, Reader};

/// Tells which keys a segment may have: never no for one that it has, and yes for about one in 600 of the others.
///
/// A split-block Bloom filter as in Apache Parquet (`BloomFilter.md` of parquet-format; Putze, Sanders, Singler, *Cache-, Hash-
/// and Space-Efficient Bloom Filters*, 2009). Keys are SHA-256, so 8 bytes of them serve as the hash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filter {
    blocks: Vec<[u32; WORDS]>,
}

impl Filter {
    /// Makes a filter with room for `keys`, 16 bits for each.
    pub(super) fn with_room_for(keys: u64) -> Self {
        let bits = keys.saturating_mul(BITS_A_KEY);
        let blocks = bits.div_ceil(BLOCK_LEN as u64 * 8).clamp(1, MAX_BLOCKS);
        Self { blocks: vec![[0; WORDS]; blocks as usize] }
    }

    pub(super) fn insert(&mut self, hash: u64) {
        let at = self.block_of(hash);
        if let Some(block) = self.blocks.get_mut(at) {
            block.iter_mut().zip(mask(hash)).for_each(|(word, bit)| *word |= bit);
        }
    }

    pub(super) fn may_have(&self, hash: u64) -> bool {
        let block = self.blocks.get(self.block_of(hash));
        block.is_some_and(|block| block.iter().zip(mask(hash)).all(|(word, bit)| word & bit != 0))
    }

    fn block_of(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.blocks.iter().flatten().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    pub(super) fn decode(rest: &mut Reader<'_>, blocks: usize) -> Result<Self, PackFlaw> {
        let mut block = || {
            let mut words = [0; WORDS];
            for word in &mut words {
                *word = rest.u32()?;
            }
            Ok(words)
        };
        Ok(Self { blocks: (0..blocks).map(|_| block()).collect::<Result<_, PackFlaw>>()? })
    }
}

/// Returns the hash of a key in the table of records.
pub(super) fn record_hash(key: &Digest) -> u64 {
    part(key, 0)
}

/// Returns the hash of a blob in the table of blobs: other bytes, so that one filter serves both tables.
pub(super) fn blob_hash(key: &Digest) -> u64 {
    part(key, 8)
}

fn part(key: &Digest, from: usize) -> u64 {
    key.as_bytes()
        .get(from..from + 8)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn mask(hash: u64) -> [u32; WORDS] {
    SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// Odd constants that choose one bit in each word of a block, from parquet-format.
const SALT: [u32; WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
const WORDS: usize = 8;
/// Bytes of a block.
pub(super) const BLOCK_LEN: usize = 32;
/// A large store has some ten segments, and every new chunk asks all of them: so a few bits more than usual.
const BITS_A_KEY: u64 = 16;
/// 64 MiB: the largest segments have 32 million rows.
const MAX_BLOCKS: u64 = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_missed_and_few_others_pass() {
        let key = |number: u32| Digest::of(&number.to_le_bytes());
        let mut filter = Filter::with_room_for(20_000);
        (0..10_000).for_each(|number| filter.insert(record_hash(&key(number))));
        (0..10_000).for_each(|number| filter.insert(blob_hash(&key(number))));
        assert!((0..10_000).all(|number| filter.may_have(record_hash(&key(number)))));
        assert!((0..10_000).all(|number| filter.may_have(blob_hash(&key(number)))));
        let passed = (10_000..110_000).filter(|number| filter.may_have(record_hash(&key(*number)))).count();
        assert!((50..250).contains(&passed), "{passed} of 100,000");
    }

    /// The first word of each mask for a hash, worked out from the rule in `BloomFilter.md`.
    #[test]
    fn the_bits_are_those_of_parquet() {
        assert_eq!(mask(1), SALT.map(|salt| 1 << (salt >> 27)));
        assert_eq!(mask(1)[0], 1 << 8);
        let mut filter = Filter { blocks: vec![[0; WORDS]; 5] };
        filter.insert(0xffff_ffff_0000_0001);
        assert_eq!(filter.blocks[4], mask(1));
        assert!(Filter::default().blocks().eq(&0) && !Filter::default().may_have(7));
    }
}
