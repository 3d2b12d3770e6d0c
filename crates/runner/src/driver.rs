//! The async half of an attempt: takes what the training thread sends and makes it durable.

use bytes::Bytes;
use lineal_core::{Actor, BlobStoreExt, Digest, PutHints, Receipt, RunId, TransactError, Txn, on_cpu};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    Cause, Checkpoint, Error, Experiment, Outcome, ResumePoint, RunEvent, Runs, Status, Stop,
    collect::{CHECKPOINT, SEGMENT},
    recorder::{End, Message},
    segment::{self, Rows},
    text::cut,
};

/// One attempt as the driver keeps it.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) actor: Actor,
    pub(crate) attempt: u32,
    pub(crate) experiment: Experiment,
    /// The newest checkpoint of earlier attempts, when this one started.
    pub(crate) resumable: Option<(ResumePoint, Checkpoint)>,
    pub(crate) run: RunId,
    pub(crate) seq: u32,
    pub(crate) stop: Stop,
}

impl Driver {
    /// Serves the training thread until it ends; everything it was told is durable then.
    pub(crate) async fn serve(&mut self, mut requests: UnboundedReceiver<Message>) -> Result<End, Error> {
        while let Some(request) = requests.recv().await {
            // Whoever waits for `done` and is gone wants no answer.
            match request {
                Message::Seal { rows, done } => {
                    self.record(rows, None, |_| Vec::new()).await?;
                    done.send(()).ok();
                }
                Message::Checkpoint { rows, step, bytes, done } => {
                    self.checkpoint(rows, step, bytes).await?;
                    done.send(()).ok();
                }
                Message::Output { name, media_type, bytes, done } => {
                    done.send(self.output(name, media_type, bytes).await?).ok();
                }
                Message::Resume { done } => drop(done.send(self.resume().await?)),
                Message::End { rows, end } => {
                    self.end(rows, &end).await?;
                    return Ok(end);
                }
            }
        }
        Ok(End::Panicked("the training thread vanished".to_owned()))
    }

    async fn checkpoint(&mut self, rows: Rows, step: u64, bytes: Bytes) -> Result<(), Error> {
        let (attempt, run, size_bytes) = (self.attempt, self.run, bytes.len() as u64);
        let event = |digest| vec![RunEvent::Checkpointed { attempt, digest, run, size_bytes, step: step.into() }];
        self.record(rows, Some((bytes, CHECKPOINT.into())), event).await
    }

    async fn output(&mut self, name: String, media_type: String, bytes: Bytes) -> Result<Digest, Error> {
        let (attempt, run, size_bytes) = (self.attempt, self.run, bytes.len() as u64);
        let mut put = Digest::of(&[]);
        let stated = media_type.clone();
        let event = |digest| {
            put = digest;
            vec![RunEvent::OutputAdded { attempt, digest, media_type, name, run, size_bytes }]
        };
        self.record(Rows::default(), Some((bytes, stated)), event).await?;
        Ok(put)
    }

    async fn resume(&mut self) -> Result<Option<(u64, Bytes)>, Error> {
        let Some((from, checkpoint)) = self.resumable else { return Ok(None) };
        let bytes = self.experiment.blobs.read_all(&checkpoint.digest).await?;
        let (attempt, run) = (self.attempt, self.run);
        self.record(Rows::default(), None, |_| vec![RunEvent::AttemptResumed { attempt, from, run }]).await?;
        Ok(Some((checkpoint.step.get(), bytes)))
    }

    async fn end(&mut self, rows: Rows, end: &End) -> Result<(), Error> {
        let (attempt, run) = (self.attempt, self.run);
        let failed = |cause, message: &str| Outcome::Failed { cause, message: cut(message, MAX_MESSAGE) };
        let outcome = match end {
            End::Returned => Outcome::Completed {},
            End::Failed(_) if self.stop.is_requested() => Outcome::Interrupted {},
            End::Failed(error) => failed(Cause::Error, &chain(&**error)),
            End::Panicked(message) => failed(Cause::Panic, message),
        };
        let finished = matches!(outcome, Outcome::Completed {}).then_some(RunEvent::RunFinished { run });
        let mut events = vec![RunEvent::AttemptEnded { attempt, outcome, run }];
        events.extend(finished);
        self.record(rows, None, |_| events).await
    }

