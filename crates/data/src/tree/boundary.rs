use crate::path_order::PathKey;

/// Says where the nodes of a level end, from the keys and sizes of their items alone.
///
/// An item ends its node if the hash of its key lies below a threshold that grows with the cube of the node's size so far
/// (a Weibull distribution of node sizes with shape 4 and scale 64 KiB: mean 58 KiB, one in 10 million above 128 KiB). A
/// node begins where the one before it ends, so the same items give the same nodes whatever the order in which they came,
/// and a changed value moves no boundary unless it changes its size. After Dolt's chunker (<https://www.dolthub.com/blog/2022-06-27-prolly-chunker/>).
#[derive(Debug, Default)]
pub(super) struct Boundary {
    size: u64,
}

impl Boundary {
    /// Adds an item of `bytes` bytes, and tells whether it is the last of its node.
    pub(super) fn add(&mut self, level: u8, key: &PathKey, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.size = self.size.saturating_add(bytes);
        let ends = self.size >= LARGEST || u128::from(hash(level, key)) < threshold(self.size, bytes);
        if ends {
            self.size = 0;
        }
        ends
    }

    /// Tells whether the last item ended its node.
    pub(super) fn is_at_end(&self) -> bool {
        self.size == 0
    }
}

/// The hazard of the distribution, times the length of the item: `4 · size³ / SCALE⁴ · bytes`, in units of 2^-64.
///
/// With a scale of 2^16 the factors of two cancel.
fn threshold(size: u64, bytes: u64) -> u128 {
    // At most 2^18 cubed, times four, times an item of less than 2^18 bytes.
    4 * u128::from(size).pow(3) * u128::from(bytes)
}

/// The first eight bytes of SHA-256 over the level and the key: independent from level to level.
fn hash(level: u8, key: &PathKey) -> u64 {
    let mut hasher = lineal_core::Hasher::new();
    hasher.update(&[level]);
    hasher.update(key.as_bytes());
    let digest = hasher.finish();
    u64::from_be_bytes(std::array::from_fn(|at| digest.as_bytes()[at]))
}

/// Size at which a node ends whatever its keys.
pub(super) const LARGEST: u64 = 256 * 1024;
