//! Drift by feature and month, as a map of cells.

use super::{
    DriftRow, ReportData,
    chart::{WIDTH, month_name},
    svg::{Svg, cut, decimals},
};

/// Draws one row per input, one column for the control window and one per month.
pub(super) fn map(data: &ReportData) -> String {
    let rows = &data.drift.rows;
    let prediction = if data.drift.prediction.is_some() { ROW + 6.0 } else { 0.0 };
    let height = TOP + ROW * (rows.len() as f64 + 2.0) + 12.0 + prediction;
    let mut svg = Svg::new(WIDTH, height, "Distance of each input from the training months, by month");
    svg.text((column(data, 0), 11.0), "small middle", "control");
    for (at, month) in data.months.iter().enumerate() {
        svg.text((column(data, at + 1), 11.0), "small middle", month_name(month.number));
    }
    for (nth, row) in rows.iter().enumerate() {
        draw_row(&mut svg, data, TOP + ROW * nth as f64, row);
    }
    if let Some(row) = &data.drift.prediction {
        let y = TOP + ROW * rows.len() as f64 + 6.0;
        draw_row(&mut svg, data, y, row);
    }
    totals(&mut svg, data, height - 2.0 * ROW - 6.0);
    format!("{}{}", svg.finish(), legend(data.drift.threshold))
}

fn draw_row(svg: &mut Svg, data: &ReportData, y: f64, row: &DriftRow) {
    svg.text((LABEL - 6.0, y + 14.5), "mono end", &cut(&row.feature, 13));
    for (at, value) in [row.control].iter().chain(row.months.iter().take(data.months.len())).enumerate() {
        cell(svg, data, at, y, *value, &row.feature);
    }
}

fn cell(svg: &mut Svg, data: &ReportData, at: usize, y: f64, value: f64, feature: &str) {
    let level = level(value, data.drift.threshold);
    let (x, width) = (column(data, at), cell_width(data));
    let when = at.checked_sub(1).and_then(|at| data.months.get(at)).map_or("control", |month| month_name(month.number));
    let tip = format!("{feature}, {when}: {}", decimals(value, 3));
    svg.rect((x - width / 2.0 + 1.0, y + 1.0), (width - 2.0, ROW - 2.0), 2.5, &format!("h{level}"), &tip);
    let weight = if level > 0 { " strong" } else { "" };
    svg.text((x, y + 14.5), &format!("t{level}{weight} middle"), &short(value));
}

/// Two rows below the map: how many inputs drifted, and what it did to the first model.
fn totals(svg: &mut Svg, data: &ReportData, y: f64) {
    let drifted = |value: &dyn Fn(&DriftRow) -> Option<f64>| {
        let above = data.drift.rows.iter().filter(|row| value(row).is_some_and(|value| value > data.drift.threshold));
        above.count().to_string()
    };
    svg.line((0.0, y), (WIDTH, y), "axis");
    svg.text((LABEL - 6.0, y + 14.5), "small strong end", "drifted");
    svg.text((LABEL - 6.0, y + 14.5 + ROW), "small end", "frozen log loss");
    svg.text((column(data, 0), y + 14.5), "small strong middle", &drifted(&|row| Some(row.control)));
    svg.text((column(data, 0), y + 14.5 + ROW), "small middle", &decimals(data.control.log_loss, 2));
    for (at, month) in data.months.iter().enumerate() {
        let x = column(data, at + 1);
        svg.text((x, y + 14.5), "small strong middle", &drifted(&|row| row.months.get(at).copied()));
        svg.text((x, y + 14.5 + ROW), "small middle", &decimals(month.frozen.log_loss, 2));
    }
}

fn legend(threshold: f64) -> String {
    let mut svg = Svg::new(WIDTH, 30.0, "Legend of the shades");
    let width = (WIDTH - LABEL) / 6.0;
    svg.text((LABEL - 6.0, 11.0), "small end", "distance");
    for level in 0..=LEVELS.len() {
        let x = LABEL + width * level as f64;
        svg.rect((x + 1.0, 2.0), (width - 2.0, 11.0), 2.5, &format!("h{level}"), "");
        let from = level.checked_sub(1).and_then(|below| LEVELS.get(below)).map(|times| times * threshold);
        let text = from.map_or_else(|| "quiet".to_owned(), |from| format!("> {}", short(from)));
        svg.text((x + width / 2.0, 25.0), "small middle", &text);
    }
    svg.finish()
}

/// 0 for quiet, then the number of limits passed.
fn level(value: f64, threshold: f64) -> usize {
    LEVELS.iter().filter(|times| value > *times * threshold).count()
}

/// Two digits are all that fit.
fn short(value: f64) -> String {
    if value < 0.995 {
        decimals(value, 2)
    } else if value < 9.95 {
        decimals(value, 1)
    } else {
        decimals(value, 0)
    }
}

/// The control column stands a little apart.
fn column(data: &ReportData, at: usize) -> f64 {
    let apart = if at == 0 { 0.0 } else { GAP };
    LABEL + apart + (at as f64 + 0.5) * cell_width(data)
}

fn cell_width(data: &ReportData) -> f64 {
    (WIDTH - LABEL - GAP) / (data.months.len() as f64 + 1.0)
}

/// Limits of the shades, as multiples of the threshold.
const LEVELS: [f64; 5] = [1.0, 2.5, 5.0, 10.0, 30.0];
const TOP: f64 = 17.0;
const ROW: f64 = 22.0;
const LABEL: f64 = 90.0;
const GAP: f64 = 8.0;
