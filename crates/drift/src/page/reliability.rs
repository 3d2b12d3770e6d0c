//! Predicted probability against observed share: on the diagonal a prediction keeps its word.

use crate::page::session::Calibrated;
use crate::page::text::{escape, percent, shorten};

/// Draws a point per bin, its area in proportion to the rows, and says the expected calibration error.
pub(crate) fn figure(calibrated: &Calibrated) -> String {
    let shares = |v: f64| (0.0..=1.0).contains(&v);
    let bins = calibrated.reliability.bins.iter().map(|bin| (bin.mean_probability, bin.observed_fraction, bin.rows));
    let bins: Vec<(f64, f64, u64)> = bins.filter(|(p, o, rows)| shares(*p) && shares(*o) && *rows > 0).collect();
    if bins.is_empty() {
        return String::new();
    }
    let rows: f64 = bins.iter().map(|bin| bin.2 as f64).sum();
    let error: f64 = bins.iter().map(|(p, o, n)| (p - o).abs() * *n as f64 / rows).sum();
    let most = bins.iter().map(|bin| bin.2).max().unwrap_or(1) as f64;
    let at = |p: f64, o: f64| (LEFT + p * SIDE, TOP + (1.0 - o) * SIDE);
    let line: String = bins.iter().map(|(p, o, _)| at(*p, *o)).map(|(x, y)| format!("{x:.1},{y:.1} ")).collect();
    let dot = |(p, o, n): &(f64, f64, u64)| {
        let ((x, y), radius) = (at(*p, *o), 2.0 + 7.0 * (*n as f64 / most).sqrt());
        format!(r#"<circle class="k" fill-opacity=".7" cx="{x:.1}" cy="{y:.1}" r="{radius:.1}"/>"#)
    };
    let dots: String = bins.iter().map(dot).collect();
    let ticks: String = [0.0, 0.5, 1.0]
        .map(|v| {
            let (x, y) = at(v, v);
            let base = TOP + SIDE + 16.0;
            format!(r#"<text x="{x:.0}" y="{base:.0}" text-anchor="middle">{v}</text><text x="{:.0}" y="{:.0}" text-anchor="end">{v}</text>"#, LEFT - 6.0, y + 4.0)
        })
        .concat();
    let ((x0, y0), (x1, y1)) = (at(0.0, 0.0), at(1.0, 1.0));
    let name = escape(&shorten(&calibrated.window, 60));
    let title = format!("{name}: predicted probability against observed share");
    format!(
        "<article class=\"square\"><h3><bdi>{name}</bdi></h3><p>expected calibration error <b>{}</b></p>\
         <svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>\
         <path class=\"a\" d=\"M{x0} {y0}L{x1} {y1}M{x0} {y1}V{y0}H{x1}\"/><polyline class=\"q\" points=\"{}\"/>{dots}{ticks}</svg>\
         <p class=\"m\">across: predicted probability; up: share that happened; area: rows</p></article>",
        percent(error),
        LEFT + SIDE + 12.0,
        TOP + SIDE + 22.0,
        line.trim_end()
    )
}

const SIDE: f64 = 220.0;
const LEFT: f64 = 36.0;
const TOP: f64 = 10.0;
