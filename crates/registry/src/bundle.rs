//! Bundles: one version in one file, with all that is needed to verify it elsewhere, offline.
//!
//! Specified in `docs/format/bundle.md`.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lineal_core::{BlobStore, Digest, Envelope, ModelRef, Name, Signer, Subject};
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Error, LoadedModel, Manifest, Registry, VersionRecord,
    case::{self, Case, Papers, paper},
    claims::bundle_kind,
    decision::Decision,
    endorsement::InForce,
    evaluate::evaluate,
    load::{Release, VerifiedVersion, check_size},
    trust::Trust,
};

/// A stream of bundle bytes, to be written to a file in order.
pub type BundleStream = futures::stream::BoxStream<'static, Result<Bytes, Error>>;

/// The signed predicate at the front of a bundle: what follows, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    /// The decision that let the version in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<Digest>,
    /// What puts the policy of that decision in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endorsement: Option<Digest>,
    format: u32,
    members: Vec<Member>,
    model: Name,
    registry: Name,
    version: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    digest: Digest,
    size: u64,
}

impl Registry {
    /// Packs a version into one file, signed: the model, and if `environment` is given also the decision that let it in
    /// there, with policy, approvals and all evidence, so that it can be verified where no registry can be reached.
    ///
    /// Equal bytes for equal contents, time of the last journal entry and key. Streams the files.
    ///
    /// # Errors
    /// As [`Registry::release_version`], or [`Registry::candidate`] without an environment; [`Error::UnknownSigner`].
    pub async fn export_bundle(
        &self,
        model: &Name,
        number: u64,
        environment: Option<&Environment>,
        signer: &Arc<dyn Signer>,
    ) -> Result<BundleStream, Error> {
        let release = match environment {
            Some(environment) => self.release_version(model, number, environment).await?,
            None => self.candidate(model, number).await?,
        };
        let version = release.version();
        let (papers, endorsement) = self.bundle_papers(version).await?;
        let sizes = papers.iter().map(|(digest, bytes)| (*digest, u64::try_from(bytes.len()).unwrap_or(u64::MAX)));
        let files = version.manifest.files().iter().map(|file| (file.digest, file.size));
        let mut seen = BTreeSet::new();
        let members = sizes.chain(files).filter(|(digest, _)| seen.insert(*digest));
        let index = Index {
            decision: version.decision.as_ref().map(Decision::digest),
            endorsement,
            format: FORMAT,
            members: members.map(|(digest, size)| Member { digest, size }).collect(),
            model: model.clone(),
            registry: self.name.clone(),
            version: number,
        };
        let subjects = vec![Subject::new(format!("{model} version {number}"), version.digest)];
        let envelope = self.sign_at_head(subjects, &index, signer).await?;
        Ok(write(&envelope, &index, papers, &release, &self.blobs))
    }

    /// Collects the documents of a bundle.
    async fn bundle_papers(&self, version: &VerifiedVersion) -> Result<(Papers, Option<Digest>), Error> {
        let record = &version.record;
        let mut wanted = BTreeMap::from([(record.manifest, "manifest"), (record.schema, "schema")]);
        wanted.extend(record.card.map(|card| (card, "model card")));
        let mut endorsement = None;
        if let Some(decision) = &version.decision {
            wanted.extend(case::needed(&decision.basis, record));
            let policies = self.journal.peek(|state| state.policies.get(&decision.basis.environment).cloned());
            let in_force = policies.unwrap_or_default();
            let in_force = in_force.iter().rev().find(|known| known.policy == decision.basis.policy);
            endorsement = in_force.map(|known| known.endorsement);
            wanted.extend(endorsement.map(|digest| (digest, "endorsement of the policy")));
        }
        let mut papers = self.papers(wanted).await?;
        papers.insert(version.digest, record.to_bytes().into());
        if let Some(decision) = &version.decision {
            papers.insert(decision.digest(), decision.to_bytes().into());
        }
        Ok((papers, endorsement))
    }

    async fn sign_at_head(
        &self,
        subjects: Vec<Subject>,
        index: &Index,
        signer: &Arc<dyn Signer>,
    ) -> Result<Envelope, Error> {
        let at = self.journal.head().map_or_else(|| self.now(), |head| head.time);
        self.sign_at(bundle_kind(), subjects, index, signer, at).await
    }
}

