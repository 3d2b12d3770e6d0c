use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_core::{At, Digest, Head, Journal, Name, Roots, State, Store};

use super::CatalogState;
use crate::MANIFEST_MEDIA_TYPE;

/// Tells collectors which artifacts a catalog keeps alive: those named and not removed.
///
/// With [`ManifestLinks`](crate::ManifestLinks), and [`NoLinks`](lineal_core::NoLinks) for `application/octet-stream`, a
/// collector finds all their files.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct CatalogRoots;

#[async_trait]
impl Roots for CatalogRoots {
    #[expect(clippy::expect_used, reason = "the kind is a constant that a test checks")]
    fn kind(&self) -> Name {
        Name::new(CatalogState::KIND).expect("the kind is a valid name")
    }

    async fn live(
        &self,
        store: &Store,
        prefix: &str,
        upto: Head,
    ) -> Result<BTreeMap<Digest, String>, lineal_core::Error> {
        let journal = Journal::<CatalogState>::builder(store, prefix).open().await?;
        let past = journal.as_of(At::Seq(upto.seq)).await?;
        if past.head.map(|head| head.digest) != Some(upto.digest) {
            let reason = format!("journal {prefix} has another entry {}", upto.seq);
            return Err(lineal_core::Error::Collection { reason });
        }
        Ok(past.state.artifacts().map(|artifact| (artifact, MANIFEST_MEDIA_TYPE.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lineal_core::{Actor, NoProgress};

    use super::*;
    use crate::{Artifacts, Catalog, Draft, PackBlobs};

    #[tokio::test]
    async fn what_is_named_and_not_removed_is_alive() {
        let store = Store::open("memory:///").unwrap();
        let artifacts = Artifacts::new(Arc::new(PackBlobs::open(&store, "blobs").await.unwrap()));
        let catalog = Catalog::open(&store, "artifacts").await.unwrap();
        let ana = Actor::new("ana").unwrap();
        let stored = artifacts.put(Draft::new("text/plain"), &NoProgress).await.unwrap();
        let late = Name::new("late").unwrap();
        catalog.name(&late, &stored, &ana).await.unwrap();
        let named = catalog.journal().head().unwrap();
        catalog.remove(&late, 1, &ana).await.unwrap();
        let removed = catalog.journal().head().unwrap();

        let live = CatalogRoots.live(&store, "artifacts", named).await.unwrap();
        assert_eq!(live, BTreeMap::from([(stored.digest, MANIFEST_MEDIA_TYPE.to_owned())]));
        assert!(CatalogRoots.live(&store, "artifacts", removed).await.unwrap().is_empty());
        assert_eq!(CatalogRoots.kind().as_str(), "lineal.artifacts");
    }
}
