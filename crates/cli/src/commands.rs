//! The commands, one file each.

pub(crate) mod demo;
pub(crate) mod disk;
pub(crate) mod fft2;
pub(crate) mod histogram;
pub(crate) mod info;
pub(crate) mod quantile;
pub(crate) mod stats;
