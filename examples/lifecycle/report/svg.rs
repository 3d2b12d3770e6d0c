//! Drawing in SVG, with everything that is text escaped.

/// A drawing in user units, made wider or narrower by the page; a unit is about a pixel.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

impl Svg {
    /// Starts a drawing; `label` says in words what it shows, for those who do not see it.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        Self { width, height, label: escape(label), body: String::new() }
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let (x1, y1, x2, y2) = (number(from.0), number(from.1), number(to.0), number(to.1));
        self.push(format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>"));
    }

    pub(super) fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
        self.push(format!("<polyline points=\"{}\" class=\"{class}\"/>", points.join(" ")));
    }

    pub(super) fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", number(*x), number(*y))).collect();
        self.push(format!("<polygon points=\"{}\" class=\"{class}\"/>", points.join(" ")));
    }

    /// Draws a rectangle with rounded corners; a pointer that rests on it shows `tip`, if there is one.
    pub(super) fn rect(&mut self, at: (f64, f64), size: (f64, f64), radius: f64, class: &str, tip: &str) {
        let (x, y, w, h) = (number(at.0), number(at.1), number(size.0.max(0.0)), number(size.1.max(0.0)));
        let radius = number(radius);
        let tip = title(tip);
        self.push(format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"{radius}\" class=\"{class}\">{tip}</rect>"
        ));
    }

    /// Draws a disc; a pointer that rests on it shows `tip`, if there is one.
    pub(super) fn circle(&mut self, at: (f64, f64), radius: f64, class: &str, tip: &str) {
        let (x, y, radius, tip) = (number(at.0), number(at.1), number(radius), title(tip));
        self.push(format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{class}\">{tip}</circle>"));
    }

    pub(super) fn text(&mut self, at: (f64, f64), class: &str, text: &str) {
        let (x, y, text) = (number(at.0), number(at.1), escape(text));
        self.push(format!("<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{text}</text>"));
    }

    pub(super) fn finish(self) -> String {
        let Self { width, height, label, body } = self;
        let (width, height) = (number(width), number(height));
        format!(
            "<svg class=\"figure\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">{body}</svg>"
        )
    }

    fn push(&mut self, element: String) {
        self.body.push_str(&element);
        self.body.push('\n');
    }
}

/// Makes text safe inside an element and inside a quoted attribute.
///
/// Control characters and those that turn the direction of writing could make a text look like another; they are
/// shown as the replacement character.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(' '),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            other if other.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// Cuts text to at most `limit` characters, of which the last is an ellipsis then.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

/// Writes a share or a loss without the leading zero, `.555`; what is not finite is a dash.
pub(super) fn decimals(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{value:.digits$}");
    text.strip_prefix("0.").map(|rest| format!(".{rest}")).unwrap_or(text)
}

/// Writes the value of an axis mark.
pub(super) fn mark_text(mark: f64, digits: usize) -> String {
    if mark.abs() < 1e-12 { "0".to_owned() } else { decimals(mark, digits) }
}

/// Returns round marks that cover `low..=high`, about five, from one below or at `low` to one above or at `high`.
pub(super) fn marks(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { 1.0 };
    let rough = span / 5.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].iter().map(|factor| factor * magnitude).find(|step| *step >= rough).unwrap_or(span);
    let (first, last) = ((low / step).floor(), (high / step - 1e-9).ceil().max((low / step).floor() + 1.0));
    (0..=12).map(|nth| first + f64::from(nth)).take_while(|mark| *mark <= last).map(|mark| mark * step).collect()
}

/// A finite coordinate with one digit; what is not finite is drawn at zero rather than breaking the drawing.
fn number(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn title(tip: &str) -> String {
    if tip.is_empty() { String::new() } else { format!("<title>{}</title>", escape(tip)) }
}
