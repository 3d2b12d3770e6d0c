use std::{cmp::Ordering, fs, io, path::Path};

use lineal_core::{Digest, FilePath, Timestamp};

use super::{FileKind, Found, Hashed, Stamp, part::Part};
use crate::{Error, path_order::compare_text};

/// What was known of the files of one directory: for each, its stamp and the digest of its bytes.
///
/// A cache of a file that has the stamp it had then vouches for its digest, if the stamp was old enough then: a file
/// changed within the two seconds before, or in the future, may have been changed again without a new stamp. Also says
/// which bytes were put there by a checkout, and so are kept by a version.
///
/// Stored as `docs/format/stat-cache.md` says, in the order of a tree, and read in place. A cache that is damaged, of
/// another release or of another directory is an empty one.
#[derive(Clone, Default)]
pub struct StatCache {
    stored: Vec<u8>,
    len: usize,
}

/// What the cache has of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) path: &'a str,
    pub(crate) kind: FileKind,
    pub(crate) size_bytes: u64,
    pub(crate) stamp: Stamp,
    pub(crate) digest: Digest,
    /// Whether an equal stamp means equal bytes.
    pub(crate) settled: bool,
    /// Whether a checkout put these bytes there.
    pub(crate) checked_out: bool,
}

impl StatCache {
    /// Reads the cache of the directory `root` from `file`; an empty one if there is none that can be used.
    ///
    /// Blocks on a file; linear in its size.
    #[must_use]
    pub fn load(file: &Path, root: &Path) -> Self {
        let is_small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_BYTES);
        let stored = if is_small { fs::read(file).unwrap_or_default() } else { Vec::new() };
        Self::decode(stored, root_digest(root))
    }

    /// Returns how many files it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether it knows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns what it knows, in the order of a tree.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Known<'_>> {
        (0..self.len).filter_map(|number| Known::read(&self.stored, self.len, number))
    }

    fn decode(stored: Vec<u8>, root: Digest) -> Self {
        match Self::check(&stored, root) {
            Some(len) => Self { stored, len },
            None => Self::default(),
        }
    }

    /// Reads any bytes as what lies between header and checksum, which are right.
    #[cfg(fuzzing)]
    pub(crate) fn fuzz(bytes: &[u8]) {
        let root = Digest::of(b"root");
        let counts = bytes.get(..16).unwrap_or(&[0; 16]);
        let mut stored = [MAGIC, counts, root.as_bytes(), bytes.get(16..).unwrap_or_default()].concat();
        stored.extend_from_slice(Digest::of(&stored).as_bytes());
        let cache = Self::decode(stored, root);
        assert_eq!(cache.iter().count(), cache.len());
    }

    /// Returns the number of files if all of it holds.
    fn check(stored: &[u8], root: Digest) -> Option<usize> {
        let (body, checksum) = stored.split_last_chunk::<32>()?;
        let header = body.get(..HEADER)?;
        let len = usize::try_from(u64_at(header, 16)?).ok()?;
        let names = usize::try_from(u64_at(header, 24)?).ok()?;
        let length = len.checked_mul(RECORD)?.checked_add(HEADER)?.checked_add(names)?;
        let fits = header.starts_with(MAGIC) && header.get(32..64)? == root.as_bytes() && length == body.len();
        if !fits || Digest::of(body).as_bytes() != checksum {
            return None;
        }
        (0..len).all(|number| Known::read(stored, len, number).is_some()).then_some(len)
    }
}

