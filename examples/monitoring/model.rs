//! The model that is watched, and the rows of each window.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use lineal_drift::performance::Predictions;
use lineal_examples::Outcome;
use lineal_examples::learn::{
    features::{inputs, labelled, labels},
    flights,
    model::{FitSettings, Model},
    split::Split,
};

/// A model of January to March, the rows it learnt from, those of the same months that it did not see, and the later months.
pub(crate) struct Watched {
    pub(crate) train: Rows,
    pub(crate) control: Rows,
    pub(crate) months: Vec<(&'static str, Rows)>,
}

/// Rows whose outcome is known, and what the model said of them.
pub(crate) struct Rows {
    /// The model's inputs with its prediction as one more column.
    pub(crate) columns: RecordBatch,
    pub(crate) probabilities: Vec<f64>,
    pub(crate) late: Vec<bool>,
}

impl Watched {
    pub(crate) fn train(data: &Path) -> Outcome<Self> {
        let mut by_month = flights::load(data)?;
        let winter: Vec<RecordBatch> = (1..=3).filter_map(|month| by_month.remove(&month)).collect();
        let winter = labelled(&flights::join(&winter.iter().collect::<Vec<_>>())?)?;
        let (train, control) = Split::new("monitoring", 700).apply(&winter)?;
        let model = Model::fit(&train, &FitSettings::default(), |_| ())?;
        let names = ["April", "May", "June", "July", "August", "September", "October", "November", "December"];
        let months = names.into_iter().zip(by_month.into_values());
        Ok(Self {
            train: Rows::of(&model, &train)?,
            control: Rows::of(&model, &control)?,
            months: months.map(|(name, rows)| Ok((name, Rows::of(&model, &rows)?))).collect::<Outcome<_>>()?,
        })
    }
}

impl Rows {
    fn of(model: &Model, rows: &RecordBatch) -> Outcome<Self> {
        let rows = labelled(rows)?;
        let probabilities = model.predict_proba(&rows)?;
        let given = inputs(&rows)?;
        let predictions: ArrayRef = Arc::new(Float64Array::from(probabilities.clone()));
        let field = Arc::new(Field::new("prediction", DataType::Float64, false));
        let fields: Vec<_> = given.schema().fields().iter().cloned().chain([field]).collect();
        let columns = given.columns().iter().cloned().chain([predictions]).collect();
        let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(Self { columns, probabilities, late: labels(&rows)? })
    }

    /// What the model said, with what happened if `with_outcomes`.
    pub(crate) fn predictions(&self, with_outcomes: bool) -> Outcome<Predictions> {
        let said = Predictions::binary(&Float64Array::from(self.probabilities.clone()))?;
        let said = said.with_predicted(&self.probabilities.iter().map(|p| Some(*p > 0.5)).collect::<BooleanArray>())?;
        Ok(if with_outcomes { said.with_actual(&BooleanArray::from(self.late.clone()))? } else { said })
    }
}
