//! Training runs: parameters, metrics, checkpoints, results, and where they come from.
//!
//! An [`Experiment`] is a journal of runs. A run is training code, a plain synchronous closure, that sees a [`Context`]:
//! it logs [`Metric`]s, writes checkpoints and results, and draws from seeded randomness. It runs on a thread of its own;
//! the future of [`RunBuilder::execute`] makes durable what it says. Start at [`Experiment::open`].
//!
//! - **Attempts.** A run that crashed, failed or was stopped is executed again under its id. The next attempt goes on from
//!   the newest checkpoint, and the run still has one clean curve ([`Experiment::metrics`]).
//! - **A checkpoint is a barrier.** When it is there, so are all points logged before it.
//! - **Points are not events.** They are sealed as Parquet segments, bit for bit; the journal names their digests.
//! - **Provenance** is captured when a program asks for it ([`Provenance::capture`]), and stated as evidence for whoever
//!   decides about the result ([`Experiment::statements`]).
//!
//! Points that are not sealed yet are lost in a crash; an attempt that resumes logs them again. Training code is never
//! stopped by force: it has to ask [`Context::should_stop`].
//!
//! See [`Experiment`] for an example. Stored formats: `docs/format/runs.md`.

// ---- what a run is ----
mod event; // what happens: the journal's events
mod param; // what it was given, as flat typed values
mod provenance; // by which code, in which environment
mod state; // what the events come to
mod summary; // what points come to

// ---- executing one ----
mod capture; // asking git, cargo and the machine
mod context; // what training code sees
mod driver; // the async half: making durable what it says
mod flatten; // from any serialisable value to parameters
mod recorder; // from the training thread to the driver
mod run; // describing and executing

// ---- reading ----
mod collect; // what a collection of blobs has to know
mod compare; // what runs differ in
mod effective; // which points count
mod experiment; // opening and reading
mod segment; // points as Parquet
mod statements; // evidence about a run
mod verify; // the chain and every blob

mod error; // what can go wrong
mod text; // names from outside

pub use self::{
    collect::{RunRoots, links},
    compare::Comparison,
    context::{Context, Metric},
    error::Error,
    event::{Cause, Outcome, ResumePoint, RunEvent},
    experiment::{Experiment, Run},
    param::{Int, Param, Params},
    provenance::Provenance,
    recorder::{RunSettings, Stop},
    run::{Finished, RunBuilder},
    segment::Point,
    state::{Attempt, Checkpoint, Output, RunRecord, Runs, Segment, Status},
    statements::{
        AttemptClaim, BuildDefinition, Builder, Dependency, ExternalParameters, Metadata, MetricsClaim,
        ProvenanceClaim, RunDetails, Statements,
    },
    summary::{Extreme, Summary},
    verify::VerifiedRuns,
};
/// The Arrow crate whose types appear in this crate's interface.
pub use arrow;
