//! Inline pictures: histograms of two sides, drawn with classes so that the page decides the colours.

use crate::distribution::Distribution;
use crate::html::{escape, number, percent};

/// Draws both distributions; `name` is the accessible title.
pub(crate) fn picture(name: &str, distribution: &Distribution) -> String {
    match distribution {
        Distribution::Numeric { edges, reference, current } => histogram(name, edges, reference, current),
        Distribution::Categorical { labels, reference, current, others } => {
            bars(name, labels, reference, current, *others)
        }
    }
}

/// Vertical bars: the reference filled, the current data as a line of steps over it.
fn histogram(name: &str, edges: &[f64], reference: &[f64], current: &[f64]) -> String {
    let width = WIDTH / reference.len().max(1) as f64;
    let top = highest(reference, current);
    let y = |share: f64| BASE - share / top * (BASE - 6.0);
    let filled: String = reference
        .iter()
        .enumerate()
        .map(|(i, share)| {
            let (x, y) = (i as f64 * width, y(*share));
            format!(r#"<rect class="r" x="{x:.1}" y="{y:.1}" width="{:.1}" height="{:.1}"/>"#, width - 1.0, BASE - y)
        })
        .collect();
    let steps: String = current
        .iter()
        .enumerate()
        .map(|(i, share)| format!("V{:.1}H{:.1}", y(*share), (i + 1) as f64 * width))
        .collect();
    let ticks: String = [(0.0, "start"), (0.5, "middle"), (1.0, "end")]
        .into_iter()
        .filter_map(|(at, anchor)| {
            let (first, last) = (edges.first()?, edges.last()?);
            let value = number(first * (1.0 - at) + last * at);
            Some(format!(r#"<text x="{:.0}" y="{:.0}" text-anchor="{anchor}">{value}</text>"#, at * WIDTH, BASE + 15.0))
        })
        .collect();
    let axis = format!(r#"<path class="a" d="M0 {BASE}H{WIDTH}"/>"#);
    wrap(name, BASE + 20.0, &format!(r#"{filled}<path class="c" d="M0 {BASE}{steps}V{BASE}"/>{axis}{ticks}"#))
}

/// Horizontal pairs of bars, one pair per label.
fn bars(name: &str, labels: &[String], reference: &[f64], current: &[f64], others: u64) -> String {
    let top = highest(reference, current);
    let length = |share: f64| share / top * (WIDTH - LABEL_WIDTH - 44.0);
    let mut body = String::new();
    for (i, ((label, r), c)) in labels.iter().zip(reference).zip(current).enumerate() {
        let y = i as f64 * ROW;
        let shown = if label.is_empty() { "(empty text)".to_owned() } else { escape(&shorten(label, 14)) };
        body += &format!(
            r#"<text x="0" y="{:.0}">{shown}</text><rect class="r" x="{LABEL_WIDTH}" y="{:.0}" width="{:.1}" height="7"/>"#,
            y + 13.0,
            y + 2.0,
            length(*r)
        );
        body += &format!(
            r#"<rect class="k" x="{LABEL_WIDTH}" y="{:.0}" width="{:.1}" height="7"/><text x="{:.1}" y="{:.0}">{}</text>"#,
            y + 10.0,
            length(*c),
            LABEL_WIDTH + length(r.max(*c)) + 5.0,
            y + 13.0,
            percent(*c)
        );
    }
    let mut height = labels.len() as f64 * ROW + 2.0;
    if others > 0 {
        height += 16.0;
        body += &format!(r#"<text x="0" y="{:.0}">and {others} more</text>"#, height - 4.0);
    }
    wrap(name, height, &body)
}

fn wrap(name: &str, height: f64, body: &str) -> String {
    let title = format!("{}: reference against current", escape(&shorten(name, 60)));
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}"><title>{title}</title>{body}</svg>"#
    )
}

fn highest(reference: &[f64], current: &[f64]) -> f64 {
    reference.iter().chain(current).fold(1e-9, |top: f64, share| top.max(*share))
}

/// Cuts a text to at most `most` characters, the last of them an ellipsis.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

const WIDTH: f64 = 360.0;
const BASE: f64 = 120.0;
const ROW: f64 = 21.0;
const LABEL_WIDTH: f64 = 96.0;
