//! The commands, one file each.

pub(crate) mod demo;
pub(crate) mod disk;
pub(crate) mod eval;
pub(crate) mod fft2;
pub(crate) mod info;
