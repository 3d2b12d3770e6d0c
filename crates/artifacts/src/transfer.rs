use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, BlobStore, Digest, Error, Links, Progress, ProgressEvent, PutHints, Receipt};

/// What a transfer did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Transferred {
    /// Covers everything that was reached: hand it to the transaction that names the roots in the target's journals.
    pub receipt: Receipt,
    /// Blobs sent.
    pub sent: u64,
    /// Bytes of the blobs sent.
    pub sent_bytes: u64,
    /// Blobs that the target had already.
    pub kept: u64,
}

/// Copies blobs and everything that they name from one store to another, whatever engines keep them.
///
/// Only what the target lacks is read in full, besides blobs that may name others; of a large blob the target stores only
/// the chunks that it lacks. Each blob is verified as it is read, and stored under the digest of what arrived. A transfer
/// that was interrupted is repeated: what arrived is kept. Small blobs travel in groups of 4 MiB, large ones one by one; the next
/// group is read while one is stored.
///
/// ```
/// use std::sync::Arc;
/// use lineal_artifacts::{PackBlobs, transfer};
/// use lineal_core::{BlobStoreExt, Links, LooseBlobs, NoLinks, NoProgress, Store};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), lineal_core::Error> {
/// let from = LooseBlobs::open(&Store::open("memory:///")?, "blobs").await?;
/// let to = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?;
/// let root = from.put_one("to be copied".into()).await?.digests()[0];
/// let links: Vec<Arc<dyn Links>> = vec![Arc::new(NoLinks::new("text/plain"))];
/// let done = transfer(&from, &to, &[(root, "text/plain".to_owned())], &links, &NoProgress).await?;
/// assert_eq!((done.sent, done.kept), (1, 0));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Collection`] if a media type has no [`Links`]; those of reading and writing. Nothing is promised then.
pub async fn transfer(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    roots: &[(Digest, String)],
    links: &[Arc<dyn Links>],
    progress: &dyn Progress,
) -> Result<Transferred, Error> {
    let blobs = reach(from, roots, links).await?;
    let task = "transfer";
    progress.report(ProgressEvent::Started { task, total: Some(blobs.len() as u64), unit: "blobs" });
    let outcome = send(from, to, &blobs, progress, task).await;
    progress.report(ProgressEvent::Finished { task });
    outcome
}

/// Returns everything that the roots name, in the order in which it was found.
async fn reach(
    from: &dyn BlobStore,
    roots: &[(Digest, String)],
    links: &[Arc<dyn Links>],
) -> Result<Vec<(Digest, String)>, Error> {
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    let mut open: Vec<(Digest, String)> = roots.iter().rev().cloned().collect();
    while let Some((digest, media_type)) = open.pop() {
        let known = links.iter().find(|links| links.media_type() == media_type);
        let known =
            known.ok_or_else(|| Error::Collection { reason: format!("no links for media type {media_type}") })?;
        if !seen.insert(digest) {
            continue;
        }
        if !known.is_leaf() {
            open.extend(known.children(&from.read(&digest, None).await?)?.into_iter().rev());
        }
        order.push((digest, media_type));
    }
    Ok(order)
}

async fn send(
    from: &dyn BlobStore,
    to: &dyn BlobStore,
    blobs: &[(Digest, String)],
    progress: &dyn Progress,
    task: &str,
) -> Result<Transferred, Error> {
    let batch = to.begin().await?;
    let digests: Vec<Digest> = blobs.iter().map(|(digest, _)| *digest).collect();
    let kept = batch.keep(&digests).await?;
    let missing: Vec<&(Digest, String)> =
        blobs.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(blob, _)| blob).collect();
    let digests: Vec<Digest> = missing.iter().map(|(digest, _)| *digest).collect();
    let kept = (blobs.len() - missing.len()) as u64;
    progress.report(ProgressEvent::Advanced { task, by: kept });
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for ((digest, media_type), info) in missing.iter().zip(from.stat(&digests).await?) {
        let size_bytes = info.ok_or(Error::BlobMissing { digest: *digest })?.size_bytes;
        // Small ones are not cut, so their type does not matter.
        if size_bytes <= SMALL { small.push((*digest, size_bytes)) } else { large.push((*digest, media_type)) }
    }
    let mut sent_bytes = 0;
    let read = |group: Vec<Digest>| async move { Ok::<_, Error>((from.read_many(&group).await?, group)) };
    let mut groups = stream::iter(groups(small)).map(read).buffered(2);
    while let Some((contents, group)) = groups.try_next().await? {
        for (bytes, digest) in contents.into_iter().zip(group) {
            sent_bytes += bytes.len() as u64;
            check(digest, batch.put(bytes, PutHints::default()).await?)?;
            progress.report(ProgressEvent::Advanced { task, by: 1 });
        }
    }
    drop(groups);
    for (digest, media_type) in large {
        let hints = PutHints::default().with_media_type(media_type.as_str());
        sent_bytes += send_large(from, batch.as_ref(), digest, hints).await?;
        progress.report(ProgressEvent::Advanced { task, by: 1 });
    }
    Ok(Transferred { receipt: batch.commit().await?, sent: missing.len() as u64, sent_bytes, kept })
}

pub(crate) async fn send_large(
    from: &dyn BlobStore,
    batch: &dyn Batch,
    digest: Digest,
    hints: PutHints,
) -> Result<u64, Error> {
    let size = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&size);
    let bytes = from.stream(&digest).await?.inspect_ok(move |piece| {
        counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
    });
    check(digest, batch.put_stream(bytes.map_err(io::Error::other).boxed(), hints).await?)?;
    Ok(size.load(Ordering::Relaxed))
}

/// A store that verifies what it hands out cannot give other bytes; one that does not is caught here.
fn check(expected: Digest, actual: Digest) -> Result<(), Error> {
    if actual == expected { Ok(()) } else { Err(Error::BlobCorrupt { expected, actual }) }
}

/// Divides small blobs into groups that are read together.
fn groups(blobs: Vec<(Digest, u64)>) -> Vec<Vec<Digest>> {
    let (mut out, mut open, mut bytes) = (Vec::new(), Vec::new(), 0);
    for (digest, size_bytes) in blobs {
        if bytes + size_bytes > GROUP && !open.is_empty() {
            out.push(std::mem::take(&mut open));
            bytes = 0;
        }
        open.push(digest);
        bytes += size_bytes;
    }
    out.extend((!open.is_empty()).then_some(open));
    out
}

/// Blobs up to this size travel in groups.
const SMALL: u64 = 256 * 1024;
/// Bytes of a group.
const GROUP: u64 = 4 * 1024 * 1024;
