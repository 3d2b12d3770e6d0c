use std::cmp::Ordering;

use lineal_core::{FilePath, PathClash};

/// The place of a path in the order of a tree: directory by directory, letters of one case beside those of the other.
///
/// Two paths that cannot lie in one directory are neighbours in this order, or have neighbours that cannot either: so a
/// change of one file is checked by looking at what lies beside it. Frozen: the shape of every stored tree rests on it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathKey(Vec<u8>);

impl PathKey {
    pub(crate) fn of(path: &FilePath) -> Self {
        Self(fold(path.as_str()))
    }

    /// Returns the key at which all paths begin that begin with `prefix`, and perhaps some that differ from it in case.
    pub(crate) fn prefix(prefix: &str) -> Self {
        Self(fold(prefix))
    }

    /// Returns a key behind those of all paths that begin with `prefix` and `/`.
    pub(crate) fn behind(prefix: &str) -> Self {
        let mut key = fold(prefix);
        // Names have no control characters, so only the separator sorts before it.
        key.push(1);
        Self(key)
    }

    pub(crate) fn starts_with(&self, prefix: &Self) -> bool {
        self.0.starts_with(&prefix.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compares two paths by their place in a tree.
pub(crate) fn compare(one: &FilePath, two: &FilePath) -> Ordering {
    compare_text(one.as_str(), two.as_str())
}

/// Compares two paths, or two names in one directory, by their place in a tree.
pub(crate) fn compare_text(one: &str, two: &str) -> Ordering {
    // Neighbours share most of their bytes, and what is the same folds to the same.
    let (one, two) = after_common(one, two);
    let keys = one.chars().map(fold_char).cmp(two.chars().map(fold_char));
    keys.then_with(|| one.cmp(two))
}

/// Tells whether two names differ in nothing, or in the case of letters only.
pub(crate) fn are_alike(one: &str, two: &str) -> bool {
    let (one, two) = after_common(one, two);
    one.chars().map(fold_char).eq(two.chars().map(fold_char))
}

/// Cuts off what two texts have in common at their beginning.
fn after_common<'a>(one: &'a str, two: &'a str) -> (&'a str, &'a str) {
    let same = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    let start = (0..=same).rev().find(|at| one.is_char_boundary(*at) && two.is_char_boundary(*at)).unwrap_or(0);
    (one.get(start..).unwrap_or(one), two.get(start..).unwrap_or(two))
}

/// Checks that two files, neighbours in the order, can lie in one directory.
pub(crate) fn check_neighbours(before: &FilePath, after: &FilePath) -> Result<(), PathClash> {
    let (mut one, mut two) = (before.components().peekable(), after.components().peekable());
    while let (Some(a), Some(b)) = (one.next(), two.next()) {
        if !a.chars().map(fold_char).eq(b.chars().map(fold_char)) {
            return Ok(());
        }
        let both_directories = one.peek().is_some() && two.peek().is_some();
        if a != b || !both_directories {
            return Err(PathClash::new(after, before));
        }
    }
    Ok(())
}

/// Folds letters to one case; the separator sorts before everything else.
fn fold(path: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(path.len());
    let mut utf8 = [0; 4];
    for c in path.chars() {
        key.extend_from_slice(fold_char(c).encode_utf8(&mut utf8).as_bytes());
    }
    key
}

/// Folds Latin, Greek and Cyrillic letters, whose lower case Unicode guarantees never to change (its stability policy);
/// capitals of later blocks stay as they are, and so count as other letters.
fn fold_char(c: char) -> char {
    match c {
        '/' => '\0',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        c if c < END_OF_CYRILLIC => {
            let mut lower = c.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(single), None) => single,
                // Only the capital I with a dot has two.
                _ => c,
            }
        }
        c => c,
    }
}

const END_OF_CYRILLIC: char = '\u{0530}';

#[cfg(test)]
mod tests {
    use lineal_core::{Digest, PathSet};
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::new(text).unwrap()
    }

    #[test]
    fn what_lies_in_a_directory_follows_it_at_once() {
        let mut paths = ["a-b", "a/b", "a", "A/c", "B", "a/b/c", "é", "É", "z"].map(path).to_vec();
        paths.sort_by(compare);
        let sorted: Vec<_> = paths.iter().map(FilePath::as_str).collect();
        assert_eq!(sorted, ["a", "a/b", "a/b/c", "A/c", "a-b", "B", "z", "É", "é"]);
    }

    #[test]
    fn folding_is_frozen() {
        let table: String = ('\0'..'\u{0600}').map(fold_char).collect();
        insta::assert_snapshot!(Digest::of(table.as_bytes()));
    }

    proptest! {
        #[test]
        fn neighbours_tell_what_a_set_tells(texts in proptest::collection::vec("[abAB](/[abAB-]){0,2}", 1..6)) {
            let mut paths: Vec<FilePath> = texts.iter().map(|text| path(text)).collect();
            paths.sort_by(compare);
            let mut set = PathSet::default();
            let fits = paths.iter().all(|path| set.insert(path).is_ok());
            let neighbours = paths.windows(2).all(|pair| check_neighbours(&pair[0], &pair[1]).is_ok());
            prop_assert_eq!(neighbours, fits);
        }

        #[test]
        fn keys_are_in_the_same_order(one in "[a-cA-C/éÉ-]{1,5}", two in "[a-cA-C/éÉ-]{1,5}") {
            if let (Ok(one), Ok(two)) = (FilePath::new(one), FilePath::new(two)) {
                let keys = PathKey::of(&one).cmp(&PathKey::of(&two)).then_with(|| one.cmp(&two));
                prop_assert_eq!(keys, compare(&one, &two));
            }
        }
    }
}
