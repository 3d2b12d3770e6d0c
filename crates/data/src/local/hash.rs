use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;
use lineal_core::{Digest, Hasher};
use rayon::prelude::*;

use super::{FileKind, Found, Hashed, Stamp, scan::has_vanished};
use crate::Error;

/// A file found, and its digest if that is known without reading it.
pub(crate) type Open = (Found, Option<Digest>);

/// Hashes the files without a digest, each once, in parallel; those that have vanished are left out.
///
/// A file that changes while it is read is read again, and stated as it then is.
pub(crate) fn hash_all(root: &Path, files: Vec<Open>) -> Result<Vec<Hashed>, Error> {
    let hash = |buffer: &mut Vec<u8>, (found, digest): Open| match digest {
        Some(digest) => Ok(Some(Hashed { found, digest })),
        None => hash_one(root, found, buffer),
    };
    let files: Vec<Option<Hashed>> =
        files.into_par_iter().map_init(|| vec![0; READ_BYTES], hash).collect::<Result<_, _>>()?;
    Ok(files.into_iter().flatten().collect())
}

fn hash_one(root: &Path, mut found: Found, buffer: &mut [u8]) -> Result<Option<Hashed>, Error> {
    let path = found.path.below(root);
    if found.kind == FileKind::Directory {
        return Ok(Some(Hashed { found, digest: Digest::of(b"") }));
    }
    for attempt in 0..ATTEMPTS {
        let read = if attempt == 0 { Ok(Some(found.kind)) } else { look(&path, &mut found) };
        let mut hasher = Hasher::new();
        let read = match read {
            // What has become a directory or a pipe is no longer the file that was found.
            Ok(None) => return Ok(None),
            Ok(Some(FileKind::Symlink)) => read_link(&path, &mut found, |target| hasher.update(target)),
            Ok(Some(_)) => read_file(&path, &mut found, buffer, |some| hasher.update(some)),
            Err(error) => Err(error),
        };
        match read {
            Ok(true) => return Ok(Some(Hashed { found, digest: hasher.finish() })),
            Ok(false) => {}
            Err(error) if has_vanished(&error) => return Ok(None),
            Err(error) if is_replaced(&error) => {}
            Err(error) => return Err(Error::local("read", path)(error)),
        }
    }
    Err(Error::Restless { path })
}

/// Reads a small file or link, and states it as it then is; none if it has vanished.
pub(crate) fn read_one(root: &Path, mut found: Found) -> Result<Option<(Found, Bytes)>, Error> {
    let path = found.path.below(root);
    for attempt in 0..ATTEMPTS {
        let read = if attempt == 0 { Ok(Some(found.kind)) } else { look(&path, &mut found) };
        let mut bytes = Vec::new();
        let read = match read {
            Ok(None) => return Ok(None),
            Ok(Some(FileKind::Symlink)) => read_link(&path, &mut found, |target| bytes.extend_from_slice(target)),
            Ok(Some(_)) => {
                let mut buffer = vec![0; found.size_bytes.saturating_add(1).min(READ_BYTES as u64) as usize];
                read_file(&path, &mut found, &mut buffer, |some| bytes.extend_from_slice(some))
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(true) => return Ok(Some((found, bytes.into()))),
            Ok(false) => {}
            Err(error) if has_vanished(&error) => return Ok(None),
            Err(error) if is_replaced(&error) => {}
            Err(error) => return Err(Error::local("read", path)(error)),
        }
    }
    Err(Error::Restless { path })
}

/// Tells whether a file is still as it was found.
pub(crate) fn is_same(root: &Path, found: &Found) -> Result<bool, Error> {
    let path = found.path.below(root);
    let mut now = found.clone();
    match look(&path, &mut now) {
        Ok(kind) => Ok(kind.is_some() && now == *found),
        Err(error) if has_vanished(&error) => Ok(false),
        Err(error) => Err(Error::local("look at", path)(error)),
    }
}

/// Looks at a file again.
fn look(path: &Path, found: &mut Found) -> io::Result<Option<FileKind>> {
    let metadata = fs::symlink_metadata(path)?;
    let kind = FileKind::of(&metadata).filter(|kind| *kind != FileKind::Directory);
    if let Some(kind) = kind {
        (found.kind, found.size_bytes, found.stamp) = (kind, metadata.len(), Stamp::of(&metadata));
    }
    Ok(kind)
}

/// Reads where a link leads to; false if it changed meanwhile.
fn read_link(path: &Path, found: &mut Found, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
    let target = fs::read_link(path)?;
    let target = target.as_os_str().as_encoded_bytes();
    found.size_bytes = target.len() as u64;
    let metadata = fs::symlink_metadata(path)?;
    take(target);
    Ok(Stamp::of(&metadata) == found.stamp && metadata.is_symlink())
}

/// Reads a file, and states it as it is; false if it changed meanwhile.
fn read_file(path: &Path, found: &mut Found, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> io::Result<bool> {
    let mut file = open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Ok(false);
    }
    let mut size_bytes = 0;
    // One that grows as fast as it is read would never end.
    while size_bytes <= before.len() {
        let len = file.read(buffer)?;
        if len == 0 {
            break;
        }
        take(buffer.get(..len).unwrap_or_default());
        size_bytes += len as u64;
    }
    let after = file.metadata()?;
    if Stamp::of(&before) != Stamp::of(&after) || size_bytes != after.len() {
        return Ok(false);
    }
    let Some(kind) = FileKind::of(&after) else { return Ok(false) };
    (found.kind, found.size_bytes, found.stamp) = (kind, size_bytes, Stamp::of(&after));
    Ok(true)
}

/// Opens a file to be read, but neither what a link leads to, nor a pipe that nobody writes to.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use nix::fcntl::OFlag;
        options.custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
    }
    options.open(path)
}

