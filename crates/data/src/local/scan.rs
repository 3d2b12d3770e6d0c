use std::{
    fs::{self, DirEntry, Metadata},
    io, mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use lineal_core::{FilePath, Timestamp, on_cpu};
use rayon::prelude::*;

use super::{
    FileKind, Found, Stamp, UnfitFile,
    ignore_rules::{IGNORE_FILE, IgnoreRules},
    part::is_temporary,
};
use crate::{
    Error, link_target,
    path_order::{are_alike, compare, compare_text},
};

/// What lies in a directory, as a version would have it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Scan {
    /// The files, in the order of a tree.
    pub found: Vec<Found>,
    /// When the scan began. A file changed up to two seconds before may change again without a new stamp.
    pub at: Timestamp,
}

/// Walks a directory in parallel; `now` is the present time.
///
/// Left out are what a `.linealignore` says, in the syntax of `.gitignore` and in any directory, and temporary files of
/// checkouts. Links are not followed. A directory with nothing to state in it is stated itself. A file that vanishes
/// meanwhile is not there. One call of `stat` for each file; memory grows with their number.
///
/// # Errors
/// [`Error::Unfit`] with the files that no version can have: pipes, sockets, devices, links that lead out, names that
/// break the rules of [`FilePath`] or differ in case only. [`Error::Local`] if the directory cannot be read,
/// [`Error::Invalid`] for a rule that cannot be.
pub async fn scan(root: &Path, now: Timestamp) -> Result<Scan, Error> {
    let root = root.to_owned();
    on_cpu(move || {
        let survey = Survey::take(&root, Purpose::Import)?;
        survey.unfit.check(&root)?;
        Ok(Scan { found: survey.found, at: now })
    })
    .await?
}

/// What a walk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To state a version: with ignore rules, and with what is unfit.
    Import,
    /// To see what is in the way: everything that has a name a version can have.
    Look,
}

/// What a walk saw.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// In the order of a tree.
    pub(crate) found: Vec<Found>,
    pub(crate) unfit: Unfit,
    /// Temporary files of a checkout that did not end.
    pub(crate) leftovers: Vec<PathBuf>,
}

/// Files that no version can have.
#[derive(Debug, Default)]
pub(crate) struct Unfit {
    count: usize,
    first: Vec<UnfitFile>,
    /// Whether some differ in case only.
    clash: bool,
}

impl Survey {
    /// Walks level by level, so that depth costs no stack.
    pub(crate) fn take(root: &Path, purpose: Purpose) -> Result<Self, Error> {
        let mut survey = Self::default();
        let mut listings: Vec<Listing> = Vec::new();
        let mut level = vec![Place { at: root.to_owned(), path: String::new(), rules: None }];
        while !level.is_empty() {
            let read: Vec<_> = level.par_iter().map(|place| place.list(purpose)).collect::<Result<_, _>>()?;
            level.clear();
            let mut number = listings.len() + read.len();
            for mut listing in read {
                for item in &mut listing.items {
                    if let Item::Directory(path, listing_number) = item {
                        *listing_number = number;
                        number += 1;
                        let at = root.join(&*path);
                        level.push(Place { at, path: path.clone(), rules: listing.rules.clone() });
                    }
                }
                survey.unfit.add(&mut listing.unfit);
                survey.leftovers.append(&mut listing.leftovers);
                listings.push(listing);
            }
        }
        survey.found = in_order(listings);
        if survey.unfit.clash {
            // Only then are files of one directory not side by side.
            survey.found.par_sort_by(|one, two| compare(&one.path, &two.path));
        }
        Ok(survey)
    }
}

impl Unfit {
    pub(crate) fn check(self, root: &Path) -> Result<(), Error> {
        if self.count == 0 {
            return Ok(());
        }
        Err(Error::Unfit { root: root.to_owned(), count: self.count, files: self.first })
    }

    fn push(&mut self, path: &str, rule: &'static str) {
        self.count += 1;
        if self.first.len() < SHOWN {
            self.first.push(UnfitFile::new(path, rule));
        }
    }

    fn add(&mut self, other: &mut Self) {
        self.count += other.count;
        self.clash |= other.clash;
        let room = SHOWN - self.first.len();
        self.first.extend(other.first.drain(..).take(room));
    }
}

/// Puts the files of all directories in the order of a tree: those of a directory in the place of its name.
fn in_order(mut listings: Vec<Listing>) -> Vec<Found> {
    let mut found = Vec::with_capacity(listings.iter().map(|listing| listing.items.len()).sum());
    let mut enter = |number: usize| listings.get_mut(number).map(mem::take).unwrap_or_default().items.into_iter();
    let mut open = vec![enter(0)];
    while let Some(directory) = open.last_mut() {
        match directory.next() {
            Some(Item::File(file)) => found.push(file),
            Some(Item::Directory(_, number)) => open.push(enter(number)),
            None => drop(open.pop()),
        }
    }
    found
}

/// A directory to be read.
struct Place {
    at: PathBuf,
    /// Its path below the root, which itself has an empty one.
    path: String,
    /// The rules of the directories above it.
    rules: Option<Arc<IgnoreRules>>,
}

/// What was read of a directory.
#[derive(Default)]
struct Listing {
    /// In the order of their names. Of a directory with nothing in it: the directory itself.
    items: Vec<Item>,
    rules: Option<Arc<IgnoreRules>>,
    unfit: Unfit,
    leftovers: Vec<PathBuf>,
}

enum Item {
    File(Found),
    /// With the number of its listing.
    Directory(String, usize),
}

