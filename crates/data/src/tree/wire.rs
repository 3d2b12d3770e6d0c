use lineal_core::Digest;

use crate::error::FormatFlaw;

/// Reads the fields of a node from bytes that may be anything; integers are little-endian.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], FormatFlaw> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(|| flaw("it ends within a field"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatFlaw> {
        self.bytes(N)?.try_into().map_err(|_| flaw("it ends within a field"))
    }

    pub(super) fn u8(&mut self) -> Result<u8, FormatFlaw> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, FormatFlaw> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, FormatFlaw> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, FormatFlaw> {
        self.array().map(Digest::from_bytes)
    }

    /// Reads bytes that are preceded by their length in two bytes.
    pub(super) fn counted(&mut self) -> Result<&'a [u8], FormatFlaw> {
        let len = u16::from_le_bytes(self.array()?);
        self.bytes(len.into())
    }

    /// Refuses what is left.
    pub(super) fn end(&self) -> Result<(), FormatFlaw> {
        if self.rest.is_empty() { Ok(()) } else { Err(flaw("it goes on behind its last item")) }
    }
}

/// Appends bytes preceded by their length in two bytes; what is longer than that was refused before.
pub(super) fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_le_bytes());
    out.extend(bytes.iter().take(len.into()));
}

pub(super) fn flaw(what: &str) -> FormatFlaw {
    FormatFlaw::Content(what.to_owned())
}
