//! Values by month as lines.

use std::borrow::Cow;

use super::{
    Month, ReportData,
    svg::{Svg, decimals, mark_text, marks},
    timeline,
};

/// Draws the log loss of champion and first model.
pub(super) fn log_loss(data: &ReportData) -> String {
    let mut chart = Chart::new(data, "Log loss by month of champion and frozen first model", true);
    chart.series.push(Series::new(&FROZEN, data, |month| month.frozen.log_loss));
    chart.series.push(Series::new(&CHAMPION, data, |month| month.champion.log_loss));
    chart.reference = Some(data.control.log_loss);
    chart.show_widest_gap = true;
    let legend = legend(&[&CHAMPION, &FROZEN, &Style::control(data.control.log_loss)]);
    format!(
        "{legend}{}<p class=\"caption\">Nats per flight, lower is better. Control: the first model on flights of its own training months that it had not seen. The bar shows which version was champion; numbers are the decisions.</p>",
        chart.draw()
    )
}

/// Draws mean prediction of both models and the share that was late.
pub(super) fn shares(data: &ReportData) -> String {
    let mut chart = Chart::new(data, "Share of late flights by month, observed and predicted", false);
    chart.from_zero = true;
    chart.series.push(Series::new(&FROZEN, data, |month| month.frozen.mean_prediction));
    chart.series.push(Series::new(&OBSERVED, data, |month| month.champion.base_rate));
    chart.series.push(Series::new(&CHAMPION, data, |month| month.champion.mean_prediction));
    let legend = legend(&[&OBSERVED, &CHAMPION, &FROZEN]);
    format!(
        "{legend}{}<p class=\"caption\">Share of flights more than 15 minutes late, and the mean predicted probability.</p>",
        chart.draw()
    )
}

/// Draws the calibration error of both models.
pub(super) fn calibration_error(data: &ReportData) -> String {
    let mut chart = Chart::new(data, "Expected calibration error by month of champion and frozen first model", false);
    chart.from_zero = true;
    chart.series.push(Series::new(&FROZEN, data, |month| month.frozen.ece));
    chart.series.push(Series::new(&CHAMPION, data, |month| month.champion.ece));
    chart.reference = Some(data.control.ece);
    chart.show_widest_gap = true;
    let legend = legend(&[&CHAMPION, &FROZEN, &Style::control(data.control.ece)]);
    format!("{legend}{}<p class=\"caption\">Expected calibration error, a share; lower is better.</p>", chart.draw())
}

/// The key to the lines of champion and first model.
pub(super) fn both_models() -> String {
    legend(&[&CHAMPION, &FROZEN])
}

/// Names a month for people, `Jul`.
pub(super) fn month_name(month: u8) -> &'static str {
    let at = usize::from(month).wrapping_sub(1);
    MONTHS.get(at).copied().unwrap_or("?")
}

/// How a line looks, and what it is called.
struct Style {
    name: Cow<'static, str>,
    class: &'static str,
}

impl Style {
    const fn new(name: &'static str, class: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), class }
    }

    fn control(value: f64) -> Self {
        Self { name: Cow::Owned(format!("control {}", decimals(value, 3))), class: "control" }
    }
}

struct Series<'a> {
    style: &'a Style,
    values: Vec<f64>,
}

impl<'a> Series<'a> {
    fn new(style: &'a Style, data: &ReportData, value: impl Fn(&Month) -> f64) -> Self {
        Self { style, values: data.months.iter().map(value).collect() }
    }
}

struct Chart<'a> {
    data: &'a ReportData,
    label: &'a str,
    series: Vec<Series<'a>>,
    reference: Option<f64>,
    from_zero: bool,
    with_reigns: bool,
    show_widest_gap: bool,
    top: f64,
    low: f64,
    high: f64,
}

impl<'a> Chart<'a> {
    fn new(data: &'a ReportData, label: &'a str, with_reigns: bool) -> Self {
        let top = if with_reigns { timeline::height(data) } else { 12.0 };
        Self {
            data,
            label,
            series: Vec::new(),
            reference: None,
            from_zero: false,
            with_reigns,
            show_widest_gap: false,
            top,
            low: 0.0,
            high: 1.0,
        }
    }

