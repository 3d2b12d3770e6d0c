//! The steps of writers and network; the right protocol and the broken ones.

use crate::search::Seen;
use crate::state::{Content, Fault, MAX_STRAYS, Of, Phase, State, WRITERS};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Right,
    /// Takes every answer but `Ok` for a lost race and goes on to the next number.
    NoReadBack,
    /// Takes `AlreadyExists` for a lost race; reads back only after a lost answer.
    TrustsExists,
    /// Goes on to the next number when the number is free after all.
    PassesFreeNumber,
    /// Gives up without a Noop.
    NoNoop,
    /// Sends the Noop but does not read back what took the number.
    AbortsBlindly,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Send(usize),
    Carry(usize),
    LoseRequest(usize),
    Conflict(usize),
    Ok(usize),
    LoseOk(usize),
    OwnConflict(usize),
    ReadBack(usize),
    GiveUp(usize),
    InDoubt(usize),
    Resolve(usize),
    Deliver(usize, Content),
    Duplicate(usize, Content),
    Stray(usize, usize),
}

impl State {
    /// Everything that can happen next.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(12);
        for (w, writer) in self.writers.iter().enumerate() {
            steps.extend(self.own_steps(w).into_iter().flatten());
            for content in [Content::Transaction, Content::Noop] {
                if writer.held[content as usize] {
                    steps.push(Step::Deliver(w, content));
                }
                if writer.known[content as usize] && self.budget.duplicates > 0 {
                    steps.push(Step::Duplicate(w, content));
                }
            }
            for stray in 0..MAX_STRAYS {
                if writer.strays[stray].is_some() {
                    steps.push(Step::Stray(w, stray));
                }
            }
        }
        steps
    }

    /// What a writer, and the network with its request or answer, can do next.
    fn own_steps(&self, w: usize) -> [Option<Step>; 3] {
        let budget = &self.budget;
        let may = |allowed: u8, step: Step| (allowed > 0).then_some(step);
        match self.writers[w].phase {
            Phase::Send => [Some(Step::Send(w)), self.give_up(w), None],
            Phase::Waiting => [
                Some(Step::Carry(w)),
                may(budget.losses, Step::LoseRequest(w)),
                may(budget.conflicts, Step::Conflict(w)),
            ],
            Phase::OkComing => {
                [Some(Step::Ok(w)), may(budget.losses, Step::LoseOk(w)), may(budget.losses, Step::OwnConflict(w))]
            }
            Phase::ReadBack => [Some(Step::ReadBack(w)), self.give_up(w), may(budget.give_ups, Step::InDoubt(w))],
            Phase::InDoubt => [Some(Step::Resolve(w)), None, None],
            Phase::Done => [None; 3],
        }
    }

    /// Takes the steps that nobody else can see or prevent and that leave their writer no choice.
    ///
    /// Whenever they are taken, the others meet the same; to take them at once leaves out orders, not outcomes.
    pub(crate) fn take_forced(&mut self, protocol: Protocol, seen: &mut Seen) -> Result<(), Fault> {
        for w in 0..WRITERS {
            while let [Some(step), None, None] = self.own_steps(w) {
                let occupied = !self.is_free(self.writers[w].at);
                let unseen = match step {
                    Step::Send(_) | Step::Ok(_) | Step::Resolve(_) => true,
                    Step::Carry(_) | Step::ReadBack(_) => occupied,
                    _ => false,
                };
                if !unseen {
                    break;
                }
                self.take(step, protocol, seen)?;
            }
        }
        Ok(())
    }

    fn give_up(&self, w: usize) -> Option<Step> {
        let possible = self.budget.give_ups > 0 && !self.writers[w].aborting;
        possible.then_some(Step::GiveUp(w))
    }

    pub(crate) fn take(&mut self, step: Step, protocol: Protocol, seen: &mut Seen) -> Result<(), Fault> {
        match step {
            Step::Send(w) => {
                let free = self.is_free(self.writers[w].at);
                let writer = &mut self.writers[w];
                writer.known[writer.content() as usize] |= free;
                (writer.tried, writer.phase) = (true, Phase::Waiting);
            }
            Step::Carry(w) => {
                let (at, content) = (self.writers[w].at, self.writers[w].content());
                if !self.is_free(at) {
                    return self.hear(w, true, protocol);
                }
                self.writers[w].phase = Phase::OkComing;
                self.store(w, content, at)?;
            }
            Step::LoseRequest(w) => {
                self.budget.losses -= 1;
                self.hold_request(w);
                self.hear(w, false, protocol)?;
            }
            Step::Conflict(w) => {
                self.budget.conflicts -= 1;
                seen.conflicts += 1;
                self.hear(w, true, protocol)?;
            }
            Step::Ok(w) => self.occupied_by(w, self.writers[w].content(), seen)?,
            Step::LoseOk(w) | Step::OwnConflict(w) => {
                self.budget.losses -= 1;
                seen.lost_oks += 1;
                self.hear(w, matches!(step, Step::OwnConflict(_)), protocol)?;
            }
            Step::ReadBack(w) => self.read_back(w, protocol, seen)?,
            Step::GiveUp(w) => {
                self.budget.give_ups -= 1;
                if !self.writers[w].tried || protocol == Protocol::NoNoop {
                    return self.finish(w, false);
                }
                (self.writers[w].aborting, self.writers[w].phase) = (true, Phase::Send);
            }
            Step::InDoubt(w) => {
                self.budget.give_ups -= 1;
                self.writers[w].phase = Phase::InDoubt;
            }
            Step::Resolve(w) => (self.writers[w].aborting, self.writers[w].phase) = (true, Phase::Send),
            Step::Deliver(w, content) => {
                seen.late += 1;
                self.store(w, content, self.writers[w].at)?;
            }
            Step::Duplicate(w, content) => {
                self.budget.duplicates -= 1;
                seen.duplicates += 1;
                self.store(w, content, self.writers[w].at)?;
            }
            Step::Stray(w, stray) => match self.writers[w].strays[stray] {
                Some((at, Of::Current)) => self.store(w, Content::Transaction, at)?,
                Some((_, Of::Committed)) => return Err(Fault::Doubled),
                Some((_, Of::Aborted)) => return Err(Fault::AbortedButStored),
                None => {}
            },
        }
        Ok(())
    }

    /// The answer was something else than `Ok`, or there was none.
    fn hear(&mut self, w: usize, exists: bool, protocol: Protocol) -> Result<(), Fault> {
        self.writers[w].phase = Phase::ReadBack;
        let aborting = self.writers[w].aborting;
        match protocol {
            Protocol::NoReadBack if !aborting => self.move_on(w),
            Protocol::TrustsExists if exists && !aborting => self.move_on(w),
            Protocol::AbortsBlindly if aborting => self.finish(w, false),
            _ => Ok(()),
        }
    }

    fn read_back(&mut self, w: usize, protocol: Protocol, seen: &mut Seen) -> Result<(), Fault> {
        let writer = self.writers[w];
        if self.is_free(writer.at) {
            if protocol == Protocol::PassesFreeNumber && !writer.aborting {
                return self.move_on(w);
            }
            self.writers[w].phase = Phase::Send;
            return Ok(());
        }
        for content in [Content::Transaction, Content::Noop] {
            if writer.stored[content as usize] == Some(writer.at) {
                seen.found_own += 1;
                seen.saved += u64::from(writer.aborting && content == Content::Transaction);
                return self.occupied_by(w, content, seen);
            }
        }
        if writer.aborting { self.finish(w, false) } else { self.move_on(w) }
    }

    /// The writer learned that its number holds its own transaction or Noop.
    fn occupied_by(&mut self, w: usize, content: Content, seen: &mut Seen) -> Result<(), Fault> {
        let committed = content == Content::Transaction;
        *(if committed { &mut seen.commits } else { &mut seen.noops }) += 1;
        self.finish(w, committed)
    }

    /// Tries the same transaction at the next number.
    fn move_on(&mut self, w: usize) -> Result<(), Fault> {
        self.leave_requests(w);
        let writer = &mut self.writers[w];
        (writer.at, writer.tried, writer.phase) = (writer.at + 1, false, Phase::Send);
        Ok(())
    }

    /// Tells the caller how it ended and takes up the next transaction.
    fn finish(&mut self, w: usize, committed: bool) -> Result<(), Fault> {
        let stored = self.writers[w].stored[Content::Transaction as usize];
        match (committed, stored) {
            (true, None) => return Err(Fault::Lost),
            (false, Some(_)) => return Err(Fault::AbortedButStored),
            _ => {}
        }
        self.leave_requests(w);
        let fate = if committed { Of::Committed } else { Of::Aborted };
        for (_, of) in self.writers[w].strays.iter_mut().flatten().filter(|(_, of)| *of == Of::Current) {
            *of = fate;
        }
        let passed = !self.is_free(self.writers[w].at);
        let writer = &mut self.writers[w];
        writer.at += u8::from(passed);
        (writer.aborting, writer.tried, writer.stored) = (false, false, [None; 2]);
        writer.phase = if writer.left == 0 { Phase::Done } else { Phase::Send };
        writer.left = writer.left.saturating_sub(1);
        Ok(())
    }

    /// Requests of the transaction that can still take a free number stay behind. A Noop left behind harms nobody.
    fn leave_requests(&mut self, w: usize) {
        let writer = &mut self.writers[w];
        let open = writer.held[0] || (writer.known[0] && self.budget.duplicates > 0);
        (writer.known, writer.held) = ([false; 2], [false; 2]);
        if let Some(place) = writer.strays.iter_mut().find(|stray| stray.is_none()).filter(|_| open) {
            *place = Some((writer.at, Of::Current));
        }
    }

    /// The network keeps the request; it may come at any later time or never.
    fn hold_request(&mut self, w: usize) {
        let free = self.is_free(self.writers[w].at);
        let writer = &mut self.writers[w];
        writer.held[writer.content() as usize] |= free;
    }
}
