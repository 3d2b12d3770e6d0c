//! What can go wrong with runs.

use std::{error::Error as StdError, io, path::PathBuf};

use lineal_core::{Digest, ErrorKind, InvalidName, RunId, StatementError};
use parquet::errors::ParquetError;

/// What can go wrong with runs.
///
/// [`Error::kind`] says what to do about it; the cause, where there is one, is in `source`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal or the blob store could not do it. If it happened within a run, execute the run again.
    #[error(transparent)]
    Store(#[from] lineal_core::Error),

    /// The journal failed in a way that this release does not know. Execute the run again.
    #[error("cannot record what happened")]
    Transaction {
        /// What the journal said.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// Choose another name for the experiment or the run.
    #[error(transparent)]
    Name(#[from] InvalidName),

    /// Choose another name for the metric, the output or its media type.
    #[error("{what} \"{name}\": {rule}")]
    Label {
        /// What is to be named.
        what: &'static str,
        /// The name, escaped and cut.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },

    /// The parameters cannot be flattened to named values. Change the value called `name`.
    #[error("parameter \"{name}\": {reason}")]
    Params {
        /// The flat name, escaped and cut.
        name: String,
        /// What is wrong with it, escaped and cut.
        reason: String,
    },

    /// A run has this many metrics at most: put what varies into the step or into another run.
    #[error("a run has at most {limit} metrics")]
    TooManyMetrics {
        /// How many.
        limit: usize,
    },

    /// The experiment has no such run. Look it up in `runs`.
    #[error("there is no run {run}")]
    UnknownRun {
        /// The run asked for.
        run: RunId,
    },

    /// The run was started with something else. Start another run, or execute this one with what it was started with.
    #[error("run {run} was started with another {what}")]
    RunDiffers {
        /// The run.
        run: RunId,
        /// What is different: `name`, `parameters`, `inputs` or `seed`.
        what: &'static str,
    },

    /// The run has its result already. Read it, or start another run.
    #[error("run {run} is finished")]
    RunIsFinished {
        /// The run.
        run: RunId,
    },

    /// Another attempt at the run was started since, here or elsewhere: nothing of this one is recorded any more.
    #[error("run {run}: attempt {attempt} was superseded")]
    Superseded {
        /// The run.
        run: RunId,
        /// The attempt that came too late.
        attempt: u32,
    },

    /// Checkpoints of an attempt are at ascending steps, above the one it resumed from. Leave this one out.
    #[error("checkpoint at step {step} is not after the one at step {last}")]
    CheckpointOrder {
        /// The step asked for.
        step: u64,
        /// The step before it.
        last: u64,
    },

    /// Whoever waits for the run has gone, so nothing is recorded any more. Return from the training code.
    #[error("nobody waits for the run any more")]
    Abandoned,

    /// The training code returned an error. The run can be executed again.
    #[error("run {run}: attempt {attempt} failed")]
    Failed {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// What the training code returned.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The training code panicked. The run can be executed again.
    #[error("run {run}: attempt {attempt} panicked: {message}")]
    Panicked {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// The message of the panic, cut.
        message: String,
    },

    /// The training code stopped because it was asked to. Execute the run again to go on.
    #[error("run {run}: attempt {attempt} was interrupted")]
    Interrupted {
        /// The run.
        run: RunId,
        /// The attempt.
        attempt: u32,
        /// What the training code returned.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The operating system gave no thread for the training code. Try again with fewer runs at once.
    #[error("cannot start a thread for run {run}")]
    Thread {
        /// The run.
        run: RunId,
        /// What the system said.
        source: io::Error,
    },

    /// A segment cannot be read as Parquet: whoever wrote it is defective. Retrying will not help.
    #[error("segment {digest} cannot be read")]
    Segment {
        /// The blob.
        digest: Digest,
        /// What the reader said.
        source: Box<ParquetError>,
    },

    /// Points cannot be written as Parquet: a defect, please report it.
    #[error("points cannot be written")]
    Unwritable {
        /// What the writer said.
        source: Box<ParquetError>,
    },

    /// A segment does not hold what the journal says of it: whoever wrote it is defective. Retrying will not help.
    #[error("segment {digest}: {what} is not what the journal says")]
    SegmentDiffers {
        /// The blob.
        digest: Digest,
        /// What differs.
        what: &'static str,
    },

    /// A provenance record is damaged or of a newer release.
    #[error("provenance {digest} cannot be read")]
    Provenance {
        /// The blob.
        digest: Digest,
        /// Why.
        source: Box<lineal_core::CanonicalError>,
    },

    /// The directory whose provenance was asked for cannot be read. Check the path.
    #[error("cannot read {}", .path.display())]
    Capture {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// A statement is about something: the run has no outputs, so name a subject.
    #[error("run {run} has no outputs to make a statement about")]
    NoSubject {
        /// The run.
        run: RunId,
    },

    /// A statement about the run cannot be made.
    #[error("statement about run {run}")]
    Statement {
        /// The run.
        run: RunId,
        /// Why not.
        source: Box<StatementError>,
    },
}

impl Error {
    /// Returns what the caller must do about the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Name(error) => error.kind(),
            Self::Statement { source, .. } => source.kind(),
            Self::Label { .. }
            | Self::Params { .. }
            | Self::TooManyMetrics { .. }
            | Self::CheckpointOrder { .. }
            | Self::Capture { .. }
            | Self::NoSubject { .. } => ErrorKind::Invalid,
            Self::UnknownRun { .. } => ErrorKind::NotFound,
            Self::RunDiffers { .. } | Self::RunIsFinished { .. } | Self::Superseded { .. } => ErrorKind::Conflict,
            Self::Abandoned | Self::Interrupted { .. } | Self::Thread { .. } => ErrorKind::Unavailable,
            Self::Failed { .. } | Self::Panicked { .. } | Self::Transaction { .. } | Self::Unwritable { .. } => {
                ErrorKind::Internal
            }
            Self::Segment { .. } | Self::SegmentDiffers { .. } | Self::Provenance { .. } => ErrorKind::Corrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<Error>() < 128, "{}", size_of::<Error>());
    }
}
