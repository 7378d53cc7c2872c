//! Arrays in files: how they are opened, read, written, mapped and locked. One program, because each would
//! compile the same anew; what starts processes or counts memory is a program of its own.

mod append;
mod changed;
mod corpus;
mod golden;
mod locks;
mod modes;
mod numpy_format;
mod numpy_memmap;
mod output;
#[path = "../support/mod.rs"]
mod support;
mod windows;
