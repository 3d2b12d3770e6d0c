use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use futures::channel::oneshot;
use lineal_core::{Digest, Hasher};

/// Resolves to the digest of a chunk.
pub(super) type Given = oneshot::Receiver<Digest>;

/// Chunks that other threads of the CPU pool hash: each of them two abreast, in two lanes.
#[derive(Default)]
pub(super) struct Lanes(Arc<Mutex<Work>>);

#[derive(Default)]
struct Work {
    waiting: VecDeque<Lane>,
    /// Threads at work.
    threads: usize,
    /// Whether a chunk goes on without another one beside it, which takes nearly as long as two.
    hurry: bool,
}

/// A chunk on its way.
struct Lane {
    hasher: Hasher,
    left: Bytes,
    answer: oneshot::Sender<Digest>,
}

impl Lanes {
    /// Gives a chunk away, unless there is no other thread, or as many wait already as the others will ask for soon.
    pub(super) fn give(&self, bytes: &Bytes) -> Option<Given> {
        let (others, mut work) = (others(), lock(&self.0));
        if work.waiting.len() >= 2 * others {
            return None;
        }
        let (answer, given) = oneshot::channel();
        work.waiting.push_back(Lane { hasher: Hasher::new(), left: bytes.clone(), answer });
        work.hurry = false;
        if work.waiting.len() >= 2 && work.threads < others {
            self.work_on(work);
        }
        Some(given)
    }

    /// Has the last chunk hashed, too. To be called before anybody waits for what was given, from any thread.
    pub(super) fn flush(&self) {
        let mut work = lock(&self.0);
        work.hurry = true;
        if !work.waiting.is_empty() && work.threads == 0 {
            self.work_on(work);
        }
    }

    fn work_on(&self, mut work: MutexGuard<'_, Work>) {
        work.threads += 1;
        let work = Arc::clone(&self.0);
        rayon::spawn(move || hash_all(&work));
    }
}

/// Returns how many other threads there are. None outside the pool: slabs are small there.
fn others() -> usize {
    rayon::current_thread_index().map_or(0, |_| rayon::current_num_threads() - 1)
}

/// Hashes chunks as long as there are two of them, or any in a hurry.
fn hash_all(work: &Mutex<Work>) {
    let (mut one, mut other) = (None, None);
    while fill(work, [&mut one, &mut other]) {
        match (&mut one, &mut other) {
            (Some(one), Some(other)) => both(one, other),
            (Some(lane), None) | (None, Some(lane)) => alone(lane),
            (None, None) => {}
        }
        one = one.and_then(Lane::or_answer);
        other = other.and_then(Lane::or_answer);
    }
}

/// Fills empty lanes with chunks that wait; false if the thread is out of work.
fn fill(work: &Mutex<Work>, mut lanes: [&mut Option<Lane>; 2]) -> bool {
    let mut work = lock(work);
    let mut filled = 0;
    for lane in &mut lanes {
        **lane = lane.take().or_else(|| work.waiting.pop_front());
        filled += usize::from(lane.is_some());
    }
    let goes_on = filled == 2 || (filled == 1 && work.hurry);
    if !goes_on {
        work.threads -= 1;
        lanes.into_iter().filter_map(Option::take).for_each(|lane| work.waiting.push_front(lane));
    }
    goes_on
}

/// Hashes as much of both as the shorter one has left.
fn both(one: &mut Lane, other: &mut Lane) {
    let bytes = one.left.len().min(other.left.len());
    let (part, other_part) = (one.left.split_to(bytes), other.left.split_to(bytes));
    Hasher::update_both([&mut one.hasher, &mut other.hasher], [&part, &other_part]);
}

/// Hashes a little: another chunk may come in the meantime.
fn alone(lane: &mut Lane) {
    let part = lane.left.split_to(lane.left.len().min(ALONE));
    lane.hasher.update(&part);
}

impl Lane {
    /// Answers if nothing is left.
    fn or_answer(self) -> Option<Self> {
        if !self.left.is_empty() {
            return Some(self);
        }
        // Nobody waits if the put has failed.
        self.answer.send(self.hasher.finish()).ok();
        None
    }
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes hashed at a time without company.
const ALONE: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// What is given in the pool is hashed even if the end comes from outside of it, where nothing is given.
    #[test]
    fn nothing_is_left_waiting() {
        let bytes = Bytes::from(vec![7; 100_000]);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for round in 0..200 {
            let lanes = Lanes::default();
            let mut given: Vec<Given> =
                pool.install(|| (0..1 + round % 5).filter_map(|_| lanes.give(&bytes)).collect());
            assert!(!given.is_empty());
            assert!(lanes.give(&bytes).is_none());
            lanes.flush();
            while !given.is_empty() {
                given.retain_mut(|digest| match digest.now_or_never() {
                    Some(digest) => {
                        assert_eq!(digest.unwrap(), Digest::of(&bytes));
                        false
                    }
                    None => true,
                });
                std::thread::yield_now();
            }
        }
    }
}
