//! What training code sees of its run.

use std::sync::Arc;

use bytes::Bytes;
use lineal_core::{Digest, Progress, Rng, RunRef};

use crate::{Error, Param, Params, recorder::Recorder};

/// What training code sees of its run: parameters, randomness, metrics, checkpoints, results.
///
/// Everything here is synchronous and may be called from any thread; what has to be durable waits for it. When nobody
/// waits for the run any more, what waits answers [`Error::Abandoned`] and points are dropped: return then.
#[derive(Debug)]
pub struct Context {
    pub(crate) attempt: u32,
    pub(crate) params: Params,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) run: RunRef,
    pub(crate) seed: u64,
}

impl Context {
    /// Returns which run this is.
    #[must_use]
    pub fn run(&self) -> &RunRef {
        &self.run
    }

    /// Returns the number of the attempt, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns a parameter by its flat name, as in `optimizer.lr`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.get(name)
    }

    /// Returns all parameters.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Returns the seed of the run.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Opens the random stream `name` of the run's seed at its beginning; the same in every attempt and on every machine.
    ///
    /// What a resumed attempt draws must not depend on what was drawn before: fork a stream by step, or keep
    /// [`Rng::position`] in the checkpoint.
    #[must_use]
    pub fn rng(&self, name: &str) -> Rng {
        Rng::new(self.seed, name)
    }

    /// Returns a handle to log a metric by, as in `train/loss`; the same name gives the same metric.
    ///
    /// # Errors
    /// [`Error::Label`] if the name is empty, over 200 bytes or has invisible characters; [`Error::TooManyMetrics`].
    pub fn metric(&self, name: &str) -> Result<Metric, Error> {
        let id = self.recorder.metric(name)?;
        Ok(Metric { id, recorder: Arc::clone(&self.recorder) })
    }

    /// Takes up the newest checkpoint of earlier attempts: its step and its bytes; `None` if there is none.
    ///
    /// From this call on, what earlier attempts logged up to that step counts, so go on with the step after it. Training
    /// code that does not call it begins from nothing, and what earlier attempts logged does not count.
    ///
    /// # Errors
    /// [`Error::Abandoned`].
    pub fn resume(&self) -> Result<Option<(u64, Bytes)>, Error> {
        self.recorder.resume()
    }

    /// Makes a state durable from which another attempt can go on after `step`.
    ///
    /// A barrier: every point logged before is durable before the checkpoint is, so log all of a step first. Returns when
    /// both are durable.
    ///
    /// # Errors
    /// [`Error::CheckpointOrder`] if `step` is not above that of the last checkpoint; [`Error::Abandoned`].
    pub fn checkpoint(&self, step: u64, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.recorder.checkpoint(step, bytes.into())
    }

    /// Makes a result durable under a name of its run, and returns its digest. One of the same name is replaced.
    ///
    /// # Errors
    /// [`Error::Label`] if the name is empty, over 200 bytes or has invisible characters; [`Error::Abandoned`].
    pub fn artifact(&self, name: &str, bytes: impl Into<Bytes>) -> Result<Digest, Error> {
        self.artifact_as(name, OCTETS, bytes)
    }

    /// Makes a result of a media type durable, as [`Context::artifact`] does.
    ///
    /// A collection asks the `Links` of that media type which other blobs the result keeps alive.
    ///
    /// # Errors
    /// As [`Context::artifact`].
    pub fn artifact_as(&self, name: &str, media_type: &str, bytes: impl Into<Bytes>) -> Result<Digest, Error> {
        self.recorder.output(name, media_type, bytes.into())
    }

    /// Tells whether the training code should come to an end: it was asked to, or nobody waits any more.
    ///
    /// Write a checkpoint and return an error; the attempt counts as interrupted then. Ask once per step.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        self.recorder.should_stop()
    }

    /// Returns who listens to the progress of the run.
    #[must_use]
    pub fn progress(&self) -> &dyn Progress {
        &*self.progress
    }
}

/// Logs the points of one metric; cheap to clone, usable from any thread.
#[derive(Clone, Debug)]
pub struct Metric {
    id: u32,
    recorder: Arc<Recorder>,
}

impl Metric {
    /// Logs the value at a step. Any double is kept bit for bit, NaN and infinities too.
    ///
    /// Points wait in memory until a segment is full, some seconds have passed, or a checkpoint or the end of the
    /// attempt asks for them. Those logged after the training code has returned are not recorded.
    pub fn log(&self, step: u64, value: f64) {
        self.recorder.log(self.id, step, value);
    }
}

/// Bytes that name no other blobs.
pub(crate) const OCTETS: &str = "application/octet-stream";
