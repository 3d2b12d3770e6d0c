mod compat; // each way to break, and the laws of comparison
mod sample; // schemas, drawn at random
mod stored; // the stored form: golden bytes, hostile JSON

#[cfg(feature = "arrow")]
mod check; // each violation
#[cfg(feature = "arrow")]
mod columns; // columns, drawn at random
#[cfg(feature = "arrow")]
mod laws;
#[cfg(feature = "arrow")]
mod lists; // elements of lists and tensors // no panic on any batch; checks agree with compatibility