impl std::fmt::Debug for StatCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatCache").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<'a> Known<'a> {
    /// States a file whose bytes were hashed after a scan that began at `at`.
    pub(crate) fn new(file: &'a Hashed, at: Timestamp, checked_out: bool) -> Self {
        let Found { path, kind, size_bytes, stamp } = &file.found;
        Self {
            path: path.as_str(),
            kind: *kind,
            size_bytes: *size_bytes,
            stamp: *stamp,
            digest: file.digest,
            settled: is_settled(*stamp, at),
            checked_out,
        }
    }

    /// Tells whether the digest is that of this file, without reading it.
    pub(crate) fn vouches_for(&self, found: &Found) -> bool {
        self.settled && self.kind == found.kind && self.size_bytes == found.size_bytes && self.stamp == found.stamp
    }

    /// Tells whether the file with this kind and digest is as a checkout left it, whatever its stamp.
    pub(crate) fn was_checked_out(&self, kind: FileKind, digest: Digest) -> bool {
        self.checked_out && self.kind == kind && self.digest == digest
    }

    fn read(stored: &'a [u8], len: usize, number: usize) -> Option<Self> {
        let start = number.checked_mul(RECORD)?.checked_add(HEADER)?;
        let record = stored.get(start..start.checked_add(RECORD)?)?;
        let name =
            len.checked_mul(RECORD)?.checked_add(HEADER)?.checked_add(usize::try_from(u64_at(record, 72)?).ok()?)?;
        let length = u16::from_le_bytes(*record.get(80..)?.first_chunk()?);
        let flags = *record.get(83)?;
        let path = stored.get(name..name.checked_add(usize::from(length))?)?;
        Some(Self {
            path: std::str::from_utf8(path).ok()?,
            kind: FileKind::from_code(*record.get(82)?)?,
            size_bytes: u64_at(record, 32)?,
            stamp: Stamp {
                modified_ns: u64_at(record, 40)?.cast_signed(),
                changed_ns: u64_at(record, 48)?.cast_signed(),
                device: u64_at(record, 56)?,
                inode: u64_at(record, 64)?,
            },
            digest: Digest::from_bytes(*record.first_chunk()?),
            settled: flags & SETTLED != 0,
            checked_out: flags & CHECKED_OUT != 0,
        })
    }
}

/// Writes a cache, file by file.
#[derive(Debug)]
pub(crate) struct CacheWriter {
    records: Vec<u8>,
    names: Vec<u8>,
}

impl CacheWriter {
    pub(crate) fn with_capacity(files: usize) -> Self {
        let mut records = Vec::with_capacity(files.saturating_mul(RECORD * 3 / 2).saturating_add(HEADER));
        records.resize(HEADER, 0);
        Self { records, names: Vec::with_capacity(files.saturating_mul(RECORD / 2)) }
    }

    /// Adds a file, which follows the one before in the order of a tree. Directories are not kept.
    pub(crate) fn push(&mut self, file: Known<'_>) {
        // Longer ones are not paths.
        let Ok(length) = u16::try_from(file.path.len()) else { return };
        if file.kind == FileKind::Directory {
            return;
        }
        let numbers = [
            file.size_bytes,
            file.stamp.modified_ns.cast_unsigned(),
            file.stamp.changed_ns.cast_unsigned(),
            file.stamp.device,
            file.stamp.inode,
            self.names.len() as u64,
        ];
        self.records.extend_from_slice(file.digest.as_bytes());
        numbers.iter().for_each(|number| self.records.extend_from_slice(&number.to_le_bytes()));
        self.records.extend_from_slice(&length.to_le_bytes());
        let flags = if file.settled { SETTLED } else { 0 } | if file.checked_out { CHECKED_OUT } else { 0 };
        self.records.extend_from_slice(&[file.kind.code(), flags, 0, 0, 0, 0]);
        self.names.extend_from_slice(file.path.as_bytes());
    }

    /// Writes what was added to `file`, as the cache of the directory `root`, and returns it.
    pub(crate) fn save(self, file: &Path, root: &Path) -> Result<StatCache, Error> {
        let cache = self.finish(root_digest(root));
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).map_err(Error::local("make", directory))?;
        }
        let mut part = Part::create(file, FileKind::Regular)?;
        part.write(&cache.stored, file)?;
        part.publish(file)?;
        Ok(cache)
    }

    fn finish(self, root: Digest) -> StatCache {
        let Self { records: mut stored, names } = self;
        let len = (stored.len() - HEADER) / RECORD;
        let header =
            [MAGIC.as_slice(), &(len as u64).to_le_bytes(), &(names.len() as u64).to_le_bytes(), root.as_bytes()];
        stored.splice(..HEADER, header.concat());
        stored.extend_from_slice(&names);
        let checksum = Digest::of(&stored);
        stored.extend_from_slice(checksum.as_bytes());
        StatCache { stored, len }
    }
}

/// Pairs each file with what the cache has of it; both are in the order of a tree.
pub(crate) fn pair<'a, T>(
    files: impl IntoIterator<Item = T>,
    path: impl Fn(&T) -> &FilePath,
    cache: &'a StatCache,
) -> impl Iterator<Item = (T, Option<Known<'a>>)> {
    let mut known = cache.iter().peekable();
    files.into_iter().map(move |file| {
        while let Some(next) = known.peek() {
            match compare_text(next.path, path(&file).as_str()) {
                Ordering::Less => drop(known.next()),
                Ordering::Equal => return (file, known.next()),
                Ordering::Greater => break,
            }
        }
        (file, None)
    })
}

/// Tells whether a file with this stamp would get another one if it were changed after `at`.
pub(crate) fn is_settled(stamp: Stamp, at: Timestamp) -> bool {
    let latest = at.as_nanos().saturating_sub(UNSETTLED_NS);
    stamp.modified_ns < latest && stamp.changed_ns < latest
}

