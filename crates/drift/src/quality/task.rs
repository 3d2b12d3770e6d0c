//! One constraint while it is checked, whatever goes wrong.

use super::{
    batch::Block,
    checks::{Check, Verdict},
    constraint::Constraint,
    report::{ConstraintResult, ConstraintStatus, NotApplicableReason, UncheckedReason},
    settings::CheckSettings,
    tally::Tally,
};

#[derive(Clone, Debug)]
pub(super) struct Task {
    constraint: Constraint,
    check: Option<Check>,
    tally: Tally,
    /// The first thing that went wrong.
    trouble: Option<UncheckedReason>,
}

impl Task {
    pub(super) fn new(constraint: &Constraint, settings: &CheckSettings) -> Self {
        let (check, trouble) = match Check::new(&constraint.rule, settings) {
            Ok(check) => (Some(check), None),
            Err(reason) => (None, Some(reason)),
        };
        Self { constraint: constraint.clone(), check, tally: Tally::new(settings.max_examples), trouble }
    }

    pub(super) fn update(&mut self, block: &Block<'_>) {
        let Some(check) = &mut self.check else { return };
        if let Err(reason) = check.update(block, &mut self.tally) {
            self.trouble.get_or_insert(reason);
        }
    }

    /// Adds what the same constraint found in rows that follow, of which the first has number `offset`.
    pub(super) fn merge(&mut self, later: Self, offset: u64) {
        self.tally.merge(later.tally, offset);
        self.trouble = self.trouble.take().or(later.trouble);
        if let (Some(check), Some(later)) = (&mut self.check, later.check)
            && let Err(reason) = check.merge(later, offset, &mut self.tally)
        {
            self.trouble.get_or_insert(reason);
        }
    }

    pub(super) fn finish(mut self, rows: u64, batches: u64) -> ConstraintResult {
        let verdict = match &mut self.check {
            Some(check) => check.finish(&mut self.tally),
            None => Verdict::Counted,
        };
        self.tally.settle();
        let status = self.status(&verdict, rows, batches);
        let message = self.message(&status, &verdict);
        let Tally { checked, violating, .. } = self.tally;
        ConstraintResult {
            name: self.constraint.name,
            severity: self.constraint.severity,
            rule: self.constraint.rule.to_string(),
            status,
            message,
            rows_checked: checked,
            rows_violating: violating,
            violating_fraction: (checked > 0).then(|| violating as f64 / checked as f64),
            examples: self.tally.examples,
        }
    }

    fn status(&self, verdict: &Verdict, rows: u64, batches: u64) -> ConstraintStatus {
        let unchecked = match verdict {
            Verdict::Unchecked(reason) => Some(reason),
            _ => self.trouble.as_ref(),
        };
        match verdict {
            Verdict::Whole { holds: false, .. } => return ConstraintStatus::Failed,
            Verdict::Counted | Verdict::Unchecked(_) if self.fails_whatever_follows(unchecked.is_some()) => {
                return ConstraintStatus::Failed;
            }
            _ => {}
        }
        if let Some(reason) = unchecked {
            return ConstraintStatus::Error { reason: reason.clone() };
        }
        let reason = match (batches, rows) {
            (0, _) => NotApplicableReason::NoBatches,
            (_, 0) => NotApplicableReason::NoRows,
            _ => NotApplicableReason::NoValues,
        };
        match verdict {
            Verdict::Whole { .. } => ConstraintStatus::Passed,
            Verdict::Nothing => ConstraintStatus::NotApplicable { reason },
            _ if self.tally.checked == 0 => ConstraintStatus::NotApplicable { reason },
            _ => ConstraintStatus::Passed,
        }
    }

    /// With a tolerance, rows that could not be checked might have made up for those that violate the rule.
    fn fails_whatever_follows(&self, unchecked: bool) -> bool {
        let Tally { checked, violating, .. } = self.tally;
        match self.constraint.tolerance {
            tolerance if tolerance > 0.0 => !unchecked && violating as f64 / checked as f64 > tolerance,
            _ => violating > 0,
        }
    }

    fn message(&self, status: &ConstraintStatus, verdict: &Verdict) -> String {
        let found = match (status, verdict) {
            (ConstraintStatus::NotApplicable { reason }, _) => return reason.to_string(),
            (ConstraintStatus::Error { reason }, _) => return format!("it cannot be told: {reason}"),
            (_, Verdict::Whole { observed, .. }) => observed.clone(),
            _ => self.counts(),
        };
        match &self.trouble {
            Some(reason) => format!("{found}; besides, {reason}"),
            None => found,
        }
    }

    fn counts(&self) -> String {
        let Tally { checked, violating, examples, .. } = &self.tally;
        let verb = if *violating == 1 { "violates" } else { "violate" };
        let tolerated = match self.constraint.tolerance {
            tolerance if tolerance > 0.0 => format!(" ({tolerance} of them may)"),
            _ => String::new(),
        };
        let shown: Vec<String> =
            examples.iter().take(IN_A_MESSAGE).map(|e| format!("row {} ({})", e.row, e.value)).collect();
        let shown = if shown.is_empty() { String::new() } else { format!(": {}", shown.join(", ")) };
        format!("{violating} of {checked} {verb} it{tolerated}{shown}")
    }
}

/// Examples that a message tells.
const IN_A_MESSAGE: usize = 3;
