use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};

use super::buffers::Buffers;

/// Streams a local file in pieces of 8 MiB, read on the blocking pool: what [`Batch::put_stream`](crate::Batch::put_stream) takes.
///
/// ```no_run
/// # async fn put(batch: &dyn lineal_core::Batch) -> Result<(), lineal_core::Error> {
/// let digest = batch.put_stream(lineal_core::file_stream("weights.bin".as_ref()), Default::default()).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn file_stream(path: &Path) -> BoxStream<'static, io::Result<Bytes>> {
    let next = |source: Source| async move {
        tokio::task::spawn_blocking(move || source.open()?.next()).await.map_err(io::Error::other)?
    };
    stream::try_unfold(Source::Closed(path.to_owned()), next).boxed()
}

enum Source {
    Closed(PathBuf),
    Open(Reading),
}

struct Reading {
    file: File,
    at: u64,
    buffers: Arc<Buffers>,
}

impl Source {
    fn open(self) -> io::Result<Reading> {
        match self {
            Self::Closed(path) => {
                Ok(Reading { file: File::open(path)?, at: 0, buffers: Arc::new(Buffers::keeping(KEPT)) })
            }
            Self::Open(reading) => Ok(reading),
        }
    }
}

impl Reading {
    fn next(mut self) -> io::Result<Option<(Bytes, Source)>> {
        let left = self.file.metadata()?.len().saturating_sub(self.at);
        let piece = if Buffers::serve(left.min(PIECE)) {
            Arc::clone(&self.buffers).read(&self.file, self.at..self.at + PIECE)?
        } else {
            let mut piece = Vec::with_capacity(left.min(PIECE) as usize + 1);
            (&mut self.file).take(PIECE).read_to_end(&mut piece)?;
            piece.into()
        };
        self.at += piece.len() as u64;
        Ok(if piece.is_empty() { None } else { Some((piece, Source::Open(self))) })
    }
}

const PIECE: u64 = 8 * 1024 * 1024;
/// Free bytes kept until the stream ends: pieces come back a pack at a time, and the next pack takes them again.
const KEPT: usize = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn pieces_are_the_file_whatever_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let piece = PIECE as usize;
        for size in [0, 1, 256 * 1024 - 1, 256 * 1024, piece - 1, piece, piece + 1, 2 * piece + 300_000] {
            let bytes: Vec<u8> = (0..size).map(|at| (at / 3 % 251) as u8).collect();
            std::fs::write(&path, &bytes).unwrap();
            let pieces: Vec<Bytes> = file_stream(&path).try_collect().await.unwrap();
            assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= PIECE as usize));
            assert!(pieces.concat() == bytes, "{size} bytes");
        }
        assert!(file_stream(&dir.path().join("none")).try_next().await.is_err());
    }
}
