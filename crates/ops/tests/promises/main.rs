//! What holds for every operation: its bytes, its bits, its refusals, and what it leaves when it fails.

mod bytes;
mod changed_inputs;
mod determinism;
mod failures;
mod refusals;
mod resume;
#[path = "../support/mod.rs"]
mod support;
