/// Puts things together that are read or written in one go: some 4 MiB of them, or a larger one.
pub(crate) fn groups<T>(things: impl IntoIterator<Item = T>, size_bytes: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    let (mut groups, mut open, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for thing in things {
        size = size.saturating_add(size_bytes(&thing));
        open.push(thing);
        if size >= GROUP_BYTES || open.len() >= GROUP_BLOBS {
            groups.push(std::mem::take(&mut open));
            size = 0;
        }
    }
    groups.push(open);
    groups.retain(|group| !group.is_empty());
    groups
}

/// Blobs up to this size are worth it: a request costs as much as their bytes.
pub(crate) const SMALL: u64 = 256 * 1024;
/// Bytes of a group.
const GROUP_BYTES: u64 = 4 * 1024 * 1024;
/// Blobs of a group.
const GROUP_BLOBS: usize = 4096;
