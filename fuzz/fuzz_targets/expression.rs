//! The entry of a fuzzer to `checks/expression.rs`.

#![no_main]

#[path = "../checks/expression.rs"]
mod expression;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| expression::run(bytes));
