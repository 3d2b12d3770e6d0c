//! Executing a run: the training code on a thread of its own, the driver in the caller's runtime.

use std::{
    any::Any,
    error::Error as StdError,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use lineal_core::{Actor, DataRef, Digest, Name, NoProgress, Progress, RunId, RunRef};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Checkpoint, Context, Error, Experiment, Outcome, Params, Provenance, ResumePoint, RunEvent, RunRecord, RunSettings,
    Runs, Stop,
    driver::Driver,
    recorder::{End, Recorder},
    text::cut,
};

/// Describes a run before it is executed; made by [`Experiment::run`].
#[derive(Debug)]
pub struct RunBuilder {
    experiment: Experiment,
    name: String,
    id: Option<RunId>,
    inputs: Vec<DataRef>,
    params: Result<Params, Error>,
    progress: Arc<dyn Progress>,
    provenance: Option<Provenance>,
    seed: u64,
    settings: RunSettings,
    stop: Stop,
}

/// A run that has its result.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finished<T> {
    /// Which run.
    pub run: RunRef,
    /// The attempt that succeeded.
    pub attempt: u32,
    /// What the training code returned.
    pub output: T,
}

impl RunBuilder {
    pub(crate) fn new(experiment: &Experiment, name: &str) -> Self {
        Self {
            experiment: experiment.clone(),
            name: name.to_owned(),
            id: None,
            inputs: Vec::new(),
            params: Ok(Params::default()),
            progress: Arc::new(NoProgress),
            provenance: None,
            seed: 0,
            settings: RunSettings::default(),
            stop: Stop::default(),
        }
    }

    /// Names the run: one that exists already is tried again, another one is started under this id.
    ///
    /// Name, parameters, inputs and seed must be those it was started with.
    #[must_use]
    pub fn with_id(mut self, run: RunId) -> Self {
        self.id = Some(run);
        self
    }

    /// Sets the parameters: a struct or map, flattened as [`Params::of`] does. What cannot be flattened is reported by
    /// [`RunBuilder::execute`].
    #[must_use]
    pub fn params(mut self, params: &(impl Serialize + ?Sized)) -> Self {
        self.params = Params::of(params);
        self
    }

    /// Adds a version of data that the run reads.
    #[must_use]
    pub fn input(mut self, data: DataRef) -> Self {
        self.inputs.push(data);
        self
    }

    /// Sets the seed of the run's random streams; 0 if it is left out.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// States by which code and in which environment this attempt runs.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }

