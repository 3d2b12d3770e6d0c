//! Drift of the inputs and of the predictions, month by month, against the rows the first model was trained on.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Float64Array, RecordBatch},
    datatypes::{Field, Schema},
};
use lineal_core::{Clock, Digest, Envelope, EvidenceKind, Subject};
use lineal_drift::{ColumnKind, ColumnSettings, DataDrift, DataDriftReport, DataDriftSettings};

use crate::{
    features::{CATEGORICAL, NUMERIC, inputs},
    model::Model,
    studio::{Outcome, Studio},
};

/// Compares windows with one reference.
pub(crate) struct Monitor {
    drift: DataDrift,
    reference: RecordBatch,
}

/// What one window looks like beside the reference.
pub(crate) struct Window {
    pub(crate) report: DataDriftReport,
}

impl Monitor {
    pub(crate) fn new(train: &RecordBatch, model: &Model) -> Outcome<Self> {
        let numeric = NUMERIC.iter().fold(DataDriftSettings::default(), |settings, name| {
            settings.with_column(*name, ColumnSettings::default().with_kind(ColumnKind::Numeric))
        });
        let settings = CATEGORICAL.iter().fold(numeric, |settings, name| {
            settings.with_column(*name, ColumnSettings::default().with_kind(ColumnKind::Categorical))
        });
        let settings = settings.with_column(PREDICTION, ColumnSettings::default().with_kind(ColumnKind::Numeric));
        let reference = with_predictions(train, model.predict_proba(train)?)?;
        Ok(Self { drift: DataDrift::new(settings)?, reference })
    }

    /// Compares rows, with the first model's predictions for them, with the reference.
    pub(crate) fn look(&self, rows: &RecordBatch, predictions: Vec<f64>) -> Outcome<Window> {
        let current = with_predictions(rows, predictions)?;
        let report = self.drift.compare(std::slice::from_ref(&self.reference), &[current])?;
        Ok(Window { report })
    }
}

impl Window {
    /// The model's inputs that drifted, strongest first.
    pub(crate) fn drifted_inputs(&self) -> Vec<(&str, f64)> {
        let mut found: Vec<(&str, f64)> = NUMERIC
            .iter()
            .chain(&CATEGORICAL)
            .filter(|name| self.report.column(name).is_some_and(|column| column.drifted()))
            .map(|name| (*name, self.distance(name)))
            .collect();
        found.sort_by(|a, b| b.1.total_cmp(&a.1));
        found
    }

    /// The distance of a column from the reference; NaN if it could not be compared.
    pub(crate) fn distance(&self, name: &str) -> f64 {
        self.report
            .column(name)
            .and_then(|column| column.finding.as_ref())
            .map_or(f64::NAN, |finding| finding.score.value)
    }

    /// Leaves the finding with the registry, as signed evidence about the version that was serving; once for each window.
    pub(crate) async fn state(&self, studio: &Studio, window: &str, version: u64) -> Outcome<()> {
        let model = studio.registry.lineage(&studio.champion.model, version).await?;
        for evidence in model.evidence.iter().filter(|evidence| evidence.kind == EvidenceKind::Drift) {
            let (statement, _) = studio.registry.statement(&evidence.digest).await?;
            if statement.subjects.iter().any(|subject| subject.name == window) {
                return Ok(());
            }
        }
        let manifest = model.version.model.manifest;
        let subjects = vec![Subject::new("manifest", manifest), Subject::new(window, Digest::of(window.as_bytes()))];
        let statement = self.report.to_statement(studio.robot.actor.clone(), studio.clock.now(), subjects)?;
        studio.registry.attach(Envelope::unsigned(&statement)?.sign(studio.robot.key.as_ref())?).await?;
        Ok(())
    }
}

fn with_predictions(rows: &RecordBatch, predictions: Vec<f64>) -> Outcome<RecordBatch> {
    let given = inputs(rows)?;
    let predictions: ArrayRef = Arc::new(Float64Array::from(predictions));
    let field = Arc::new(Field::new(PREDICTION, predictions.data_type().clone(), true));
    let fields = given.schema().fields().iter().cloned().chain([field]).collect::<Vec<_>>();
    let columns = given.columns().iter().cloned().chain([predictions]).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The name of the first model's output among the columns compared.
pub(crate) const PREDICTION: &str = "prediction";
