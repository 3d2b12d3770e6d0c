//! From the training thread to the driver: buffered points and requests.
//!
//! The training thread never waits inside a runtime: it sends without blocking and waits on plain channels. At most two
//! segments are on their way at once, which bounds the memory: a third waits for the first to become durable.

use std::{
    collections::{BTreeMap, VecDeque},
    error::Error as StdError,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use bytes::Bytes;
use lineal_core::{Clock, Digest, Timestamp};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    Error,
    segment::{Row, Rows},
    text::{excerpt, is_clean},
};

/// When buffered points are sealed before a checkpoint asks for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunSettings {
    /// Seal when so many points are waiting. Default 131,072, at 32 bytes of memory each, three times over; at least 1.
    pub rows_per_segment: usize,
    /// Seal at the next point when the oldest has waited so long. Default 10 s.
    pub flush_every: Duration,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { rows_per_segment: 131_072, flush_every: Duration::from_secs(10) }
    }
}

impl RunSettings {
    /// Sets how many points are sealed together at most.
    #[must_use]
    pub fn with_rows_per_segment(mut self, rows: usize) -> Self {
        self.rows_per_segment = rows;
        self
    }

    /// Sets how long a point waits at most, as long as others follow.
    #[must_use]
    pub fn with_flush_every(mut self, wait: Duration) -> Self {
        self.flush_every = wait;
        self
    }
}

/// What the training thread asks of the driver. A dropped `done` means that the driver has gone.
#[derive(Debug)]
pub(crate) enum Message {
    Seal { rows: Rows, done: mpsc::SyncSender<()> },
    Checkpoint { rows: Rows, step: u64, bytes: Bytes, done: mpsc::SyncSender<()> },
    Output { name: String, media_type: String, bytes: Bytes, done: mpsc::SyncSender<Digest> },
    Resume { done: mpsc::SyncSender<Option<(u64, Bytes)>> },
    End { rows: Rows, end: End },
}

/// What became of the training code.
#[derive(Debug)]
pub(crate) enum End {
    Returned,
    Failed(Box<dyn StdError + Send + Sync>),
    Panicked(String),
}

/// A request to stop, shared by whoever may make it and the runs that honour it.
///
/// Training code sees it as [`Context::should_stop`](crate::Context::should_stop); nothing is stopped by force.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks to stop, for good.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Tells whether somebody asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Buffers the points of one attempt.
#[derive(Debug)]
pub(crate) struct Recorder {
    buffer: Mutex<Buffer>,
    clock: Arc<dyn Clock>,
    driver: UnboundedSender<Message>,
    settings: RunSettings,
    stop: Stop,
}

#[derive(Debug)]
struct Buffer {
    rows: Vec<Row>,
    /// When the first of `rows` was logged.
    oldest: Timestamp,
    names: Vec<Arc<str>>,
    ids: BTreeMap<Arc<str>, u32>,
    under_way: VecDeque<mpsc::Receiver<()>>,
    last_checkpoint: Option<u64>,
    closed: bool,
}

