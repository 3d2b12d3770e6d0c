//! One column on a page: a bar in the overview, and a card with its picture and numbers.

use crate::distribution::NumericSummary;
use crate::method::{DecidesOn, Method};
use crate::page::picture::{picture, quantile_shift};
use crate::page::text::{escape, number, percent, shorten};
use crate::report::{ColumnReport, ColumnStatus, Finding, LabelRows, LabelShift};

/// Orders columns: drifted by how far beyond the threshold, then the others, then those not compared.
pub(crate) fn severity(column: &ColumnReport) -> f64 {
    match (&column.status, &column.finding) {
        (ColumnStatus::Ok, Some(finding)) => ratio(finding) + if finding.drifted { 1e9 } else { 0.0 },
        (ColumnStatus::Failed { .. }, _) => -1.0,
        _ => -2.0,
    }
}

/// How many thresholds a score is away from "no drift", at most a million.
pub(crate) fn ratio(finding: &Finding) -> f64 {
    let ratio = match deciding_p(finding) {
        None => finding.score.value / finding.threshold.max(1e-12),
        Some(p) => finding.threshold / p.max(1e-12),
    };
    ratio.clamp(0.0, 1e6)
}

pub(crate) fn overview_row(column: &ColumnReport) -> String {
    let name = name_of(column);
    let Some(finding) = &column.finding else {
        return format!(
            "<div class=\"row\"><span class=\"n\">{name}</span><span class=\"m\">{}</span></div>",
            status_text(column)
        );
    };
    // Half of the bar is the threshold; the rest is logarithmic, so that 50 thresholds still fit.
    let ratio = ratio(finding);
    let length = if ratio <= 1.0 { 50.0 * ratio } else { (50.0 + 25.0 * ratio.log10()).min(100.0) };
    let class = if finding.drifted { "bad" } else { "good" };
    format!(
        "<div class=\"row\"><span class=\"n\">{name}</span><span class=\"bar\"><i class=\"{class}\" style=\"width:{length:.1}%\"></i></span>\
         <span class=\"v {class}\">{}</span></div>",
        deciding_number(finding)
    )
}

pub(crate) fn card(column: &ColumnReport) -> String {
    let (class, tag) = match (&column.status, column.drifted()) {
        (ColumnStatus::Ok, true) => ("bad", "drifted"),
        (ColumnStatus::Ok, false) => ("good", "ok"),
        (ColumnStatus::Skipped { .. }, _) => ("dim", "skipped"),
        (ColumnStatus::Failed { .. }, _) => ("bad", "failed"),
    };
    let body =
        column.finding.as_ref().map_or_else(|| format!("<p>{}</p>", status_text(column)), |f| finding_body(column, f));
    format!(
        "<article><h3>{} <span class=\"tag {class}\">{tag}</span></h3>{body}{}</article>",
        name_of(column),
        missing_text(column)
    )
}

fn finding_body(column: &ColumnReport, finding: &Finding) -> String {
    let spec = finding.score.method.spec();
    let side = match finding.decides_on {
        DecidesOn::ValueAbove => "drift above",
        DecidesOn::PValueBelow => "drift if p is below",
        DecidesOn::ValueAtLeast => "drift from",
        DecidesOn::PValueAtMost => "drift if p is at most",
    };
    let legend = "<p class=\"key\"><i class=\"r\"></i>reference <i class=\"k\"></i>current</p>";
    format!(
        "<p>{} <b>{}</b>, {side} {}</p>{legend}{}{}{}{}{}{}",
        spec.title,
        deciding_number(finding),
        finding.threshold,
        picture(&column.name, &finding.distribution),
        finding.quantile_shift.as_ref().map(|shift| quantile_shift(&column.name, shift)).unwrap_or_default(),
        summary_table(finding),
        test_text(finding),
        finding.labels.as_ref().map(label_text).unwrap_or_default(),
        sizes_text(finding)
    )
}

