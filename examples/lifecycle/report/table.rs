//! What is better read than drawn.

use super::{
    Answer, Check, Descent, Node, ReportData,
    chart::month_name,
    svg::{decimals, escape},
};
use crate::metrics::Scores;

/// Lists the links of the line of descent with all their text.
pub(super) fn descent(data: &Descent) -> String {
    let links: [(&str, &Node); 8] = [
        ("Prediction", &data.prediction),
        ("Version", &data.deployed),
        ("Decision", &data.decision),
        ("Approval", &data.approval),
        ("Run", &data.run),
        ("Data", &data.data),
        ("Code", &data.code),
        ("Environment", &data.environment),
    ];
    let rows: String = links
        .iter()
        .map(|(name, node)| {
            let lines: String = node.lines.iter().map(|line| format!("<small>{}</small>", escape(line))).collect();
            format!("<tr><th scope=\"row\">{name}</th><td><code>{}</code>{lines}</td></tr>", escape(&node.id))
        })
        .collect();
    format!("<table><tbody>{rows}</tbody></table>")
}

/// Lists questions and answers.
pub(super) fn answers(answers: &[Answer]) -> String {
    let items: String = answers
        .iter()
        .map(|item| format!("<dt>{}</dt><dd>{}</dd>", escape(&item.question), escape(&item.answer)))
        .collect();
    format!("<dl>{items}</dl>")
}

/// Lists what was verified and how it came out.
pub(super) fn checks(checks: &[Check]) -> String {
    let rows: String = checks
        .iter()
        .map(|check| {
            let (class, sign) = if check.passed { ("ok", "✓") } else { ("failed", "✗") };
            let (what, outcome, detail) = (escape(&check.what), escape(&check.outcome), escape(&check.detail));
            format!("<tr><td>{what}<small>{detail}</small></td><td class=\"{class}\">{sign} {outcome}</td></tr>")
        })
        .collect();
    format!("<table><tbody>{rows}</tbody></table>")
}

/// Lists all scores by month.
pub(super) fn months(data: &ReportData) -> String {
    let rows: String = data
        .months
        .iter()
        .map(|month| {
            let name = month_name(month.number);
            let flights = thousands(month.champion.rows);
            let rate = decimals(month.champion.base_rate, 3);
            let (champion, frozen) = (scores(&month.champion, ""), scores(&month.frozen, EDGE));
            let version = month.version;
            format!("<tr><th scope=\"row\">{name}</th><td>{flights}</td><td>{rate}</td><td{EDGE}>v{version}</td>{champion}{frozen}</tr>")
        })
        .collect();
    let (flights, rate) = (thousands(data.control.rows), decimals(data.control.base_rate, 3));
    let control = format!(
        "<tr><th scope=\"row\">control</th><td>{flights}</td><td>{rate}</td><td{EDGE}></td><td colspan=\"5\"></td>{}</tr>",
        scores(&data.control, EDGE)
    );
    format!(
        "<div class=\"wide scroll\"><table class=\"numbers\"><thead><tr><th></th><th></th><th></th>\
         <th class=\"group edge\" colspan=\"6\">champion</th><th class=\"group edge\" colspan=\"5\">first model, frozen</th></tr>\
         <tr><th>month</th><th>flights</th><th>late</th><th{EDGE}>version</th>{SCORES}{}</tr></thead><tbody>{control}{rows}</tbody></table></div>\
         <p class=\"caption\">Flights whose outcome is known. AUC: higher is better; log loss in nats, Brier score and ECE: lower is better.</p>",
        SCORES.replacen("<th>", &format!("<th{EDGE}>"), 1),
    )
}

fn scores(scores: &Scores, first: &str) -> String {
    let values = [scores.auc, scores.log_loss, scores.brier, scores.ece, scores.mean_prediction];
    let cells = values.iter().zip([first, "", "", "", ""]);
    cells.map(|(value, class)| format!("<td{class}>{}</td>", decimals(*value, 3))).collect()
}

/// Writes `28485` as `28,485`.
fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Starts a group of columns.
const EDGE: &str = " class=\"edge\"";

const SCORES: &str = "<th>AUC</th><th>log loss</th><th>Brier</th><th>ECE</th><th>mean p</th>";
