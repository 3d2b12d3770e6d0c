//! Columns by windows: how many thresholds away each column was, as a table that reads as one, too.

use std::collections::BTreeMap;

use crate::page::column::ratio;
use crate::page::text::{escape, shorten};
use crate::report::{ColumnReport, ColumnStatus, DataDriftReport};

/// Writes a row per column, the most drifted first, and a cell per window; empty for fewer than two windows.
pub(crate) fn table(windows: &[(String, &DataDriftReport)]) -> String {
    if windows.len() < 2 {
        return String::new();
    }
    let mut order: Vec<(&str, f64)> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for column in windows.iter().flat_map(|(_, report)| &report.columns) {
        let place = *at.entry(&column.name).or_insert_with(|| {
            order.push((&column.name, -1.0));
            order.len() - 1
        });
        if let Some((_, worst)) = order.get_mut(place) {
            *worst = worst.max(column.finding.as_ref().map_or(-1.0, ratio));
        }
    }
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let hidden = order.len().saturating_sub(MOST);
    let heads: String =
        windows.iter().map(|(name, _)| format!("<th scope=\"col\">{}</th>", escape(&shorten(name, 12)))).collect();
    let rows: String = order.iter().take(MOST).map(|(name, _)| row(name, windows)).collect();
    let more =
        if hidden > 0 { format!("<p class=\"m\">and {hidden} columns that drifted less</p>") } else { String::new() };
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Drift of each column in each window\"><table class=\"heat\">\
         <tr><th scope=\"col\">column</th>{heads}</tr>{rows}</table></div>\
         <p class=\"m\">Score over threshold; drift is above 1, and marked. – was not compared.</p>{more}"
    )
}

fn row(name: &str, windows: &[(String, &DataDriftReport)]) -> String {
    let cells: String = windows.iter().map(|(_, report)| cell(report.column(name))).collect();
    format!("<tr><th scope=\"row\"><bdi>{}</bdi></th>{cells}</tr>", escape(&shorten(name, 32)))
}

fn cell(column: Option<&ColumnReport>) -> String {
    let finding = column.filter(|column| column.status == ColumnStatus::Ok).and_then(|column| column.finding.as_ref());
    let Some(finding) = finding else {
        return "<td>–</td>".to_owned();
    };
    let ratio = ratio(finding);
    let class = match ratio {
        _ if !finding.drifted => "",
        ..3.0 => " class=\"h1\"",
        3.0..10.0 => " class=\"h2\"",
        _ => " class=\"h3\"",
    };
    format!("<td{class}>{}</td>", times(ratio))
}

/// Two digits say enough.
fn times(ratio: f64) -> String {
    match ratio {
        ..9.95 => format!("{ratio:.1}"),
        ..1000.0 => format!("{ratio:.0}"),
        _ => "&gt;999".to_owned(),
    }
}

const MOST: usize = 60;