fn write(
    envelope: &Envelope,
    index: &Index,
    papers: Papers,
    release: &Release,
    blobs: &Arc<dyn BlobStore>,
) -> BundleStream {
    let front = envelope.to_bytes().map_err(|source| Error::Signature { what: "bundle", source: Box::new(source) });
    let front = front.map(|bytes| {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
        Bytes::from([MAGIC.as_slice(), &length, &bytes].concat())
    });
    let names: BTreeMap<Digest, String> =
        release.version().manifest.files().iter().map(|file| (file.digest, format!("file {}", file.name))).collect();
    let members: Vec<Digest> = index.members.iter().map(|member| member.digest).collect();
    let blobs = Arc::clone(blobs);
    let body = stream::iter(members).then(move |digest| {
        let at_hand = papers.get(&digest).cloned();
        let blobs = Arc::clone(&blobs);
        let what = names.get(&digest).cloned().unwrap_or_default();
        async move {
            if let Some(bytes) = at_hand {
                return Ok(stream::iter([Ok(bytes)]).boxed());
            }
            let unreadable = move |source| Error::Unreadable { what: what.clone(), digest, source: Box::new(source) };
            let bytes = blobs.stream(&digest).await.map_err(&unreadable)?;
            Ok::<BundleStream, Error>(bytes.map_err(unreadable).boxed())
        }
    });
    stream::iter([front]).chain(body.try_flatten()).boxed()
}

/// A bundle that was read and verified, whole.
#[derive(Debug, Clone)]
pub struct Bundle {
    model: LoadedModel,
}

impl Bundle {
    /// Reads and verifies a bundle: the signature of its front, every byte, and for a released version the signatures of
    /// policy, approvals and evidence, and the decision judged again.
    ///
    /// Holds the whole model in memory, at most `limit_bytes`. A bundle tells how things stood when it was made: it cannot
    /// know of a later revocation, nor of a later policy.
    ///
    /// # Errors
    /// [`Error::BadBundle`] for what is no whole bundle, [`Error::Unreadable`] with the digest of an altered member,
    /// [`Error::Signature`], [`Error::SignerLost`], [`Error::PolicyBroken`], [`Error::DecisionBroken`],
    /// [`Error::Malformed`], [`Error::BundleInput`].
    pub fn open(mut reader: impl Read, limit_bytes: u64, trust: &dyn Trust) -> Result<Self, Error> {
        let envelope = read_front(&mut reader)?;
        let failed = |source| Error::Signature { what: "bundle", source: Box::new(source) };
        envelope.verify(trust).map_err(failed)?;
        let statement = envelope.statement().map_err(failed)?;
        let bad = |why| Error::BadBundle { why };
        if statement.kind() != bundle_kind() {
            return Err(bad("its front is signed as something else"));
        }
        let index: Index = statement.predicate_as().map_err(|_| bad("its index has another shape"))?;
        let subject = statement.subjects.first().ok_or(bad("its index is about nothing"))?.digest;
        let papers = read_members(&mut reader, &index, limit_bytes)?;
        Ok(Self { model: verify(&index, &subject, &papers, trust)? })
    }

    /// Returns the environment it was released to; `None` for a candidate, which is not for use.
    #[must_use]
    pub fn released_to(&self) -> Option<&Environment> {
        self.model.version.decision.as_ref().map(|decision| &decision.basis.environment)
    }

    /// Returns the reference to the version.
    #[must_use]
    pub fn model_ref(&self) -> &ModelRef {
        &self.model.version.model
    }

    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &LoadedModel {
        &self.model
    }
}

fn read_front(reader: &mut impl Read) -> Result<Envelope, Error> {
    let bad = |why| Error::BadBundle { why };
    let mut magic = [0; MAGIC.len()];
    read_exact(reader, &mut magic)?;
    if magic != *MAGIC {
        return Err(bad("it does not begin like one"));
    }
    let mut length = [0; 8];
    read_exact(reader, &mut length)?;
    let length = u64::from_be_bytes(length);
    if length > MAX_FRONT {
        return Err(bad("its front is larger than 64 MiB"));
    }
    let front = read_some(reader, length)?;
    Envelope::from_bytes(&front).map_err(|source| Error::Signature { what: "bundle", source: Box::new(source) })
}

