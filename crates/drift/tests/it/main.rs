//! Integration tests: many columns, real data, laws, hostile input.

mod columns;
mod flights;
mod generators;
mod hostile;
mod laws;
mod page;
mod threads;
