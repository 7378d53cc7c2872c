//! The entry of a fuzzer to `checks/raw_options.rs`.

#![no_main]

#[path = "../checks/raw_options.rs"]
mod raw_options;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| raw_options::run(bytes));
