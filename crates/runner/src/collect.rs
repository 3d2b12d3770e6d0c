//! What a collection of blobs has to know about runs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use lineal_core::{At, Digest, Head, Journal, Links, Name, NoLinks, Roots, State, Store};

use crate::{
    Runs,
    context::OCTETS,
    provenance::{DIFF, LOCK, PROVENANCE, children},
};

/// Tells which blobs the journals of experiments keep alive: segments, checkpoints, outputs, provenance.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunRoots;

#[async_trait]
impl Roots for RunRoots {
    fn kind(&self) -> Name {
        Name::new(Runs::KIND).expect("a valid name")
    }

    async fn live(
        &self,
        store: &Store,
        prefix: &str,
        upto: Head,
    ) -> Result<BTreeMap<Digest, String>, lineal_core::Error> {
        let journal = Journal::<Runs>::builder(store, prefix).open().await?;
        let snapshot = journal.as_of(At::Seq(upto.seq)).await?;
        if snapshot.head.map(|head| head.digest) != Some(upto.digest) {
            let why = "it is not the head that was asked for".to_owned();
            return Err(lineal_core::Error::Broken { journal: prefix.to_owned(), seq: upto.seq, why });
        }
        Ok(live(&snapshot.state))
    }
}

fn live(runs: &Runs) -> BTreeMap<Digest, String> {
    let mut live = BTreeMap::new();
    // One blob may be named twice, as different things: a media type with links must win over one without.
    let mut name = |digest: Digest, media_type: &str| {
        let known = live.entry(digest).or_insert_with(|| media_type.to_owned());
        if known == OCTETS || known == CHECKPOINT {
            media_type.clone_into(known);
        }
    };
    for run in runs.iter() {
        for output in run.outputs.values() {
            name(output.digest, &output.media_type);
        }
        for attempt in &run.attempts {
            attempt.provenance.iter().for_each(|digest| name(*digest, PROVENANCE));
            attempt.segments.iter().for_each(|segment| name(segment.digest, SEGMENT));
            attempt.checkpoints.iter().for_each(|checkpoint| name(checkpoint.digest, CHECKPOINT));
        }
    }
    live
}

/// Returns the [`Links`] of every media type that this crate gives to blobs.
///
/// Outputs of other media types ([`Context::artifact_as`](crate::Context::artifact_as)) need those of whoever defines them.
#[must_use]
pub fn links() -> Vec<Box<dyn Links>> {
    let leaves = [SEGMENT, CHECKPOINT, OCTETS, DIFF, LOCK];
    let leaves = leaves.into_iter().map(|media_type| Box::new(NoLinks::new(media_type)) as Box<dyn Links>);
    leaves.chain([Box::new(ProvenanceLinks) as Box<dyn Links>]).collect()
}

/// A provenance record names the lock file and the difference to the commit.
#[derive(Debug)]
struct ProvenanceLinks;

impl Links for ProvenanceLinks {
    fn media_type(&self) -> &str {
        PROVENANCE
    }

    fn children(&self, bytes: &[u8]) -> Result<Vec<(Digest, String)>, lineal_core::Error> {
        children(bytes).map_err(|error| lineal_core::Error::UnknownFormat {
            what: format!("provenance {}", Digest::of(bytes)),
            found: error.to_string(),
        })
    }
}

/// Media type of segments.
pub(crate) const SEGMENT: &str = "application/vnd.apache.parquet";
/// Media type of checkpoints, whose bytes are the training code's own.
pub(crate) const CHECKPOINT: &str = "application/vnd.lineal.checkpoint";
