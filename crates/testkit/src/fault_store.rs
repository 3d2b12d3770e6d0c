use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
};

use crate::kinds::{Fault, Op};
use crate::request::Request;
use crate::store::{FaultStore, Shared, injected};
use crate::upload::FaultUpload;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ObjectStore for FaultStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let request = Request::Put { location: location.clone(), payload, options: opts };
        let empty = PutResult { e_tag: None, version: None, extensions: Default::default() };
        Ok(self.shared.write(request).await?.unwrap_or(empty))
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.shared.inner.put_multipart_opts(location, opts);
        let inner = self.shared.read(Op::Multipart, location, begun).await?;
        Ok(Box::new(FaultUpload::new(Arc::clone(&self.shared), location.clone(), inner)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if options.head {
            let head = self.shared.inner.get_opts(location, options);
            return self.shared.read(Op::Head, location, head).await;
        }
        let get = self.shared.inner.get_opts(location, options);
        let result = self.shared.read(Op::Get, location, get).await?;
        match self.shared.draw_cut() {
            Some(fault) => self.shared.cut(result, fault).await,
            None => Ok(result),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let get = self.shared.inner.get_ranges(location, ranges);
        let mut parts = self.shared.read(Op::Ranges, location, get).await?;
        let Some(fault) = self.shared.draw_cut() else {
            return Ok(parts);
        };
        if let Some(part) = parts.iter_mut().find(|part| !part.is_empty()) {
            self.shared.log().count(fault);
            if fault == Fault::BrokenBody {
                return Err(injected(fault));
            }
            self.shared.shorten(part);
        }
        Ok(parts)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let shared = Arc::clone(&self.shared);
        let delete = move |location: Path| {
            let shared = Arc::clone(&shared);
            async move {
                let request = Request::Delete { location: location.clone() };
                shared.write(request).await.map(|_| location)
            }
        };
        locations.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (shared, prefix) = (Arc::clone(&self.shared), prefix.cloned());
        stream::once(async move {
            let found = shared.inner.list(prefix.as_ref()).try_collect();
            shared.listed(prefix.as_ref(), found).await
        })
        .flatten()
        .boxed()
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (shared, prefix, offset) = (Arc::clone(&self.shared), prefix.cloned(), offset.clone());
        stream::once(async move {
            let found = shared.inner.list_with_offset(prefix.as_ref(), &offset).try_collect();
            shared.listed(prefix.as_ref(), found).await
        })
        .flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        let found = self.shared.inner.list_with_delimiter(prefix);
        let mut found = self.shared.read(Op::List, prefix.unwrap_or(&root), found).await?;
        self.shared.shuffle(&mut found.objects);
        self.shared.shuffle(&mut found.common_prefixes);
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let request = Request::Copy { from: from.clone(), to: to.clone(), options };
        self.shared.write(request).await.map(drop)
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let request = Request::Rename { from: from.clone(), to: to.clone(), options };
        self.shared.write(request).await.map(drop)
    }
}

impl Shared {
    fn draw_cut(&self) -> Option<Fault> {
        self.draw(|faults, dice| {
            let short = dice.chance(faults.short_body).then_some(Fault::ShortBody);
            short.or_else(|| dice.chance(faults.broken_body).then_some(Fault::BrokenBody))
        })
    }

    /// Ends the body too early: with an error, or without a word.
    async fn cut(&self, result: GetResult, fault: Fault) -> Result<GetResult> {
        let (meta, range) = (result.meta.clone(), result.range.clone());
        let (attributes, extensions) = (result.attributes.clone(), result.extensions.clone());
        let mut bytes = result.bytes().await?;
        let mut body = Vec::with_capacity(2);
        if !bytes.is_empty() {
            self.log().count(fault);
            self.shorten(&mut bytes);
            body.push(Ok(bytes));
            body.extend((fault == Fault::BrokenBody).then(|| Err(injected(fault))));
        }
        let payload = GetResultPayload::Stream(stream::iter(body).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    /// Takes at least the last byte.
    fn shorten(&self, bytes: &mut Bytes) {
        let kept = self.draw(|_, dice| dice.index(bytes.len()));
        bytes.truncate(kept);
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        let shuffled = self.draw(|faults, dice| {
            let shuffled = dice.chance(faults.shuffled_list);
            if shuffled {
                dice.shuffle(items);
            }
            shuffled
        });
        if shuffled && items.len() > 1 {
            self.log().count(Fault::ShuffledList);
        }
    }

    async fn listed(
        self: &Arc<Self>,
        prefix: Option<&Path>,
        found: impl Future<Output = Result<Vec<ObjectMeta>>> + Send,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let root = Path::default();
        let mut found = match self.read(Op::List, prefix.unwrap_or(&root), found).await {
            Ok(found) => found,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        self.shuffle(&mut found);
        let broken = self.draw(|faults, dice| dice.chance(faults.broken_list).then(|| dice.index(found.len() + 1)));
        let Some(kept) = broken else {
            return stream::iter(found.into_iter().map(Ok)).boxed();
        };
        self.log().count(Fault::BrokenList);
        found.truncate(kept);
        let error = Err(injected(Fault::BrokenList));
        stream::iter(found.into_iter().map(Ok).chain([error])).boxed()
    }
}
