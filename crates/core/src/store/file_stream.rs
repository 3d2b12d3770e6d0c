use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};

/// Streams a local file in pieces of 8 MiB, read on the blocking pool: what [`Batch::put_stream`](crate::Batch::put_stream) takes.
///
/// ```no_run
/// # async fn put(batch: &dyn lineal_core::Batch) -> Result<(), lineal_core::Error> {
/// let digest = batch.put_stream(lineal_core::file_stream("weights.bin".as_ref()), Default::default()).await?;
/// # Ok(()) }
/// ```
#[must_use]
pub fn file_stream(path: &Path) -> BoxStream<'static, io::Result<Bytes>> {
    enum Source {
        Closed(PathBuf),
        Open(File),
    }
    let start = Source::Closed(path.to_owned());
    let next = |source| async move {
        // Allocated here and not on the blocking pool, whose many threads would each keep memory of their own for it.
        let mut piece = Vec::with_capacity(PIECE);
        let read = move || {
            let mut file = match source {
                Source::Closed(path) => File::open(path)?,
                Source::Open(file) => file,
            };
            (&mut file).take(PIECE as u64).read_to_end(&mut piece)?;
            Ok(if piece.is_empty() { None } else { Some((Bytes::from(piece), Source::Open(file))) })
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    };
    stream::try_unfold(start, next).boxed()
}

const PIECE: usize = 8 * 1024 * 1024;
