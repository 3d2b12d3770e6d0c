use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{Batch, BlobStore, Digest, Error as StoreError, PutHints};

use crate::{
    Error, FileEntry,
    groups::{BLOBS, SMALL, groups},
    links::{PAGE_TABLE_MEDIA_TYPE, PARQUET_MEDIA_TYPE, SCHEMA_MEDIA_TYPE},
    table::PageTable,
};

/// A blob on its way to another store, and how it is cut there: as it was here, so that versions share there what they share here.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) digest: Digest,
    cut: Cut,
}

#[derive(Debug, Clone)]
enum Cut {
    /// As becomes its media type.
    ByType(String),
    /// At the pages of a table, of which this is the page table.
    AtPages(Digest),
    /// Where the sections of a page table begin, which it is itself.
    AtSections,
}

impl Outgoing {
    pub(crate) fn new(digest: Digest, media_type: &str) -> Self {
        Self { digest, cut: Cut::ByType(media_type.to_owned()) }
    }

    /// Returns what a file needs: its bytes, and what is known of it as a table.
    pub(crate) fn of_file(file: &FileEntry) -> impl Iterator<Item = Self> {
        let pages = file.table.and_then(|facts| facts.pages);
        let bytes = file.blob().map(|digest| match pages {
            Some(pages) => Self { digest, cut: Cut::AtPages(pages) },
            None => Self::new(digest, &file.media_type),
        });
        let schema = file.table.map(|facts| Self::new(facts.schema, SCHEMA_MEDIA_TYPE));
        let pages = pages.map(|digest| Self { digest, cut: Cut::AtSections });
        [bytes, schema, pages].into_iter().flatten()
    }

    async fn hints(&self, from: &dyn BlobStore) -> Result<PutHints, Error> {
        let (media_type, points) = match &self.cut {
            Cut::ByType(media_type) => (media_type.as_str(), Vec::new()),
            Cut::AtPages(pages) => (PARQUET_MEDIA_TYPE, PageTable::load(from, *pages).await?.cuts()),
            Cut::AtSections => (PAGE_TABLE_MEDIA_TYPE, PageTable::load(from, self.digest).await?.sections()),
        };
        Ok(PutHints::default().with_media_type(media_type).with_cut_points(points))
    }
}

/// A blob that is there, and what is known of it.
type Known = (Digest, PutHints);

/// A blob, and how many bytes it has.
pub(crate) type Sized = (Outgoing, u64);

/// Looks up how large blobs are.
pub(crate) async fn sized(from: &dyn BlobStore, blobs: Vec<Outgoing>) -> Result<Vec<Sized>, Error> {
    let digests: Vec<Digest> = blobs.iter().map(|blob| blob.digest).collect();
    let known = blobs.into_iter().zip(from.stat(&digests).await?).map(|(blob, info)| match info {
        Some(info) => Ok((blob, info.size_bytes)),
        None => Err(StoreError::BlobMissing { digest: blob.digest }.into()),
    });
    known.collect()
}

/// Sends blobs; small ones are read and written together, so they do not cost a request each.
pub(crate) async fn send(from: &dyn BlobStore, batch: &dyn Batch, blobs: &[Sized]) -> Result<(), Error> {
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for (blob, size_bytes) in blobs {
        let known = (blob.digest, blob.hints(from).await?.with_size(*size_bytes));
        if *size_bytes <= SMALL { small.push(known) } else { large.push(known) }
    }
    let read = async |group: Vec<Known>| {
        let digests: Vec<Digest> = group.iter().map(|(digest, _)| *digest).collect();
        Ok::<_, Error>((from.read_many(&digests).await?, group))
    };
    let groups = groups(small, BLOBS, |(_, hints)| hints.size_bytes.unwrap_or_default());
    let mut groups = stream::iter(groups).map(read).buffered(GROUPS);
    while let Some((contents, group)) = groups.try_next().await? {
        let (expected, hints): (Vec<Digest>, Vec<PutHints>) = group.into_iter().unzip();
        let put = batch.put_many(contents.into_iter().zip(hints).collect()).await?;
        expected.into_iter().zip(put).try_for_each(|(expected, actual)| check(expected, actual))?;
    }
    let send = async |(digest, hints): Known| {
        let bytes = from.stream(&digest).await?.map_err(std::io::Error::other).boxed();
        check(digest, batch.put_stream(bytes, hints).await?)
    };
    stream::iter(large).map(send).buffer_unordered(LARGE).try_collect().await
}

fn check(expected: Digest, actual: Digest) -> Result<(), Error> {
    if expected == actual { Ok(()) } else { Err(StoreError::BlobCorrupt { expected, actual }.into()) }
}

/// Groups read ahead.
const GROUPS: usize = 2;
/// Large blobs on their way at once.
const LARGE: usize = 2;