impl Recorder {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        driver: UnboundedSender<Message>,
        settings: RunSettings,
        stop: Stop,
    ) -> Self {
        let buffer = Buffer {
            rows: Vec::new(),
            oldest: Timestamp::EPOCH,
            names: Vec::new(),
            ids: BTreeMap::new(),
            under_way: VecDeque::new(),
            last_checkpoint: None,
            closed: false,
        };
        Self { buffer: Mutex::new(buffer), clock, driver, settings, stop }
    }

    pub(crate) fn metric(&self, name: &str) -> Result<u32, Error> {
        check_label("metric", name)?;
        let mut buffer = self.lock();
        if let Some(id) = buffer.ids.get(name) {
            return Ok(*id);
        }
        let id = buffer.names.len();
        if id >= MAX_METRICS {
            return Err(Error::TooManyMetrics { limit: MAX_METRICS });
        }
        let (id, name) = (u32::try_from(id).unwrap_or(u32::MAX), Arc::<str>::from(name));
        buffer.names.push(Arc::clone(&name));
        buffer.ids.insert(name, id);
        Ok(id)
    }

    /// Takes a point; waits only if two segments are under way and a third is full.
    pub(crate) fn log(&self, metric: u32, step: u64, value: f64) {
        let time = self.clock.now();
        let mut buffer = self.lock();
        if buffer.closed {
            return;
        }
        if buffer.rows.is_empty() {
            buffer.oldest = time;
        }
        buffer.rows.push(Row { metric, step, time, value });
        let waited = || time.duration_since(buffer.oldest).is_some_and(|wait| wait >= self.settings.flush_every);
        if buffer.rows.len() >= self.settings.rows_per_segment || waited() {
            self.seal(&mut buffer);
        }
    }

    fn seal(&self, buffer: &mut Buffer) {
        while buffer.under_way.len() >= UNDER_WAY {
            // Sealed, or the driver has gone and the send below says so.
            buffer.under_way.pop_front().and_then(|done| done.recv().ok());
        }
        let (done, sealed) = mpsc::sync_channel(1);
        let rows = buffer.take();
        match self.driver.send(Message::Seal { rows, done }) {
            Ok(()) => buffer.under_way.push_back(sealed),
            Err(_) => buffer.closed = true,
        }
    }

    /// Makes what was logged so far and `bytes` durable, in this order.
    pub(crate) fn checkpoint(&self, step: u64, bytes: Bytes) -> Result<(), Error> {
        let (done, durable) = mpsc::sync_channel(1);
        {
            let mut buffer = self.lock();
            if let Some(last) = buffer.last_checkpoint.filter(|last| step <= *last) {
                return Err(Error::CheckpointOrder { step, last });
            }
            let rows = buffer.take();
            self.driver.send(Message::Checkpoint { rows, step, bytes, done }).map_err(|_| Error::Abandoned)?;
            buffer.last_checkpoint = Some(step);
        }
        durable.recv().map_err(|_| Error::Abandoned)
    }

    pub(crate) fn output(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<Digest, Error> {
        check_label("output", name)?;
        check_label("media type", media_type)?;
        let (done, durable) = mpsc::sync_channel(1);
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        self.driver.send(Message::Output { name, media_type, bytes, done }).map_err(|_| Error::Abandoned)?;
        durable.recv().map_err(|_| Error::Abandoned)
    }

    pub(crate) fn resume(&self) -> Result<Option<(u64, Bytes)>, Error> {
        let (done, resumed) = mpsc::sync_channel(1);
        self.driver.send(Message::Resume { done }).map_err(|_| Error::Abandoned)?;
        let resumed = resumed.recv().map_err(|_| Error::Abandoned)?;
        if let Some((step, _)) = &resumed {
            let mut buffer = self.lock();
            buffer.last_checkpoint = buffer.last_checkpoint.max(Some(*step));
        }
        Ok(resumed)
    }

    pub(crate) fn should_stop(&self) -> bool {
        self.stop.is_requested() || self.driver.is_closed()
    }

    /// Sends what is left; points logged later are not recorded.
    pub(crate) fn close(&self, end: End) {
        let mut buffer = self.lock();
        buffer.closed = true;
        // If the driver has gone, nobody wants to know.
        drop(self.driver.send(Message::End { rows: buffer.take(), end }));
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    fn take(&mut self) -> Rows {
        Rows { rows: std::mem::take(&mut self.rows), names: self.names.clone() }
    }
}

/// Checks the name of a metric or an output: anything a person can read.
pub(crate) fn check_label(what: &'static str, name: &str) -> Result<(), Error> {
    if is_clean(name, MAX_LABEL) {
        return Ok(());
    }
    let rule = "must have 1 to 200 bytes, no white space at its ends, and no control or invisible characters";
    Err(Error::Label { what, name: excerpt(name), rule })
}

/// Segments that may be on their way while more points are logged.
const UNDER_WAY: usize = 2;
const MAX_METRICS: usize = 10_000;
const MAX_LABEL: usize = 200;
