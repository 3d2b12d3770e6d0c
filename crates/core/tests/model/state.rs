//! What a state of the model holds, and what the server does to it.

pub(crate) const WRITERS: usize = 3;
pub(crate) const TRANSACTIONS: u8 = 3;

/// What a request asks to store: the current transaction of its writer, or the Noop that takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Transaction = 0,
    Noop = 1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// About to send a Create.
    Send,
    /// The Create is on the wire.
    Waiting,
    /// The Create was carried out; `Ok` is on its way.
    OkComing,
    /// Something else than `Ok` came, or nothing.
    ReadBack,
    /// Told its caller that the outcome is not known.
    InDoubt,
    Done,
}

/// What became of the transaction that a request left behind belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    Current,
    Committed,
    Aborted,
}

/// A writer, and all that the network and the log still hold of its current transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Writer {
    pub(crate) phase: Phase,
    /// Transactions to come after the current one.
    pub(crate) left: u8,
    /// The number it is at.
    pub(crate) at: u8,
    /// It has given up: it sends Noops.
    pub(crate) aborting: bool,
    /// It has sent something to the number it is at.
    pub(crate) tried: bool,
    /// The network knows this request for the (free) number and may repeat it; by content.
    pub(crate) known: [bool; 2],
    /// The network holds this request for the (free) number back and may still deliver it; by content.
    pub(crate) held: [bool; 2],
    /// Number at which the transaction or the Noop is stored.
    pub(crate) stored: [Option<u8>; 2],
    /// Requests for numbers, still free, that the writer has left behind; the right protocol has none.
    pub(crate) strays: [Option<(u8, Of)>; MAX_STRAYS],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// One bit for each number from `base` on.
    pub(crate) occupied: u16,
    pub(crate) writers: [Writer; WRITERS],
    pub(crate) budget: Budget,
}

/// How often each may still happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub(crate) losses: u8,
    pub(crate) duplicates: u8,
    pub(crate) conflicts: u8,
    pub(crate) give_ups: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A transaction is stored twice.
    Doubled,
    /// A transaction was acknowledged and is not stored.
    Lost,
    /// A transaction was reported as aborted and is stored.
    AbortedButStored,
    /// A number is occupied and the one before is free.
    Gap,
    /// Nothing can happen any more and a writer is not done, or a request could still change the log.
    Unsettled,
    /// The same state comes again: nothing forces an end.
    Livelock,
}

impl State {
    pub(crate) fn start(budget: Budget) -> Self {
        let writer = Writer {
            phase: Phase::Send,
            left: TRANSACTIONS - 1,
            at: 0,
            aborting: false,
            tried: false,
            known: [false; 2],
            held: [false; 2],
            stored: [None; 2],
            strays: [None; MAX_STRAYS],
        };
        Self { occupied: 0, writers: [writer; WRITERS], budget }
    }

    pub(crate) fn is_free(&self, number: u8) -> bool {
        self.occupied & (1 << number) == 0
    }

    /// The server stores an entry at a free number: from now on no request for the number can change anything.
    pub(crate) fn store(&mut self, w: usize, content: Content, number: u8) -> Result<(), Fault> {
        if content == Content::Transaction && self.writers[w].stored[0].is_some() {
            return Err(Fault::Doubled);
        }
        if self.occupied.trailing_ones() < u32::from(number) {
            return Err(Fault::Gap);
        }
        self.writers[w].stored[content as usize] = Some(number);
        self.occupied |= 1 << number;
        for writer in self.writers.iter_mut() {
            if writer.at == number {
                (writer.known, writer.held) = ([false; 2], [false; 2]);
            }
            writer.strays.iter_mut().for_each(|stray| *stray = stray.filter(|(at, _)| *at != number));
        }
        Ok(())
    }

    /// Counts numbers from the first that matters, and forgets what cannot matter and which writer is which.
    pub(crate) fn normalise(&mut self) {
        let mut passed = self.occupied.trailing_ones() as u8;
        for writer in &self.writers {
            if writer.phase != Phase::Done {
                passed = passed.min(writer.at);
            }
        }
        self.occupied >>= passed;
        for writer in &mut self.writers {
            writer.forget(&self.budget);
            writer.count_from(passed);
        }
        for (low, high) in [(0, 1), (1, 2), (0, 1)] {
            if self.writers[low].key() > self.writers[high].key() {
                self.writers.swap(low, high);
            }
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.writers.iter().all(|writer| writer.phase == Phase::Done)
    }

    pub(crate) fn key(&self) -> Key {
        let budget = &self.budget;
        let spent = u32::from_be_bytes([budget.losses, budget.duplicates, budget.conflicts, budget.give_ups]);
        let [a, b, c] = &self.writers;
        [a.key(), b.key(), c.key(), u64::from(spent) << 16 | u64::from(self.occupied)]
    }
}
impl Writer {
    /// Forgets what can change nothing any more.
    pub(crate) fn forget(&mut self, budget: &Budget) {
        // a request held back can do all that its repetition can, and without a budget nothing is repeated
        for content in 0..2 {
            self.known[content] &= budget.duplicates > 0 && !self.held[content];
        }
        // whether a Noop is due matters only to one who may still give up
        self.tried &= budget.give_ups > 0 && !self.aborting;
    }

    pub(crate) fn count_from(&mut self, passed: u8) {
        for stored in self.stored.iter_mut().flatten() {
            // nobody reads below its own number; what counts there is that the transaction is stored
            let is_past = *stored == PAST || *stored < self.at;
            *stored = if is_past { PAST } else { *stored - passed };
        }
        for (at, _) in self.strays.iter_mut().flatten() {
            *at -= passed;
        }
        if self.strays[0] > self.strays[1] {
            self.strays.swap(0, 1);
        }
        self.at = if self.phase == Phase::Done { 0 } else { self.at - passed };
    }

    pub(crate) fn content(&self) -> Content {
        if self.aborting { Content::Noop } else { Content::Transaction }
    }

    pub(crate) fn key(&self) -> u64 {
        let bit = |flag: bool, place: u32| u64::from(flag) << place;
        let number = |number: Option<u8>, place: u32| u64::from(number.unwrap_or(31)) << place;
        let stray =
            |stray: Option<(u8, Of)>, place: u32| stray.map_or(127, |(at, of)| u64::from(at) << 2 | of as u64) << place;
        let flags = bit(self.aborting, 0) | bit(self.tried, 1) | bit(self.known[0], 2) | bit(self.known[1], 3);
        let held = bit(self.held[0], 4) | bit(self.held[1], 5) | (self.phase as u64) << 6;
        let numbers = u64::from(self.left) << 10 | u64::from(self.at) << 15;
        let stored = number(self.stored[0], 20) | number(self.stored[1], 25);
        flags | held | numbers | stored | stray(self.strays[0], 30) | stray(self.strays[1], 37)
    }
}

pub(crate) type Key = [u64; 4];

/// Enough for a broken protocol to be found out.
pub(crate) const MAX_STRAYS: usize = 2;
/// Above every number that occurs: nine transactions and a few Noops.
pub(crate) const PAST: u8 = 30;
