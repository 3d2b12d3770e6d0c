//! A year of flights: the known answers of a quiet control window and of July.

use arrow::array::RecordBatch;
use lineal_core::Rng;
use lineal_drift::{ColumnKind, DataDrift, DataDriftReport, DataDriftSettings, arrow};

use crate::flights_data::Flights;

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
        let flights = Flights::read(FEATURES);
        let rng = Rng::new(2013, "split");
        let training = |row: usize| rng.at(row as u64).f64() < 0.7;
        Self {
            training: flights.select(|row, month| month <= 3 && training(row)),
            control: flights.select(|row, month| month <= 3 && !training(row)),
            july: flights.select(|_, month| month == 7),
        }
    }

    pub(crate) fn control(&self) -> DataDriftReport {
        compare(&self.training, &self.control)
    }

    pub(crate) fn july(&self) -> DataDriftReport {
        compare(&self.training, &self.july)
    }
}

/// April to December, each against January to March.
pub(crate) fn months() -> Vec<(&'static str, DataDriftReport)> {
    let flights = Flights::read(FEATURES);
    let reference = flights.select(|_, month| month <= 3);
    let names = ["April", "May", "June", "July", "August", "September", "October", "November", "December"];
    names
        .into_iter()
        .zip(4..)
        .map(|(name, m)| (name, compare(&reference, &flights.select(|_, month| month == m))))
        .collect()
}

fn compare(reference: &RecordBatch, current: &RecordBatch) -> DataDriftReport {
    let settings = DataDriftSettings::default().with_only(FEATURES);
    DataDrift::new(settings).unwrap().compare(std::slice::from_ref(reference), std::slice::from_ref(current)).unwrap()
}

#[test]
fn control_is_quiet_and_july_is_not() {
    let windows = Windows::read();
    let control = windows.control();
    assert_eq!((control.compared(), control.drifted().count(), control.missing_shifted().count()), (15, 0, 0));

    let july = windows.july();
    let mut drifted: Vec<(&str, f64)> =
        july.drifted().map(|c| (c.name.as_str(), c.finding.as_ref().unwrap().score.value)).collect();
    drifted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let names: Vec<&str> = drifted.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["temp", "dewp", "wind_speed", "pressure", "humid", "visib", "precip"]);
    let known = [("temp", 5.20), ("dewp", 3.67), ("wind_speed", 0.35), ("humid", 0.33), ("visib", 0.26)];
    for (name, value) in known {
        let found = drifted.iter().find(|(n, _)| *n == name).unwrap().1;
        assert!((found - value).abs() < 0.03 * value.max(0.7), "{name}: {found} against {value}");
    }
    for name in ["carrier", "origin", "weekday"] {
        assert_eq!(july.column(name).unwrap().finding.as_ref().unwrap().kind, ColumnKind::Categorical);
    }
}
