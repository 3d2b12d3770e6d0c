use std::mem;

use bytes::Bytes;
use lineal_core::object_store::{self, MultipartUpload, PutPayload, path::Path};
use lineal_core::{Error, Store, on_cpu};

use super::super::{PackInfo, PackName, SegmentId, SegmentInfo, blobs::Inner};
use super::{
    encode::Encoder,
    row::{BlobEntry, Entry},
};

/// A segment that is written while its rows come: in memory are the block that is open, a part of the upload, and what becomes
/// its directory.
pub(super) struct SegmentWriter<'a> {
    name: SegmentId,
    encoder: Option<Encoder>,
    upload: Upload<'a>,
}

/// Rows that are encoded together.
enum Rows {
    Records(Vec<Entry>),
    Blobs(Vec<BlobEntry>),
}

impl<'a> SegmentWriter<'a> {
    /// Begins a segment under a new name that covers `packs`, in the order of their names, with at most `rows` rows.
    pub(super) fn new(inner: &'a Inner, packs: Vec<(PackName, PackInfo)>, rows: u64) -> Result<Self, Error> {
        let name = SegmentId::generate(inner.store.host().ids.as_ref());
        let upload =
            Upload { store: &inner.store, key: inner.segment_key(&name)?, open: Vec::new(), len: 0, parts: None };
        Ok(Self { name, encoder: Some(Encoder::new(name, packs, rows)), upload })
    }

    /// Appends records, all behind those before.
    pub(super) async fn push_records(&mut self, rows: Vec<Entry>) -> Result<(), Error> {
        self.push(Rows::Records(rows)).await
    }

    /// Appends blobs, all behind those before; after the last record.
    pub(super) async fn push_blobs(&mut self, rows: Vec<BlobEntry>) -> Result<(), Error> {
        self.push(Rows::Blobs(rows)).await
    }

    async fn push(&mut self, rows: Rows) -> Result<(), Error> {
        // It is only missing if an earlier push failed, and that was the end of the segment.
        let Some(mut encoder) = self.encoder.take() else { return Err(Error::WorkerPanicked) };
        let few = matches!(&rows, Rows::Records(rows) if rows.len() < OFF_THREAD)
            || matches!(&rows, Rows::Blobs(rows) if rows.len() < OFF_THREAD);
        let encode = move || {
            match rows {
                Rows::Records(rows) => encoder.push_records(&rows),
                Rows::Blobs(rows) => encoder.push_blobs(&rows),
            }
            let bytes = encoder.take();
            (encoder, bytes)
        };
        let (encoder, bytes) = if few { encode() } else { on_cpu(encode).await? };
        self.encoder = Some(encoder);
        self.upload.write(bytes.into()).await
    }

    /// Stores what is left; the segment is whole then, and waits for being recorded.
    pub(super) async fn finish(mut self) -> Result<(SegmentId, SegmentInfo), Error> {
        let Some(encoder) = self.encoder.take() else { return Err(Error::WorkerPanicked) };
        let (tail, info) = on_cpu(move || encoder.finish()).await?;
        self.upload.write(tail.into()).await?;
        self.upload.finish().await?;
        Ok((self.name, info))
    }
}

/// An object that is written as it grows: in one request if it stays small, otherwise in parts.
struct Upload<'a> {
    store: &'a Store,
    key: Path,
    open: Vec<Bytes>,
    len: usize,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload<'_> {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.len += bytes.len();
        self.open.push(bytes);
        if self.len < PART { Ok(()) } else { self.send_part().await }
    }

    async fn send_part(&mut self) -> Result<(), Error> {
        let storage =
            |source, key: &Path| Error::Storage { operation: "write", key: key.to_string(), source: Box::new(source) };
        if self.parts.is_none() {
            let begun = self.store.objects().put_multipart_opts(&self.key, Default::default()).await;
            self.parts = Some(begun.map_err(|error| storage(error, &self.key))?);
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let open: Vec<Bytes> = mem::take(&mut self.open);
        // Buckets want parts of one size, but for the last.
        let mut rest = Vec::new();
        let mut part = Vec::new();
        let mut room = PART.min(self.len);
        for mut piece in open {
            let take = piece.len().min(room);
            part.push(piece.split_to(take));
            room -= take;
            rest.extend((!piece.is_empty()).then_some(piece));
        }
        self.len = rest.iter().map(Bytes::len).sum();
        self.open = rest;
        let sent: object_store::Result<()> = parts.put_part(part.into_iter().collect()).await;
        if let Err(error) = sent {
            // What an aborted upload leaves behind is for the bucket's own rule on unfinished uploads.
            parts.abort().await.ok();
            return Err(storage(error, &self.key));
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Error> {
        if self.parts.is_none() {
            let payload: PutPayload = mem::take(&mut self.open).into_iter().collect();
            return self.store.write(&self.key, payload).await;
        }
        while self.len > 0 {
            self.send_part().await?;
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        match parts.complete().await {
            Ok(_) => Ok(()),
            Err(source) => {
                parts.abort().await.ok();
                Err(Error::Storage { operation: "write", key: self.key.to_string(), source: Box::new(source) })
            }
        }
    }
}

/// Bytes of a part, and the largest segment that is one request.
const PART: usize = 8 * 1024 * 1024;
/// From this many rows on, encoding leaves the async thread.
const OFF_THREAD: usize = 2048;
