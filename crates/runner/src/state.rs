//! What a journal of runs comes to: the fold of its events.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use lineal_core::{Actor, DataRef, Digest, Name, RunId, Stamp, State, Timestamp, Wide};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Outcome, Params, ResumePoint, RunEvent, Summary};

/// All runs of an experiment, at one point of its history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    next: u64,
    runs: BTreeMap<RunId, Shared<RunRecord>>,
}

/// One run as the journal tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunRecord {
    /// Attempts, the first one first.
    pub attempts: Vec<Attempt>,
    /// When it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// The run.
    pub id: RunId,
    /// What it reads.
    pub inputs: Vec<DataRef>,
    /// Its name for people.
    pub name: Name,
    /// Runs in the order in which they were started: the first has number 0.
    pub number: u64,
    /// Results by name.
    pub outputs: BTreeMap<String, Output>,
    /// Its parameters.
    pub params: Params,
    /// Seed of its random streams.
    pub seed: Wide,
    /// When it was started.
    pub started: Timestamp,
    /// Who started it.
    pub started_by: Actor,
}

/// One try at a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Attempt {
    /// Who made it.
    pub by: Actor,
    /// States to resume from, in the order in which they were written.
    pub checkpoints: Vec<Checkpoint>,
    /// When it ended; `None` while it runs, or if it was abandoned and nobody noticed yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Blob with code and environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Digest>,
    /// The checkpoint it took up; `None` if it began from nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<ResumePoint>,
    /// Where its points lie.
    pub segments: Vec<Segment>,
    /// When it started.
    pub started: Timestamp,
}

/// A blob of points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Segment {
    /// The blob.
    pub digest: Digest,
    /// What the points come to, by metric.
    pub metrics: BTreeMap<String, Summary>,
    /// How many points.
    pub rows: u64,
    /// Size of the blob in bytes.
    pub size_bytes: u64,
}

/// A state to resume from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The blob.
    pub digest: Digest,
    /// Size of the blob in bytes.
    pub size_bytes: u64,
    /// The last step that it contains.
    pub step: Wide,
}

/// A result of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Output {
    /// The attempt that gave it.
    pub attempt: u32,
    /// The blob.
    pub digest: Digest,
    /// Media type of the blob.
    pub media_type: String,
    /// Size of the blob in bytes.
    pub size_bytes: u64,
}

/// What is to be said of a run in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The newest attempt has not ended; it may have been abandoned.
    Running,
    /// The run has its result.
    Finished,
    /// The newest attempt failed; the run can be tried again.
    Failed,
    /// The newest attempt was stopped; the run can be taken up again.
    Interrupted,
}

impl Runs {
    /// Returns a run.
    #[must_use]
    pub fn get(&self, run: RunId) -> Option<&RunRecord> {
        self.runs.get(&run).map(Deref::deref)
    }

    /// Returns the runs in the order of their ids, which says nothing.
    pub fn iter(&self) -> impl Iterator<Item = &RunRecord> {
        self.runs.values().map(Deref::deref)
    }

    /// Returns how many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the run that an event of a well-formed journal speaks of; others are passed over.
    fn record(&mut self, run: RunId) -> Option<&mut RunRecord> {
        self.runs.get_mut(&run).map(|record| Arc::make_mut(&mut record.0))
    }

    /// Returns the attempt that an event of a well-formed journal speaks of.
    fn attempt(&mut self, run: RunId, attempt: u32) -> Option<&mut Attempt> {
        let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
        self.record(run)?.attempts.get_mut(index)
    }

    fn start(&mut self, record: RunRecord) {
        if !self.runs.contains_key(&record.id) {
            self.next += 1;
            self.runs.insert(record.id, Shared(Arc::new(record)));
        }
    }

    fn start_attempt(&mut self, run: RunId, attempt: u32, provenance: Option<Digest>, stamp: &Stamp) {
        let Some(record) = self.record(run) else { return };
        // Numbers are dense; anything else was not written by this crate.
        if usize::try_from(attempt).is_ok_and(|number| number == record.attempts.len() + 1) {
            record.attempts.push(Attempt {
                by: stamp.actor.clone(),
                checkpoints: Vec::new(),
                ended: None,
                outcome: None,
                provenance,
                resumed_from: None,
                segments: Vec::new(),
                started: stamp.time,
            });
        }
    }
}

