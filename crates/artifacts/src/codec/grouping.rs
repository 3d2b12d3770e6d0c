//! Byte grouping: all bytes of the same place within an element side by side.
//!
//! Numbers stored one after the other hide their regularity from a byte-wise compressor: the exponents of floats are
//! much alike, but mantissas that are as good as random stand between them. Grouped, each plane is coded on its own
//! terms. The order is a part of the stored format.

/// Returns the bytes at positions 0 modulo `K`, then those at 1 modulo `K`, and so on.
pub(super) fn group<const K: usize>(raw: &[u8]) -> Vec<u8> {
    let (elements, tail) = raw.as_chunks::<K>();
    let mut planes = Vec::with_capacity(raw.len());
    for lane in 0..K {
        planes.extend(elements.iter().map(|element| element[lane]));
        planes.extend(tail.get(lane));
    }
    planes
}

/// Undoes [`group`].
pub(super) fn ungroup<const K: usize>(planes: &[u8]) -> Vec<u8> {
    let (count, longer) = (planes.len() / K, planes.len() % K);
    let mut raw = vec![0; planes.len()];
    let (elements, tail) = raw.as_chunks_mut::<K>();
    let mut rest = planes;
    // The first `longer` planes have one byte more, which belongs to the tail.
    let lanes: [&[u8]; K] = std::array::from_fn(|lane| {
        let (plane, after) = rest.split_at(count);
        rest = after;
        if let (true, Some((last, after)), Some(byte)) = (lane < longer, rest.split_first(), tail.get_mut(lane)) {
            *byte = *last;
            rest = after;
        }
        plane
    });
    // Block by block, so that what one lane has touched is still in the nearest cache when the next one comes.
    for (block, elements) in elements.chunks_mut(BLOCK_ELEMENTS).enumerate() {
        for (lane, plane) in lanes.iter().enumerate() {
            let bytes = plane.get(block * BLOCK_ELEMENTS..).unwrap_or_default();
            for (element, byte) in elements.iter_mut().zip(bytes) {
                element[lane] = *byte;
            }
        }
    }
    raw
}

const BLOCK_ELEMENTS: usize = 1024;
