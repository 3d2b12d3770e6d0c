//! Opening object stores safely: URLs, durability, the probe, and the bridges to time and CPU.

mod backend; // verify_backend: racing writers
mod buffers; // memory for large local reads
#[cfg(target_os = "linux")]
mod direct; // uploads to the local disk past the page cache
mod error; // what can go wrong with a store, a journal or a blob
mod file_stream; // a local file as a stream of bytes
mod format; // the FORMAT object and the probe recorded in it
mod host; // clock, ids and timer of the embedding program
mod local; // the local disk as object store
mod on_cpu; // from async code to rayon
mod open; // Store: a root in an object store
mod retry; // how often and how patiently
mod timer; // waiting, as a seam

pub use self::{
    backend::{BackendReport, verify_backend},
    error::Error,
    file_stream::file_stream,
    host::Host,
    on_cpu::on_cpu,
    open::{OpenOptions, Store},
    retry::Retry,
    timer::{Timer, TokioTimer},
};
pub(crate) use self::{
    error::{StorageErrorExt, is_absent, is_oversize},
    open::is_final,
};
