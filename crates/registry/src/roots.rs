//! What a registry keeps alive in a blob store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_core::{At, Digest, Head, Journal, Links, Name, NoLinks, Roots, State, Store};

use crate::{
    Manifest, Policy, RegistryState,
    documents::{ENVELOPE, JSON, OPAQUE},
};

/// The roots of registry journals: every document and, by the manifests, every file of every version.
///
/// ```
/// use lineal_core::Roots;
/// assert_eq!(lineal_registry::RegistryRoots.kind().as_str(), "lineal.registry");
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct RegistryRoots;

#[async_trait]
impl Roots for RegistryRoots {
    fn kind(&self) -> Name {
        Name::new(RegistryState::KIND).expect("the kind keeps the rules of names")
    }

    async fn live(
        &self,
        store: &Store,
        prefix: &str,
        upto: Head,
    ) -> Result<BTreeMap<Digest, String>, lineal_core::Error> {
        let journal = Journal::<RegistryState>::builder(store, prefix).open().await?;
        let snapshot = journal.as_of(At::Seq(upto.seq)).await?;
        if snapshot.head.is_none_or(|head| head.digest != upto.digest) {
            return Err(lineal_core::Error::Broken {
                journal: prefix.to_owned(),
                seq: upto.seq,
                why: "it is not the entry that the collection saw".to_owned(),
            });
        }
        Ok(live(&snapshot.state).map(|(digest, media_type)| (digest, media_type.to_owned())).collect())
    }
}

fn live(state: &RegistryState) -> impl Iterator<Item = (Digest, &'static str)> {
    let records = state.models.values().flat_map(|model| &model.versions).flat_map(|version| {
        let record = &version.record;
        let lineage = &record.lineage;
        let diff = lineage.code.as_ref().and_then(|code| code.diff);
        [
            Some((record.manifest, Manifest::MEDIA_TYPE)),
            Some((record.schema, JSON)),
            record.card.map(|card| (card, JSON)),
            lineage.environment.map(|environment| (environment, JSON)),
            diff.map(|diff| (diff, OPAQUE)),
        ]
    });
    let policies = state.policies.values().flatten();
    let policies = policies.flat_map(|record| [(record.policy, Policy::MEDIA_TYPE), (record.endorsement, ENVELOPE)]);
    let evidence = state.evidence.values().flat_map(|list| list.iter()).map(|seen| (seen.digest, ENVELOPE));
    records.flatten().chain(policies).chain(evidence)
}

/// Reads manifests: their children are the files, to be read as nothing but bytes.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it has nothing to set")]
pub struct ManifestLinks;

impl Links for ManifestLinks {
    fn media_type(&self) -> &str {
        Manifest::MEDIA_TYPE
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, lineal_core::Error> {
        let manifest = Manifest::from_bytes(bytes).map_err(|error| lineal_core::Error::UnknownFormat {
            what: format!("manifest {}", Digest::of(bytes)),
            found: error.to_string(),
        })?;
        Ok(manifest.files().iter().map(|file| (file.digest, OPAQUE.to_owned())).collect())
    }
}

/// Returns the links of every media type that [`RegistryRoots`] and [`ManifestLinks`] name.
#[must_use]
pub fn registry_links() -> Vec<Box<dyn Links>> {
    let leaves = [JSON, OPAQUE, ENVELOPE, Policy::MEDIA_TYPE];
    let leaves = leaves.into_iter().map(|media_type| Box::new(NoLinks::new(media_type)) as Box<dyn Links>);
    leaves.chain([Box::new(ManifestLinks) as Box<dyn Links>]).collect()
}
