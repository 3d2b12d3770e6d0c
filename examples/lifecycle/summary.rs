//! What is printed: a person reads it in ten seconds.

use std::path::Path;

use crate::{
    descent::Answers,
    page::events,
    report::{Check, EventKind},
    year::Year,
};

pub(crate) fn print(year: &Year, answers: &Answers, checks: &[Check], page: &Path) {
    let control = &year.control;
    println!("The life of a model: will a flight from New York arrive more than 15 minutes late? (2013)\n");
    println!(
        "control   {} of 15 inputs drifted; AUC {:.3}, log loss {:.3} on {} held-out rows ({} trained)",
        year.control_drift.drifted_inputs().len(),
        control.auc,
        control.log_loss,
        control.rows,
        year.train_rows
    );
    for served in year.served.iter().filter(|served| served.month == 7) {
        let drifted = year.drift.get(&7).map(|july| july.drifted_inputs()).unwrap_or_default();
        let named: Vec<String> =
            drifted.iter().take(3).map(|(name, distance)| format!("{name} {distance:.2}")).collect();
        println!("July      {} of 15 inputs drifted: {} first", drifted.len(), named.join(", "));
        println!(
            "July      log loss {:.3} frozen first model, {:.3} retrained on April to June ({:.3} better); champion v{} {:.3}",
            served.frozen.log_loss,
            year.july_retrained.log_loss,
            served.frozen.log_loss - year.july_retrained.log_loss,
            served.version,
            served.champion.log_loss
        );
    }
    println!();
    for event in events(year) {
        let word = match event.kind {
            EventKind::Promoted => "promoted",
            EventKind::Refused => "refused",
            EventKind::RolledBack => "rollback",
        };
        println!("{:02}-{:02}     {word:<8} v{}  {}", event.month, event.day, event.version, event.text);
    }
    println!();
    println!("descent   {}", answers.line);
    for answer in &answers.answers {
        println!("asked     {} {}", answer.question, answer.answer);
    }
    println!();
    for check in checks {
        let word = if check.what.starts_with("Tampering") { "tamper" } else { "verified" };
        println!("{word:<9} {}: {} ({})", check.what, check.outcome, check.detail);
    }
    println!("\npage      {}", page.display());
}
