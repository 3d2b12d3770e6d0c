//! The search: every state once, depth first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::protocol::{Protocol, Step};
use crate::state::{Budget, Fault, Key, State};

/// What the search met, to show that it met it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) states: u64,
    pub(crate) transitions: u64,
    pub(crate) ends: u64,
    pub(crate) commits: u64,
    pub(crate) noops: u64,
    pub(crate) lost_oks: u64,
    pub(crate) found_own: u64,
    pub(crate) saved: u64,
    pub(crate) late: u64,
    pub(crate) duplicates: u64,
    pub(crate) conflicts: u64,
}

/// A way that leads to a fault.
pub(crate) struct Found {
    pub(crate) fault: Fault,
    pub(crate) path: Vec<Step>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} after {} steps, the last of which are {:?}",
            self.fault,
            self.path.len(),
            &self.path[self.path.len().saturating_sub(6)..]
        )
    }
}

/// Which orders of steps to visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orders {
    /// Steps that nobody sees and that leave no choice are taken at once.
    ThatMatter,
    All,
}

/// Visits every state that can be reached, depth first; stops at the first fault.
pub(crate) fn explore(protocol: Protocol, budget: Budget, orders: Orders) -> (Seen, Option<Found>) {
    let mut seen = Seen { states: 1, ..Seen::default() };
    let mut on_path: HashMap<Key, bool, BuildHasherDefault<Mixer>> = HashMap::default();
    let start = State::start(budget);
    let mut stack = vec![Visit::new(start, None)];
    on_path.insert(start.key(), true);
    while let Some(visit) = stack.last_mut() {
        let Some(step) = visit.steps.pop() else {
            if visit.is_end {
                seen.ends += 1;
                if !visit.state.is_settled() {
                    return (seen, Some(found(Fault::Unsettled, &stack, None)));
                }
            }
            on_path.insert(visit.state.key(), false);
            stack.pop();
            continue;
        };
        seen.transitions += 1;
        let mut next = visit.state;
        let mut taken = next.take(step, protocol, &mut seen);
        if orders == Orders::ThatMatter {
            taken = taken.and_then(|()| next.take_forced(protocol, &mut seen));
        }
        if let Err(fault) = taken {
            return (seen, Some(found(fault, &stack, Some(step))));
        }
        next.normalise();
        match on_path.entry(next.key()) {
            Entry::Occupied(known) if *known.get() => {
                return (seen, Some(found(Fault::Livelock, &stack, Some(step))));
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(new) => {
                new.insert(true);
                seen.states += 1;
                stack.push(Visit::new(next, Some(step)));
            }
        }
    }
    (seen, None)
}

struct Visit {
    state: State,
    by: Option<Step>,
    steps: Vec<Step>,
    is_end: bool,
}

impl Visit {
    fn new(state: State, by: Option<Step>) -> Self {
        let steps = state.steps();
        Self { state, by, is_end: steps.is_empty(), steps }
    }
}

fn found(fault: Fault, stack: &[Visit], last: Option<Step>) -> Found {
    let path = stack.iter().filter_map(|visit| visit.by).chain(last).collect();
    Found { fault, path }
}

/// Mixes the words of a key (multiply and rotate): the default hasher takes most of the time of a debug build.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }

    fn write(&mut self, bytes: &[u8]) {
        for word in bytes.chunks(8) {
            let word = word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            self.write_u64(word);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
