use std::path::Path;

use lineal_core::{Digest, FilePath};

use super::{
    FileKind, Found, Hashed, Selection, StatCache, Wanted,
    hash::hash_all,
    part::is_temporary,
    scan::{Purpose, SHOWN, Survey},
    stat_cache::pair,
};
use crate::{
    Error,
    path_order::{check_neighbours, compare},
};

/// What a checkout is asked to do.
#[derive(Debug)]
pub(crate) struct Order {
    /// The files of the version, in the order of a tree.
    pub(crate) wanted: Vec<Wanted>,
    /// Those of the version that was checked out before, likewise.
    pub(crate) previous: Vec<Wanted>,
    pub(crate) selection: Selection,
    /// Whether local changes may be lost.
    pub(crate) force: bool,
}

/// What a checkout does; nothing else in the directory is touched. All lists are in the order of a tree.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Files that are as they are wanted.
    pub(crate) kept: Vec<Hashed>,
    /// Files to write, and what they replace.
    pub(crate) writes: Vec<(Wanted, Option<Found>)>,
    pub(crate) removals: Vec<Found>,
    /// What lies there and stays, wanted or not.
    pub(crate) others: Vec<Found>,
}

impl Plan {
    /// Finds out what is to be done, and that no local change is lost by it.
    pub(crate) fn make(root: &Path, survey: Survey, order: Order, cache: &StatCache) -> Result<Self, Error> {
        let Order { wanted, previous, selection, force } = order;
        let [wanted, previous] = [wanted, previous].map(|files| select(files, &selection));
        check(&wanted)?;
        let (mut spots, others) = meet(survey.found, &wanted, &previous);
        let hashed = hash_spots(root, &mut spots, cache)?;
        let mut plan = Self { others, ..Self::default() };
        let mut changed = Vec::new();
        let mut hashed = hashed.into_iter().peekable();
        for spot in spots {
            let file = hashed.next_if(|file| file.found.path == spot.path);
            plan.decide(&spot, file, force, (&wanted, &previous), &mut changed);
        }
        plan.clear_the_way(&wanted, force, &mut changed);
        if changed.is_empty() {
            return Ok(plan);
        }
        changed.sort_by(compare);
        let count = changed.len();
        changed.truncate(SHOWN);
        Err(Error::LocalChanges { root: root.to_owned(), count, files: changed })
    }

    fn decide(
        &mut self,
        spot: &Spot,
        file: Option<Hashed>,
        force: bool,
        (wanted, previous): (&[Wanted], &[Wanted]),
        changed: &mut Vec<FilePath>,
    ) {
        let [wanted, previous] = [(spot.wanted, wanted), (spot.previous, previous)]
            .map(|(place, files)| place.and_then(|place| files.get(place)));
        let Some(file) = file else {
            self.writes.extend(wanted.map(|wanted| (wanted.clone(), None)));
            return;
        };
        let (kind, digest) = (file.found.kind, file.digest);
        let is_kept_elsewhere = kind == FileKind::Directory
            || previous.is_some_and(|previous| previous.is_met_by(kind, digest))
            || spot.left == Some((kind, digest));
        match wanted {
            Some(wanted) if wanted.is_met_by(kind, digest) => self.kept.push(file),
            Some(wanted) if is_kept_elsewhere || force => self.writes.push((wanted.clone(), Some(file.found))),
            Some(_) => changed.push(file.found.path),
            None if is_kept_elsewhere || force => self.removals.push(file.found),
            None => self.others.push(file.found),
        }
    }

    /// Has what stays, but cannot lie beside what is wanted, removed, or states it as a local change.
    fn clear_the_way(&mut self, wanted: &[Wanted], force: bool, changed: &mut Vec<FilePath>) {
        let (in_the_way, others): (Vec<_>, _) =
            std::mem::take(&mut self.others).into_iter().partition(|file| is_in_the_way(file, wanted));
        self.others = others;
        for file in in_the_way {
            // An empty directory is no loss.
            if force || file.kind == FileKind::Directory {
                self.removals.push(file);
            } else {
                changed.push(file.path);
            }
        }
        self.removals.sort_by(|one, two| compare(&one.path, &two.path));
    }
}