impl Item {
    fn path(&self) -> &str {
        match self {
            Self::File(found) => found.path.as_str(),
            Self::Directory(path, _) => path,
        }
    }

    /// Returns its name in a directory whose path has `base` bytes.
    fn name(&self, base: usize) -> &str {
        self.path().get(base..).unwrap_or_default()
    }
}

impl Place {
    fn list(&self, purpose: Purpose) -> Result<Listing, Error> {
        let entries = match fs::read_dir(&self.at).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>) {
            Ok(entries) => entries,
            Err(error) if has_vanished(&error) && !self.path.is_empty() => return Ok(Listing::default()),
            Err(error) => return Err(Error::local("read", &self.at)(error)),
        };
        let rules = match purpose {
            Purpose::Import => self.rules(&entries)?,
            Purpose::Look => None,
        };
        let seen = entries.par_iter().with_min_len(STATS).map(|entry| self.look(entry, purpose, rules.as_deref()));
        let seen: Vec<Seen> = seen.collect::<Result<_, _>>()?;
        let mut listing = Listing { items: Vec::with_capacity(seen.len()), rules, ..Listing::default() };
        for seen in seen {
            match seen {
                Seen::Item(item) => listing.items.push(item),
                Seen::LeftOut => {}
                Seen::Leftover(path) => listing.leftovers.push(path),
                Seen::Unfit(path, rule) => listing.unfit.push(&path, rule),
            }
        }
        if listing.items.is_empty() && listing.unfit.count == 0 {
            let found = |path| Found { path, kind: FileKind::Directory, size_bytes: 0, stamp: Stamp::default() };
            listing.items.extend(FilePath::new(self.path.as_str()).ok().map(found).map(Item::File));
            return Ok(listing);
        }
        let base = self.base();
        listing.items.sort_unstable_by(|one, two| compare_text(one.name(base), two.name(base)));
        for pair in listing.items.windows(2) {
            let [one, two] = pair else { continue };
            if are_alike(one.name(base), two.name(base)) {
                listing.unfit.clash = true;
                listing.unfit.push(two.path(), "name differs from another one in case only");
            }
        }
        Ok(listing)
    }

    /// Returns the rules that hold in this directory.
    fn rules(&self, entries: &[DirEntry]) -> Result<Option<Arc<IgnoreRules>>, Error> {
        let own = |entry: &&DirEntry| {
            entry.file_name() == IGNORE_FILE && entry.file_type().is_ok_and(|file_type| file_type.is_file())
        };
        match entries.iter().find(own) {
            Some(entry) => IgnoreRules::load(&entry.path(), self.base(), self.rules.clone()),
            None => Ok(self.rules.clone()),
        }
    }

    /// Length of what stands before a name in this directory.
    fn base(&self) -> usize {
        if self.path.is_empty() { 0 } else { self.path.len() + 1 }
    }

    fn look(&self, entry: &DirEntry, purpose: Purpose, rules: Option<&IgnoreRules>) -> Result<Seen, Error> {
        let raw = entry.file_name();
        let name = raw.to_str();
        if name.is_some_and(is_temporary) {
            return Ok(Seen::Leftover(entry.path()));
        }
        let shown = name.map_or_else(|| raw.to_string_lossy(), Into::into);
        let mut path = String::with_capacity(self.base() + shown.len());
        if !self.path.is_empty() {
            path.push_str(&self.path);
            path.push('/');
        }
        path.push_str(&shown);
        let vanished = |error: io::Error| match has_vanished(&error) {
            true => Ok(Seen::LeftOut),
            false => Err(Error::local("look at", entry.path())(error)),
        };
        let is_directory = match entry.file_type() {
            Ok(file_type) => file_type.is_dir(),
            Err(error) => return vanished(error),
        };
        if rules.is_some_and(|rules| rules.leave_out(&path, is_directory)) {
            return Ok(Seen::LeftOut);
        }
        if name.is_none() {
            return Ok(Seen::Unfit(path, "must be UTF-8"));
        }
        let path = match FilePath::from_bytes(path.as_bytes()) {
            Ok(checked) => checked,
            Err(broken) => return Ok(Seen::Unfit(path, broken.rule())),
        };
        if is_directory {
            return Ok(Seen::Item(Item::Directory(path.to_string(), 0)));
        }
        match entry.metadata() {
            Ok(metadata) => state(path, entry, &metadata, purpose).or_else(vanished),
            Err(error) => vanished(error),
        }
    }
}

/// What one name in a directory is.
enum Seen {
    Item(Item),
    LeftOut,
    Leftover(PathBuf),
    Unfit(String, &'static str),
}

fn state(path: FilePath, entry: &DirEntry, metadata: &Metadata, purpose: Purpose) -> io::Result<Seen> {
    let Some(kind) = FileKind::of(metadata) else {
        return Ok(Seen::Unfit(path.to_string(), "is not a file, but a pipe, a socket or a device"));
    };
    let mut size_bytes = metadata.len();
    if kind == FileKind::Symlink {
        let target = fs::read_link(entry.path())?;
        let target = target.as_os_str().as_encoded_bytes();
        size_bytes = target.len() as u64;
        if let (Purpose::Import, Err(rule)) = (purpose, link_target::check(&path, target)) {
            return Ok(Seen::Unfit(path.to_string(), rule));
        }
    }
    Ok(Seen::Item(Item::File(Found { path, kind, size_bytes, stamp: Stamp::of(metadata) })))
}

/// Tells whether an error says that a file is no more, or is another kind of file than it was.
pub(crate) fn has_vanished(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Files that an error names.
pub(crate) const SHOWN: usize = 20;
/// Calls of `stat` made in one go.
const STATS: usize = 256;
