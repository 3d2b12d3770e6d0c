//! Who was champion when, and what was decided.

use super::{
    Event, EventKind, ReportData,
    chart::{LEFT, RIGHT, month_name},
    svg::{Svg, escape},
};

/// Lists the decisions with the numbers and signs they have on the time line.
pub(super) fn decisions(data: &ReportData) -> String {
    let items: String = data
        .events
        .iter()
        .enumerate()
        .map(|(at, event)| {
            let mut sign = Svg::new(26.0, 26.0, event.kind.word());
            badge(&mut sign, (13.0, 13.0), 10.0, event.kind, at + 1);
            let sign = sign.finish();
            let (day, month) = (event.day, month_name(event.month));
            let (word, version, text) = (event.kind.word(), event.version, escape(&event.text));
            format!("<li>{sign}<span><b>{day} {month}: version {version} {word}</b>{text}</span></li>")
        })
        .collect();
    format!("<ol class=\"decisions\">{items}</ol>")
}

/// Draws which version was champion when, as a bar above the plot.
pub(super) fn draw_reigns(svg: &mut Svg, data: &ReportData) {
    svg.text((LEFT - 6.0, 12.0), "small end", "champion");
    let mut reigns = data.events.iter().filter(|event| event.kind != EventKind::Refused).peekable();
    while let Some(reign) = reigns.next() {
        let from = moment(data, reign);
        let to = reigns.peek().map_or(RIGHT, |next| moment(data, next));
        let class = if reign.version % 2 == 1 { "reign-a" } else { "reign-b" };
        let name = format!("v{}", reign.version);
        svg.rect((from, 1.0), (to - from - 1.5, 15.0), 3.0, class, &format!("champion: version {}", reign.version));
        if to - from > 9.0 * name.len() as f64 {
            svg.text(((from + to) / 2.0 - 0.8, 12.5), "small strong middle", &name);
        }
    }
}

/// Draws a line at the moment of each decision, from `top` to `bottom`, or from its number below the bar if `with_badges`.
pub(super) fn draw_moments(svg: &mut Svg, data: &ReportData, with_badges: bool, top: f64, bottom: f64) {
    let rows = place_badges(data);
    for (at, event) in data.events.iter().enumerate() {
        let x = moment(data, event);
        if !with_badges {
            svg.line((x, top - 4.0), (x, bottom), "moment");
            continue;
        }
        let y = 27.0 + 20.0 * f64::from(rows.get(at).copied().unwrap_or(0));
        svg.line((x, y), (x, bottom), "moment");
        badge(svg, (x, y), 8.0, event.kind, at + 1);
    }
}

/// Returns the width of a month.
pub(super) fn slot(data: &ReportData) -> f64 {
    (RIGHT - LEFT) / data.months.len().max(1) as f64
}

/// Where a day lies on the time line; a day outside the months lies at its edge.
fn moment(data: &ReportData, event: &Event) -> f64 {
    let first = data.months.first().map_or(1, |month| month.number);
    let months = f64::from(event.month) - f64::from(first) + (f64::from(event.day) - 1.0) / 31.0;
    (LEFT + months * slot(data)).clamp(LEFT, RIGHT)
}

/// Gives each badge the first row in which it does not touch the one before.
fn place_badges(data: &ReportData) -> Vec<u8> {
    let mut ends: Vec<f64> = Vec::new();
    data.events
        .iter()
        .map(|event| {
            let x = moment(data, event);
            let row = ends.iter().position(|end| *end + 18.0 <= x).unwrap_or(ends.len());
            match ends.get_mut(row) {
                Some(end) => *end = x,
                None => ends.push(x),
            }
            u8::try_from(row).unwrap_or(u8::MAX)
        })
        .collect()
}

/// Returns the height of bar and badges.
pub(super) fn height(data: &ReportData) -> f64 {
    let rows = place_badges(data).into_iter().max();
    26.0 + rows.map_or(0.0, |row| 20.0 * (f64::from(row) + 1.0))
}

/// A disc for a promotion, a ring for a refusal, a square for a rollback: told apart without colour.
fn badge(svg: &mut Svg, at: (f64, f64), radius: f64, kind: EventKind, number: usize) {
    if kind == EventKind::RolledBack {
        let side = radius * 1.8;
        svg.rect((at.0 - side / 2.0, at.1 - side / 2.0), (side, side), 2.0, kind.class(), kind.word());
    } else {
        svg.circle(at, radius, kind.class(), kind.word());
    }
    let class = if kind == EventKind::Refused { "on-card middle" } else { "on-fill middle" };
    svg.text((at.0, at.1 + 3.6), class, &number.to_string());
}

impl EventKind {
    fn word(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Refused => "refused",
            Self::RolledBack => "restored by rollback",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::Refused => "refused",
            Self::RolledBack => "rolled-back",
        }
    }
}
