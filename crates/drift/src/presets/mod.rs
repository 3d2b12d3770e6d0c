//! Rules of other tools, number for number, under their own names.

pub(crate) mod evidently;
pub(crate) mod evidently_table;
pub(crate) mod nannyml;
pub(crate) mod nannyml_table;
