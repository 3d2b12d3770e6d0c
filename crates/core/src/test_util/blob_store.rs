use std::{io, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::join_all, stream};

use crate::{BlobStore, BlobStoreExt, Digest, Enrolment, Error, Name, PutHints};

/// Holds `blobs` to the contract of [`BlobStore`]; leaves some blobs behind.
///
/// # Panics
/// If something does not hold, with what it is.
pub async fn blob_store_suite(blobs: Arc<dyn BlobStore>) {
    same_bytes_have_one_name(&blobs).await;
    sizes_read_back_whole_and_in_ranges(&blobs).await;
    streams_are_stored_and_given_back(&blobs).await;
    many_are_put_at_once(&blobs).await;
    puts_of_one_batch_run_side_by_side(&blobs).await;
    a_dropped_batch_and_a_failed_stream_harm_nobody(&blobs).await;
    what_is_not_there_is_said_to_be_missing(&blobs).await;
    hints_change_nothing(&blobs).await;
    what_is_stored_can_be_kept_without_its_bytes(&blobs).await;
    enrolment_is_idempotent(&blobs).await;
}

async fn same_bytes_have_one_name(blobs: &Arc<dyn BlobStore>) {
    let bytes = Bytes::from_static(b"the same bytes");
    let first = blobs.put_one(bytes.clone()).await.expect("a put works");
    let again = blobs.put_one(bytes.clone()).await.expect("a second put works");
    assert_eq!(first.digests(), [Digest::of(&bytes)], "a blob's name is the SHA-256 of its bytes");
    assert_eq!(first.digests(), again.digests());
    assert_eq!(first.store(), blobs.id());
}

async fn sizes_read_back_whole_and_in_ranges(blobs: &Arc<dyn BlobStore>) {
    let batch = blobs.begin().await.expect("a batch begins");
    let contents: Vec<Bytes> = SIZES.iter().map(|size| pattern(*size)).collect();
    for content in &contents {
        let digest = batch.put(content.clone(), PutHints::default()).await.expect("a put works");
        assert_eq!(digest, Digest::of(content));
    }
    let receipt = batch.commit().await.expect("the batch commits");
    let digests: Vec<Digest> = contents.iter().map(|content| Digest::of(content)).collect();
    for digest in &digests {
        assert!(receipt.digests().contains(digest), "the receipt names every blob of the batch");
    }
    let infos = blobs.stat(&digests).await.expect("stat works");
    let sizes: Vec<u64> = infos.iter().map(|info| info.expect("the blob is there").size_bytes).collect();
    assert_eq!(sizes, SIZES.map(|size| size as u64), "stat answers in order");
    assert_eq!(blobs.read_many(&digests).await.expect("many are read at once"), contents, "in order");
    for (digest, content) in digests.iter().zip(&contents) {
        assert_eq!(&blobs.read_all(digest).await.expect("a read works"), content);
        let size = content.len() as u64;
        for (start, end) in [(0, size), (0, size.min(1)), (size / 3, size / 2), (size, size)] {
            let range = blobs.read(digest, Some(start..end)).await.expect("a range within the blob works");
            assert_eq!(range, content.slice(start as usize..end as usize), "range {start}..{end} of {size}");
        }
        for (start, end) in [(0, size + 1), (size + 1, size + 2), (u64::MAX - 1, u64::MAX)] {
            let answer = blobs.read(digest, Some(start..end)).await;
            assert!(matches!(answer, Err(Error::BadRange { .. })), "range {start}..{end} of {size}: {answer:?}");
        }
    }
}

