//! The journal in a simulated world: several writers, every fault of a real object store, crashes and dropped futures.
//!
//! `LINEAL_SIM_SEEDS=100000 cargo test --release -p lineal-core --test simulation -- --nocapture` runs more seeds,
//! `SEED=17` replays one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what is allowed in tests is allowed to their helpers"
)]

mod audit; // what writers were told, held against what is stored
mod variants; // protocols broken on purpose, which the audit must catch
mod world; // the real journal among faults

use std::collections::BTreeSet;

use lineal_testkit::{Counts, Fault, for_each_seed, seeds};

#[test]
fn nothing_acknowledged_is_lost_doubled_or_forked() {
    let runs = for_each_seed(400, world::run);
    let mut schedules = BTreeSet::new();
    let mut counts = Counts::default();
    let mut seen = audit::Tally::default();
    for run in &runs {
        schedules.insert(run.schedule);
        counts += &run.counts;
        seen += &run.tally;
    }
    let caught = variants::caught(SEEDS_FOR_A_VARIANT);
    println!("{seen}");
    println!("{counts}");
    println!(
        "seeds {}, schedules {}, faults {}, caught {}/5 broken variants",
        runs.len(),
        schedules.len(),
        counts.faults(),
        caught.len()
    );
    assert_eq!(caught.len(), 5, "only {caught:?} were caught");
    if seeds(400).count() >= 400 {
        // A simulation in which something never happens says nothing about it.
        for fault in FAULTS {
            assert!(counts.fault(*fault) > 0, "{fault} never happened");
        }
        assert!(seen.acknowledged > 0 && seen.aborted > 0 && seen.in_doubt > 0 && seen.shared_entries > 0, "{seen:?}");
        assert!(schedules.len() * 10 > runs.len() * 9, "seeds repeat schedules");
    }
}

/// The sound form of the little protocol passes the same audit that its broken forms fail.
#[test]
fn the_audit_accepts_the_sound_protocol() {
    for_each_seed(1_000, |seed| {
        let verdict = variants::run(seed, variants::Variant::Sound);
        assert!(verdict.is_ok(), "{verdict:?}");
    });
}

const SEEDS_FOR_A_VARIANT: u64 = 5_000;
/// What must have happened at least once over the seeds.
const FAULTS: &[Fault] = &[
    Fault::FailBefore,
    Fault::Denied,
    Fault::FailAfter,
    Fault::LostAnswer,
    Fault::Conflict,
    Fault::OwnConflict,
    Fault::Delay,
    Fault::LateCopy,
    Fault::LateEffect,
    Fault::LateLanded,
    Fault::ShortBody,
    Fault::BrokenBody,
    Fault::Dropped,
    Fault::Cancelled,
    Fault::Crashed,
];
