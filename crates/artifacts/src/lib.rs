//! A store for what is big, and typed artifacts in it: models, checkpoints, reports, or any other set of named files.
//!
//! **The store.** [`PackBlobs`] is a blob store for data sets and models, on local disk or a bucket: large blobs are cut by their
//! content, chunks are stored once, compressed where that pays, and packed into objects of 64 MiB; every byte read is verified.
//! [`Collector`] frees what no journal names any longer, while writers go on, repairs a store from a second one, and purges
//! with a certificate; [`PackBlobs::fsck`] checks a store; [`transfer`] copies between stores; a [`ReadCache`] spares requests;
//! [`PackBlobs::index_packs`] keeps the index of a large store on disk. Formats: `docs/format/pack.md`; why it is safe:
//! `docs/design/0002-pack-store.md`.
//!
//! **Artifacts.** An artifact is a [`Manifest`]: named files with sizes and media types, annotations, and perhaps a subject it is
//! about. It is a blob in canonical JSON, so its digest names the artifact and every byte of it. They work on any
//! [`BlobStore`](lineal_core::BlobStore).
//!
//! - [`Artifacts::put`] stores a [`Draft`] and returns the digest with the receipt for the journal that will name it.
//! - [`Artifacts::get`] opens one: whole files, ranges, streams, or [`Artifact::export_to`] a directory.
//! - [`Artifacts::export_oci`] and [`Artifacts::import_oci`] go through OCI image layouts, to and from registries.
//! - [`Artifacts::verify`] re-hashes everything and names what is damaged.
//! - [`Catalog`] gives artifacts names with versions, and keeps them alive; pins, holds and [`Retention`] say for how long.
//!
//! ```
//! use std::sync::Arc;
//! use lineal_artifacts::{Artifacts, Content, Draft, PackBlobs};
//! use lineal_core::{NoProgress, Store};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let blobs = PackBlobs::open(&Store::open("memory:///")?, "blobs").await?;
//! let artifacts = Artifacts::new(Arc::new(blobs));
//!
//! let draft = Draft::new("application/vnd.example.model")
//!     .with_file("weights.bin", Content::bytes(vec![1, 2, 3]))
//!     .with_file("card.md", Content::bytes("# Late flights").with_media_type("text/markdown"))
//!     .with_annotation("framework", "own");
//! let stored = artifacts.put(draft, &NoProgress).await?;
//!
//! let model = artifacts.get(&stored.digest).await?;
//! assert_eq!(model.read("card.md").await?, "# Late flights");
//! assert!(artifacts.verify(&stored.digest, &NoProgress).await?.is_intact());
//! # Ok(()) }
//! ```

// ---- the store: chunks in packs ----
mod chunk; // where a blob is cut, and how finely
mod codec; // how a chunk is kept: raw, compressed, bytes grouped
mod collect; // freeing what nobody names
mod pack; // packs, their index and journal, batches, reads

// ---- artifacts: named files ----
mod artifact; // reading one: files, ranges, streams
mod artifacts; // putting and getting, over any blob store
mod blocking; // work on local files, off the async threads
mod catalog; // names and versions, in a journal; what keeps them
mod draft; // what is to become an artifact
mod error; // what can go wrong
mod export; // into a directory, and never out of it
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing; // what `fuzz/` feeds with hostile bytes
mod links; // which blobs a manifest names, for collectors
mod manifest; // the stored form
mod oci; // as OCI image layouts, which registries' tools read and write
mod put; // out of local files, read ahead
mod transfer; // from one store to another, only what is missing
mod verify; // re-hashing everything

pub use self::{
    artifact::Artifact,
    artifacts::{Artifacts, Stored},
    catalog::{
        Catalog, CatalogEvent, CatalogRoots, CatalogState, CatalogVersion, Hold, Keep, Retention, RetentionPlan,
        RetentionVerdict,
    },
    draft::{Content, Draft},
    error::{Error, ManifestFlaw},
    export::Exported,
    links::ManifestLinks,
    manifest::{FileEntry, MANIFEST_MEDIA_TYPE, Manifest},
    oci::{OciExported, OciFlaw},
    transfer::{Transferred, transfer},
    verify::{Damage, Verification},
};
pub use self::{
    chunk::ChunkProfile,
    collect::{
        CollectSettings, Collected, Collector, Fate, Lost, PackFate, Plan, PurgeCertificate, PurgeError, PurgeOrder,
        PurgeProof, Repaired,
    },
    pack::{
        Fsck, FsckLevel, IndexProblem, Indexed, KnownPack, OpenSession, PackBlobs, PackEvent, PackInfo, PackName,
        PackSettings, PackState, Problem, ReadCache, SegmentId, SegmentInfo, SessionId, StoreEvent,
    },
};
