//! Workers that answer requests, each recording what it was asked.

use std::thread;

use lineal_drift::monitor::{
    Monitor, MonitorReference, MonitorSettings, MonitorState, WindowReport, Windows, write_openmetrics,
};
use lineal_examples::Outcome;

use crate::replay::Day;

pub(crate) const WORKERS: u32 = 4;

/// The service: one monitor, and a recorder for each worker.
pub(crate) struct Service {
    monitor: Monitor,
    windows: Windows,
    settings: MonitorSettings,
}

impl Service {
    pub(crate) fn start(reference: MonitorReference, windows: Windows, settings: MonitorSettings) -> Outcome<Self> {
        let monitor = Monitor::new(reference, windows.clone(), settings.clone())?;
        Ok(Self { monitor, windows, settings })
    }

    /// Answers the requests of a day on all workers, and returns the reports of the windows that ended with it.
    pub(crate) fn serve_day(&mut self, day: &Day) -> Outcome<Vec<WindowReport>> {
        let workers = WORKERS as usize;
        let answered: Result<Vec<()>, lineal_drift::Error> = thread::scope(|scope| {
            let threads: Vec<_> = (0..workers)
                .map(|worker| {
                    let recorder = self.monitor.recorder();
                    scope.spawn(move || {
                        // Every fourth request; here a service would score it.
                        for row in (worker..day.rows()).step_by(workers) {
                            recorder.record_at(day.times_us[row], &day.row(row))?;
                        }
                        Ok(())
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(()))).collect()
        });
        answered?;
        Ok(self.monitor.close_until(day.ends_at_us())?)
    }

    /// Stops, and goes on from what was saved.
    pub(crate) fn restarted(self) -> Outcome<Self> {
        let saved = serde_json::to_vec(&(self.monitor.reference(), self.monitor.state()))?;
        let (reference, state): (MonitorReference, MonitorState) = serde_json::from_slice(&saved)?;
        let monitor = Monitor::restore(reference, self.windows.clone(), self.settings.clone(), &state)?;
        Ok(Self { monitor, ..self })
    }

    pub(crate) fn metrics(&self) -> Outcome<String> {
        let mut text = String::new();
        write_openmetrics([("late15", &self.monitor)], &mut text)?;
        Ok(text)
    }
}
