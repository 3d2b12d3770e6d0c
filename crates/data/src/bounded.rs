use bytes::Bytes;
use lineal_core::{BlobStore, Digest};

use crate::{Error, FormatFlaw};

/// Reads blobs together, each of which is stated to have at most so many bytes: who stated it may be wrong, and what is larger
/// need not fit in memory.
pub(crate) async fn read_bounded(
    blobs: &dyn BlobStore,
    what: &'static str,
    stated: &[(Digest, u64)],
) -> Result<Vec<Bytes>, Error> {
    let digests: Vec<Digest> = stated.iter().map(|(digest, _)| *digest).collect();
    for ((digest, most), info) in stated.iter().zip(blobs.stat(&digests).await?) {
        if let Some(info) = info.filter(|info| info.size_bytes > *most) {
            let source = Box::new(FormatFlaw::Size(info.size_bytes));
            return Err(Error::Format { what, digest: *digest, source });
        }
    }
    Ok(blobs.read_many(&digests).await?)
}

/// Reads one such blob.
pub(crate) async fn read_one_bounded(
    blobs: &dyn BlobStore,
    what: &'static str,
    digest: Digest,
    most: u64,
) -> Result<Bytes, Error> {
    let read = read_bounded(blobs, what, &[(digest, most)]).await?;
    read.into_iter().next().ok_or_else(|| lineal_core::Error::BlobMissing { digest }.into())
}

#[cfg(test)]
mod tests {
    use lineal_core::{BlobStoreExt, ErrorKind, LooseBlobs, Store};

    use super::*;

    #[tokio::test]
    async fn what_is_larger_than_stated_is_not_read() {
        let blobs = LooseBlobs::open(&Store::open("memory:///").unwrap(), "blobs").await.unwrap();
        let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![7; 1000]));
        for bytes in [&small, &large] {
            blobs.put_one(bytes.clone()).await.unwrap();
        }
        let [small_digest, large_digest] = [&small, &large].map(|bytes| Digest::of(bytes));
        let stated = [(large_digest, 1000), (small_digest, 100)];
        assert_eq!(read_bounded(&blobs, "file", &stated).await.unwrap(), [large, small]);
        let lie = [(small_digest, 5), (large_digest, 999)];
        let error = read_bounded(&blobs, "file", &lie).await.unwrap_err();
        assert!(matches!(&error, Error::Format { digest, .. } if *digest == large_digest));
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let absent = read_one_bounded(&blobs, "file", Digest::of(b""), 10).await.unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
    }
}
