//! Statements about a run: what a registry takes as evidence. Predicates are specified in `docs/format/runs.md`.

use std::collections::BTreeMap;

use lineal_core::{
    Actor, DataRef, Digest, EnvRef, EvidenceKind, Real, RunId, RunRef, Statement, Subject, Timestamp, Wide,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Experiment, Outcome, Params, Provenance, ResumePoint, Run};

/// What can be stated of a run.
///
/// To sign one: `Envelope::unsigned(&statements.metrics)?.sign(&key)?`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statements {
    /// How the outputs were made; its predicate is a [`ProvenanceClaim`].
    pub provenance: Statement,
    /// What was measured; its predicate is a [`MetricsClaim`].
    pub metrics: Statement,
}

/// Predicate of [`EvidenceKind::Metrics`]: the last value of each metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MetricsClaim {
    /// Last values by metric.
    pub metrics: BTreeMap<String, Real>,
    /// The run that measured them.
    pub run: RunRef,
}

/// Predicate of [`EvidenceKind::Provenance`], in the shape of SLSA provenance v1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProvenanceClaim {
    /// What went in.
    pub build_definition: BuildDefinition,
    /// The run.
    pub run: RunRef,
    /// How it went.
    pub run_details: RunDetails,
}

/// What went into a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct BuildDefinition {
    /// How to read the rest: always `https://lineal.dev/run/v1`.
    pub build_type: String,
    /// What whoever started it chose.
    pub external_parameters: ExternalParameters,
    /// What it found: the environment of the newest attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_parameters: Option<EnvRef>,
    /// Data, code and lock file, by digest.
    pub resolved_dependencies: Vec<Dependency>,
}

/// What whoever started a run chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExternalParameters {
    /// Versions of data.
    pub inputs: Vec<DataRef>,
    /// The run's name.
    pub name: String,
    /// Its parameters.
    pub params: Params,
    /// Its seed.
    pub seed: Wide,
}

/// Something that a run rests on, in the shape of in-toto's resource descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Dependency {
    /// Digests by algorithm: `sha256`, or `gitCommit` for code.
    pub digest: BTreeMap<String, String>,
    /// What it is: `data`, `code`, `diff` or `lock`.
    pub name: String,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunDetails {
    /// Its attempts, the first one first.
    pub attempts: Vec<AttemptClaim>,
    /// What carried it out.
    pub builder: Builder,
    /// When.
    pub metadata: Metadata,
}

/// One attempt, as a statement tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AttemptClaim {
    /// Who made it.
    pub by: Actor,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Blob with code and environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Digest>,
    /// The checkpoint it took up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed_from: Option<ResumePoint>,
    /// When it started.
    pub started_on: Timestamp,
}

/// What carried a run out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Builder {
    /// Always `https://lineal.dev/runner/v1`.
    pub id: String,
}

/// When a run took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Metadata {
    /// When it had its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<Timestamp>,
    /// The run's id.
    pub invocation_id: RunId,
    /// When it was started.
    pub started_on: Timestamp,
}

impl Experiment {
    /// States provenance and metrics of a run, about its outputs and whatever else `about` names, such as the manifest of
    /// a model that was made of them.
    ///
    /// Nothing is recorded by this; a statement is believed for its signatures, so sign it. Stated at the host's time.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; [`Error::NoSubject`] if there are neither outputs nor other subjects; [`Error::Statement`] if
    /// a subject's name is bad; otherwise as [`Experiment::get`] and [`Experiment::provenance`].
    pub async fn statements(&self, run: RunId, by: &Actor, about: &[Subject]) -> Result<Statements, Error> {
        let found = self.get(run).await?;
        let provenance = match found.provenance() {
            Some(digest) => Some(self.load_provenance(digest).await?),
            None => None,
        };
        let mut subjects = about.to_vec();
        subjects.extend(found.outputs.iter().map(|(name, output)| Subject::new(name.clone(), output.digest)));
        if subjects.is_empty() {
            return Err(Error::NoSubject { run });
        }
        let metrics = found.metrics.iter().map(|(name, summary)| (name.clone(), summary.last)).collect();
        let metrics = MetricsClaim { metrics, run: self.run_ref(run) };
        let provenance = self.provenance_claim(&found, provenance.as_ref());
        let at = self.clock().now();
        let failed = |source| Error::Statement { run, source: Box::new(source) };
        let provenance = Statement::new(EvidenceKind::Provenance, subjects.clone(), &provenance, by.clone(), at);
        let provenance = provenance.map_err(failed)?;
        let metrics = Statement::new(EvidenceKind::Metrics, subjects, &metrics, by.clone(), at).map_err(failed)?;
        Ok(Statements { provenance, metrics })
    }

    fn provenance_claim(&self, run: &Run, provenance: Option<&Provenance>) -> ProvenanceClaim {
        let attempts = run.attempts.iter().map(|attempt| AttemptClaim {
            by: attempt.by.clone(),
            outcome: attempt.outcome.clone(),
            provenance: attempt.provenance,
            resumed_from: attempt.resumed_from,
            started_on: attempt.started,
        });
        ProvenanceClaim {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    inputs: run.inputs.clone(),
                    name: run.name.to_string(),
                    params: run.params.clone(),
                    seed: run.seed,
                },
                internal_parameters: provenance.map(|provenance| provenance.env.clone()),
                resolved_dependencies: dependencies(&run.inputs, provenance),
            },
            run: self.run_ref(run.id),
            run_details: RunDetails {
                attempts: attempts.collect(),
                builder: Builder { id: BUILDER.to_owned() },
                metadata: Metadata { finished_on: run.finished, invocation_id: run.id, started_on: run.started },
            },
        }
    }
}

fn dependencies(inputs: &[DataRef], provenance: Option<&Provenance>) -> Vec<Dependency> {
    let sha256 = |name: &str, digest: Digest, uri: Option<String>| Dependency {
        digest: [("sha256".to_owned(), digest.to_string())].into(),
        name: name.to_owned(),
        uri,
    };
    let mut all: Vec<Dependency> = Vec::new();
    for input in inputs {
        let path = input.path.as_deref().map(|path| format!("/{path}")).unwrap_or_default();
        all.push(sha256("data", input.commit, Some(format!("lineal:{}{path}", input.repository))));
    }
    let Some(provenance) = provenance else { return all };
    if let Some(code) = &provenance.code {
        all.push(Dependency {
            digest: [("gitCommit".to_owned(), code.commit.clone())].into(),
            name: "code".to_owned(),
            uri: code.repository.as_ref().map(|repository| format!("git+{repository}")),
        });
        all.extend(code.diff.map(|diff| sha256("diff", diff, None)));
    }
    all.extend(provenance.env.lock.map(|lock| sha256("lock", lock, None)));
    all
}

const BUILD_TYPE: &str = "https://lineal.dev/run/v1";
const BUILDER: &str = "https://lineal.dev/runner/v1";