    fn draw(mut self) -> String {
        let all = self.series.iter().flat_map(|series| &series.values).chain(&self.reference);
        let finite: Vec<f64> = all.copied().filter(|value| value.is_finite()).collect();
        let low = if self.from_zero { 0.0 } else { finite.iter().copied().fold(f64::INFINITY, f64::min) };
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (self.low, self.high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        // Room for a point and its value inside the frame.
        let room = ((self.high - self.low) * 0.12).max(1e-6);
        self.high += room;
        if !self.from_zero {
            self.low -= room;
        }
        let marks: Vec<f64> =
            marks(self.low, self.high).into_iter().filter(|mark| (self.low..=self.high).contains(mark)).collect();
        let mut svg = Svg::new(WIDTH, self.bottom() + 24.0, self.label);
        self.draw_frame(&mut svg, &marks);
        if self.with_reigns {
            timeline::draw_reigns(&mut svg, self.data);
        }
        timeline::draw_moments(&mut svg, self.data, self.with_reigns, self.top, self.bottom());
        for series in &self.series {
            self.draw_series(&mut svg, series);
        }
        if self.show_widest_gap {
            self.draw_widest_gap(&mut svg);
        }
        svg.finish()
    }

    fn bottom(&self) -> f64 {
        self.top + PLOT_HEIGHT
    }

    fn draw_frame(&self, svg: &mut Svg, marks: &[f64]) {
        let digits = if marks.windows(2).any(|pair| pair[1] - pair[0] < 0.095) { 2 } else { 1 };
        for mark in marks {
            let y = self.y(*mark);
            svg.line((LEFT, y), (RIGHT, y), "gridline");
            svg.text((LEFT - 6.0, y + 4.0), "soft end", &mark_text(*mark, digits));
        }
        svg.line((LEFT, self.bottom()), (RIGHT, self.bottom()), "axis");
        for (at, month) in self.data.months.iter().enumerate() {
            svg.text((self.x(at), self.bottom() + 17.0), "soft middle", month_name(month.number));
        }
        if let Some(value) = self.reference {
            let y = self.y(value);
            svg.line((LEFT, y), (RIGHT, y), "reference");
        }
    }

    fn draw_series(&self, svg: &mut Svg, series: &Series<'_>) {
        let class = series.style.class;
        let points: Vec<(f64, f64)> =
            series.values.iter().enumerate().map(|(at, value)| (self.x(at), self.y(*value))).collect();
        svg.polyline(&points, &format!("line {class}-line"));
        for ((point, value), month) in points.iter().zip(&series.values).zip(&self.data.months) {
            let tip = format!("{}, {}: {}", month_name(month.number), series.style.name, decimals(*value, 3));
            svg.circle(*point, 3.5, &format!("{class}-dot"), &tip);
        }
    }

    /// Writes both values where the two lines are farthest apart, which is what the chart is about.
    fn draw_widest_gap(&self, svg: &mut Svg) {
        let [frozen, champion] = self.series.as_slice() else {
            return;
        };
        let gaps = frozen.values.iter().zip(&champion.values).map(|(a, b)| (a - b).abs());
        let Some((at, gap)) = gaps.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return;
        };
        if gap.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
            return;
        }
        for (series, other) in [(frozen, champion), (champion, frozen)] {
            let (Some(value), Some(against)) = (series.values.get(at), other.values.get(at)) else {
                return;
            };
            let above = value > against;
            let place = (self.x(at), self.y(*value) + if above { -8.0 } else { 17.0 });
            svg.text(place, &format!("{}-text middle halo", series.style.class), &decimals(*value, 3));
        }
    }

    fn x(&self, month: usize) -> f64 {
        LEFT + (month as f64 + 0.5) * timeline::slot(self.data)
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom() - (value - self.low) / (self.high - self.low) * PLOT_HEIGHT
    }
}

fn legend(styles: &[&Style]) -> String {
    let keys: String = styles
        .iter()
        .map(|Style { name, class }| {
            format!("<span><svg viewBox=\"0 0 24 12\" aria-hidden=\"true\"><line x1=\"2\" y1=\"6\" x2=\"22\" y2=\"6\" class=\"line {class}-line\"/></svg>{name}</span>")
        })
        .collect();
    format!("<p class=\"legend\">{keys}</p>")
}

static CHAMPION: Style = Style::new("champion", "champion");
static FROZEN: Style = Style::new("first model, frozen", "frozen");
static OBSERVED: Style = Style::new("observed", "observed");

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// All drawings are this wide, so that their text has one size.
pub(super) const WIDTH: f64 = 360.0;
pub(super) const LEFT: f64 = 58.0;
pub(super) const RIGHT: f64 = 354.0;
const PLOT_HEIGHT: f64 = 180.0;
