//! The values of a column's elements, plain or behind a dictionary.

use arrow::{
    array::{AnyDictionaryArray, Array, AsArray},
    buffer::{BooleanBuffer, NullBuffer},
};

use super::{elements::Elements, scan};

/// Lets a test run once per dictionary value instead of once per element.
pub(super) struct Values<'a> {
    elements: &'a dyn Array,
    dictionary: Option<&'a dyn AnyDictionaryArray>,
    valid: Option<&'a NullBuffer>,
}

/// Elements that a test has marked; never empty.
pub(super) struct Hits {
    marked: BooleanBuffer,
    pub(super) count: usize,
    pub(super) first: usize,
    /// The dictionary value of each element, if there is a dictionary.
    keys: Option<Vec<usize>>,
}

impl<'a> Values<'a> {
    pub(super) fn of(elements: &'a Elements) -> Self {
        let values = elements.values.as_ref();
        Self { elements: values, dictionary: values.as_any_dictionary_opt(), valid: elements.valid.as_ref() }
    }

    /// Returns what is to be tested: the elements, or the values of their dictionary.
    pub(super) fn plain(&self) -> &'a dyn Array {
        self.dictionary.map_or(self.elements, |dictionary| dictionary.values().as_ref())
    }

    /// Returns the elements marked by a test of the plain values, null elements aside.
    pub(super) fn find(&self, marked: Option<BooleanBuffer>) -> Option<Hits> {
        let mut marked = marked.filter(|marked| marked.count_set_bits() > 0)?;
        // There is a marked value, so the dictionary is not empty, as `normalized_keys` demands. It may have values
        // that no element uses, and null elements may have any key.
        let keys = self.dictionary.map(AnyDictionaryArray::normalized_keys);
        if let Some(keys) = &keys {
            marked = BooleanBuffer::collect_bool(keys.len(), |element| marked.value(keys[element]));
        }
        if let Some(valid) = self.valid {
            marked &= valid.inner();
        }
        let first = marked.set_indices().next()?;
        Some(Hits { count: marked.count_set_bits(), first, marked, keys })
    }

    /// Shows the first hit.
    pub(super) fn first_text(&self, hits: &Hits) -> String {
        self.text(hits, hits.first)
    }

    /// Shows up to 5 different values among the first 1,000 hits.
    pub(super) fn examples(&self, hits: &Hits) -> Vec<String> {
        let mut examples: Vec<String> = Vec::new();
        for element in hits.marked.set_indices().take(MAX_LOOKED_AT) {
            let text = self.text(hits, element);
            if !examples.contains(&text) {
                examples.push(text);
            }
            if examples.len() == MAX_EXAMPLES {
                break;
            }
        }
        examples
    }

    fn text(&self, hits: &Hits, element: usize) -> String {
        let index = hits.keys.as_ref().map_or(Some(&element), |keys| keys.get(element));
        index.map_or_else(String::new, |index| scan::text(self.plain(), *index))
    }
}

const MAX_EXAMPLES: usize = 5;
const MAX_LOOKED_AT: usize = 1_000;