fn deciding_number(finding: &Finding) -> String {
    deciding_p(finding).map_or_else(|| number(finding.score.value), p_value)
}

/// The p-value that decides, adjusted if it is; `None` if the value does.
fn deciding_p(finding: &Finding) -> Option<f64> {
    finding.adjusted_p.or(finding.score.p_value).filter(|_| finding.decides_on.p_value())
}

/// Writes a p-value; one that `f64` cannot tell from 0 is not 0.
fn p_value(p: f64) -> String {
    if p < 1e-300 { "p &lt; 1e-300".to_owned() } else { format!("p = {}", number(p)) }
}

fn summary_table(finding: &Finding) -> String {
    let (Some(before), Some(now)) = (&finding.summary_reference, &finding.summary_current) else {
        return String::new();
    };
    let line = |side: &str, s: &NumericSummary| {
        let cells: String = [s.mean, s.std, s.min, s.median, s.max].map(|v| format!("<td>{}</td>", number(v))).concat();
        format!("<tr><th>{side}</th>{cells}</tr>")
    };
    let heads = ["mean", "std", "min", "median", "max"].map(|name| format!("<th>{name}</th>")).concat();
    format!("<table><tr><th></th>{heads}</tr>{}{}</table>", line("reference", before), line("current", now))
}

fn test_text(finding: &Finding) -> String {
    let Some(test) = &finding.test else {
        return String::new();
    };
    let p = test.p_value.map(p_value).unwrap_or_default();
    let effect = match (test.method, test.effect) {
        (Method::ChiSquare, Some(v)) => format!(", Cramér's V {}", number(v)),
        (Method::Ks, Some(d)) => format!(", D {}", number(d)),
        _ => String::new(),
    };
    format!("<p class=\"m\">{} test: {p}{effect} (decides nothing)</p>", test.method.spec().title)
}

fn label_text(labels: &LabelShift) -> String {
    let list = |count: u64, fraction: f64, top: &[LabelRows], what: &str| {
        if count == 0 {
            return String::new();
        }
        let names: Vec<String> = top.iter().map(|l| format!("<bdi>{}</bdi>", escape(&shorten(&l.label, 24)))).collect();
        let more = if count > top.len() as u64 { ", …" } else { "" };
        format!("<p class=\"m\"><b>{count}</b> {what} ({}): {}{more}</p>", percent(fraction), names.join(", "))
    };
    list(labels.appeared, labels.appeared_fraction, &labels.appeared_top, "new labels")
        + &list(labels.vanished, labels.vanished_fraction, &labels.vanished_top, "vanished labels")
}

fn sizes_text(finding: &Finding) -> String {
    let score = &finding.score;
    let bins = score.bins.map(|b| format!(", {b} bins")).unwrap_or_default();
    let infinite = match (finding.infinite_reference, finding.infinite_current) {
        (0, 0) => String::new(),
        (r, c) => format!(", infinite values left out: {r} and {c}"),
    };
    format!("<p class=\"m\">{} reference and {} current values{bins}{infinite}</p>", score.n_reference, score.n_current)
}

fn missing_text(column: &ColumnReport) -> String {
    let Some(missing) = &column.missing else {
        return String::new();
    };
    if missing.reference == 0 && missing.current == 0 {
        return String::new();
    }
    let tag = if missing.shifted { " <span class=\"tag bad\">missing shifted</span>" } else { "" };
    format!(
        "<p class=\"m\">missing {} → {}{tag}</p>",
        percent(missing.reference_fraction),
        percent(missing.current_fraction)
    )
}

fn status_text(column: &ColumnReport) -> String {
    match &column.status {
        ColumnStatus::Ok => String::new(),
        ColumnStatus::Skipped { reason } => escape(&format!("skipped: {reason}")),
        ColumnStatus::Failed { reason } => escape(&format!("failed: {}", shorten(reason, 300))),
    }
}

pub(crate) fn name_of(column: &ColumnReport) -> String {
    format!("<bdi>{}</bdi>", escape(&shorten(&column.name, 80)))
}