fn read_members(reader: &mut impl Read, index: &Index, limit: u64) -> Result<Papers, Error> {
    let bad = |why| Error::BadBundle { why };
    if index.format != FORMAT {
        return Err(bad("its format is not known to this release"));
    }
    let total = index.members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.size));
    if total > limit {
        return Err(bad("it is larger than the limit"));
    }
    let mut papers = Papers::new();
    for member in &index.members {
        let bytes = read_some(reader, member.size)?;
        let actual = Digest::of(&bytes);
        if actual != member.digest {
            let source = lineal_core::Error::BlobCorrupt { expected: member.digest, actual };
            let what = "member of the bundle".to_owned();
            return Err(Error::Unreadable { what, digest: member.digest, source: Box::new(source) });
        }
        papers.insert(member.digest, bytes.into());
    }
    match read_up_to(reader, 1)?.is_empty() {
        true => Ok(papers),
        false => Err(bad("something follows its end")),
    }
}

fn verify(index: &Index, subject: &Digest, papers: &Papers, trust: &dyn Trust) -> Result<LoadedModel, Error> {
    let record: VersionRecord = case::read(papers, subject, "version")?;
    if record.registry != index.registry || record.model != index.model {
        return Err(Error::BadBundle { why: "its version belongs to another registry or model" });
    }
    let decision = match index.decision {
        Some(digest) => Some(verify_decision(index, &digest, &record, papers, trust)?),
        None => None,
    };
    let manifest = paper(papers, &record.manifest)?;
    let schema = paper(papers, &record.schema)?;
    let card = record.card.map(|digest| paper(papers, &digest)).transpose()?;
    let files = files(&Manifest::from_bytes(manifest)?, papers)?;
    let version = VerifiedVersion::assemble(
        record.clone(),
        index.version,
        decision,
        manifest,
        schema,
        card.map(|card| &card[..]),
    )?;
    Ok(LoadedModel { files, version })
}

fn verify_decision(
    index: &Index,
    digest: &Digest,
    record: &VersionRecord,
    papers: &Papers,
    trust: &dyn Trust,
) -> Result<Decision, Error> {
    let decision: Decision = case::read(papers, digest, "decision")?;
    let broken = |why| Error::DecisionBroken { decision: *digest, why };
    let basis = &decision.basis;
    if basis.subject != record.digest() || basis.version != index.version || basis.model != record.model {
        return Err(broken("it speaks of another version"));
    }
    let endorsement = index.endorsement.ok_or(broken("nothing tells who put its policy in force"))?;
    let in_force = InForce { endorsement, environment: &basis.environment, policy: basis.policy };
    let (claim, _) = in_force.verify(papers, trust)?;
    if claim.registry != index.registry {
        return Err(broken("its policy was put in force in another registry"));
    }
    if !evaluate(&Case::assemble(basis, record, papers, trust)?).agrees(&decision.verdict) {
        return Err(broken("the verdict is another"));
    }
    if !decision.approved() {
        return Err(broken("it was a refusal"));
    }
    Ok(decision)
}

fn files(manifest: &Manifest, papers: &Papers) -> Result<BTreeMap<String, Bytes>, Error> {
    let read = |file: &crate::ModelFile| {
        let bytes = paper(papers, &file.digest)?;
        check_size(file, bytes.len())?;
        Ok((file.name.clone(), bytes.clone()))
    };
    manifest.files().iter().map(read).collect()
}

fn read_exact(reader: &mut impl Read, into: &mut [u8]) -> Result<(), Error> {
    reader.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::BadBundle { why: "it ends too early" },
        _ => Error::BundleInput(error),
    })
}

/// Reads exactly `length` bytes; the memory grows with what is there, not with what is promised.
fn read_some(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, Error> {
    let bytes = read_up_to(reader, length)?;
    match u64::try_from(bytes.len()) {
        Ok(found) if found == length => Ok(bytes),
        _ => Err(Error::BadBundle { why: "it ends too early" }),
    }
}

fn read_up_to(reader: &mut impl Read, length: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes).map_err(Error::BundleInput)?;
    Ok(bytes)
}

const MAGIC: &[u8; 16] = b"lineal-bundle/1\n";
const MAX_FRONT: u64 = 64 * 1024 * 1024;
const FORMAT: u32 = 1;
