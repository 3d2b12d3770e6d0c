use std::{
    fs,
    path::{Path, PathBuf},
};

use lineal_core::{Digest, FilePath};

use super::{FileKind, Wanted, part::Part};
use crate::{Error, path_order::compare};

/// The files of one tree as this machine remembers them, so that they need not be read from the store again.
///
/// Stored as `docs/format/listing.md` says, beside a stat cache. One that is damaged or of another release is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The digest of the tree's top node.
    pub(crate) root: Digest,
    /// Its files in order, each without its bytes.
    pub(crate) files: Vec<Wanted>,
}

impl Listing {
    /// Returns where the listing lies that belongs to a stat cache.
    pub(crate) fn beside(cache: &Path) -> PathBuf {
        let mut file = cache.as_os_str().to_owned();
        file.push(".listing");
        file.into()
    }

    /// Reads a listing; none if there is none that can be used.
    pub(crate) fn load(file: &Path) -> Option<Self> {
        let is_small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_BYTES);
        Self::decode(&fs::read(file).ok().filter(|_| is_small)?)
    }

    pub(crate) fn save(&self, file: &Path) -> Result<(), Error> {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).map_err(Error::local("make", directory))?;
        }
        let mut part = Part::create(file, FileKind::Regular)?;
        part.write(&self.encode(), file)?;
        part.publish(file)
    }

    fn encode(&self) -> Vec<u8> {
        let paths = self.files.iter().map(|file| file.path.as_str().len()).sum::<usize>();
        let mut out = Vec::with_capacity(HEADER + self.files.len() * RECORD + paths + 32);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&(self.files.len() as u64).to_le_bytes());
        out.extend_from_slice(&(paths as u64).to_le_bytes());
        out.extend_from_slice(self.root.as_bytes());
        for Wanted { path, kind, digest, size_bytes, .. } in &self.files {
            out.extend_from_slice(digest.as_bytes());
            out.extend_from_slice(&size_bytes.to_le_bytes());
            // A path has at most 1024 bytes.
            out.extend_from_slice(&(path.as_str().len() as u16).to_le_bytes());
            out.extend_from_slice(&[kind.code(), 0, 0, 0, 0, 0]);
        }
        self.files.iter().for_each(|file| out.extend_from_slice(file.path.as_str().as_bytes()));
        let checksum = Digest::of(&out);
        out.extend_from_slice(checksum.as_bytes());
        out
    }

    fn decode(stored: &[u8]) -> Option<Self> {
        let (body, checksum) = stored.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() == checksum { Self::read(body) } else { None }
    }

    /// Reads any bytes as what lies before the checksum, which is right.
    #[cfg(any(test, fuzzing))]
    fn read_any(body: &[u8]) {
        if let Some(listing) = Self::read(body) {
            assert_eq!(listing.encode().get(..body.len()), Some(body), "a listing has one form");
        }
    }

    /// Reads any bytes as records and paths, behind a header that fits them: the first byte says how many there are.
    #[cfg(fuzzing)]
    pub(crate) fn fuzz(bytes: &[u8]) {
        let Some((count, bytes)) = bytes.split_first() else { return };
        let files = usize::from(*count).min(bytes.len() / RECORD);
        let paths = bytes.len() - files * RECORD;
        let counts = [(files as u64).to_le_bytes(), (paths as u64).to_le_bytes()].concat();
        Self::read_any(&[&MAGIC[..], &counts, Digest::of(b"root").as_bytes(), bytes].concat());
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (header, rest) = body.split_at_checked(HEADER)?;
        let files = usize::try_from(u64_at(header, 16)?).ok()?;
        let paths = usize::try_from(u64_at(header, 24)?).ok()?;
        let records = files.checked_mul(RECORD)?;
        if !header.starts_with(MAGIC) || records.checked_add(paths)? != rest.len() {
            return None;
        }
        let (records, mut paths) = rest.split_at_checked(records)?;
        let mut listing =
            Self { root: Digest::from_bytes(*header.get(32..)?.first_chunk()?), files: Vec::with_capacity(files) };
        for record in records.chunks_exact(RECORD) {
            let length = u16::from_le_bytes(*record.get(40..)?.first_chunk()?);
            let path = FilePath::new(std::str::from_utf8(paths.split_off(..usize::from(length))?).ok()?).ok()?;
            let kind = FileKind::from_code(*record.get(42)?).filter(|_| record.ends_with(&[0; 5]))?;
            if listing.files.last().is_some_and(|before| compare(&before.path, &path).is_ge()) {
                return None;
            }
            let digest = Digest::from_bytes(*record.first_chunk()?);
            listing.files.push(Wanted::new(path, kind, digest, u64_at(record, 32)?));
        }
        paths.is_empty().then_some(listing)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

const MAGIC: &[u8; 16] = b"lineal-listing 1";
const HEADER: usize = 64;
const RECORD: usize = 48;
/// More than any directory that can be scanned needs.
const MAX_BYTES: u64 = 1 << 33;

#[cfg(test)]
mod tests {
    use super::*;

    fn listing() -> Listing {
        let file = |path: &str, kind| Wanted::new(FilePath::new(path).unwrap(), kind, Digest::of(b"x"), 9);
        let files = [("a", FileKind::Regular), ("d", FileKind::Directory), ("é/b", FileKind::Executable)];
        Listing { root: Digest::of(b"root"), files: files.map(|(path, kind)| file(path, kind)).to_vec() }
    }

    #[test]
    fn the_format_is_frozen() {
        let stored = listing().encode();
        let hex: Vec<String> =
            stored.chunks(32).map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        insta::assert_snapshot!(hex.join("\n"));
    }

    #[test]
    fn what_is_damaged_is_none_and_a_lie_no_panic() {
        let whole = listing().encode();
        assert_eq!(Listing::decode(&whole), Some(listing()));
        for at in 0..whole.len() {
            assert_eq!(Listing::decode(&whole[..at]), None, "cut at {at}");
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            assert_eq!(Listing::decode(&damaged), None, "byte {at}");
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = whole[..whole.len() - 32].to_vec();
                if let Some(byte) = forged.get_mut(at) {
                    *byte = value;
                }
                Listing::read_any(&forged);
            }
        }
    }

    #[test]
    fn it_lies_beside_its_cache() {
        let directory = tempfile::tempdir().unwrap();
        let file = Listing::beside(&directory.path().join("state/stats"));
        assert_eq!(Listing::load(&file), None);
        listing().save(&file).unwrap();
        assert_eq!(Listing::load(&file), Some(listing()));
    }
}
