use lineal_core::Digest;

use super::{PackName, SessionId};

/// What a record of a pack holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// A piece of a blob, or a whole one; its key is the SHA-256 of its raw bytes.
    Chunk,
    /// A list of chunks or of lists; its key is the SHA-256 of its raw bytes.
    List,
}

/// Where a record lies in its pack and how it is kept: 48 bytes of the trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Digest,
    pub(crate) offset: u32,
    pub(crate) stored_len: u32,
    pub(crate) raw_len: u32,
    pub(crate) kind: Kind,
    /// Id of the codec; one that this release does not know is a matter of the record, not of the pack.
    pub(crate) codec: u8,
}

/// A blob of several chunks: 80 bytes of the trailer. A blob of one chunk needs none, because it is that chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlobRow {
    pub(crate) blob: Digest,
    pub(crate) list: Digest,
    pub(crate) size_bytes: u64,
    /// 0 if `list` names chunks, 1 if it names lists of chunks.
    pub(crate) levels: u8,
}

/// The index of one pack, which lies at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) name: PackName,
    /// Collection epoch in which the batch began.
    pub(crate) epoch: u64,
    /// In the order of their offsets.
    pub(crate) records: Vec<Record>,
    pub(crate) blobs: Vec<BlobRow>,
}

impl Trailer {
    /// Returns how many rows its tables have together.
    pub(crate) fn rows(&self) -> u64 {
        (self.records.len() + self.blobs.len()) as u64
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let size = HEADER_LEN + self.records.len() * RECORD_LEN + self.blobs.len() * BLOB_LEN;
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(self.name.session.as_bytes());
        out.extend_from_slice(&self.name.number.to_le_bytes());
        out.extend_from_slice(&count(self.records.len()).to_le_bytes());
        out.extend_from_slice(&count(self.blobs.len()).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.epoch.to_le_bytes());
        for record in &self.records {
            out.extend_from_slice(record.key.as_bytes());
            out.extend_from_slice(&record.offset.to_le_bytes());
            out.extend_from_slice(&record.stored_len.to_le_bytes());
            out.extend_from_slice(&record.raw_len.to_le_bytes());
            out.extend_from_slice(&[record.kind.id(), record.codec, 0, 0]);
        }
        for row in &self.blobs {
            out.extend_from_slice(row.blob.as_bytes());
            out.extend_from_slice(row.list.as_bytes());
            out.extend_from_slice(&row.size_bytes.to_le_bytes());
            out.extend_from_slice(&[row.levels, 0, 0, 0, 0, 0, 0, 0]);
        }
        out
    }

    /// Reads a trailer; `records_end` is where the records of the pack end.
    ///
    /// Allocates in proportion to `bytes`, whatever the counts in them say.
    pub(crate) fn decode(bytes: &[u8], records_end: u64) -> Result<Self, PackFlaw> {
        let mut rest = Reader(bytes);
        let session = SessionId::from_bytes(rest.array()?);
        let number = rest.u32()?;
        let (records, blobs) = (rest.u32()? as usize, rest.u32()? as usize);
        rest.zeros::<4>()?;
        let epoch = rest.u64()?;
        let expected = records.checked_mul(RECORD_LEN).zip(blobs.checked_mul(BLOB_LEN));
        let expected = expected.and_then(|(records, blobs)| records.checked_add(blobs));
        if expected != Some(rest.0.len()) {
            return Err(PackFlaw::Counts);
        }
        let mut end = MAGIC.len() as u64;
        let mut read_record = || {
            let record = Record::decode(&mut rest)?;
            // Records lie back to back, so no two share a byte and none lies outside.
            if u64::from(record.offset) != end {
                return Err(PackFlaw::Place);
            }
            end += u64::from(record.stored_len);
            Ok(record)
        };
        let records = (0..records).map(|_| read_record()).collect::<Result<Vec<_>, PackFlaw>>()?;
        if end != records_end {
            return Err(PackFlaw::Place);
        }
        let blobs = (0..blobs).map(|_| BlobRow::decode(&mut rest)).collect::<Result<Vec<_>, PackFlaw>>()?;
        Ok(Self { name: PackName { session, number }, epoch, records, blobs })
    }
}

impl Record {
    fn decode(rest: &mut Reader<'_>) -> Result<Self, PackFlaw> {
        let key = Digest::from_bytes(rest.array()?);
        let (offset, stored_len, raw_len) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let [kind, codec] = rest.array()?;
        rest.zeros::<2>()?;
        let kind = Kind::from_id(kind).ok_or(PackFlaw::Kind(kind))?;
        if raw_len > MAX_RAW || stored_len > MAX_STORED {
            return Err(PackFlaw::Size);
        }
        Ok(Self { key, offset, stored_len, raw_len, kind, codec })
    }
}

