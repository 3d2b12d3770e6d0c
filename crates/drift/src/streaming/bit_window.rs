use serde::{Deserialize, Serialize};

use super::in_turns::in_turns;

/// The newest bits of a stream, packed; the capacity is the caller's and stays the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BitWindow {
    /// A ring of bits, which grows until it has the capacity.
    words: Vec<u64>,
    /// Where the next bit goes.
    next: u32,
    len: u32,
}

impl BitWindow {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Takes a bit; returns the oldest one if it had to go.
    pub(crate) fn push(&mut self, bit: bool, capacity: u32) -> Option<bool> {
        if capacity == 0 {
            return Some(bit);
        }
        let at = if self.next < capacity { self.next } else { 0 };
        let (index, mask) = place(at);
        if index >= self.words.len() {
            self.words.push(0);
        }
        // A state that nobody saved may stand beyond the bits it has.
        let word = self.words.get_mut(index)?;
        let oldest = *word & mask != 0;
        *word = if bit { *word | mask } else { *word & !mask };
        self.next = at + 1;
        if self.len >= capacity {
            return Some(oldest);
        }
        self.len += 1;
        None
    }

    /// Returns the bit that came `age` bits before the newest.
    pub(crate) fn recent(&self, age: u32) -> Option<bool> {
        let left = self.len.checked_sub(age)?.checked_sub(1)?;
        let at = self.next.checked_add(left)?;
        let (index, mask) = place(if at >= self.len { at - self.len } else { at });
        self.words.get(index).map(|word| word & mask != 0)
    }

    /// Returns the bits, the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = bool> {
        (0..self.len).rev().map_while(|age| self.recent(age))
    }

    /// Takes the newest bits of another window in turns with its own.
    pub(crate) fn merge(&mut self, other: &Self, capacity: u32) {
        let bits = in_turns(self.iter(), other.iter());
        *self = Self::default();
        for bit in bits {
            self.push(bit, capacity);
        }
    }

    /// Forgets all but the newest bit.
    pub(crate) fn keep_newest(&mut self) {
        let newest = self.recent(0);
        *self = Self::default();
        if let Some(bit) = newest {
            self.push(bit, u32::MAX);
        }
    }
}

fn place(at: u32) -> (usize, u64) {
    ((at / u64::BITS) as usize, 1 << (at % u64::BITS))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn a_ring_is_a_queue() {
        for capacity in [1, 2, 63, 64, 65, 130] {
            let (mut ring, mut queue) = (BitWindow::default(), VecDeque::new());
            for i in 0..500_u32 {
                let bit = i.wrapping_mul(2_654_435_761) >> 29 & 1 == 1;
                queue.push_back(bit);
                let left = if queue.len() > capacity as usize { queue.pop_front() } else { None };
                assert_eq!(ring.push(bit, capacity), left, "{capacity} {i}");
                assert_eq!(ring.iter().collect::<VecDeque<_>>(), queue);
                if i == 300 {
                    ring.keep_newest();
                    queue = VecDeque::from([bit]);
                }
            }
            assert_eq!(ring.recent(capacity), None);
        }
        assert_eq!(BitWindow::default().push(true, 0), Some(true));
    }
}
