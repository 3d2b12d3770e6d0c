/// Puts things together that are read or written in one go: until they reach so many bytes, or so many of them.
pub(crate) fn groups<T>(
    things: impl IntoIterator<Item = T>,
    greatest: Greatest,
    size_bytes: impl Fn(&T) -> u64,
) -> Vec<Vec<T>> {
    let (mut groups, mut open, mut size) = (Vec::new(), Vec::new(), 0_u64);
    for thing in things {
        size = size.saturating_add(size_bytes(&thing));
        open.push(thing);
        if size >= greatest.bytes || open.len() >= greatest.count {
            groups.push(std::mem::take(&mut open));
            size = 0;
        }
    }
    groups.push(open);
    groups.retain(|group| !group.is_empty());
    groups
}

/// What ends a group: as many bytes, or as many things. The last of them may go beyond the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greatest {
    pub(crate) bytes: u64,
    pub(crate) count: usize,
}

/// Blobs that are only read and sent on.
pub(crate) const BLOBS: Greatest = Greatest { bytes: 4 * 1024 * 1024, count: 4096 };

/// Blobs and files up to this size are worth it: a request costs as much as their bytes.
pub(crate) const SMALL: u64 = 256 * 1024;
