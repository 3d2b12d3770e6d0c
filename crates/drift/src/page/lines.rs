//! A quantity along the windows: estimated and realised as lines over the band of usual values.

use crate::page::session::{Series, SeriesPoint};
use crate::page::text::{escape, number, shorten};

/// Draws a series with its numbers as a table to unfold; nothing without a number.
pub(crate) fn chart(series: &Series) -> String {
    let Some(plot) = Plot::of(series) else {
        return String::new();
    };
    let name = escape(&shorten(&series.name, 60));
    let body = [
        plot.band(),
        plot.grid(),
        plot.line("est", |p| p.estimated),
        plot.line("real", |p| p.realised),
        plot.windows(),
    ];
    let title = format!("{name} in each window");
    format!(
        "<article class=\"chart\"><h3><bdi>{name}</bdi></h3><p class=\"key\">{}</p><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\"><title>{title}</title>{}</svg>{}</article>",
        plot.key(),
        body.concat(),
        numbers(series)
    )
}

/// Where windows and values lie.
struct Plot<'a> {
    series: &'a Series,
    low: f64,
    high: f64,
}

impl<'a> Plot<'a> {
    fn of(series: &'a Series) -> Option<Self> {
        let values = series.points.iter().flat_map(|p| [p.estimated, p.realised]);
        let limits = [series.band.lower, series.band.upper];
        let finite = |v: &f64| v.is_finite();
        values.clone().flatten().find(finite)?;
        let all = || values.clone().chain(limits).flatten().filter(finite);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let margin = if high > low { (high - low) * 0.08 } else { high.abs().max(1.0) * 0.05 };
        let (low, high) = (low - margin, high + margin);
        (high - low).is_finite().then_some(Self { series, low, high })
    }

    fn x(&self, at: usize) -> f64 {
        let steps = self.series.points.len().saturating_sub(1).max(1) as f64;
        LEFT + 30.0 + at as f64 / steps * (WIDTH - LEFT - 60.0)
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (self.high - value) / (self.high - self.low) * (BASE - TOP)
    }

    fn band(&self) -> String {
        let finite = |limit: Option<f64>| limit.filter(|v| v.is_finite());
        let (lower, upper) = (finite(self.series.band.lower), finite(self.series.band.upper));
        if lower.is_none() && upper.is_none() {
            return String::new();
        }
        let (top, bottom) = (upper.map_or(TOP, |u| self.y(u)), lower.map_or(BASE, |l| self.y(l)));
        let edge = |y: f64| format!(r#"<path class="limit" d="M{LEFT} {y:.1}H{WIDTH}"/>"#);
        let edges: String = upper.into_iter().chain(lower).map(|limit| edge(self.y(limit))).collect();
        let (width, height) = (WIDTH - LEFT, (bottom - top).max(0.0));
        format!(r#"<rect class="band" x="{LEFT}" y="{top:.1}" width="{width}" height="{height:.1}"/>{edges}"#)
    }

    fn grid(&self) -> String {
        let tick = |part: f64| {
            let value = self.low + (self.high - self.low) * part;
            format!(
                r#"<text x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#,
                LEFT - 8.0,
                self.y(value) + 4.0,
                number(value)
            )
        };
        [0.08, 0.36, 0.64, 0.92].map(tick).concat() + &format!(r#"<path class="a" d="M{LEFT} {BASE}H{WIDTH}"/>"#)
    }

    /// One line; a window without a value parts it. What lies beyond the band gets a larger, marked point.
    fn line(&self, class: &str, value: impl Fn(&SeriesPoint) -> Option<f64>) -> String {
        let (mut path, mut dots, mut pen) = (String::new(), String::new(), 'M');
        for (at, point) in self.series.points.iter().enumerate() {
            let Some(v) = value(point).filter(|v| v.is_finite()) else {
                pen = 'M';
                continue;
            };
            let (x, y) = (self.x(at), self.y(v));
            path += &format!("{pen}{x:.1} {y:.1}");
            pen = 'L';
            let (mark, radius) = if self.series.band.is_beyond(v) { ("beyond", 5.5) } else { (class, 3.0) };
            dots += &format!(r#"<circle class="{mark}" cx="{x:.1}" cy="{y:.1}" r="{radius}"/>"#);
        }
        format!(r#"<path class="line {class}" d="{path}"/>{dots}"#)
    }

    /// Names of the windows, as many as have room.
    fn windows(&self) -> String {
        let points = &self.series.points;
        let every = points.len().div_ceil(MOST_NAMES).max(1);
        let name = |(at, point): (usize, &SeriesPoint)| {
            format!(
                r#"<text x="{:.1}" y="{:.0}" text-anchor="middle">{}</text>"#,
                self.x(at),
                BASE + 17.0,
                escape(&shorten(&point.window, 8))
            )
        };
        points.iter().enumerate().step_by(every).map(name).collect()
    }

    fn key(&self) -> String {
        let has =
            |value: fn(&SeriesPoint) -> Option<f64>| self.series.points.iter().any(|point| value(point).is_some());
        let mut key = String::new();
        if has(|p| p.estimated) {
            key += "<i class=\"e\"></i>estimated without labels ";
        }
        if has(|p| p.realised) {
            key += "<i class=\"k\"></i>realised ";
        }
        key + "<i class=\"b\"></i>band of usual values"
    }
}

fn numbers(series: &Series) -> String {
    let cell =
        |value: Option<f64>| value.map_or_else(|| "<td>–</td>".to_owned(), |v| format!("<td>{}</td>", number(v)));
    let row = |point: &SeriesPoint| {
        let verdict = if point.is_beyond(&series.band) { "out of the band" } else { "" };
        let (window, estimated, realised) =
            (escape(&shorten(&point.window, 40)), cell(point.estimated), cell(point.realised));
        format!("<tr><th scope=\"row\">{window}</th>{estimated}{realised}<td>{verdict}</td></tr>")
    };
    let rows: String = series.points.iter().map(row).collect();
    format!(
        "<details><summary>numbers</summary><table><tr><th scope=\"col\">window</th><th scope=\"col\">estimated</th>\
         <th scope=\"col\">realised</th><th></th></tr>{rows}</table></details>"
    )
}

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 204.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 8.0;
const BASE: f64 = 178.0;
const MOST_NAMES: usize = 7;
