//! The line of descent of one prediction, as boxes and arrows.

use super::{
    Descent, Node,
    chart::WIDTH,
    svg::{Svg, cut},
};

/// Draws the way from the prediction down to data, code and environment.
pub(super) fn diagram(data: &Descent) -> String {
    let mut svg = Svg::new(WIDTH, row_top(4) + BOX, "Line of descent of one prediction");
    let third = (WIDTH - 2.0 * GAP) / 3.0;
    let two_thirds = 2.0 * third + GAP;
    draw(&mut svg, 0, 0.0, WIDTH, "Prediction", &data.prediction);
    draw(&mut svg, 1, 0.0, WIDTH, "Model version served", &data.deployed);
    draw(&mut svg, 2, 0.0, two_thirds - GAP, "Release decision", &data.decision);
    draw(&mut svg, 2, two_thirds + GAP, third, "Approval", &data.approval);
    draw(&mut svg, 3, 0.0, WIDTH, "Training run", &data.run);
    draw(&mut svg, 4, 0.0, third, "Data commit", &data.data);
    draw(&mut svg, 4, third + GAP, third, "Code commit", &data.code);
    draw(&mut svg, 4, two_thirds + GAP, third, "Environment", &data.environment);
    let middle = (two_thirds - GAP) / 2.0;
    down(&mut svg, 0, middle, "was made by");
    down(&mut svg, 1, middle, "was released by");
    down(&mut svg, 2, middle, "judged the result of");
    down(&mut svg, 3, third / 2.0, "read");
    down(&mut svg, 3, WIDTH / 2.0, "ran");
    down(&mut svg, 3, WIDTH - third / 2.0, "in");
    across(&mut svg, two_thirds - GAP, two_thirds + GAP);
    svg.finish()
}

fn draw(svg: &mut Svg, row: u8, x: f64, width: f64, title: &str, node: &Node) {
    let y = row_top(row);
    let class = if row == 0 { "box-root" } else { "box" };
    svg.rect((x + 0.75, y + 0.75), (width - 1.5, BOX - 1.5), 7.0, class, &node.id);
    // Mean widths of a letter at the sizes of the style sheet.
    let (letters, mono) = (((width - 16.0) / 6.2) as usize, ((width - 16.0) / 6.7) as usize);
    svg.text((x + 9.0, y + 18.0), "strong", title);
    svg.text((x + 9.0, y + 35.0), "mono", &cut(&node.id, mono));
    for (line, at) in node.lines.iter().take(2).zip([50.0, 64.0]) {
        svg.text((x + 9.0, y + at), "soft", &cut(line, letters));
    }
}

fn down(svg: &mut Svg, row: u8, x: f64, label: &str) {
    let (from, to) = (row_top(row) + BOX, row_top(row + 1));
    svg.line((x, from + 1.0), (x, to - 7.0), "link");
    svg.polygon(&[(x - 4.5, to - 8.0), (x + 4.5, to - 8.0), (x, to - 1.0)], "arrow");
    svg.text((x + 9.0, f64::midpoint(from, to) + 3.0), "small", label);
}

/// The approval is an input of the decision.
fn across(svg: &mut Svg, decision: f64, approval: f64) {
    let y = row_top(2) + BOX / 2.0;
    svg.line((decision + 1.0, y), (approval - 7.0, y), "link");
    svg.polygon(&[(approval - 8.0, y - 4.5), (approval - 8.0, y + 4.5), (approval - 1.0, y)], "arrow");
}

fn row_top(row: u8) -> f64 {
    f64::from(row) * (BOX + SPACE)
}

const BOX: f64 = 74.0;
const SPACE: f64 = 30.0;
const GAP: f64 = 12.0;
