//! The page of one comparison.

use crate::page::column::{card, overview_row, severity};
use crate::page::frame;
use crate::report::{ColumnReport, DataDriftReport};

/// Writes a report as one HTML page with inline SVG.
///
/// The page holds no script and asks for nothing over the network; every name and label from the data is escaped. Drifted columns come
/// first, the most drifted at the top. Size: about 5 KB per column.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{Int32Array, RecordBatch};
/// use lineal_drift::{DataDrift, DataDriftSettings, report_html};
///
/// let batch = RecordBatch::try_from_iter([("<script>", Arc::new(Int32Array::from(vec![1, 2, 3])) as _)])?;
/// let report = DataDrift::new(DataDriftSettings::default())?.compare(&[batch.clone()], &[batch])?;
/// let page = report_html(&report);
/// assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn report_html(report: &DataDriftReport) -> String {
    let columns = by_severity(report);
    let rows: String = columns.iter().map(|c| overview_row(c)).collect();
    let cards: String = columns.iter().map(|c| card(c)).collect();
    let content = format!(
        "{}<section class=\"list\">{rows}</section><p class=\"m\">{LEGEND}</p>\
         <h2>Columns</h2><section class=\"cards\">{cards}</section>{}",
        header(report),
        frame::methods(std::iter::once(report))
    );
    frame::page("Data drift", &content)
}

/// What the bars of the overview mean.
pub(crate) const LEGEND: &str = "The mark is the threshold of the column; right of it the bar is logarithmic.";

/// The columns of a report, the most drifted first; equal ones in the order of the schema.
pub(crate) fn by_severity(report: &DataDriftReport) -> Vec<&ColumnReport> {
    let mut columns: Vec<&ColumnReport> = report.columns.iter().collect();
    columns.sort_by(|a, b| severity(b).total_cmp(&severity(a)));
    columns
}

fn header(report: &DataDriftReport) -> String {
    let drifted = report.drifted().count();
    let (class, word) = if drifted > 0 { ("bad", "drift") } else { ("good", "quiet") };
    let missing = report.missing_shifted().count();
    let aside = report.columns.len() - report.compared();
    let facts = [
        (report.reference_rows.to_string(), "reference rows"),
        (report.current_rows.to_string(), "current rows"),
        (missing.to_string(), "columns with a shift of missing values"),
        (aside.to_string(), "columns not compared"),
    ];
    let facts: String = facts.iter().map(|(value, what)| format!("<li><b>{value}</b> {what}</li>")).collect();
    format!(
        "<header><h1>Data drift</h1><p class=\"verdict\"><span class=\"tag {class}\">{word}</span> \
         <b>{drifted} of {}</b> compared columns drifted</p><ul class=\"facts\">{facts}</ul></header>",
        report.compared()
    )
}
