#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lineal_data::fuzzing::parquet(bytes));
