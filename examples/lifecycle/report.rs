//! The page a person looks at afterwards: one file, no script, nothing loaded from elsewhere.

mod chart; // values by month, as lines
mod descent; // from a prediction down to data and code
mod heat; // drift by feature and month
mod reliability; // predicted against observed share
mod svg; // drawing, and escaping of everything that is text
mod table;
mod timeline; // who was champion when, and what was decided // what is better read than drawn

use std::{fs, path::Path};

use self::svg::escape;
use crate::{
    learn_error::LearnError,
    metrics::{Bin, Scores},
};

/// All that the page shows; texts are plain and get escaped.
#[derive(Debug, Clone)]
pub(crate) struct ReportData {
    pub(crate) title: String,
    /// The story in one sentence.
    pub(crate) headline: String,
    /// A few sentences more.
    pub(crate) summary: Vec<String>,
    /// Three or four numbers to remember.
    pub(crate) figures: Vec<Figure>,
    /// The first model on rows of its own training months that it has not seen.
    pub(crate) control: Scores,
    /// Months served, in order and without gap.
    pub(crate) months: Vec<Month>,
    /// Changes of the champion and refusals, in the order of time. The first names the first champion.
    pub(crate) events: Vec<Event>,
    pub(crate) drift: Drift,
    pub(crate) reliability: Reliability,
    pub(crate) descent: Descent,
    /// Questions answered from storage alone.
    pub(crate) answers: Vec<Answer>,
    pub(crate) checks: Vec<Check>,
    /// Where the data is from and how the page was made.
    pub(crate) notes: Vec<String>,
}

/// A number with what it says.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// One month of serving, after its labels arrived.
#[derive(Debug, Clone)]
pub(crate) struct Month {
    /// 1 to 12.
    pub(crate) number: u8,
    /// Version that served most of the month.
    pub(crate) version: u64,
    pub(crate) champion: Scores,
    /// The first model, kept unchanged.
    pub(crate) frozen: Scores,
}

/// Something that was decided about a version.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) month: u8,
    /// Day of the month, from 1.
    pub(crate) day: u8,
    pub(crate) kind: EventKind,
    /// The champion from then on, or the version that was refused.
    pub(crate) version: u64,
    pub(crate) text: String,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    Promoted,
    Refused,
    RolledBack,
}

/// Distance of each input from the reference, by month.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    /// A distance above it counts as drift.
    pub(crate) threshold: f64,
    /// One row per input of the model.
    pub(crate) rows: Vec<DriftRow>,
    /// The first model's predictions; shown below the inputs and not counted with them.
    pub(crate) prediction: Option<DriftRow>,
    /// How to read it, in words.
    pub(crate) reading: Vec<String>,
}

/// One input.
#[derive(Debug, Clone)]
pub(crate) struct DriftRow {
    pub(crate) feature: String,
    /// Distance in the control window.
    pub(crate) control: f64,
    /// Distance in each of the report's months.
    pub(crate) months: Vec<f64>,
}

/// Predicted against observed share in one month.
#[derive(Debug, Clone)]
pub(crate) struct Reliability {
    /// For example "July".
    pub(crate) window: String,
    pub(crate) champion: Vec<Bin>,
    pub(crate) frozen: Vec<Bin>,
}

/// What stands behind one prediction.
#[derive(Debug, Clone)]
pub(crate) struct Descent {
    pub(crate) prediction: Node,
    /// The version that the alias named at that time.
    pub(crate) deployed: Node,
    pub(crate) decision: Node,
    pub(crate) approval: Node,
    pub(crate) run: Node,
    pub(crate) data: Node,
    pub(crate) code: Node,
    pub(crate) environment: Node,
}

/// A link of the line of descent; long lines are cut in the drawing and whole in the table beside it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Node {
    /// What names it: a digest, a commit, a person.
    pub(crate) id: String,
    /// Up to two lines about it.
    pub(crate) lines: Vec<String>,
}

/// A question with its answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) question: String,
    pub(crate) answer: String,
}

/// Something that was verified.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) what: String,
    /// Came out as it should; for tampering that is: it was detected.
    pub(crate) passed: bool,
    /// A word or two, for example "intact" or "detected".
    pub(crate) outcome: String,
    pub(crate) detail: String,
}

/// Writes the page to `path`, replacing what is there.
pub(crate) fn write(path: &Path, data: &ReportData) -> Result<(), LearnError> {
    fs::write(path, render(data)).map_err(|source| LearnError::Io {
        operation: "write",
        path: path.display().to_string(),
        source,
    })
}

/// Returns the page as HTML.
pub(crate) fn render(data: &ReportData) -> String {
    let title = escape(&data.title);
    let sections = [
        section(
            "Performance",
            &[card("Log loss by month", &chart::log_loss(data)), card("What was decided", &timeline::decisions(data))],
        ),
        section(
            "Calibration",
            &[
                card("Predicted and observed share of late flights", &chart::shares(data)),
                card("Calibration error by month", &chart::calibration_error(data)),
                card(
                    &format!("Reliability in {}", escape(&data.reliability.window)),
                    &reliability::diagram(&data.reliability),
                ),
                card("How to read these", CALIBRATION_HELP),
            ],
        ),
        section(
            "Drift of the inputs",
            &[
                card("Distance from the training months", &heat::map(data)),
                card("What it says", &paragraphs(&data.drift.reading)),
            ],
        ),
        section(
            "Where one prediction comes from",
            &[
                card("Line of descent", &descent::diagram(&data.descent)),
                card("The same in full", &table::descent(&data.descent)),
                card("Answered from storage alone", &table::answers(&data.answers)),
                card("What was verified", &table::checks(&data.checks)),
            ],
        ),
        format!("<section><h2>All numbers</h2>{}</section>", table::months(data)),
    ]
    .concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header><h1>{title}</h1><p class=\"headline\">{}</p>{}{}</header>\n{sections}\n<footer>{}</footer>\n</main>\n</body>\n</html>\n",
        escape(&data.headline),
        paragraphs(&data.summary),
        figures(&data.figures),
        paragraphs(&data.notes),
    )
}

fn section(title: &str, cards: &[String]) -> String {
    format!("<section><h2>{title}</h2><div class=\"grid\">{}</div></section>\n", cards.concat())
}

fn card(title: &str, body: &str) -> String {
    format!("<article><h3>{title}</h3>{body}</article>\n")
}

fn paragraphs(texts: &[String]) -> String {
    texts.iter().map(|text| format!("<p>{}</p>", escape(text))).collect()
}

fn figures(figures: &[Figure]) -> String {
    let tiles: String = figures
        .iter()
        .map(|figure| format!("<li><b>{}</b><span>{}</span></li>", escape(&figure.value), escape(&figure.label)))
        .collect();
    format!("<ul class=\"figures\">{tiles}</ul>")
}

const STYLE: &str = include_str!("report/style.css");

const CALIBRATION_HELP: &str = "<p>A calibrated model that says 30&nbsp;% is right in 30 of 100 cases. The \
<em>calibration error</em> (ECE) is the mean distance between what was predicted and what was observed, over ten bins of \
equal width, weighted by their rows; 0 is perfect.</p><p>In the reliability diagram points above the diagonal mean that \
more flights were late than predicted. The size of a point shows how many flights it stands for; hollow points stand for \
fewer than 50.</p>";

#[cfg(test)]
mod tests;
