use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    future::{BoxFuture, Shared},
};
use lineal_core::object_store::{self, MultipartUpload, ObjectStore, PutPayload, path::Path};

/// A pack that is sent in parts while it is being filled; it appears under its name only once it is complete.
///
/// Nothing is spawned: [`Upload::going`] has to be polled for it to go on. Parts that nobody sent yet wait in memory, where
/// their pack is anyway until it is complete: a whole write must be able to take over.
pub(super) struct Upload {
    part_bytes: usize,
    /// Pieces of the pack taken so far.
    taken: usize,
    part: Vec<Bytes>,
    part_len: usize,
    started: bool,
    parts: UnboundedSender<PutPayload>,
    going: Going,
}

/// Resolves when all parts are sent, to the upload that is then to be completed.
pub(super) type Going = Shared<BoxFuture<'static, Sent>>;
type Sent = Arc<Mutex<Option<object_store::Result<Box<dyn MultipartUpload>>>>>;

impl Upload {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, key: Path, part_bytes: usize) -> Self {
        // A part without bytes would never end.
        let part_bytes = part_bytes.max(1);
        let (parts, waiting) = unbounded();
        let sending = async move { Arc::new(Mutex::new(send(objects, key, waiting).await.transpose())) };
        let going = sending.boxed().shared();
        Self { part_bytes, taken: 0, part: Vec::new(), part_len: 0, started: false, parts, going }
    }

    /// Takes the pieces of the pack that it has not seen yet; every full part goes on its way.
    pub(super) fn take(&mut self, pieces: &[Bytes]) {
        for piece in pieces.iter().skip(self.taken) {
            let mut piece = piece.clone();
            while !piece.is_empty() {
                let some = piece.split_to(piece.len().min(self.part_bytes - self.part_len));
                self.part_len += some.len();
                self.part.push(some);
                if self.part_len == self.part_bytes {
                    self.close_part();
                }
            }
        }
        self.taken = pieces.len().max(self.taken);
    }

    fn close_part(&mut self) {
        self.started = true;
        self.part_len = 0;
        let part = mem::take(&mut self.part).into_iter().collect();
        // Nobody listens any more after a failure; the whole pack is written then.
        self.parts.unbounded_send(part).ok();
    }

    /// Returns what has to be polled for parts to be sent.
    pub(super) fn going(&self) -> Going {
        self.going.clone()
    }

    /// Sends the rest of the pack and completes it; false if no part was sent so far, or something failed, and the pack
    /// has to be written whole.
    pub(super) async fn complete(mut self, pieces: &[Bytes]) -> bool {
        if !self.started {
            return false;
        }
        self.take(pieces);
        if self.part_len > 0 {
            self.close_part();
        }
        self.parts.close_channel();
        let sent = self.going.await;
        let upload = sent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Ok(mut upload)) = upload else { return false };
        let done = upload.complete().await.is_ok();
        if !done {
            // What an aborted upload leaves behind is litter for the bucket's own rules, not an error of its own.
            upload.abort().await.ok();
        }
        done
    }
}

/// Sends parts as they come, until there are no more; `None` if there never was one.
async fn send(
    objects: Arc<dyn ObjectStore>,
    key: Path,
    mut parts: UnboundedReceiver<PutPayload>,
) -> object_store::Result<Option<Box<dyn MultipartUpload>>> {
    let Some(first) = parts.next().await else { return Ok(None) };
    let mut upload = objects.put_multipart_opts(&key, Default::default()).await?;
    let begun = futures::stream::iter([first]).chain(parts).map(|part| Ok(upload.put_part(part)));
    let sent = begun.try_buffer_unordered(PARTS_UNDER_WAY).try_collect::<()>().await;
    match sent {
        Ok(()) => Ok(Some(upload)),
        Err(error) => {
            upload.abort().await.ok();
            Err(error)
        }
    }
}

/// Parts of one pack under way at once.
const PARTS_UNDER_WAY: usize = 4;

#[cfg(test)]
mod tests {
    use lineal_core::object_store::{ObjectStoreExt, memory::InMemory};

    use super::*;

    fn pieces(sizes: &[usize]) -> Vec<Bytes> {
        (0_u8..).zip(sizes).map(|(byte, size)| Bytes::from(vec![byte; *size])).collect()
    }

    #[tokio::test]
    async fn a_pack_arrives_whole_whatever_its_pieces() {
        for sizes in [vec![10, 10, 10], vec![35], vec![1; 33], vec![0, 10, 0], vec![9, 2, 30, 0, 7]] {
            let (objects, key) = (Arc::new(InMemory::new()), Path::from("pack"));
            let mut upload = Upload::new(Arc::<InMemory>::clone(&objects), key.clone(), 10);
            let all = pieces(&sizes);
            for upto in 1..=all.len() {
                upload.take(&all[..upto]);
                drop(upload.going().now_or_never());
            }
            assert!(objects.head(&key).await.is_err(), "it is not there before it is complete");
            assert!(upload.complete(&all).await);
            assert_eq!(objects.get(&key).await.unwrap().bytes().await.unwrap(), all.concat());
        }
    }

    #[tokio::test]
    async fn a_small_pack_is_left_to_a_single_request() {
        let mut upload = Upload::new(Arc::new(InMemory::new()), Path::from("pack"), 10);
        upload.take(&pieces(&[3, 3]));
        assert!(!upload.complete(&pieces(&[3, 3, 9])).await);
    }
}