impl BlobRow {
    fn decode(rest: &mut Reader<'_>) -> Result<Self, PackFlaw> {
        let (blob, list) = (Digest::from_bytes(rest.array()?), Digest::from_bytes(rest.array()?));
        let size_bytes = rest.u64()?;
        let [levels] = rest.array()?;
        rest.zeros::<7>()?;
        if levels > 1 {
            return Err(PackFlaw::Levels(levels));
        }
        Ok(Self { blob, list, size_bytes, levels })
    }
}

impl Kind {
    pub(crate) fn id(self) -> u8 {
        match self {
            Self::Chunk => 0,
            Self::List => 1,
        }
    }

    pub(crate) fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Chunk),
            1 => Some(Self::List),
            _ => None,
        }
    }
}

/// The last bytes of a pack: where its trailer is, and what it hashes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    /// SHA-256 of the trailer; the identity of the pack.
    pub(crate) digest: Digest,
    pub(crate) trailer_offset: u64,
    pub(crate) trailer_len: u32,
}

impl Footer {
    pub(crate) fn encode(&self) -> [u8; FOOTER_LEN] {
        self.encode_as(FOOTER_MAGIC)
    }

    /// Encodes the footer of another kind of object that ends in the same way.
    pub(crate) fn encode_as(&self, footer_magic: &[u8; 8]) -> [u8; FOOTER_LEN] {
        let mut out = [0; FOOTER_LEN];
        let (head, tail) = out.split_at_mut(CHECKED_LEN);
        let (digest, rest) = head.split_at_mut(32);
        digest.copy_from_slice(self.digest.as_bytes());
        let (offset, rest) = rest.split_at_mut(8);
        offset.copy_from_slice(&self.trailer_offset.to_le_bytes());
        let (len, version) = rest.split_at_mut(4);
        len.copy_from_slice(&self.trailer_len.to_le_bytes());
        version.copy_from_slice(&VERSION.to_le_bytes());
        let (check, magic) = tail.split_at_mut(8);
        check.copy_from_slice(&checksum(head));
        magic.copy_from_slice(footer_magic);
        out
    }

    /// Reads the last [`FOOTER_LEN`] bytes of a pack of `size` bytes.
    pub(crate) fn decode(bytes: &[u8; FOOTER_LEN], size: u64) -> Result<Self, PackFlaw> {
        Self::decode_as(FOOTER_MAGIC, MAX_TRAILER, bytes, size)
    }

    /// Reads the footer of an object of `size` bytes that ends with `footer_magic` and has a trailer of at most `limit` bytes.
    pub(crate) fn decode_as(
        footer_magic: &[u8; 8],
        limit: u32,
        bytes: &[u8; FOOTER_LEN],
        size: u64,
    ) -> Result<Self, PackFlaw> {
        let (checked, tail) = bytes.split_at(CHECKED_LEN);
        let (check, magic) = tail.split_at(8);
        if magic != footer_magic {
            return Err(PackFlaw::NotAPack);
        }
        if check != checksum(checked) {
            return Err(PackFlaw::Checksum);
        }
        let mut rest = Reader(checked);
        let digest = Digest::from_bytes(rest.array()?);
        let (trailer_offset, trailer_len, version) = (rest.u64()?, rest.u32()?, rest.u32()?);
        if version != VERSION {
            return Err(PackFlaw::Version(version));
        }
        let end = trailer_offset.checked_add(u64::from(trailer_len)).and_then(|end| end.checked_add(FOOTER_LEN as u64));
        if end != Some(size) || trailer_offset < MAGIC.len() as u64 || trailer_len > limit {
            return Err(PackFlaw::Place);
        }
        Ok(Self { digest, trailer_offset, trailer_len })
    }
}

/// Reads trailer and footer, the last bytes of a pack of `size` bytes.
pub(crate) fn decode_tail(tail: &[u8], size: u64) -> Result<(Trailer, Footer), PackFlaw> {
    let (front, footer) = tail.split_last_chunk::<FOOTER_LEN>().ok_or(PackFlaw::CutShort)?;
    let footer = Footer::decode(footer, size)?;
    let from = front.len().checked_sub(footer.trailer_len as usize).ok_or(PackFlaw::CutShort)?;
    let trailer = front.get(from..).ok_or(PackFlaw::CutShort)?;
    if Digest::of(trailer) != footer.digest {
        return Err(PackFlaw::Checksum);
    }
    Ok((Trailer::decode(trailer, footer.trailer_offset)?, footer))
}

