use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    RenameOptions, RenameTargetMode, Result, UploadPart,
};

use crate::disk::{SimDisk, e_tag};
use crate::lock;

impl fmt::Display for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for SimDisk {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let create = match opts.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(unsupported("put with PutMode::Update")),
        };
        self.write(location, payload.into(), opts.attributes, create).map(put_result)
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let (disk, location) = (self.clone(), location.clone());
        Ok(Box::new(DiskUpload { disk, location, attributes: opts.attributes, parts: Arc::default() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let object = self.object(location)?;
        let meta = object.meta(location);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => bounds(range, meta.size)?,
            None => 0..meta.size,
        };
        let bytes = object.bytes.slice(range.start as usize..range.end as usize);
        let payload = GetResultPayload::Stream(stream::once(async move { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes: object.attributes, extensions: Default::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes = self.object(location)?.bytes;
        let slice = |range: &Range<u64>| {
            let range = bounds(&GetRange::Bounded(range.clone()), bytes.len() as u64)?;
            Ok(bytes.slice(range.start as usize..range.end as usize))
        };
        ranges.iter().map(slice).collect()
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let disk = self.clone();
        let delete = move |location: Result<Path>| location.inspect(|path| disk.delete_object(path));
        locations.map(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter(self.below(prefix).into_iter().map(Ok)).boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut found = self.below(prefix);
        found.retain(|meta| meta.location > *offset);
        stream::iter(found.into_iter().map(Ok)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        let base = prefix.unwrap_or(&root);
        let (mut objects, mut directories) = (Vec::new(), BTreeSet::new());
        for meta in self.below(prefix) {
            let mut rest: Vec<_> = meta.location.prefix_match(base).into_iter().flatten().take(2).collect();
            match (rest.pop(), rest.pop()) {
                (Some(_), Some(first)) => drop(directories.insert(base.clone().join(first))),
                _ => objects.push(meta),
            }
        }
        let common_prefixes = directories.into_iter().collect();
        Ok(ListResult { common_prefixes, objects, extensions: Default::default() })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.duplicate(from, to, options.mode == CopyMode::Create, false)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.duplicate(from, to, options.target_mode == RenameTargetMode::Create, true)
    }
}

#[derive(Debug)]
struct DiskUpload {
    disk: SimDisk,
    location: Path,
    attributes: Attributes,
    parts: Arc<Mutex<Vec<Option<PutPayload>>>>,
}

#[async_trait]
impl MultipartUpload for DiskUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let parts = Arc::clone(&self.parts);
        let index = {
            let mut parts = lock(&parts);
            parts.push(None);
            parts.len() - 1
        };
        Box::pin(async move {
            if let Some(part) = lock(&parts).get_mut(index) {
                *part = Some(data);
            }
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts: Option<Vec<PutPayload>> = lock(&self.parts).iter().cloned().collect();
        let Some(parts) = parts else {
            return Err(Error::Generic { store: "SimDisk", source: "a part was never sent".into() });
        };
        let payload: PutPayload = parts.iter().flatten().cloned().collect();
        self.disk.write(&self.location, payload.into(), self.attributes.clone(), false).map(put_result)
    }

    async fn abort(&mut self) -> Result<()> {
        lock(&self.parts).clear();
        Ok(())
    }
}

fn bounds(range: &GetRange, size: u64) -> Result<Range<u64>> {
    range.as_range(size).map_err(|source| Error::Generic { store: "SimDisk", source: source.into() })
}

fn put_result(write: u64) -> PutResult {
    PutResult { e_tag: Some(e_tag(write)), version: None, extensions: Default::default() }
}

fn unsupported(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.into(), implementer: "SimDisk".into() }
}
