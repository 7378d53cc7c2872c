//! The entry of a fuzzer to `checks/journal.rs`.

#![no_main]

#[path = "../checks/journal.rs"]
mod journal;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| journal::run(bytes));
