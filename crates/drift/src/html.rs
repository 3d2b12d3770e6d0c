//! The report as one self-contained page: no script, no request, light and dark, readable on a phone.

use crate::distribution::NumericSummary;
use crate::method::{DecidesOn, Method};
use crate::report::{ColumnReport, ColumnStatus, DataDriftReport, Finding, LabelShift};
use crate::svg::{picture, shorten};

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
    let mut columns: Vec<&ColumnReport> = report.columns.iter().collect();
    // Stable: equal severities keep the order of the schema.
    columns.sort_by(|a, b| severity(b).total_cmp(&severity(a)));
    let rows: String = columns.iter().map(|c| overview_row(c)).collect();
    let cards: String = columns.iter().map(|c| card(c)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>Data drift</title><style>{STYLE}</style></head>\n<body><main>{}<section class=\"list\">{rows}</section><p class=\"m\">The mark is the threshold of the column; right of it the bar is logarithmic.</p>\
         <h2>Columns</h2><section class=\"cards\">{cards}</section>{}</main></body></html>\n",
        header(report),
        methods(report)
    )
}

/// Orders columns: drifted by how far beyond the threshold, then the others, then those not compared.
fn severity(column: &ColumnReport) -> f64 {
    match (&column.status, &column.finding) {
        (ColumnStatus::Ok, Some(finding)) => ratio(finding) + if finding.drifted { 1e9 } else { 0.0 },
        (ColumnStatus::Failed { .. }, _) => -1.0,
        _ => -2.0,
    }
}

/// How many thresholds a score is away from "no drift", at most a million.
fn ratio(finding: &Finding) -> f64 {
    let ratio = match deciding_p(finding) {
        None => finding.score.value / finding.threshold.max(1e-12),
        Some(p) => finding.threshold / p.max(1e-12),
    };
    ratio.clamp(0.0, 1e6)
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

fn overview_row(column: &ColumnReport) -> String {
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

fn card(column: &ColumnReport) -> String {
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
        "<p>{} <b>{}</b>, {side} {}</p>{legend}{}{}{}{}{}",
        spec.title,
        deciding_number(finding),
        finding.threshold,
        picture(&column.name, &finding.distribution),
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
    let list = |count: u64, fraction: f64, top: &[crate::report::LabelRows], what: &str| {
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

/// Says how each number came about.
fn methods(report: &DataDriftReport) -> String {
    let findings = || report.columns.iter().filter_map(|c| c.finding.as_ref());
    let mut used: Vec<Method> =
        findings().flat_map(|f| [Some(f.score.method), f.test.as_ref().map(|t| t.method)]).flatten().collect();
    used.sort_unstable();
    used.dedup();
    let items: String = used
        .iter()
        .map(|method| method.spec())
        .map(|spec| {
            format!(
                "<dt>{}</dt><dd>{}. Range: {}. Source: {}.</dd>",
                spec.title, spec.definition, spec.range, spec.source
            )
        })
        .collect();
    format!("<h2>How each number came about</h2><dl>{items}</dl>")
}

fn name_of(column: &ColumnReport) -> String {
    format!("<bdi>{}</bdi>", escape(&shorten(&column.name, 80)))
}

/// Makes a text from the data harmless in HTML text and attributes; control characters become visible.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Writes a number with about four significant digits.
pub(crate) fn number(v: f64) -> String {
    let size = v.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e6).contains(&size) => format!("{v:.2e}"),
        _ if size >= 100.0 => format!("{v:.0}"),
        _ if size >= 10.0 => format!("{v:.1}"),
        _ if size >= 1.0 => format!("{v:.2}"),
        _ => format!("{v:.3}"),
    }
}

/// Writes a share of 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 10.0 { format!("{percent:.0}%") } else { format!("{percent:.1}%") }
}

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--fg:#1d2327;--dim:#66707a;--line:#e1e4e8;--ref:#b9c3cd;--cur:#0b69c7;--bad:#b3261e;--good:#1a7f4b}\
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--fg:#e6e9ec;--dim:#98a2ac;--line:#30363c;--ref:#56616c;--cur:#6cb2ff;--bad:#ff8a80;--good:#6fd39b}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif}\
main{max-width:1080px;margin:0 auto;padding:20px 16px 48px}h1{font-size:26px;margin:0}h2{font-size:18px;margin:32px 0 12px}\
h3{font-size:16px;margin:0 0 6px;overflow-wrap:anywhere}p{margin:4px 0}.verdict{font-size:18px}.m{color:var(--dim);font-size:13px}\
.facts{list-style:none;display:flex;flex-wrap:wrap;gap:2px 20px;margin:4px 0 20px;padding:0;color:var(--dim);font-size:13px}\
.tag{font-size:12px;font-weight:600;padding:1px 8px;border:1px solid;border-radius:10px;white-space:nowrap}\
.bad{color:var(--bad)}.good{color:var(--good)}.dim{color:var(--dim)}\
.list,article{background:var(--card);border:1px solid var(--line);border-radius:10px}.list{padding:10px 14px}\
.list{display:grid;grid-template-columns:fit-content(45%) 1fr max-content;gap:5px 12px;align-items:center}.row{display:contents}\
.row .n{overflow-wrap:anywhere}.row .m{grid-column:2/4}.row .v{text-align:right;font-variant-numeric:tabular-nums}\
.bar{position:relative;height:8px;background:var(--line);border-radius:4px}\
.bar i{display:block;height:8px;border-radius:4px;background:currentColor}\
.bar::after{content:'';position:absolute;left:50%;top:-3px;height:14px;border-left:2px solid var(--fg)}\
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:14px}article{padding:14px}\
.key{font-size:13px;color:var(--dim)}.key i{display:inline-block;width:12px;height:9px;margin:0 5px 0 10px}.key i:first-child{margin-left:0}\
i.r{background:var(--ref)}i.k{background:var(--cur)}svg{display:block;width:100%;max-width:480px;height:auto;margin:6px 0}\
svg text{font:11px system-ui,sans-serif;fill:var(--dim)}svg .r{fill:var(--ref)}svg .k{fill:var(--cur)}\
svg .c{fill:var(--cur);fill-opacity:.12;stroke:var(--cur);stroke-width:1.6}svg .a{stroke:var(--dim);stroke-width:1}\
table{width:100%;border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}\
td,th{padding:2px 4px;text-align:right;font-weight:400}th{color:var(--dim)}th:first-child{text-align:left;padding-left:0}\
dt{font-weight:600}dd{margin:0 0 8px;color:var(--dim)}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_data_is_harmless() {
        assert_eq!(
            escape("<a href=\"x\" title='y'>&\u{0}\n"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn numbers_are_short() {
        let written: Vec<String> = [0.0, 5.1987, 0.35, 1234.6, 1e-9, -3e7].into_iter().map(number).collect();
        assert_eq!(written, ["0", "5.20", "0.350", "1235", "1.00e-9", "-3.00e7"]);
        assert_eq!((percent(0.0213), percent(1.0)), ("2.1%".to_owned(), "100%".to_owned()));
    }
}