/// Why bytes are not a sound pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PackFlaw {
    #[error("it does not end like a pack")]
    NotAPack,
    #[error("it ends too early")]
    CutShort,
    #[error("a checksum of its index does not match")]
    Checksum,
    #[error("its format {0} is not known to this release")]
    Version(u32),
    #[error("its index states other counts than it has rows")]
    Counts,
    #[error("a part of it does not lie where it belongs")]
    Place,
    #[error("a record is larger than any may be")]
    Size,
    #[error("it has a record of unknown kind {0}")]
    Kind(u8),
    #[error("it has a blob of {0} levels")]
    Levels(u8),
    #[error("bytes that must be zero are not")]
    Reserved,
    #[error("it is not sorted as it must be")]
    Order,
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest = Digest::of(bytes);
    std::array::from_fn(|at| digest.as_bytes()[at])
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Takes fixed-size fields off the front of bytes.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], PackFlaw> {
        let (front, rest) = self.0.split_first_chunk::<N>().ok_or(PackFlaw::CutShort)?;
        self.0 = rest;
        Ok(*front)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, PackFlaw> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, PackFlaw> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn zeros<const N: usize>(&mut self) -> Result<(), PackFlaw> {
        if self.array::<N>()? == [0; N] { Ok(()) } else { Err(PackFlaw::Reserved) }
    }
}

/// First bytes of every pack.
pub(crate) const MAGIC: &[u8; 16] = b"lineal-pack 1\r\n\0";
/// Size of the footer.
pub(crate) const FOOTER_LEN: usize = 64;
const FOOTER_MAGIC: &[u8; 8] = b"LINEALPK";
const CHECKED_LEN: usize = 48;
const VERSION: u32 = 1;
const HEADER_LEN: usize = 40;
pub(crate) const RECORD_LEN: usize = 48;
pub(crate) const BLOB_LEN: usize = 80;
/// Largest record, raw: that of the largest chunk.
pub(crate) const MAX_RAW: u32 = 4 * 1024 * 1024;
/// Largest record as stored: a codec that does not pay is not used, but an encryption may add a little.
pub(crate) const MAX_STORED: u32 = MAX_RAW + 4096;
/// Most records and blobs in one pack, so that its trailer stays small however small they are.
pub(crate) const MAX_RECORDS: usize = 65_536;
/// Largest trailer that is read.
pub(crate) const MAX_TRAILER: u32 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Trailer {
        let name = PackName { session: SessionId::from_bytes(*b"0123456789abcdef"), number: 7 };
        let record = |text: &[u8], offset, stored_len, kind| Record {
            key: Digest::of(text),
            offset,
            stored_len,
            raw_len: 100,
            kind,
            codec: 0,
        };
        let records = vec![record(b"a", 16, 100, Kind::Chunk), record(b"b", 116, 50, Kind::List)];
        let blobs = vec![BlobRow { blob: Digest::of(b"c"), list: Digest::of(b"b"), size_bytes: 1 << 40, levels: 1 }];
        Trailer { name, epoch: 3, records, blobs }
    }

    fn tail() -> Vec<u8> {
        let mut bytes = sample().encode();
        let trailer_len = bytes.len() as u32;
        bytes.extend(Footer { digest: Digest::of(&bytes), trailer_offset: 166, trailer_len }.encode());
        bytes
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let bytes = tail();
        let (trailer, footer) = decode_tail(&bytes, 166 + bytes.len() as u64).unwrap();
        assert_eq!(trailer, sample());
        assert_eq!(footer.digest, Digest::of(&sample().encode()));
    }

    #[test]
    fn the_stored_form_is_pinned() {
        insta::assert_snapshot!(Digest::of(&tail()).to_string());
    }

    #[test]
    fn every_changed_byte_is_found() {
        let bytes = tail();
        let size = 166 + bytes.len() as u64;
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 1;
            assert!(decode_tail(&broken, size).is_err(), "byte {at}");
        }
        for len in 0..bytes.len() {
            assert!(decode_tail(&bytes[..len], size).is_err());
        }
        assert!(decode_tail(&bytes, size + 1).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_trailer_or_a_flaw(bytes: Vec<u8>, size: u64) {
            decode_tail(&bytes, size).unwrap_err();
        }

        /// Checksums keep damage out; what is behind them must not trust a forger either.
        #[test]
        fn a_forged_trailer_is_harmless(edits in prop::collection::vec((0_usize..216, any::<u8>()), 1..8)) {
            let mut bytes = sample().encode();
            edits.iter().for_each(|(at, byte)| bytes[*at] = *byte);
            if let Ok(trailer) = Trailer::decode(&bytes, 166) {
                prop_assert_eq!(trailer.encode(), bytes);
            }
        }
    }
}
