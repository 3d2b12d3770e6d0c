//! What can go wrong between the file of flights and a scored prediction.

/// Why loading, encoding, fitting or scoring stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// The batch lacks a column the code reads. Check which version of the data was loaded.
    #[error("column {column} is missing")]
    MissingColumn { column: String },
    /// A column has a type that cannot be read as the needed one.
    #[error("column {column} is {found}, which does not convert to {needed}")]
    ColumnType { column: String, found: String, needed: &'static str },
    /// A number has to be known in every row, and is not.
    #[error("column {column} is null in row {row}; drop such rows first")]
    Null { column: String, row: usize },
    /// Nothing is left to work on.
    #[error("no rows to {operation}")]
    NoRows { operation: &'static str },
    /// Labels and predictions, or two predictions, are of different length.
    #[error("{labels} labels and {predictions} predictions do not pair up")]
    Length { labels: usize, predictions: usize },
    /// All labels are equal, so that the number asked for does not exist.
    #[error("all labels are equal: cannot {operation}")]
    OneClass { operation: &'static str },
    /// A prediction is not a probability.
    #[error("prediction {value} in row {row} is not within 0..=1")]
    NotProbability { row: usize, value: f64 },
    /// The optimiser did not settle; more L2 regularisation helps.
    #[error("no convergence in {steps} steps (largest gradient {gradient:e}); raise l2")]
    NoConvergence { steps: usize, gradient: f64 },
    /// Stored bytes are not a model of this program.
    #[error("not a stored model: {reason}")]
    Format { reason: String },
    /// Arrow refused an operation.
    #[error("arrow: {operation}")]
    Arrow {
        operation: &'static str,
        #[source]
        source: arrow::error::ArrowError,
    },
    /// The Parquet file cannot be read.
    #[error("parquet file {path}")]
    Parquet {
        path: String,
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// The file system refused.
    #[error("{operation} {path}")]
    Io {
        operation: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
}
