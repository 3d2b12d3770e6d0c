//! Inline pictures: histograms of two sides, drawn with classes so that the page decides the colours.

use crate::distribution::{Distribution, QuantileShift};
use crate::page::text::{escape, number, percent, shorten};

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

/// The difference of the quantiles, from the lowest to the highest level; the line of no difference is drawn.
pub(crate) fn quantile_shift(name: &str, shift: &QuantileShift) -> String {
    let moved: Vec<f64> = shift.current.iter().zip(&shift.reference).map(|(now, before)| now - before).collect();
    let least = moved.iter().copied().fold(0.0, f64::min);
    let greatest = moved.iter().copied().fold(0.0, f64::max);
    let span = greatest - least;
    if !(span.is_finite() && span > 0.0) {
        return String::new();
    }
    let y = |value: f64| 8.0 + (greatest - value) / span * (SHIFT_HEIGHT - 16.0);
    let x = |level: f64| AXIS_WIDTH + level * (WIDTH - AXIS_WIDTH);
    let points: String =
        shift.levels.iter().zip(&moved).map(|(level, m)| format!("{:.1},{:.1} ", x(*level), y(*m))).collect();
    let tick = |value: f64| {
        format!(
            r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
            AXIS_WIDTH - 6.0,
            y(value) + 4.0,
            number(value)
        )
    };
    // The label of 0 gives way where it would touch another.
    let room = |value: f64| (y(value) - y(0.0)).abs() > 13.0;
    let ticks: String = [least, greatest].into_iter().filter(|v| room(*v)).map(tick).collect::<String>() + &tick(0.0);
    let base = SHIFT_HEIGHT + 12.0;
    let levels: String = [(0.0, "start", "lowest"), (0.5, "middle", "median"), (1.0, "end", "highest")]
        .map(|(level, anchor, text)| {
            format!(r#"<text x="{:.0}" y="{base:.0}" text-anchor="{anchor}">{text}</text>"#, x(level))
        })
        .concat();
    let zero = y(0.0);
    let body = format!(
        r#"<path class="a" d="M{AXIS_WIDTH} {zero:.1}H{WIDTH}"/><polyline class="q" points="{}"/>{ticks}{levels}"#,
        points.trim_end()
    );
    let title = format!("{}: how far each quantile moved", escape(&shorten(name, 60)));
    format!(
        "<p class=\"m\">How far each quantile moved, from the lowest values to the highest</p>{}",
        figure(&title, base + 5.0, &body)
    )
}

fn wrap(name: &str, height: f64, body: &str) -> String {
    figure(&format!("{}: reference against current", escape(&shorten(name, 60))), height, body)
}

/// `title` is HTML already.
fn figure(title: &str, height: f64, body: &str) -> String {
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}"><title>{title}</title>{body}</svg>"#
    )
}

fn highest(reference: &[f64], current: &[f64]) -> f64 {
    reference.iter().chain(current).fold(1e-9, |top: f64, share| top.max(*share))
}

const WIDTH: f64 = 360.0;
const BASE: f64 = 120.0;
const ROW: f64 = 21.0;
const LABEL_WIDTH: f64 = 96.0;
const SHIFT_HEIGHT: f64 = 76.0;
const AXIS_WIDTH: f64 = 52.0;
