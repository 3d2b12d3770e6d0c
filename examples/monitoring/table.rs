//! The year as a table: what drifted, and what became of the model.

use lineal_drift::performance::Metric;

use crate::session::{Session, Window};

pub(crate) fn print(session: &Session<'_>) {
    println!("A model of January to March 2013 in the months after; estimated is what the predictions alone say.\n");
    println!(
        "{:<10} {:>8} {:>7}  {:>15}  {:>15}  {:>6}  drifted",
        "", "rows", "late", "AUC est. / real", "loss est. / real", "ECE"
    );
    for window in &session.windows {
        println!("{}", line(session, window));
    }
    println!("\n* outside of what is usual in chunks of rows that the model did not see");
    println!(
        "Inputs drift in every month, and the model predicts well in some: drift alone is no reason to train anew."
    );
}

fn line(session: &Session<'_>, window: &Window) -> String {
    let pair = |metric: Metric| {
        let band = session.band(metric);
        let value = |v: Option<f64>| {
            v.map_or_else(String::new, |v| format!("{v:.3}{}", if band.is_beyond(v) { "*" } else { " " }))
        };
        format!("{:>7} {:>7}", value(window.estimated(metric)), value(window.realised(metric)))
    };
    let rows: u64 = window.calibration.bins.iter().map(|bin| bin.rows).sum();
    let late: f64 = window.calibration.bins.iter().map(|bin| bin.observed_fraction * bin.rows as f64).sum();
    let names: Vec<&str> = window.report.drifted().map(|column| column.name.as_str()).collect();
    let shown = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    format!(
        "{:<10} {rows:>8} {:>6.1}%  {}  {}  {:>6.3}  {shown}",
        window.name,
        100.0 * late / rows as f64,
        pair(Metric::RocAuc),
        pair(Metric::LogLoss),
        window.calibration.expected_error()
    )
}
