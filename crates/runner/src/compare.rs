//! Comparing runs: what they differ in.

use std::collections::{BTreeMap, BTreeSet};

use lineal_core::{CodeRef, DataRef, Digest, EnvRef, Real, RunId};

use crate::{Error, Experiment, Param, Run};

/// What runs differ in; what all have in common is left out.
///
/// Each list has one place for each run, in the order asked for; `None` where a run has nothing of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The runs.
    pub runs: Vec<RunId>,
    /// Parameters, by name.
    pub params: BTreeMap<String, Vec<Option<Param>>>,
    /// Last values of metrics, by name.
    pub metrics: BTreeMap<String, Vec<Option<Real>>>,
    /// Inputs, if the runs have not all the same: those of each run.
    pub inputs: Vec<Vec<DataRef>>,
    /// Outputs, by name.
    pub outputs: BTreeMap<String, Vec<Option<Digest>>>,
    /// Code of the newest attempts, if it differs.
    pub code: Vec<Option<CodeRef>>,
    /// Environments of the newest attempts, if they differ.
    pub env: Vec<Option<EnvRef>>,
    /// Seeds, if they differ.
    pub seeds: Vec<u64>,
}

impl Comparison {
    /// Tells whether the runs have all of it in common: the same run in all but name and time.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let Self { runs: _, params, metrics, inputs, outputs, code, env, seeds } = self;
        params.is_empty()
            && metrics.is_empty()
            && inputs.is_empty()
            && outputs.is_empty()
            && code.is_empty()
            && env.is_empty()
            && seeds.is_empty()
    }
}

impl Experiment {
    /// Compares runs in parameters, metrics, inputs, outputs, code, environment and seed.
    ///
    /// # Errors
    /// [`Error::UnknownRun`]; otherwise as [`Experiment::get`] and [`Experiment::provenance`].
    pub async fn compare(&self, runs: &[RunId]) -> Result<Comparison, Error> {
        let (mut read, mut code, mut env) = (Vec::new(), Vec::new(), Vec::new());
        for run in runs {
            let run = self.get(*run).await?;
            let provenance = match run.provenance() {
                Some(digest) => Some(self.load_provenance(digest).await?),
                None => None,
            };
            code.push(provenance.as_ref().and_then(|provenance| provenance.code.clone()));
            env.push(provenance.map(|provenance| provenance.env));
            read.push(run);
        }
        let names = |names: &dyn Fn(&Run) -> Vec<String>| read.iter().flat_map(names).collect::<BTreeSet<_>>();
        let params = names(&|run| run.params.iter().map(|(name, _)| name.to_owned()).collect());
        let metrics = names(&|run| run.metrics.keys().cloned().collect());
        let outputs = names(&|run| run.outputs.keys().cloned().collect());
        Ok(Comparison {
            runs: runs.to_vec(),
            params: table(&read, params, |run, name| run.params.get(name).cloned()),
            metrics: table(&read, metrics, |run, name| run.metrics.get(name).map(|summary| summary.last)),
            outputs: table(&read, outputs, |run, name| run.outputs.get(name).map(|output| output.digest)),
            inputs: differing(read.iter().map(|run| run.inputs.clone()).collect()),
            code: differing(code),
            env: differing(env),
            seeds: differing(read.iter().map(|run| run.seed.get()).collect()),
        })
    }
}

fn table<T: PartialEq>(
    runs: &[Run],
    names: BTreeSet<String>,
    value: impl Fn(&Run, &str) -> Option<T>,
) -> BTreeMap<String, Vec<Option<T>>> {
    let rows = names.into_iter().map(|name| {
        let row = differing(runs.iter().map(|run| value(run, &name)).collect());
        (name, row)
    });
    rows.filter(|(_, row)| !row.is_empty()).collect()
}

/// Returns the values, or nothing if they are all the same.
fn differing<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let same = values.iter().zip(values.iter().skip(1)).all(|(left, right)| left == right);
    if same { Vec::new() } else { values }
}
