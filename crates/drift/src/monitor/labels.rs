//! The labels of a reference, and the search for the cell of a label.

use std::collections::BTreeMap;

use crate::error::Error;

/// Numbers the labels of a feature; what is not listed has one cell behind them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    /// Ascending.
    labels: Vec<Box<str>>,
    /// Open addressing: a label's number plus one, 0 for an empty place. At most half full.
    places: Vec<u32>,
}

impl Labels {
    /// Lists the most frequent labels of the reference, those of equal frequency by name.
    pub(crate) fn most_frequent(counts: &BTreeMap<String, u64>, most: usize) -> Self {
        let mut ranked: Vec<(&String, u64)> = counts.iter().map(|(label, rows)| (label, *rows)).collect();
        ranked.sort_by(|(a, more), (b, less)| less.cmp(more).then(a.cmp(b)));
        ranked.truncate(most.min(Self::MAX));
        let mut labels: Vec<Box<str>> = ranked.into_iter().map(|(label, _)| label.as_str().into()).collect();
        labels.sort_unstable();
        Self::listed(labels)
    }

    /// Takes stored labels.
    pub(crate) fn from_stored(labels: Vec<Box<str>>) -> Result<Self, Error> {
        if labels.len() > Self::MAX || !labels.windows(2).all(|pair| matches!(pair, [a, b] if a < b)) {
            return Err(Error::Saved { what: "reference", reason: "its labels do not ascend, or are too many" });
        }
        Ok(Self::listed(labels))
    }

    fn listed(labels: Vec<Box<str>>) -> Self {
        let mut places = vec![0_u32; (labels.len() * 2).next_power_of_two()];
        let mask = places.len() - 1;
        for (label, number) in labels.iter().zip(1..) {
            let mut at = hash(label) & mask;
            while places.get(at).is_some_and(|taken| *taken != 0) {
                at = (at + 1) & mask;
            }
            if let Some(place) = places.get_mut(at) {
                *place = number;
            }
        }
        Self { labels, places }
    }

    /// Returns the labels, ascending; a label's position is its cell.
    pub(crate) fn labels(&self) -> &[Box<str>] {
        &self.labels
    }

    /// Returns the cell of every label that is not listed.
    pub(crate) fn unlisted(&self) -> usize {
        self.labels.len()
    }

    /// Returns the number of cells: one more than labels.
    pub(crate) fn cells(&self) -> usize {
        self.labels.len() + 1
    }

    /// Returns the cell of a label.
    #[inline]
    pub(crate) fn cell(&self, label: &str) -> usize {
        let mask = self.places.len() - 1;
        let mut at = hash(label) & mask;
        // Half of the places are empty, so this ends.
        while let Some(number) = self.places.get(at).copied().filter(|number| *number != 0) {
            let cell = number as usize - 1;
            if self.labels.get(cell).is_some_and(|listed| **listed == *label) {
                return cell;
            }
            at = (at + 1) & mask;
        }
        self.unlisted()
    }

    /// The most labels there can be.
    pub(crate) const MAX: usize = 1 << 16;
}

/// Multiplies and folds eight bytes at a time.
///
/// Nobody can fill the table from outside, so it need not be keyed: whoever knows it can make a look-up take as many steps as
/// there are labels in one run, and no more.
fn hash(label: &str) -> usize {
    let (words, rest) = label.as_bytes().as_chunks::<8>();
    let mut tail = [0; 8];
    tail.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let whole = words.iter().fold(label.len() as u64, |state, word| mix(state, u64::from_le_bytes(*word)));
    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
    let folded = mix(whole, u64::from_le_bytes(tail)) as usize;
    folded
}

fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f_u128;
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product")]
    let folded = (product >> 64) as u64 ^ product as u64;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(n: usize, most: usize) -> Labels {
        let counts = (0..n).map(|i| (format!("label {i}"), i as u64)).collect();
        Labels::most_frequent(&counts, most)
    }

    #[test]
    fn every_label_is_found() {
        for n in [0, 1, 2, 3, 100, 5_000] {
            let table = listed(n, usize::MAX);
            for (cell, label) in table.labels().iter().enumerate() {
                assert_eq!(table.cell(label), cell);
            }
            for other in ["", "label", "label 5000", "a label that is longer than the others are"] {
                assert_eq!(table.cell(other), n);
            }
            assert_eq!(table.cells(), n + 1);
        }
    }

    #[test]
    fn the_most_frequent_are_listed() {
        let table = listed(30, 3);
        assert_eq!(table.labels(), ["label 27", "label 28", "label 29"].map(Box::from));
        assert_eq!(Labels::most_frequent(&BTreeMap::from([(String::new(), 1)]), 3).cell(""), 0);
    }
}