/// A path that the version or the one before has.
struct Spot {
    path: FilePath,
    /// Which of those wanted.
    wanted: Option<usize>,
    previous: Option<usize>,
    found: Option<Found>,
    /// What a checkout left there, as the cache has it.
    left: Option<(FileKind, Digest)>,
}

fn select(mut files: Vec<Wanted>, selection: &Selection) -> Vec<Wanted> {
    files.retain(|file| selection.contains(&file.path));
    files
}

/// Checks that the files can lie in one directory, and are in order.
fn check(wanted: &[Wanted]) -> Result<(), Error> {
    for file in wanted {
        if file.path.components().any(is_temporary) {
            return Err(Error::invalid("file", file.path.as_str(), "must not have the name of a temporary file"));
        }
    }
    for pair in wanted.windows(2) {
        let [one, two] = pair else { continue };
        if compare(&one.path, &two.path).is_gt() {
            return Err(Error::invalid("file", two.path.as_str(), "must follow the one before in the order of a tree"));
        }
        check_neighbours(&one.path, &two.path)?;
    }
    Ok(())
}

/// Brings together what is wanted, what was before, and what is there; also returns what is there besides.
fn meet(found: Vec<Found>, wanted: &[Wanted], previous: &[Wanted]) -> (Vec<Spot>, Vec<Found>) {
    let (mut spots, mut others) = (Vec::with_capacity(wanted.len()), Vec::new());
    let mut wanted = wanted.iter().enumerate().peekable();
    let mut previous = previous.iter().enumerate().peekable();
    let mut found = found.into_iter().peekable();
    loop {
        let heads = [
            wanted.peek().map(|(_, file)| &file.path),
            previous.peek().map(|(_, file)| &file.path),
            found.peek().map(|file| &file.path),
        ];
        let first = heads.into_iter().flatten().min_by(|one, two| compare(one, two));
        let Some(path) = first.cloned() else { return (spots, others) };
        let spot = Spot {
            wanted: wanted.next_if(|(_, file)| file.path == path).map(|(place, _)| place),
            previous: previous.next_if(|(_, file)| file.path == path).map(|(place, _)| place),
            found: found.next_if(|file| file.path == path),
            left: None,
            path,
        };
        if spot.wanted.is_some() || spot.previous.is_some() {
            spots.push(spot);
        } else {
            others.extend(spot.found);
        }
    }
}

/// Returns the digests of all files at the spots, those that the cache vouches for without reading them.
fn hash_spots(root: &Path, spots: &mut [Spot], cache: &StatCache) -> Result<Vec<Hashed>, Error> {
    let mut open = Vec::new();
    for (spot, known) in pair(spots, |spot| &spot.path, cache) {
        let Some(found) = spot.found.take() else { continue };
        spot.left = known.filter(|known| known.checked_out).map(|known| (known.kind, known.digest));
        let digest = known.filter(|known| known.vouches_for(&found)).map(|known| known.digest);
        open.push((found, digest));
    }
    hash_all(root, open)
}

/// Tells whether a file cannot lie beside those wanted. It clashes with the one before or behind it, if with any.
fn is_in_the_way(file: &Found, wanted: &[Wanted]) -> bool {
    let place = wanted.partition_point(|wanted| compare(&wanted.path, &file.path).is_lt());
    let before = place.checked_sub(1).and_then(|before| wanted.get(before));
    let is_below = |wanted: &Wanted| {
        file.path.as_str().strip_prefix(wanted.path.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    let before_clashes = before.is_some_and(|before| match is_below(before) {
        // Directories may be shared with files that are not of the version.
        true => before.kind != FileKind::Directory,
        false => file.kind != FileKind::Directory && check_neighbours(&before.path, &file.path).is_err(),
    });
    let behind_clashes = file.kind != FileKind::Directory
        && wanted.get(place).is_some_and(|behind| check_neighbours(&file.path, &behind.path).is_err());
    before_clashes || behind_clashes
}

/// Walks the directory to see what is in the way of a checkout.
pub(crate) fn survey(root: &Path) -> Result<Survey, Error> {
    Survey::take(root, Purpose::Look)
}
