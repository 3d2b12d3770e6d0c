use super::{boundary::Boundary, node::Item};
use crate::error::FormatFlaw;

/// Gathers the items of a level into nodes.
pub(super) struct Splitter {
    level: u8,
    boundary: Boundary,
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl Splitter {
    pub(super) fn new(level: u8) -> Self {
        Self { level, boundary: Boundary::default(), items: Vec::new(), bytes: Vec::new() }
    }

    /// Takes an item; returns those of the node that it ends.
    pub(super) fn push(&mut self, item: Item) -> Result<Option<Vec<Item>>, FormatFlaw> {
        self.bytes.clear();
        item.encode(&mut self.bytes)?;
        let ends = self.boundary.add(self.level, &item.key(), self.bytes.len());
        self.items.push(item);
        Ok(ends.then(|| std::mem::take(&mut self.items)))
    }

    /// Returns the items of the last node of the level, if there are some.
    pub(super) fn finish(&mut self) -> Option<Vec<Item>> {
        self.boundary = Boundary::default();
        Some(std::mem::take(&mut self.items)).filter(|items| !items.is_empty())
    }

    /// Tells whether the last item ended a node.
    pub(super) fn is_at_end(&self) -> bool {
        self.boundary.is_at_end()
    }
}
