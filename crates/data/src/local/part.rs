use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use lineal_core::Digest;

use super::FileKind;
use crate::Error;

/// A file that is being written under a temporary name; dropped before it is published, it is taken away.
#[derive(Debug)]
pub(crate) struct Part {
    // Closed before it is removed.
    file: Option<File>,
    temporary: Temporary,
}

impl Part {
    /// Creates a file that nobody else has, beside `target`.
    pub(crate) fn create(target: &Path, kind: FileKind) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        set_mode(&mut options, kind);
        let (file, path) = take_name(target, |path| options.open(path))?;
        Ok(Self { file: Some(file), temporary: Temporary { path, done: false } })
    }

    /// Makes a link to `to` under a temporary name beside `target`.
    pub(crate) fn link(target: &Path, to: &str) -> Result<Self, Error> {
        let ((), path) = take_name(target, |path| symlink(to, path))?;
        Ok(Self { file: None, temporary: Temporary { path, done: false } })
    }

    /// Makes another name of the file `of`, a temporary one beside `target`.
    pub(crate) fn hard_link(target: &Path, of: &Path) -> Result<Self, Error> {
        let ((), path) = take_name(target, |path| fs::hard_link(of, path))?;
        Ok(Self { file: None, temporary: Temporary { path, done: false } })
    }

    /// Does something with the open file.
    pub(crate) fn with_file<T>(&self, work: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        self.file.as_ref().map_or_else(|| Err(io::ErrorKind::InvalidInput.into()), work)
    }

    pub(crate) fn write(&mut self, bytes: &[u8], target: &Path) -> Result<(), Error> {
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(Error::local("write", target)),
            None => Ok(()),
        }
    }

    /// Gives the file its name, over whatever file has it.
    pub(crate) fn publish(self, target: &Path) -> Result<(), Error> {
        let Self { file, mut temporary } = self;
        let is_link = file.is_none();
        file.map_or(Ok(()), close).map_err(Error::local("write", target))?;
        fs::rename(&temporary.path, target).map_err(Error::local("write", target))?;
        // Of two names of one file, a rename keeps both.
        temporary.done = !is_link || !temporary.path.exists();
        Ok(())
    }
}

/// Tells whether a name is one that files have while they are being written.
pub(crate) fn is_temporary(name: &str) -> bool {
    let inner = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    let Some((digits, attempt)) = inner.and_then(|inner| inner.split_once('-')) else { return false };
    digits.len() == 12
        && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        && !attempt.is_empty()
        && attempt.bytes().all(|digit| digit.is_ascii_digit())
}

/// Makes something under the first temporary name that is free.
fn take_name<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> Result<(T, PathBuf), Error> {
    let name = Digest::of(target.file_name().unwrap_or_default().as_encoded_bytes()).short();
    let mut attempt = 0;
    loop {
        let path = target.with_file_name(format!("{PREFIX}{name}-{attempt}{SUFFIX}"));
        match make(&path) {
            Ok(made) => return Ok((made, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < MAX_ATTEMPTS => attempt += 1,
            Err(source) => return Err(Error::local("write", target)(source)),
        }
    }
}

/// A temporary name, removed unless it is gone by a rename.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    done: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.done {
            // If it cannot be removed, the next checkout sweeps it.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Closes a file: a file system of a network may say only then that it had no room for all bytes.
#[cfg(unix)]
fn close(file: File) -> io::Result<()> {
    Ok(nix::unistd::close(file)?)
}

#[cfg(not(unix))]
fn close(file: File) -> io::Result<()> {
    drop(file);
    Ok(())
}

#[cfg(unix)]
fn set_mode(options: &mut OpenOptions, kind: FileKind) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(if kind == FileKind::Executable { 0o777 } else { 0o666 });
}

#[cfg(not(unix))]
fn set_mode(_options: &mut OpenOptions, _kind: FileKind) {}

#[cfg(unix)]
fn symlink(to: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, path)
}

#[cfg(windows)]
fn symlink(to: &str, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(to, path)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_to: &str, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

const PREFIX: &str = ".lineal-";
const SUFFIX: &str = ".part";
/// Temporary names tried for one file.
const MAX_ATTEMPTS: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_known_again() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a");
        let parts = [0, 1].map(|_| Part::create(&target, FileKind::Regular).unwrap());
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2);
        assert!(names.iter().all(|name| is_temporary(name.to_str().unwrap())), "{names:?}");
        drop(parts);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        for name in
            ["a", ".lineal-0.part", ".lineal-0123456789ab-.part", ".lineal-0123456789aB-0.part", ".linealignore"]
        {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
