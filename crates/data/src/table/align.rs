use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use lineal_core::{Digest, Hasher};

use super::page_table::{Group, PageTable};

/// Rows of two tables that their pages do not show to be equal: ascending, disjoint, counted over the whole table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differing {
    pub(super) old: Vec<Range<u64>>,
    pub(super) new: Vec<Range<u64>>,
}

/// Finds the rows whose pages differ in one of the leaves given, each as its places in the old and the new table.
///
/// A row is equal to one of the other table if in every leaf both lie at the same place of equal pages. Each row is
/// equal to one other at most. Where the rows lie does not matter.
pub(super) fn differing(old: &PageTable, new: &PageTable, leaves: &[(usize, usize)]) -> Differing {
    let of_old: Vec<usize> = leaves.iter().map(|(leaf, _)| *leaf).collect();
    let of_new: Vec<usize> = leaves.iter().map(|(_, leaf)| *leaf).collect();
    let mut olds: HashMap<Digest, Vec<Part<'_>>> = HashMap::new();
    for part in parts(old).rev() {
        olds.entry(identity(part.group, &of_old)).or_default().push(part);
    }
    let mut news = Vec::new();
    for part in parts(new) {
        match olds.get_mut(&identity(part.group, &of_new)).and_then(Vec::pop) {
            Some(_) => {}
            None => news.push(part),
        }
    }
    let mut olds: Vec<Part<'_>> = olds.into_values().flatten().collect();
    olds.sort_by_key(|part| part.start);
    let equal = equal(&Pages::of(&olds, &of_old), &Pages::of(&news, &of_new));
    let old_equal = equal.iter().map(|(new, old)| *old..old + (new.end - new.start)).collect();
    let new_equal = equal.into_iter().map(|(new, _)| new).collect();
    Differing { old: rest(&olds, old_equal), new: rest(&news, new_equal) }
}

/// A row group and its first row.
#[derive(Clone, Copy)]
struct Part<'a> {
    start: u64,
    group: &'a Group,
}

fn parts(table: &PageTable) -> impl DoubleEndedIterator<Item = Part<'_>> {
    let mut start = 0;
    let parts: Vec<Part<'_>> = table
        .groups
        .iter()
        .map(|group| {
            let part = Part { start, group };
            start += group.rows;
            part
        })
        .collect();
    parts.into_iter()
}

fn identity(group: &Group, leaves: &[usize]) -> Digest {
    let mut hasher = Hasher::new();
    for leaf in leaves {
        let pages = group.leaves.get(*leaf).map(Vec::as_slice).unwrap_or_default();
        hasher.update(&(pages.len() as u64).to_le_bytes());
        pages.iter().for_each(|page| hasher.update(page.digest.as_bytes()));
    }
    hasher.finish()
}

/// What a page says: its bytes, and the dictionary that they rest on.
type Identity = (Option<Digest>, Digest);

/// The pages of some row groups, by leaf and first row.
struct Pages {
    leaves: Vec<BTreeMap<u64, (u64, Identity)>>,
}

impl Pages {
    fn of(parts: &[Part<'_>], leaves: &[usize]) -> Self {
        let of_leaf = |leaf: &usize| {
            let mut pages = BTreeMap::new();
            for part in parts {
                let (mut start, mut dictionary) = (part.start, None);
                for page in part.group.leaves.get(*leaf).into_iter().flatten() {
                    match page.rows {
                        None => dictionary = Some(page.digest),
                        Some(rows) => {
                            pages.insert(start, (rows, (dictionary, page.digest)));
                            start += rows;
                        }
                    }
                }
            }
            pages
        };
        Self { leaves: leaves.iter().map(of_leaf).collect() }
    }
}

/// Returns ranges of new rows with the first old row that each is equal to; ascending and disjoint on the new side.
fn equal(old: &Pages, new: &Pages) -> Vec<(Range<u64>, u64)> {
    let Some((seed, candidates)) = seeds(old, new) else { return Vec::new() };
    let mut taken: Vec<(Range<u64>, u64)> = Vec::new();
    let mut used: BTreeMap<u64, u64> = BTreeMap::new();
    for (start, rows, before) in candidates {
        let page = start..start + rows;
        let mut ranges = vec![page];
        for (at, (old, new)) in old.leaves.iter().zip(&new.leaves).enumerate() {
            if at != seed && !ranges.is_empty() {
                ranges = narrow(&ranges, old, new, start, before);
            }
        }
        for range in ranges {
            let first = before + (range.start - start);
            let last = first + (range.end - range.start);
            let is_free = used.range(..last).next_back().is_none_or(|(_, end)| *end <= first);
            if is_free && taken.last().is_none_or(|(before, _)| before.end <= range.start) {
                used.insert(first, last);
                taken.push((range, first));
            }
        }
    }
    taken
}

/// Equal pages: first new row, rows, first old row.
type Pair = (u64, u64, u64);

/// Pairs the pages of the leaf in which the fewest pairs are equal.
fn seeds(old: &Pages, new: &Pages) -> Option<(usize, Vec<Pair>)> {
    let mut best: Option<(usize, Vec<Pair>)> = None;
    for (at, (old, new)) in old.leaves.iter().zip(&new.leaves).enumerate() {
        let mut places: HashMap<Identity, Vec<u64>> = HashMap::new();
        for (start, (_, identity)) in old {
            places.entry(*identity).or_default().push(*start);
        }
        let most = best.as_ref().map_or(MOST_PAIRS, |(_, pairs)| pairs.len());
        let pairs = new.iter().flat_map(|(start, (rows, identity))| {
            let found = places.get(identity).map(Vec::as_slice).unwrap_or_default();
            found.iter().map(|before| (*start, *rows, *before))
        });
        let pairs: Vec<_> = pairs.take(most).collect();
        if pairs.len() < most {
            best = Some((at, pairs));
        }
    }
    best
}

/// Keeps what is equal in another leaf, too, if the new row `start` is the old row `before`.
fn narrow(
    ranges: &[Range<u64>],
    old: &BTreeMap<u64, (u64, Identity)>,
    new: &BTreeMap<u64, (u64, Identity)>,
    start: u64,
    before: u64,
) -> Vec<Range<u64>> {
    let mut kept = Vec::new();
    for range in ranges {
        let first = new.range(..=range.start).next_back().map_or(range.start, |(first, _)| *first);
        for (page, (rows, identity)) in new.range(first..range.end) {
            let Some(there) = (page + before).checked_sub(start) else { continue };
            let common = range.start.max(*page)..range.end.min(page + rows);
            if common.start < common.end && old.get(&there).is_some_and(|(_, other)| other == identity) {
                kept.push(common);
            }
        }
    }
    kept
}

/// Returns the rows of the groups that are in none of the ranges.
fn rest(parts: &[Part<'_>], mut equal: Vec<Range<u64>>) -> Vec<Range<u64>> {
    equal.sort_by_key(|range| range.start);
    let mut equal = equal.into_iter().peekable();
    let mut left: Vec<Range<u64>> = Vec::new();
    let mut push = |range: Range<u64>| match left.last_mut() {
        _ if range.is_empty() => {}
        Some(last) if last.end == range.start => last.end = range.end,
        _ => left.push(range),
    };
    for part in parts {
        let (mut at, end) = (part.start, part.start + part.group.rows);
        // No page, and so no range, lies in two groups.
        while let Some(range) = equal.next_if(|range| range.start < end) {
            push(at..range.start);
            at = range.end;
        }
        push(at..end);
    }
    left
}

/// Pairs of equal pages that are looked into; of columns that repeat one page over and over there can be very many.
const MOST_PAIRS: usize = 1 << 18;
