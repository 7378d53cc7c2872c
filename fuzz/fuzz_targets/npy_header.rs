//! The entry of a fuzzer to `checks/npy_header.rs`.

#![no_main]

#[path = "../checks/npy_header.rs"]
mod npy_header;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| npy_header::run(bytes));