async fn streams_are_stored_and_given_back(blobs: &Arc<dyn BlobStore>) {
    let content = pattern(9 * 1024 * 1024 + 77);
    let pieces: Vec<io::Result<Bytes>> =
        (0..content.len()).step_by(100_003).map(|at| Ok(content.slice(at..content.len().min(at + 100_003)))).collect();
    let batch = blobs.begin().await.expect("a batch begins");
    let digest = batch.put_stream(stream::iter(pieces).boxed(), PutHints::default()).await.expect("a stream is stored");
    let empty = batch.put_stream(stream::empty().boxed(), PutHints::default()).await.expect("an empty one, too");
    batch.commit().await.expect("the batch commits");
    assert_eq!(digest, Digest::of(&content));
    assert_eq!(empty, Digest::of(b""));
    for (digest, content) in [(digest, content), (empty, Bytes::new())] {
        let pieces: Vec<Bytes> =
            blobs.stream(&digest).await.expect("a stream opens").try_collect().await.expect("and verifies");
        assert_eq!(Bytes::from(pieces.concat()), content);
        let pieces: Vec<Bytes> =
            blobs.stream_to_end(&digest).await.expect("a stream opens").try_collect().await.expect("and ends well");
        assert_eq!(Bytes::from(pieces.concat()), content);
    }
}

async fn many_are_put_at_once(blobs: &Arc<dyn BlobStore>) {
    let batch = blobs.begin().await.expect("a batch begins");
    let before = batch.put(pattern(5_000), PutHints::default()).await.expect("a put works");
    // Enough bytes to be worth the CPU pool, and some of them twice.
    let small = |number: usize| Bytes::from(format!("{number} of many").repeat(number % 90 + 1));
    let mut contents: Vec<Bytes> = (0..1_000).map(|at| small(at % 700)).collect();
    contents.extend([Bytes::new(), pattern(5_000), pattern(300_000), pattern(20), pattern(2 << 20), Bytes::new()]);
    let many = contents.iter().map(|content| (content.clone(), PutHints::default())).collect();
    let digests = batch.put_many(many).await.expect("many are stored");
    assert_eq!(digests, contents.iter().map(|content| Digest::of(content)).collect::<Vec<_>>(), "in order");
    assert!(batch.put_many(Vec::new()).await.expect("none, too").is_empty());
    let receipt = batch.commit().await.expect("the batch commits");
    assert!(receipt.digests().contains(&before));
    assert_eq!(receipt.digests().len(), 700 + 5, "equal blobs are one");
    assert!(digests.iter().all(|digest| receipt.digests().contains(digest)));
    assert_eq!(blobs.read_many(&digests).await.expect("many are read at once"), contents);
}

async fn puts_of_one_batch_run_side_by_side(blobs: &Arc<dyn BlobStore>) {
    let batch = blobs.begin().await.expect("a batch begins");
    let contents: Vec<Bytes> = (0..40_usize).map(|at| Bytes::from(format!("side by side {}", at % 30))).collect();
    let puts = contents.iter().map(|content| batch.put(content.clone(), PutHints::default()));
    for (answer, content) in join_all(puts).await.into_iter().zip(&contents) {
        assert_eq!(answer.expect("a put works"), Digest::of(content));
    }
    let receipt = batch.commit().await.expect("the batch commits");
    assert_eq!(receipt.digests().len(), 30, "equal blobs are one");
    assert!(receipt.digests().is_sorted());
}

async fn a_dropped_batch_and_a_failed_stream_harm_nobody(blobs: &Arc<dyn BlobStore>) {
    let batch = blobs.begin().await.expect("a batch begins");
    batch.put(Bytes::from_static(b"dropped"), PutHints::default()).await.expect("a put works");
    drop(batch);
    let batch = blobs.begin().await.expect("a batch begins");
    let torn = stream::iter([Ok(pattern(10)), Err(io::Error::other("the disk went away"))]).boxed();
    let answer = batch.put_stream(torn, PutHints::default()).await;
    assert!(matches!(answer, Err(Error::Input { .. })), "{answer:?}");
    let long = stream::iter([Ok(pattern(9 << 20)), Err(io::Error::other("later"))]).boxed();
    let answer = batch.put_stream(long, PutHints::default()).await;
    assert!(matches!(answer, Err(Error::Input { .. })), "{answer:?}");
    for before in [10, 9 << 20] {
        let own = Error::BlobMissing { digest: Digest::of(b"elsewhere") };
        let from_a_store = stream::iter([Ok(pattern(before)), Err(io::Error::other(own))]).boxed();
        let answer = batch.put_stream(from_a_store, PutHints::default()).await;
        assert!(matches!(answer, Err(Error::BlobMissing { .. })), "{answer:?}");
    }
    let receipt = batch.commit().await.expect("the rest of the batch commits");
    assert!(receipt.digests().is_empty(), "what failed is not in the receipt");
}

