//! Tables: Parquet files cut by content, with a page table beside each.

mod align; // which rows lie in equal pages
mod bytes; // integers and byte strings of page tables
mod cell_hash; // a hash and a size for each cell
mod cut; // where row groups end
mod edit; // from a table and edits to a table
mod file; // a Parquet file in memory
mod key; // the columns that tell rows apart
mod key_join; // rows of two tables with equal keys
mod page_table; // where pages lie, and what they hold
mod reader; // a Parquet file in a store, read in part
mod row_diff; // which rows differ, by key
mod row_merge; // what two sides did to the rows of a table, by key
mod sample; // rows drawn with a seed
mod scan; // some columns and rows, row groups that are ruled out left out
mod shape; // the shape of Thrift structures in Parquet files
mod sketch; // how many distinct values
mod statistics; // what is known of columns without reading
mod value; // a single value, least and greatest
mod wary; // files are checked before they are parsed
mod writer; // equal rows, equal bytes

#[cfg(test)]
mod hostile; // files that no writer makes

#[cfg(fuzzing)]
pub(crate) use self::edit::append_nothing;
pub(crate) use self::{
    edit::{Before, RowEdit, write},
    page_table::PageTable,
    row_diff::{Side, diff_rows, read},
    row_merge::{MergedRows, merge_rows},
    sample::draw,
    scan::scan,
    wary::check_file,
};
pub use self::{
    row_diff::RowDiff,
    scan::{Predicate, Scan},
    statistics::{ColumnStatistics, StatisticsChange, TableStatistics},
    value::Value,
};
