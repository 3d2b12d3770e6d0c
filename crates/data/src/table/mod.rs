//! Tables: Parquet files cut by content, with a page table beside each.

mod bytes; // integers and byte strings of page tables
mod cell_hash; // a hash and a size for each cell
mod cut; // where row groups end
mod edit; // from a table and edits to a table
mod file; // a Parquet file in memory
mod key; // the columns that tell rows apart
mod page_table; // where pages lie, and what they hold
mod sketch; // how many distinct values
mod statistics; // what is known of columns without reading
mod value; // a single value, least and greatest
mod writer; // equal rows, equal bytes

pub(crate) use self::{
    edit::{Before, RowEdit, write},
    page_table::PageTable,
};
pub use self::{
    statistics::{ColumnStatistics, StatisticsChange, TableStatistics},
    value::Value,
};
