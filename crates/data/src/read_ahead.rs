use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use lineal_core::Digest;
use tokio::task::JoinHandle;

use crate::{Error, FileEntry, Version};

/// What a reader that goes through a file from front to back will ask for next, read and verified while it works on what it
/// has. Readers of Parquet fetch and decode in turns: without this, one of both always waits.
///
/// Kept for one file at a time, the last one; at most twice [`FURTHEST`] bytes.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    window: Mutex<Window>,
}

/// Consecutive pieces of a file, and where its reader is.
#[derive(Debug, Default)]
struct Window {
    file: Option<Digest>,
    /// Where the reader stopped.
    position: u64,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    range: Range<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Reading(JoinHandle<Result<Bytes, Error>>),
    Read(Bytes),
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let State::Reading(task) = &self.state {
            task.abort();
        }
    }
}

impl ReadAhead {
    /// Reads ranges of a file that is gone through; `None` if these are not part of going through it, so that nothing is read
    /// that nobody asked for.
    pub(crate) async fn read(
        &self,
        version: &Version,
        entry: &FileEntry,
        ranges: &[Range<u64>],
    ) -> Result<Option<Vec<Bytes>>, Error> {
        let Some(span) = dense_span(ranges, entry.size_bytes) else { return Ok(None) };
        // Another read of the same moment finds an empty one.
        let mut window = std::mem::take(&mut *self.window.lock().unwrap_or_else(PoisonError::into_inner));
        if window.file != Some(entry.digest) {
            window = Window { file: Some(entry.digest), ..Window::default() };
        }
        if !window.leads_to(&span) {
            self.keep(Window { position: span.end, pieces: VecDeque::new(), ..window });
            return Ok(None);
        }
        window.cover(version, entry, &span).await?;
        let found = ranges.iter().map(|range| window.part(range)).collect();
        window.position = span.end;
        window.read_on(version, entry, span.end - span.start);
        self.keep(window);
        Ok(Some(found))
    }

    fn keep(&self, window: Window) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = window;
    }
}

impl Window {
    /// Whether the span follows what was read before; the front of a file follows nothing.
    fn leads_to(&self, span: &Range<u64>) -> bool {
        span.start >= self.position && span.start - self.position <= GAP
    }

    fn end(&self) -> Option<u64> {
        self.pieces.back().map(|piece| piece.range.end)
    }

    /// Reads what is missing of the span; drops what lies before it.
    async fn cover(&mut self, version: &Version, entry: &FileEntry, span: &Range<u64>) -> Result<(), Error> {
        self.pieces.retain(|piece| piece.range.end > span.start);
        for piece in self.pieces.iter_mut().take_while(|piece| piece.range.start < span.end) {
            if !piece.arrive().await {
                // Asked again, so that nobody hears of damage in bytes that nobody asked for.
                self.pieces.clear();
                break;
            }
        }
        let start = self.end().unwrap_or(span.start);
        if start < span.end {
            let bytes = version.read_entry(entry, start..span.end).await?;
            self.pieces.push_back(Piece { range: start..span.end, state: State::Read(bytes) });
        }
        Ok(())
    }

    /// Returns bytes of the span that was covered, without a copy unless they lie in several pieces.
    fn part(&self, range: &Range<u64>) -> Bytes {
        let mut parts = self.pieces.iter().filter_map(|piece| piece.part(range));
        let first = parts.next().unwrap_or_default();
        let Some(second) = parts.next() else { return first };
        let mut joined = BytesMut::with_capacity((range.end - range.start) as usize);
        for part in [first, second].into_iter().chain(parts) {
            joined.extend_from_slice(&part);
        }
        joined.freeze()
    }

    /// Begins to read as far as the next range of the same length would go.
    fn read_on(&mut self, version: &Version, entry: &FileEntry, length: u64) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let start = self.end().unwrap_or(self.position).max(self.position);
        let end = self.position.saturating_add(length.min(FURTHEST)).min(entry.size_bytes);
        if start < end {
            let (version, entry) = (version.clone(), entry.clone());
            let task = runtime.spawn(async move { version.read_entry(&entry, start..end).await });
            self.pieces.push_back(Piece { range: start..end, state: State::Reading(task) });
        }
    }
}

impl Piece {
    /// Waits until it is read; false if that failed.
    async fn arrive(&mut self) -> bool {
        if let State::Reading(task) = &mut self.state {
            match task.await {
                Ok(Ok(bytes)) => self.state = State::Read(bytes),
                _ => return false,
            }
        }
        true
    }

    /// Returns those bytes of `range` that lie in it.
    fn part(&self, range: &Range<u64>) -> Option<Bytes> {
        let State::Read(bytes) = &self.state else { return None };
        let (from, to) = (range.start.max(self.range.start), range.end.min(self.range.end));
        let place = (from < to).then(|| (from - self.range.start) as usize..(to - self.range.start) as usize)?;
        (place.end <= bytes.len()).then(|| bytes.slice(place))
    }
}

/// Returns what the ranges cover, if they are worth it and leave little out.
fn dense_span(ranges: &[Range<u64>], size: u64) -> Option<Range<u64>> {
    let start = ranges.iter().map(|range| range.start).min()?;
    let end = ranges.iter().map(|range| range.end).max()?;
    let asked = ranges.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, u64::saturating_add);
    let sound = end <= size && ranges.iter().all(|range| range.start < range.end);
    (sound && asked >= WORTH_IT && asked >= (end - start) / 4 * 3).then_some(start..end)
}

/// Less than that is not read ahead for.
const WORTH_IT: u64 = 256 * 1024;
/// What a reader may leave out and still goes through a file.
const GAP: u64 = 1024 * 1024;
/// Bytes read ahead.
const FURTHEST: u64 = 16 * 1024 * 1024;
