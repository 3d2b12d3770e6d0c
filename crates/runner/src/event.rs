//! What happens to runs: the events of the journal of an experiment. A stored format, see `docs/format/runs.md`.

use std::collections::BTreeMap;

use lineal_core::{DataRef, Digest, Name, RunId, Wide};
use serde::{Deserialize, Serialize};

use crate::{Params, Summary};

/// One fact about a run.
///
/// Points of metrics are never events: they lie in segments, which events name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RunEvent {
    /// The run exists from now on.
    RunStarted {
        /// What it reads.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inputs: Vec<DataRef>,
        /// Its name for people; several runs may share it.
        name: Name,
        /// Its parameters.
        #[serde(default, skip_serializing_if = "Params::is_empty")]
        params: Params,
        /// The run.
        run: RunId,
        /// Seed of its random streams.
        seed: Wide,
    },
    /// Somebody tries to carry out the run. Only the newest attempt may add to it.
    AttemptStarted {
        /// Number of the attempt, from 1.
        attempt: u32,
        /// Blob with the provenance: code and environment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provenance: Option<Digest>,
        /// The run.
        run: RunId,
    },
    /// The attempt took up a checkpoint: what was logged up to its step stands.
    AttemptResumed {
        /// The attempt that goes on.
        attempt: u32,
        /// Where from.
        from: ResumePoint,
        /// The run.
        run: RunId,
    },
    /// Points became durable.
    SegmentSealed {
        /// The attempt that logged them.
        attempt: u32,
        /// Blob with the points.
        digest: Digest,
        /// What the points come to, by metric.
        metrics: BTreeMap<String, Summary>,
        /// How many points.
        rows: u64,
        /// The run.
        run: RunId,
        /// Number of the segment within the attempt, from 0.
        seq: u32,
        /// Size of the blob in bytes.
        size_bytes: u64,
    },
    /// A state to resume from became durable, and all points logged before it.
    Checkpointed {
        /// The attempt.
        attempt: u32,
        /// Blob with the state.
        digest: Digest,
        /// The run.
        run: RunId,
        /// Size of the blob in bytes.
        size_bytes: u64,
        /// The last step that the state contains.
        step: Wide,
    },
    /// A result became durable; one of the same name takes its place.
    OutputAdded {
        /// The attempt.
        attempt: u32,
        /// Blob with the result.
        digest: Digest,
        /// Media type of the blob.
        media_type: String,
        /// What it is called.
        name: String,
        /// The run.
        run: RunId,
        /// Size of the blob in bytes.
        size_bytes: u64,
    },
    /// The attempt is over.
    AttemptEnded {
        /// The attempt.
        attempt: u32,
        /// How.
        outcome: Outcome,
        /// The run.
        run: RunId,
    },
    /// The run has its result and takes no more attempts.
    RunFinished {
        /// The run.
        run: RunId,
    },
}

/// A checkpoint as another attempt takes it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ResumePoint {
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Its step.
    pub step: Wide,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Outcome {
    /// With a result.
    Completed {},
    /// Without one.
    Failed {
        /// Whose fault it is.
        cause: Cause,
        /// What was said, cut to 4,000 characters.
        message: String,
    },
    /// It was asked to stop, or another attempt found it abandoned.
    Interrupted {},
}

/// Why an attempt failed: what decides whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cause {
    /// The training code returned an error.
    Error,
    /// The training code panicked.
    Panic,
}
