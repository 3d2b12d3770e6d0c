//! A case: everything a policy looks at, read and verified; the input of the pure evaluation.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lineal_core::{Digest, Envelope, IoSchema, KeyId, Statement, from_canonical};
use serde_json::Value;

use crate::{
    Error, Policy, VersionRecord,
    decision::{Basis, SeenEvidence, SeenSigner},
    trust::Trust,
};

/// Bytes by their digest, as a store or a bundle has handed them out: verified to hash to it.
pub(crate) type Papers = BTreeMap<Digest, Bytes>;

/// A statement with the signatures that were verified when it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Believed {
    pub(crate) digest: Digest,
    pub(crate) signers: Vec<SeenSigner>,
    pub(crate) statement: Statement,
}

/// Everything a policy looks at.
#[derive(Debug, Clone)]
pub(crate) struct Case<'a> {
    pub(crate) basis: &'a Basis,
    pub(crate) card: Option<Value>,
    /// In the order in which it was attached.
    pub(crate) evidence: Vec<Believed>,
    pub(crate) policy: Policy,
    pub(crate) record: &'a VersionRecord,
    pub(crate) schemas: BTreeMap<Digest, IoSchema>,
}

/// Names the papers that a case is made of, each in words for people.
pub(crate) fn needed(basis: &Basis, record: &VersionRecord) -> BTreeMap<Digest, &'static str> {
    let mut papers = BTreeMap::from([(basis.policy, "policy"), (record.schema, "schema")]);
    papers.extend(record.card.map(|card| (card, "model card")));
    papers.extend(basis.evidence.iter().map(|seen| (seen.digest, "evidence")));
    papers.extend(basis.incumbents.values().map(|held| (held.schema, "schema of the model in use")));
    papers
}

impl<'a> Case<'a> {
    /// Reads the papers and verifies the signatures that the basis says were seen.
    pub(crate) fn assemble(
        basis: &'a Basis,
        record: &'a VersionRecord,
        papers: &Papers,
        trust: &dyn Trust,
    ) -> Result<Self, Error> {
        let policy = Policy::from_bytes(paper(papers, &basis.policy)?)?;
        let evidence = basis.evidence.iter().map(|seen| believe(seen, papers, trust)).collect::<Result<_, _>>()?;
        let digests: BTreeSet<Digest> =
            basis.incumbents.values().map(|held| held.schema).chain([record.schema]).collect();
        let schemas = digests.iter().map(|digest| Ok((*digest, read(papers, digest, "schema")?)));
        let schemas = schemas.collect::<Result<_, Error>>()?;
        let card = record.card.map(|digest| read(papers, &digest, "model card")).transpose()?;
        Ok(Self { basis, card, evidence, policy, record, schemas })
    }

    /// Tells whether a digest in a claim means the version judged.
    pub(crate) fn is_subject(&self, digest: &Digest) -> bool {
        *digest == self.basis.subject || *digest == self.record.manifest
    }
}

/// Verifies an envelope as far as anybody trusted has signed it.
pub(crate) fn signers(envelope: &Envelope, trust: &dyn Trust) -> Vec<SeenSigner> {
    let keys = envelope.verify(trust).unwrap_or_default();
    let mut signers: Vec<SeenSigner> =
        keys.into_iter().filter_map(|key| Some(SeenSigner { actor: trust.actor_of(&key)?, key })).collect();
    signers.sort_unstable();
    signers
}

/// Reads canonical JSON.
pub(crate) fn read<T: serde::de::DeserializeOwned>(
    papers: &Papers,
    digest: &Digest,
    what: &'static str,
) -> Result<T, Error> {
    from_canonical(paper(papers, digest)?).map_err(|source| Error::Malformed {
        what: what.to_owned(),
        digest: *digest,
        source: Box::new(source),
    })
}

pub(crate) fn paper<'a>(papers: &'a Papers, digest: &Digest) -> Result<&'a Bytes, Error> {
    papers.get(digest).ok_or(Error::Incomplete { digest: *digest })
}

pub(crate) fn envelope(papers: &Papers, digest: &Digest) -> Result<Envelope, Error> {
    Envelope::from_bytes(paper(papers, digest)?).map_err(|source| Error::Malformed {
        what: "evidence".to_owned(),
        digest: *digest,
        source: Box::new(source),
    })
}

fn believe(seen: &SeenEvidence, papers: &Papers, trust: &dyn Trust) -> Result<Believed, Error> {
    let envelope = envelope(papers, &seen.digest)?;
    let verified: BTreeMap<KeyId, SeenSigner> =
        signers(&envelope, trust).into_iter().map(|signer| (signer.key, signer)).collect();
    if let Some(lost) = seen.signers.iter().find(|signer| verified.get(&signer.key) != Some(signer)) {
        return Err(Error::SignerLost { evidence: seen.digest, key: lost.key });
    }
    let statement = envelope.statement().map_err(|source| Error::Malformed {
        what: "evidence".to_owned(),
        digest: seen.digest,
        source: Box::new(source),
    })?;
    Ok(Believed { digest: seen.digest, signers: seen.signers.clone(), statement })
}