async fn what_is_not_there_is_said_to_be_missing(blobs: &Arc<dyn BlobStore>) {
    let absent = Digest::of(b"nobody ever put this");
    assert_eq!(blobs.stat(&[absent]).await.expect("stat works"), [None]);
    assert!(!blobs.contains(&absent).await.expect("a look-up works"));
    assert!(matches!(blobs.read_all(&absent).await, Err(Error::BlobMissing { .. })));
    assert!(matches!(blobs.stream(&absent).await.map(drop), Err(Error::BlobMissing { .. })));
    assert!(matches!(blobs.stream_to_end(&absent).await.map(drop), Err(Error::BlobMissing { .. })));
    assert!(blobs.stat(&[]).await.expect("stat of nothing works").is_empty());
    assert!(blobs.read_many(&[]).await.expect("so does reading nothing").is_empty());
    assert!(matches!(blobs.read_many(&[absent]).await, Err(Error::BlobMissing { .. })));
}

async fn hints_change_nothing(blobs: &Arc<dyn BlobStore>) {
    let content = pattern(300_000);
    let hints = PutHints::default().with_size(300_000).with_cut_points(vec![1, 100_000]).with_media_type("text/plain");
    let wrong = PutHints::default().with_size(5).with_cut_points(vec![900_000, 3, 3, 0]);
    let batch = blobs.begin().await.expect("a batch begins");
    let plain = batch.put(content.clone(), PutHints::default()).await.expect("a put works");
    assert_eq!(batch.put(content.clone(), hints).await.expect("with hints, too"), plain);
    assert_eq!(batch.put(content.clone(), wrong).await.expect("even with wrong ones"), plain);
    batch.commit().await.expect("the batch commits");
    assert_eq!(blobs.read_all(&plain).await.expect("a read works"), content);
}

async fn what_is_stored_can_be_kept_without_its_bytes(blobs: &Arc<dyn BlobStore>) {
    let (small, large) = (Bytes::from_static(b"kept"), pattern(2_000_000));
    for content in [&small, &large] {
        blobs.put_one(content.clone()).await.expect("a put works");
    }
    let (stored, absent) = ([Digest::of(&small), Digest::of(&large)], Digest::of(b"nobody ever put this"));
    let batch = blobs.begin().await.expect("a batch begins");
    let kept = batch.keep(&[stored[0], absent, stored[1]]).await.expect("keeping works");
    assert_eq!(kept, [true, false, true]);
    let receipt = batch.commit().await.expect("the batch commits");
    assert!(stored.iter().all(|digest| receipt.digests().contains(digest)), "what was kept is in the receipt");
    assert!(!receipt.digests().contains(&absent));
    assert!(!receipt.holds().is_empty());
}

async fn enrolment_is_idempotent(blobs: &Arc<dyn BlobStore>) {
    let kind = Name::new("suite.journal").expect("a valid name");
    let enrolment = Enrolment { kind, prefix: "suite/journal".to_owned() };
    let first = blobs.enrol(&enrolment).await.expect("a journal is enrolled");
    assert_eq!(blobs.enrol(&enrolment).await.expect("and again"), first);
    let nothing = blobs.condemned(first, first, &[Digest::of(b"the same bytes")]).await.expect("condemned answers");
    assert!(nothing.is_empty(), "no epoch lies between an epoch and itself");
}

/// Bytes that do not repeat early and do not compress to nothing.
fn pattern(size: usize) -> Bytes {
    let mut state = size as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..size).map(|_| next()).collect()
}

const SIZES: [usize; 6] = [0, 1, 4_096, 65_537, 300_000, 1_500_000];