    /// Makes points and a blob durable, then records both in one transaction, the points first.
    async fn record(
        &mut self,
        rows: Rows,
        blob: Option<(Bytes, String)>,
        events: impl FnOnce(Digest) -> Vec<RunEvent> + Send,
    ) -> Result<(), Error> {
        let (mut puts, mut all) = (Vec::new(), Vec::new());
        if !rows.rows.is_empty() {
            let (bytes, event) = self.seal(rows).await?;
            puts.push((bytes, SEGMENT.to_owned()));
            all.push(event);
        }
        let digest = match &blob {
            Some((bytes, _)) => digest(bytes.clone()).await?,
            None => Digest::of(&[]),
        };
        puts.extend(blob);
        all.extend(events(digest));
        if all.is_empty() {
            return Ok(());
        }
        let (run, attempt) = (self.run, self.attempt);
        self.experiment.record(&self.actor, &puts, |runs| fence(runs, run, attempt).map(|()| all.clone())).await
    }

    async fn seal(&mut self, rows: Rows) -> Result<(Bytes, RunEvent), Error> {
        let attempt = self.attempt;
        let sealed = on_cpu(move || {
            let sealed = segment::encode(rows, attempt)?;
            Ok((Digest::of(&sealed.bytes), sealed))
        });
        let unwritten = |source| Error::Unwritable { source: Box::new(source) };
        let (digest, sealed) = sealed.await?.map_err(unwritten)?;
        let (rows, size_bytes, seq) = (sealed.rows, sealed.bytes.len() as u64, self.seq);
        self.seq = self.seq.saturating_add(1);
        let metrics = sealed.metrics;
        let event = RunEvent::SegmentSealed { attempt, digest, metrics, rows, run: self.run, seq, size_bytes };
        Ok((sealed.bytes, event))
    }
}

/// Refuses what an attempt adds that is not the newest any more.
fn fence(runs: &Runs, run: RunId, attempt: u32) -> Result<(), Error> {
    let record = runs.get(run).ok_or(Error::UnknownRun { run })?;
    let newest = usize::try_from(attempt).is_ok_and(|attempt| attempt == record.attempts.len());
    if newest && record.status() == Status::Running { Ok(()) } else { Err(Error::Superseded { run, attempt }) }
}

impl Experiment {
    /// Puts blobs and records the events that name them; puts them again if a collection got in between.
    pub(crate) async fn record(
        &self,
        actor: &Actor,
        puts: &[(Bytes, String)],
        mut decide: impl FnMut(&Runs) -> Result<Vec<RunEvent>, Error> + Send,
    ) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let mut txn = Txn::by(actor.clone());
            if !puts.is_empty() {
                txn = txn.with_receipt(self.put(puts).await?);
            }
            tries += 1;
            match self.journal.transact(&txn, &mut decide).await {
                Ok(_) => return Ok(()),
                Err(TransactError::Refused(error)) => return Err(error),
                Err(TransactError::Journal(lineal_core::Error::Condemned { .. })) if tries < TRIES => {}
                Err(TransactError::Journal(error)) => return Err(error.into()),
                Err(error) => return Err(Error::Transaction { source: Box::new(error) }),
            }
        }
    }

    async fn put(&self, puts: &[(Bytes, String)]) -> Result<Receipt, Error> {
        let batch = self.blobs.begin().await?;
        for (bytes, media_type) in puts {
            let hints = PutHints::default().with_size(bytes.len() as u64).with_media_type(media_type);
            batch.put(bytes.clone(), hints).await?;
        }
        Ok(batch.commit().await?)
    }
}

async fn digest(bytes: Bytes) -> Result<Digest, Error> {
    Ok(on_cpu(move || Digest::of(&bytes)).await?)
}

/// Writes an error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source.filter(|_| text.len() < MAX_MESSAGE) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// How often blobs are put before a collection wins.
const TRIES: u32 = 4;
/// Characters of a message that are kept.
const MAX_MESSAGE: usize = 4000;
