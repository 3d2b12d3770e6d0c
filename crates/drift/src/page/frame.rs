//! What every page has around its content, and how it says where its numbers come from.

use crate::method::{Method, MethodSpec};
use crate::multiple_testing::Correction;
use crate::page::text::escape;
use crate::report::{ColumnReport, DataDriftReport};

/// Puts content into a page that may load and run nothing.
pub(crate) fn page(title: &str, content: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>{content}</main></body></html>\n"
    )
}

/// Says how each number of these reports came about.
pub(crate) fn methods<'a>(reports: impl Iterator<Item = &'a DataDriftReport> + Clone) -> String {
    let columns = reports.clone().flat_map(|report| &report.columns);
    let mut used: Vec<Method> = columns.flat_map(methods_of).collect();
    used.sort_unstable();
    used.dedup();
    let items: String = used.iter().map(|method| definition(method.spec())).collect();
    let corrections: Vec<Correction> = reports.filter(|report| adjusts(report)).map(|r| r.correction).collect();
    let correction = corrections.first().map(|correction| {
        let name = escape(&format!("{correction:?}"));
        format!("<dt>Many p-values</dt><dd>Adjusted for the number of columns that p-values decide: {name}.</dd>")
    });
    format!("<h2>How each number came about</h2><dl>{items}{}</dl>", correction.unwrap_or_default())
}

fn methods_of(column: &ColumnReport) -> impl Iterator<Item = Method> {
    let finding = column.finding.as_ref();
    finding.into_iter().flat_map(|f| [Some(f.score.method), f.test.as_ref().map(|t| t.method)]).flatten()
}

fn definition(spec: &MethodSpec) -> String {
    format!("<dt>{}</dt><dd>{}. Range: {}. Source: {}.</dd>", spec.title, spec.definition, spec.range, spec.source)
}

fn adjusts(report: &DataDriftReport) -> bool {
    let findings = report.columns.iter().filter_map(|column| column.finding.as_ref());
    report.correction != Correction::None && findings.filter(|finding| finding.adjusted_p.is_some()).count() > 1
}

const STYLE: &str = include_str!("style.css");
