//! What the commands do and print.

mod batch;
mod convolve;
mod disk;
mod errors;
mod eval;
mod fft;
mod fft2;
mod histogram;
mod info;
mod numpy;
mod operations;
mod quantile;
mod spectrum;
mod stats;
#[path = "../support/mod.rs"]
mod support;
mod usage;
mod view;
