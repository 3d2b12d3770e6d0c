//! What a session found, as sentences, the worst first.

use std::collections::BTreeMap;

use crate::page::column::ratio;
use crate::page::session::Series;
use crate::page::text::{escape, number, shorten};
use crate::report::DataDriftReport;

/// Lists the findings: quantities out of their band, then columns by how far they drifted, then missing values.
pub(crate) fn list(windows: &[(String, &DataDriftReport)], series: &[Series]) -> String {
    let mut items: Vec<String> = series.iter().filter_map(of_series).collect();
    items.extend(of_columns(windows));
    items.extend(of_missing(windows));
    if items.is_empty() {
        return "<h2>Findings</h2><p>None: every quantity stayed in its band, and no column drifted.</p>".to_owned();
    }
    let hidden = items.len().saturating_sub(MOST);
    items.truncate(MOST);
    let items: String = items.into_iter().map(|item| format!("<li>{item}</li>")).collect();
    let more = if hidden > 0 { format!("<p class=\"m\">and {hidden} more</p>") } else { String::new() };
    format!("<h2>Findings</h2><ol class=\"findings\">{items}</ol>{more}")
}

fn of_series(series: &Series) -> Option<String> {
    let beyond = series.points.iter().filter(|point| point.is_beyond(&series.band));
    let names: Vec<String> = beyond.map(|point| point.window.clone()).collect();
    let first = names.first()?;
    let where_ = if names.len() > 3 {
        format!("{} of {} windows, first in {}", names.len(), series.points.len(), label(first))
    } else {
        names.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
    };
    Some(format!("<b>{}</b> left its band in {where_}", label(&series.name)))
}

/// One sentence per column that drifted anywhere.
fn of_columns(windows: &[(String, &DataDriftReport)]) -> Vec<String> {
    let mut drifted: BTreeMap<&str, Vec<(f64, &str)>> = BTreeMap::new();
    for (name, report) in windows {
        for column in report.drifted() {
            let ratio = column.finding.as_ref().map_or(0.0, ratio);
            drifted.entry(&column.name).or_default().push((ratio, name));
        }
    }
    let mut columns: Vec<_> = drifted.into_iter().map(|(name, found)| (worst(&found), name, found.len())).collect();
    columns.sort_by(|a, b| b.0.0.total_cmp(&a.0.0).then(a.1.cmp(b.1)));
    let sentence = |((ratio, window), name, count): ((f64, &str), &str, usize)| {
        let all = windows.len();
        let (name, window, ratio) = (label(name), label(window), number(ratio));
        format!("<b>{name}</b> drifted in {count} of {all} windows, most in {window}: {ratio} times its threshold")
    };
    columns.into_iter().map(sentence).collect()
}

/// The greatest ratio and its window, the first of equals.
fn worst<'a>(found: &[(f64, &'a str)]) -> (f64, &'a str) {
    found.iter().copied().fold((0.0, ""), |worst, next| if next.0 > worst.0 { next } else { worst })
}

fn of_missing(windows: &[(String, &DataDriftReport)]) -> Vec<String> {
    let mut shifted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, report) in windows {
        for column in report.missing_shifted() {
            shifted.entry(&column.name).or_default().push(name);
        }
    }
    let sentence = |(column, found): (&str, Vec<&str>)| {
        let first = found.first().map(|name| label(name)).unwrap_or_default();
        format!("<b>{}</b> is missing more or less often in {} windows, first in {first}", label(column), found.len())
    };
    shifted.into_iter().map(sentence).collect()
}

fn label(text: &str) -> String {
    format!("<bdi>{}</bdi>", escape(&shorten(text, 60)))
}

/// Nobody reads more; the table below has all.
const MOST: usize = 25;