impl RunRecord {
    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.attempts.last().and_then(|attempt| attempt.outcome.as_ref()) {
            _ if self.finished.is_some() => Status::Finished,
            None | Some(Outcome::Completed {}) => Status::Running,
            Some(Outcome::Failed { .. }) => Status::Failed,
            Some(Outcome::Interrupted {}) => Status::Interrupted,
        }
    }

    /// Returns the blob with code and environment of the newest attempt.
    #[must_use]
    pub fn provenance(&self) -> Option<Digest> {
        self.attempts.last().and_then(|attempt| attempt.provenance)
    }

    /// Returns the newest checkpoint and what resuming from it is called.
    #[must_use]
    pub fn newest_checkpoint(&self) -> Option<(ResumePoint, Checkpoint)> {
        let (index, newest) = self
            .attempts
            .iter()
            .enumerate()
            .rev()
            .find_map(|(index, attempt)| attempt.checkpoints.last().map(|newest| (index, *newest)))?;
        let attempt = u32::try_from(index).ok()?.checked_add(1)?;
        Some((ResumePoint { attempt, step: newest.step }, newest))
    }
}

impl State for Runs {
    type Event = RunEvent;
    const KIND: &'static str = "lineal.runs";

    fn apply(&mut self, event: &RunEvent, stamp: &Stamp) {
        match event {
            RunEvent::RunStarted { inputs, name, params, run, seed } => {
                let record = RunRecord {
                    attempts: Vec::new(),
                    finished: None,
                    id: *run,
                    inputs: inputs.clone(),
                    name: name.clone(),
                    number: self.next,
                    outputs: BTreeMap::new(),
                    params: params.clone(),
                    seed: *seed,
                    started: stamp.time,
                    started_by: stamp.actor.clone(),
                };
                self.start(record);
            }
            RunEvent::AttemptStarted { attempt, provenance, run } => {
                self.start_attempt(*run, *attempt, *provenance, stamp);
            }
            RunEvent::AttemptResumed { attempt, from, run } => {
                // An attempt resumes from one before it, so that lines of resumption always end.
                if let Some(record) = self.attempt(*run, *attempt).filter(|_| from.attempt < *attempt) {
                    record.resumed_from = Some(*from);
                }
            }
            RunEvent::SegmentSealed { attempt, digest, metrics, rows, run, size_bytes, .. } => {
                if let Some(attempt) = self.attempt(*run, *attempt) {
                    let (digest, metrics, rows, size_bytes) = (*digest, metrics.clone(), *rows, *size_bytes);
                    attempt.segments.push(Segment { digest, metrics, rows, size_bytes });
                }
            }
            RunEvent::Checkpointed { attempt, digest, run, size_bytes, step } => {
                if let Some(attempt) = self.attempt(*run, *attempt) {
                    let (digest, size_bytes, step) = (*digest, *size_bytes, *step);
                    attempt.checkpoints.push(Checkpoint { digest, size_bytes, step });
                }
            }
            RunEvent::OutputAdded { attempt, digest, media_type, name, run, size_bytes } => {
                let (attempt, digest, media_type, size_bytes) = (*attempt, *digest, media_type.clone(), *size_bytes);
                if let Some(record) = self.record(*run) {
                    record.outputs.insert(name.clone(), Output { attempt, digest, media_type, size_bytes });
                }
            }
            RunEvent::AttemptEnded { attempt, outcome, run } => {
                if let Some(attempt) = self.attempt(*run, *attempt) {
                    attempt.ended = Some(stamp.time);
                    attempt.outcome = Some(outcome.clone());
                }
            }
            RunEvent::RunFinished { run } => {
                if let Some(record) = self.record(*run) {
                    record.finished.get_or_insert(stamp.time);
                }
            }
        }
    }
}

/// A part of the state that copies of the state share until it changes; stored as what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shared<T>(Arc<T>);

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Arc::new(value)))
    }
}
