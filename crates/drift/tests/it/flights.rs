//! A year of flights: the known answers of a quiet control window and of July.

use std::fs::File;
use std::path::PathBuf;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Int64Type};
use lineal_core::Rng;
use lineal_drift::{ColumnKind, DataDrift, DataDriftReport, DataDriftSettings, arrow};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The inputs of a model that predicts delays.
pub(crate) const FEATURES: [&str; 15] = [
    "sched_dep_min",
    "sched_arr_min",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
    "plane_year",
    "seats",
    "carrier",
    "origin",
    "weekday",
];

/// Rows of January to March in a seeded 70 %, the other 30 %, and July.
pub(crate) struct Windows {
    training: RecordBatch,
    control: RecordBatch,
    july: RecordBatch,
}

impl Windows {
    pub(crate) fn read() -> Self {
        let flights = read_all();
        let months = cast(flights.column_by_name("month").unwrap(), &DataType::Int64).unwrap();
        let months: Vec<i64> = months.as_primitive::<Int64Type>().values().to_vec();
        let mut rng = Rng::new(2013, "split");
        let fractions: Vec<f64> = months.iter().map(|_| rng.f64()).collect();
        let select = |keep: &dyn Fn(i64, f64) -> bool| {
            let mask: BooleanArray = months
                .iter()
                .zip(&fractions)
                .map(|(m, f)| Some(keep(*m, *f)))
                .collect();
            filter_record_batch(&flights, &mask).unwrap()
        };
        Self {
            training: select(&|month, fraction| month <= 3 && fraction < 0.7),
            control: select(&|month, fraction| month <= 3 && fraction >= 0.7),
            july: select(&|month, _| month == 7),
        }
    }

    pub(crate) fn control(&self) -> DataDriftReport {
        compare(&self.training, &self.control)
    }

    pub(crate) fn july(&self) -> DataDriftReport {
        compare(&self.training, &self.july)
    }
}

fn compare(reference: &RecordBatch, current: &RecordBatch) -> DataDriftReport {
    let settings = DataDriftSettings::default().with_only(FEATURES);
    DataDrift::new(settings)
        .unwrap()
        .compare(
            std::slice::from_ref(reference),
            std::slice::from_ref(current),
        )
        .unwrap()
}

fn read_all() -> RecordBatch {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/data/flights_2013.parquet");
    let file = File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let columns = FEATURES.into_iter().chain(["month"]);
    let mask = ProjectionMask::columns(reader.parquet_schema(), columns);
    let reader = reader.with_projection(mask).build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    concat_batches(batches[0].schema_ref(), &batches).unwrap()
}

#[test]
fn control_is_quiet_and_july_is_not() {
    let windows = Windows::read();
    let control = windows.control();
    assert_eq!(
        (
            control.compared(),
            control.drifted().count(),
            control.missing_shifted().count()
        ),
        (15, 0, 0)
    );

    let july = windows.july();
    let mut drifted: Vec<(&str, f64)> = july
        .drifted()
        .map(|c| (c.name.as_str(), c.finding.as_ref().unwrap().score.value))
        .collect();
    drifted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let names: Vec<&str> = drifted.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "temp",
            "dewp",
            "wind_speed",
            "pressure",
            "humid",
            "visib",
            "precip"
        ]
    );
    let known = [
        ("temp", 5.20),
        ("dewp", 3.67),
        ("wind_speed", 0.35),
        ("humid", 0.33),
        ("visib", 0.26),
    ];
    for (name, value) in known {
        let found = drifted.iter().find(|(n, _)| *n == name).unwrap().1;
        assert!(
            (found - value).abs() < 0.03 * value.max(0.7),
            "{name}: {found} against {value}"
        );
    }
    for name in ["carrier", "origin", "weekday"] {
        assert_eq!(
            july.column(name).unwrap().finding.as_ref().unwrap().kind,
            ColumnKind::Categorical
        );
    }
}
