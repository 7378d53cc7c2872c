//! The commands, one file each.

pub(crate) mod convert;
pub(crate) mod convolve;
pub(crate) mod demo;
pub(crate) mod disk;
pub(crate) mod eval;
pub(crate) mod fft;
pub(crate) mod fft2;
pub(crate) mod histogram;
pub(crate) mod info;
pub(crate) mod quantile;
pub(crate) mod reduce;
pub(crate) mod scan;
pub(crate) mod spectrum;
pub(crate) mod stats;
pub(crate) mod transpose;
pub(crate) mod view;
