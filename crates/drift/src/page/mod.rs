//! Pages to look at: self-contained HTML with inline SVG, no script, no request, light and dark, for desk, phone and paper.

mod column; // one column: a bar, a card
mod findings; // what a session found, worst first
mod frame; // head, style and body of every page
mod heat; // columns by windows
mod lines; // a quantity along the windows
mod picture; // both distributions of a column
mod reliability; // what was predicted against what came
pub(crate) mod session; // a comparison for each window, and what stands beside
pub(crate) mod single; // one comparison
mod text; // texts and numbers