    /// Sets who listens to the progress that the training code reports.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Replaces the settings.
    #[must_use]
    pub fn with_settings(mut self, settings: RunSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Lets whoever holds `stop` ask the training code to come to an end.
    #[must_use]
    pub fn stop_on(mut self, stop: &Stop) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Executes the run: the next attempt at it, or the first.
    ///
    /// `train` runs on a thread of its own, named after the run; the future makes durable what it logs and waits for it.
    /// An attempt that another process left open is recorded as interrupted; should it still be alive, it is fenced off:
    /// nothing it does from now on is recorded.
    ///
    /// Dropping the future abandons the attempt, as a crash does: the training code learns of it by
    /// [`Context::should_stop`] and by [`Error::Abandoned`], and the run can be executed again.
    ///
    /// # Errors
    /// [`Error::Failed`] with what `train` returned, [`Error::Panicked`], [`Error::Interrupted`] if it returned an error
    /// after it was asked to stop: all recorded, and the run can be executed again. [`Error::RunIsFinished`],
    /// [`Error::RunDiffers`], [`Error::Superseded`]. [`Error::Name`], [`Error::Params`] for what it was described with.
    /// [`Error::Store`] if the store fails; what was durable by then stays, and the run can be executed again. Should that
    /// be answered by [`Error::RunIsFinished`], the end had been recorded after all: its results are in the run's outputs.
    pub async fn execute<T, E, F>(self, actor: &Actor, train: F) -> Result<Finished<T>, Error>
    where
        T: Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
        F: FnOnce(&Context) -> Result<T, E> + Send + 'static,
    {
        let mut start = Start {
            inputs: self.inputs,
            name: Name::new(self.name)?,
            params: self.params?,
            provenance: None,
            run: self.id.unwrap_or_else(|| RunId::generate(self.experiment.ids())),
            seed: self.seed,
        };
        let (attempt, resumable) = start.record(&self.experiment, actor, self.provenance.as_ref()).await?;
        let run = RunRef { experiment: self.experiment.name.clone(), run: start.run };
        let (requests, served) = mpsc::unbounded_channel();
        let recorder = Recorder::new(self.experiment.clock(), requests, self.settings, self.stop.clone());
        let context = Context {
            attempt,
            params: start.params,
            progress: self.progress,
            recorder: Arc::new(recorder),
            run: run.clone(),
            seed: start.seed,
        };
        let mut driver = Driver {
            actor: actor.clone(),
            attempt,
            experiment: self.experiment,
            resumable,
            run: run.run,
            seq: 0,
            stop: self.stop.clone(),
        };
        let output = spawn(context, train)?;
        let id = run.run;
        match (driver.serve(served).await?, output.await) {
            (End::Returned, Ok(output)) => Ok(Finished { run, attempt, output }),
            (End::Failed(source), _) if self.stop.is_requested() => {
                Err(Error::Interrupted { run: id, attempt, source })
            }
            (End::Failed(source), _) => Err(Error::Failed { run: id, attempt, source }),
            (End::Panicked(message), _) => Err(Error::Panicked { run: id, attempt, message: cut(&message, SHOWN) }),
            (End::Returned, Err(_)) => Err(Error::Abandoned),
        }
    }
}

/// Starts the thread of the training code; its result comes by the channel, its end by the recorder.
fn spawn<T, E, F>(context: Context, train: F) -> Result<oneshot::Receiver<T>, Error>
where
    T: Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>>,
    F: FnOnce(&Context) -> Result<T, E> + Send + 'static,
{
    let run = context.run.run;
    let (result, output) = oneshot::channel();
    let body = move || {
        let end = match catch_unwind(AssertUnwindSafe(|| train(&context).map_err(Into::into))) {
            Ok(Ok(output)) => {
                // Sent before the end is, so that it is there when the driver has seen the end.
                drop(result.send(output));
                End::Returned
            }
            Ok(Err(error)) => End::Failed(error),
            Err(panic) => End::Panicked(panic_message(&*panic)),
        };
        context.recorder.close(end);
    };
    let name = format!("run-{}", run.to_string().get(..8).unwrap_or_default());
    // Not joined: it ends by itself, and says so.
    drop(thread::Builder::new().name(name).spawn(body).map_err(|source| Error::Thread { run, source })?);
    Ok(output)
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// What a run is started with, or must have been.
#[derive(Debug)]
struct Start {
    inputs: Vec<DataRef>,
    name: Name,
    params: Params,
    provenance: Option<Digest>,
    run: RunId,
    seed: u64,
}

type Started = (u32, Option<(ResumePoint, Checkpoint)>);

impl Start {
    /// Records the next attempt, and the run if it is new; returns its number and what it may resume from.
    async fn record(
        &mut self,
        experiment: &Experiment,
        actor: &Actor,
        provenance: Option<&Provenance>,
    ) -> Result<Started, Error> {
        let puts = match provenance {
            Some(provenance) => {
                let (digest, puts) = provenance.blobs()?;
                self.provenance = Some(digest);
                puts
            }
            None => Vec::new(),
        };
        let mut started = (0, None);
        let decide = |runs: &Runs| {
            let record = runs.get(self.run);
            started = (self.next_attempt(record)?, record.and_then(RunRecord::newest_checkpoint));
            Ok(self.events(record, started.0))
        };
        experiment.record(actor, &puts, decide).await?;
        Ok(started)
    }

    fn next_attempt(&self, record: Option<&RunRecord>) -> Result<u32, Error> {
        let Some(record) = record else { return Ok(1) };
        let run = self.run;
        if record.finished.is_some() {
            return Err(Error::RunIsFinished { run });
        }
        let same = [
            ("name", record.name == self.name),
            ("set of parameters", record.params == self.params),
            ("list of inputs", record.inputs == self.inputs),
            ("seed", record.seed.get() == self.seed),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(Error::RunDiffers { run, what });
        }
        let attempts = u32::try_from(record.attempts.len()).unwrap_or(u32::MAX);
        attempts.checked_add(1).ok_or(Error::RunIsFinished { run })
    }

    fn events(&self, record: Option<&RunRecord>, attempt: u32) -> Vec<RunEvent> {
        let run = self.run;
        let first = match record {
            None => Some(RunEvent::RunStarted {
                inputs: self.inputs.clone(),
                name: self.name.clone(),
                params: self.params.clone(),
                run,
                seed: self.seed.into(),
            }),
            Some(record) => {
                let open = record.attempts.last().is_some_and(|attempt| attempt.outcome.is_none());
                let interrupted = RunEvent::AttemptEnded {
                    attempt: attempt.saturating_sub(1),
                    outcome: Outcome::Interrupted {},
                    run,
                };
                open.then_some(interrupted)
            }
        };
        let next = RunEvent::AttemptStarted { attempt, provenance: self.provenance, run };
        first.into_iter().chain([next]).collect()
    }
}

/// Characters of a panic's message that are shown.
const SHOWN: usize = 300;
