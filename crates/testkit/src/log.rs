use std::collections::VecDeque;
use std::fmt;
use std::ops::AddAssign;
use std::sync::{Arc, Mutex};

use crate::dice::mix;
use crate::kinds::{Fault, Op};
use crate::lock;

/// Record of what a world or a store did: counts, the last lines of its trace, and a digest of the whole trace.
///
/// Clones share one record. Equal seeds give equal digests, so a test can show that a run is replayed.
#[derive(Clone, Debug, Default)]
pub struct Log {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: Counts,
    lines: VecDeque<Line>,
    digest: u64,
}

/// One storage operation that was answered, or one late copy that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Step of the world at which it ended.
    pub step: u64,
    /// Task that asked for it.
    pub task: Arc<str>,
    /// Kind of operation.
    pub op: Op,
    /// Object concerned.
    pub location: String,
    /// Fault that decided its fate, if any.
    pub fault: Option<Fault>,
    /// `ok`, `exists`, `absent`, `error`, or `dropped` if the caller went away.
    pub outcome: &'static str,
}

impl Log {
    /// Returns the counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        lock(&self.inner).counts.clone()
    }

    /// Returns the last lines of the trace, at most a few thousand, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.inner).lines.iter().cloned().collect()
    }

    /// Returns a digest of every line so far, for comparison with another run.
    #[must_use]
    pub fn digest(&self) -> u64 {
        lock(&self.inner).digest
    }

    pub(crate) fn count(&self, fault: Fault) {
        lock(&self.inner).counts.faults[fault as usize] += 1;
    }

    pub(crate) fn start(&self, op: Op) {
        lock(&self.inner).counts.ops[op as usize] += 1;
    }

    pub(crate) fn push(&self, line: Line) {
        let mut inner = lock(&self.inner);
        inner.digest = line.fold_into(inner.digest);
        if inner.lines.len() == KEPT_LINES {
            inner.lines.pop_front();
        }
        inner.lines.push_back(line);
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Line {
    fn fold_into(&self, digest: u64) -> u64 {
        let fault = self.fault.map_or(0, |fault| fault as u64 + 1);
        let head = mix(digest ^ self.step) ^ (self.op as u64) << 8 ^ fault << 16;
        let text = self.location.bytes().chain(self.task.bytes()).chain(self.outcome.bytes());
        mix(text.fold(head, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, task, op, location, outcome, .. } = self;
        write!(f, "{step:>6} {task:<12} {op:<9} {outcome:<7} {location}")?;
        self.fault.map_or(Ok(()), |fault| write!(f, "  [{fault}]"))
    }
}

/// How often each operation was asked for and each fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    ops: [u64; Op::COUNT],
    faults: [u64; Fault::COUNT],
}

impl Counts {
    /// Returns how many operations of this kind were asked for.
    #[must_use]
    pub fn op(&self, op: Op) -> u64 {
        self.ops[op as usize]
    }

    /// Returns how often this fault happened.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// Returns the number of operations of all kinds.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.ops.iter().sum()
    }

    /// Returns the number of faults of all kinds.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults.iter().sum()
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.ops.iter_mut().zip(&other.ops).for_each(|(sum, n)| *sum += n);
        self.faults.iter_mut().zip(&other.faults).for_each(|(sum, n)| *sum += n);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operations, {} faults", self.ops(), self.faults())?;
        for fault in Fault::ALL.iter().filter(|fault| self.fault(**fault) > 0) {
            write!(f, ", {fault} {}", self.fault(*fault))?;
        }
        Ok(())
    }
}

const KEPT_LINES: usize = 4_096;
const FNV_PRIME: u64 = 0x0100_0000_01B3;