/// Returns what stands for a directory in its cache.
fn root_digest(root: &Path) -> Digest {
    let whole: io::Result<_> = fs::canonicalize(root);
    Digest::of(whole.as_deref().unwrap_or(root).as_os_str().as_encoded_bytes())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

const MAGIC: &[u8; 16] = b"lineal-stats 1\r\n";
const HEADER: usize = 64;
const RECORD: usize = 88;
const SETTLED: u8 = 1;
const CHECKED_OUT: u8 = 2;
/// File systems keep times in steps of up to two seconds.
const UNSETTLED_NS: i64 = 2_000_000_000;
/// More than any directory that can be scanned needs.
const MAX_BYTES: u64 = 1 << 33;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, modified_ns: i64) -> Hashed {
        let stamp = Stamp { modified_ns, changed_ns: modified_ns + 1, device: 7, inode: 8 };
        let path = FilePath::new(path).unwrap();
        Hashed { found: Found { path, kind: FileKind::Executable, size_bytes: 9, stamp }, digest: Digest::of(b"x") }
    }

    fn cache(files: &[Hashed]) -> StatCache {
        let at = Timestamp::from_unix_secs(1_357_000_000).unwrap();
        let mut writer = CacheWriter::with_capacity(files.len());
        files.iter().for_each(|file| writer.push(Known::new(file, at, file.found.path.as_str() == "a")));
        writer.finish(root())
    }

    fn root() -> Digest {
        Digest::of(b"/data")
    }

    #[test]
    fn the_format_is_frozen() {
        let cache = cache(&[file("a", 1), file("é/b", 1_357_000_000_000_000_000)]);
        let hex: Vec<String> =
            cache.stored.chunks(32).map(|row| row.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        insta::assert_snapshot!(hex.join("\n"));
    }

    #[test]
    fn what_was_written_is_read() {
        let files = [file("a", 1), file("A/b", i64::MAX - 1), file("b", -5)];
        let cache = StatCache::decode(cache(&files).stored, root());
        assert_eq!(cache.len(), 3);
        let pairs: Vec<_> = pair(&files, |file| &file.found.path, &cache).collect();
        let vouches: Vec<_> = pairs.iter().map(|(file, known)| known.unwrap().vouches_for(&file.found)).collect();
        assert_eq!(vouches, [true, false, true]);
        let checked_out = |digest| pairs[0].1.unwrap().was_checked_out(FileKind::Executable, digest);
        assert!(checked_out(Digest::of(b"x")) && !checked_out(Digest::of(b"y")));
        assert!(!pairs[2].1.unwrap().checked_out);
        let others = [file("0", 1), file("aa", 1), file("c", 1)];
        assert!(pair(&others, |file| &file.found.path, &cache).all(|(_, known)| known.is_none()));
    }

    #[test]
    fn a_damaged_cache_is_empty() {
        let whole = cache(&[file("a", 1), file("b", 2)]).stored;
        assert_eq!(StatCache::decode(whole.clone(), root()).len(), 2);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            assert!(StatCache::decode(damaged, root()).is_empty(), "byte {at}");
            assert!(StatCache::decode(whole[..at].to_vec(), root()).is_empty(), "cut at {at}");
        }
        assert!(StatCache::decode(whole, Digest::of(b"/other")).is_empty());
    }

    #[test]
    fn a_well_formed_lie_is_no_panic() {
        let whole = cache(&[file("a", 1), file("b", 2)]).stored;
        for at in 16..whole.len() - 32 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut forged = whole[..whole.len() - 32].to_vec();
                forged[at] = value;
                let checksum = Digest::of(&forged);
                forged.extend_from_slice(checksum.as_bytes());
                let cache = StatCache::decode(forged, root());
                assert_eq!(cache.iter().count(), cache.len());
            }
        }
    }

    #[test]
    fn a_file_that_was_changed_just_before_is_not_vouched_for() {
        let at = Timestamp::from_unix_secs(100).unwrap();
        let stamp = |secs: i64| Stamp { modified_ns: secs * 1_000_000_000, ..Stamp::default() };
        let settled: Vec<_> = [0, 97, 98, 99, 100, 101, 1000].map(stamp).map(|stamp| is_settled(stamp, at)).to_vec();
        assert_eq!(settled, [true, true, false, false, false, false, false]);
        let changed = Stamp { changed_ns: 99_000_000_000, ..Stamp::default() };
        assert!(!is_settled(changed, at));
    }
}
