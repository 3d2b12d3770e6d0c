use std::time::Duration;

use crate::dice::Dice;
use crate::faults::Faults;
use crate::kinds::Fault;
use crate::request::Request;

/// What will happen to one operation, drawn when it begins.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Turns given to other tasks before the effect and before the answer.
    pub(crate) turns: (u64, u64),
    pub(crate) delay: Option<Duration>,
    pub(crate) fate: Option<Fault>,
    /// A copy of the request arrives after this time.
    pub(crate) late: Option<Duration>,
    /// The request is on the wire at once: the effect comes even if the caller goes away.
    pub(crate) on_wire: bool,
    pub(crate) ignored_condition: bool,
}

impl Plan {
    pub(crate) fn of_write(faults: &Faults, dice: &mut Dice, request: &Request) -> Self {
        let conditional = request.is_conditional();
        let if_conditional = |probability| if conditional { probability } else { 0.0 };
        let fates = [
            (Fault::FailBefore, faults.fail_before),
            (Fault::Denied, faults.denied),
            (Fault::LateEffect, faults.late_effect),
            (Fault::FailAfter, faults.fail_after),
            (Fault::LostAnswer, faults.lost_answer),
            (Fault::Conflict, if_conditional(faults.conflict)),
            (Fault::OwnConflict, if_conditional(faults.own_conflict)),
        ];
        let late = dice.chance(faults.late_copy);
        let on_wire = dice.chance(0.5);
        let ignored_condition = dice.chance(if_conditional(faults.ignored_condition));
        let plan = Self::of_read(faults, dice, &fates);
        let late = plan.fate != Some(Fault::Denied) && (late || plan.fate == Some(Fault::LateEffect));
        let late = late.then(|| any_magnitude(dice, faults.max_late));
        Self { on_wire, late, ignored_condition, ..plan }
    }

    /// `fates` are tried in order; the first that is drawn decides.
    pub(crate) fn of_read(faults: &Faults, dice: &mut Dice, fates: &[(Fault, f64)]) -> Self {
        let delayed = dice.chance(faults.delay);
        let turns = dice.below(9);
        let mut drawn = fates.iter().filter(|(_, probability)| dice.chance(*probability));
        let fate = drawn.next().map(|(fault, _)| *fault);
        Self {
            turns: (turns % 3, turns / 3),
            delay: delayed.then(|| any_magnitude(dice, faults.max_delay)),
            fate,
            on_wire: false,
            late: None,
            ignored_condition: false,
        }
    }
}

/// Draws from all orders of magnitude alike: what comes a little late meets other writers than what comes hours late.
fn any_magnitude(dice: &mut Dice, limit: Duration) -> Duration {
    let halvings = dice.below(MAGNITUDES) as u32;
    dice.duration(limit / 2_u32.pow(halvings))
}

const MAGNITUDES: u64 = 14;
