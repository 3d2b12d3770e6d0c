//! The live monitor.

mod findings;
mod formats;
mod hostile;
mod rates;
mod recording;
#[cfg(feature = "openmetrics")]
mod scrape;

use lineal_core::Rng;
use lineal_drift::arrow::array::RecordBatch;
use lineal_drift::monitor::{Monitor, MonitorReference, MonitorSettings, ReferenceSettings, Value, Windows};

use crate::generators::{batch, optional, words};

/// Rows of a number that is sometimes missing, one of few labels, and a number with many zeros.
pub(crate) struct Rows {
    pub(crate) speed: Vec<Option<f64>>,
    pub(crate) carrier: Vec<Option<&'static str>>,
    pub(crate) delay: Vec<Option<f64>>,
}

impl Rows {
    pub(crate) fn new(seed: u64, rows: usize, shift: f64) -> Self {
        let mut rng = Rng::new(seed, "monitor rows");
        let mut made = Self { speed: vec![], carrier: vec![], delay: vec![] };
        for _ in 0..rows {
            made.speed.push((rng.f64() > 0.1).then(|| rng.f64() + shift));
            made.carrier.push((rng.f64() > 0.02).then(|| CARRIERS[(rng.below(10) * rng.below(10) / 20) as usize]));
            made.delay.push(Some(if rng.f64() < 0.4 { 0.0 } else { rng.f64() * 90.0 }));
        }
        made
    }

    pub(crate) fn len(&self) -> usize {
        self.speed.len()
    }

    pub(crate) fn row(&self, at: usize) -> [Value<'_>; 3] {
        [self.speed[at].into(), self.carrier[at].into(), self.delay[at].into()]
    }

    pub(crate) fn batch(&self) -> RecordBatch {
        batch([
            ("speed", optional(self.speed.clone())),
            ("carrier", words(self.carrier.clone())),
            ("delay", optional(self.delay.clone())),
        ])
    }
}

pub(crate) fn reference() -> MonitorReference {
    MonitorReference::build(&[Rows::new(1, 20_000, 0.0).batch()], &ReferenceSettings::default()).unwrap()
}

pub(crate) fn monitor(windows: Windows, settings: MonitorSettings) -> Monitor {
    Monitor::new(reference(), windows, settings).unwrap()
}

/// So few simulations that debug builds are quick.
pub(crate) fn quick() -> MonitorSettings {
    let mut settings = MonitorSettings::default();
    settings.simulations = 1_000;
    settings
}

const CARRIERS: [&str; 5] = ["UA", "AA", "DL", "WN", "B6"];
