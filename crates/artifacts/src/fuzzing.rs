//! Entry points of the fuzzers in `fuzz/`: each feeds hostile bytes to one decoder and checks what must hold of the answer.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a fuzz target fails by panicking")]

use bytes::Bytes;
use lineal_core::{Digest, LooseBlobs, NoProgress, Store};

use crate::{
    Artifacts, Manifest, chunk,
    codec::{self, Codec},
    pack,
};

pub fn pack_tail(bytes: &[u8]) {
    pack::fuzzing::tail(bytes);
}

pub fn pack_trailer(bytes: &[u8]) {
    pack::fuzzing::trailer(bytes);
}

pub fn list(bytes: &[u8]) {
    pack::fuzzing::list(bytes);
}

pub fn segment(bytes: &[u8]) {
    pack::fuzzing::segment(bytes);
}

/// The first byte is the codec, the next three the length that the chunk is said to have.
pub fn codec(bytes: &[u8]) {
    let Some((&[id, low, middle, high], stored)) = bytes.split_first_chunk() else { return };
    let raw_len = u32::from_le_bytes([low, middle, high, 0]) as usize % (chunk::MAX_CHUNK + 1);
    if let Ok(codec) = Codec::from_id(id)
        && let Ok(raw) = codec::Decoder::default().decode(codec, Bytes::copy_from_slice(stored), raw_len)
    {
        assert_eq!(raw.len(), raw_len);
    }
}

pub fn cut_points(bytes: &[u8]) {
    let (head, rest) = bytes.as_chunks::<8>();
    let points: Vec<u64> = head.iter().map(|point| u64::from_le_bytes(*point) >> 40).collect();
    let length = rest.iter().fold(1 << 20, |sum, byte| sum + usize::from(*byte) * 40_000);
    let ends = chunk::ends_at(&points, 0, length, true);
    assert!(ends.is_sorted_by(|one, next| one < next) && ends.last() == Some(&length));
    let mut start = 0;
    for end in ends {
        assert!(end - start <= chunk::MAX_CHUNK);
        start = end;
    }
}

pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_bytes(Digest::of(bytes), bytes) {
        assert_eq!(manifest.to_bytes().unwrap(), bytes);
    }
}

/// The input is cut at the first zero byte: an index and the one manifest that it may name.
pub fn oci(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (index, manifest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let directory = std::env::temp_dir().join(format!("lineal-fuzz-oci-{}", std::process::id()));
    let blobs = directory.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let named = Digest::of(manifest).to_string();
    // The fuzzer cannot guess a digest: a mark stands for it.
    let index = String::from_utf8_lossy(index).replace("DIGEST", &named).replace("SIZE", &manifest.len().to_string());
    std::fs::write(directory.join("index.json"), index).unwrap();
    std::fs::write(blobs.join(&named), manifest).unwrap();
    std::fs::write(blobs.join(Digest::of(b"{}").to_string()), "{}").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open("memory:///").unwrap();
        let artifacts = Artifacts::new(std::sync::Arc::new(LooseBlobs::open(&store, "blobs").await.unwrap()));
        drop(artifacts.import_oci(&directory, None, &NoProgress).await);
    });
    std::fs::remove_file(blobs.join(named)).unwrap();
}
