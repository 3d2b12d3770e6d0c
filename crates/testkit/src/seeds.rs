use std::env;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::lock;

/// Returns the seeds to run: `0..default`, or as many as `LINEAL_SIM_SEEDS` says, or the one in `SEED`.
///
/// # Panics
/// If one of the variables is set and is no number.
#[must_use]
pub fn seeds(default: u64) -> Range<u64> {
    match (number("SEED"), number("LINEAL_SIM_SEEDS")) {
        (Some(seed), _) => seed..seed.saturating_add(1),
        (None, count) => 0..count.unwrap_or(default),
    }
}

/// Runs a check for each of [`seeds`], on as many threads as the machine has, and returns the results in order of seeds.
///
/// A check that panics stops all; the message ends with the way to replay it: `SEED=n`.
///
/// ```
/// let doubled = lineal_testkit::for_each_seed(3, |seed| seed * 2);
/// assert_eq!(doubled, [0, 2, 4]);
/// ```
pub fn for_each_seed<T: Send>(default: u64, check: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let seeds = seeds(default);
    let (next, failed) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let results = Mutex::new(Vec::new());
    let work = || {
        let mut own = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let guard = Replay { seed, failed: &failed };
            own.push((seed, check(seed)));
            drop(guard);
        }
        lock(&results).append(&mut own);
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let mut results = std::mem::take(&mut *lock(&results));
    results.sort_by_key(|(seed, _)| *seed);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Returns the first of the seeds `0..limit` on which the check finds a fault, and what it found.
///
/// For code that is broken on purpose: a simulation that cannot find its fault proves nothing.
pub fn find_seed<E>(limit: u64, check: impl Fn(u64) -> Result<(), E>) -> Option<(u64, E)> {
    (0..limit).find_map(|seed| check(seed).err().map(|fault| (seed, fault)))
}

/// Says how to replay a seed whose check panics.
struct Replay<'a> {
    seed: u64,
    failed: &'a AtomicBool,
}

impl Drop for Replay<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.failed.store(true, Ordering::Relaxed);
            eprintln!("replay with SEED={}", self.seed);
        }
    }
}

#[expect(clippy::panic, reason = "a test must not run with settings other than those asked for")]
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn results_come_in_order_of_seeds() {
        assert_eq!(for_each_seed(500, |seed| seed), seeds(500).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller() {
        let run = || for_each_seed(200, |seed| assert_ne!(seed, 150));
        if seeds(200).contains(&150) {
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        }
    }

    #[test]
    fn a_fault_is_found_at_its_first_seed() {
        let check = |seed| if seed > 6 { Err("too large") } else { Ok(()) };
        assert_eq!(find_seed(100, check), Some((7, "too large")));
        assert_eq!(find_seed(5, check), None);
    }
}
