use std::{collections::HashMap, hash::Hash};

/// Values that were used lately, up to a weight in all.
///
/// The least recently used goes first. Finding it looks at all of them, so they should be thousands at most.
#[derive(Debug)]
pub(super) struct Lru<K, V> {
    kept: HashMap<K, Kept<V>>,
    budget: usize,
    weight: usize,
    clock: u64,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V> Lru<K, V> {
    pub(super) fn new(budget: usize) -> Self {
        Self { kept: HashMap::new(), budget, weight: 0, clock: 0 }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        self.clock += 1;
        let kept = self.kept.get_mut(key)?;
        kept.used = self.clock;
        Some(&mut kept.value)
    }

    /// Keeps a value, in place of one with the same key; one that is too heavy alone is not kept.
    pub(super) fn insert(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        if weight > self.budget {
            return;
        }
        while self.weight + weight > self.budget {
            let Some(oldest) = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key) else { break };
            self.remove(&oldest);
        }
        self.clock += 1;
        self.weight += weight;
        self.kept.insert(key, Kept { value, weight, used: self.clock });
    }

    fn remove(&mut self, key: &K) {
        if let Some(kept) = self.kept.remove(key) {
            self.weight -= kept.weight;
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = (&K, &V)> {
        self.kept.iter().map(|(key, kept)| (key, &kept.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_lately_stays_and_the_weight_is_kept() {
        let mut cache = Lru::new(10);
        cache.insert(1, "one", 4);
        cache.insert(2, "two", 4);
        assert!(cache.get(&1).is_some());
        cache.insert(3, "three", 4);
        assert!(cache.get(&2).is_none() && cache.get(&1).is_some() && cache.get(&3).is_some());
        cache.insert(4, "too heavy", 11);
        cache.insert(1, "uno", 10);
        assert_eq!((cache.values().count(), cache.weight), (1, 10));
        assert_eq!(cache.get(&1), Some(&mut "uno"));
    }
}
