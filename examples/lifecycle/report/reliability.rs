//! Predicted against observed share: a calibrated model lies on the diagonal.

use super::{
    Reliability,
    chart::WIDTH,
    svg::{Svg, decimals, mark_text, marks},
};
use crate::metrics::Bin;

/// Draws champion and first model over the same month.
pub(super) fn diagram(data: &Reliability) -> String {
    let bins = data.champion.iter().chain(&data.frozen).filter(|bin| bin.rows > 0);
    let widest = bins.flat_map(|bin| [bin.predicted, bin.observed]).fold(0.1, f64::max);
    let marks = marks(0.0, widest.min(1.0));
    let plot = Plot { high: marks.last().copied().unwrap_or(1.0) };
    let mut svg = Svg::new(WIDTH, BOTTOM + 38.0, &format!("Predicted against observed share in {}", data.window));
    for mark in &marks {
        let (x, y) = (plot.x(*mark), plot.y(*mark));
        svg.line((LEFT, y), (RIGHT, y), "gridline");
        svg.line((x, TOP), (x, BOTTOM), "gridline");
        svg.text((LEFT - 6.0, y + 4.0), "soft end", &mark_text(*mark, 1));
        svg.text((x, BOTTOM + 16.0), "soft middle", &mark_text(*mark, 1));
    }
    svg.line((plot.x(0.0), plot.y(0.0)), (plot.x(plot.high), plot.y(plot.high)), "reference");
    svg.text((f64::midpoint(LEFT, RIGHT), BOTTOM + 33.0), "soft middle", "predicted probability");
    svg.text((LEFT - 38.0, TOP - 10.0), "soft", "observed share");
    plot.curve(&mut svg, &data.frozen, "frozen", "first model, frozen");
    plot.curve(&mut svg, &data.champion, "champion", "champion");
    let legend = super::chart::both_models();
    format!("{legend}{}<p class=\"caption\">Dotted: perfect calibration.</p>", svg.finish())
}

struct Plot {
    high: f64,
}

impl Plot {
    fn curve(&self, svg: &mut Svg, bins: &[Bin], class: &str, name: &str) {
        let shown = || bins.iter().filter(|bin| bin.rows > 0);
        let most = shown().map(|bin| bin.rows).max().unwrap_or(1) as f64;
        let line: Vec<(f64, f64)> = shown().filter(|bin| bin.rows >= FEW).map(|bin| self.at(bin)).collect();
        svg.polyline(&line, &format!("line {class}-line"));
        for bin in shown() {
            let radius = 2.5 + 6.5 * (bin.rows as f64 / most).sqrt();
            let kind = if bin.rows < FEW { "ring" } else { "dot" };
            let (predicted, observed) = (decimals(bin.predicted, 3), decimals(bin.observed, 3));
            let tip = format!("{name}: predicted {predicted}, observed {observed}, {} flights", bin.rows);
            svg.circle(self.at(bin), radius, &format!("{class}-{kind}"), &tip);
        }
    }

    fn at(&self, bin: &Bin) -> (f64, f64) {
        (self.x(bin.predicted), self.y(bin.observed))
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + value / self.high * (RIGHT - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - value / self.high * (BOTTOM - TOP)
    }
}

/// A bin of fewer rows says little.
const FEW: usize = 50;
const LEFT: f64 = 40.0;
const RIGHT: f64 = 348.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 262.0;