/// Tells whether an error says that a link lies where a file was, or the other way round.
fn is_replaced(error: &io::Error) -> bool {
    #[cfg(unix)]
    let is_link = error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32);
    #[cfg(not(unix))]
    let is_link = false;
    is_link || error.kind() == io::ErrorKind::InvalidInput
}

/// Bytes of a file hashed at a time.
const READ_BYTES: usize = 256 * 1024;
/// How often a file is read that changes meanwhile.
const ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use std::fs;

    use lineal_core::FilePath;

    use super::*;

    fn found(path: &str, kind: FileKind) -> Found {
        Found { path: FilePath::new(path).unwrap(), kind, size_bytes: 0, stamp: Stamp::default() }
    }

    #[test]
    fn files_are_stated_as_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let bytes = vec![7; READ_BYTES * 2 + 1];
        fs::write(root.join("a"), &bytes).unwrap();
        fs::create_dir(root.join("d")).unwrap();
        let known = Digest::of(b"known");
        let files = vec![
            (found("a", FileKind::Regular), None),
            (found("b", FileKind::Regular), Some(known)),
            (found("c", FileKind::Regular), None),
            (found("d", FileKind::Regular), None),
            (found("e", FileKind::Directory), None),
        ];
        let hashed = hash_all(root, files).unwrap();
        let shown: Vec<_> = hashed.iter().map(|file| (file.found.path.as_str(), file.digest)).collect();
        assert_eq!(shown, [("a", Digest::of(&bytes)), ("b", known), ("e", Digest::of(b""))]);
        assert_eq!(hashed[0].found.size_bytes, bytes.len() as u64);
        let metadata = fs::metadata(root.join("a")).unwrap();
        assert_eq!(hashed[0].found.stamp, Stamp::of(&metadata));
    }

    /// The kernel's files have no size, but bytes: as if each grew while it is read.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_changes_while_it_is_read_has_no_digest() {
        let outcome = hash_all(Path::new("/proc/self"), vec![(found("status", FileKind::Regular), None)]);
        assert!(matches!(outcome, Err(Error::Restless { .. })), "{outcome:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_became_a_link_is_stated_as_one() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("secret", directory.path().join("a")).unwrap();
        let hashed = hash_all(directory.path(), vec![(found("a", FileKind::Regular), None)]).unwrap();
        assert_eq!(hashed[0].found.kind, FileKind::Symlink);
        assert_eq!(hashed[0].digest, Digest::of(b"secret"));
        assert_eq!(hashed[0].found.size_bytes, 6);
    }
}
