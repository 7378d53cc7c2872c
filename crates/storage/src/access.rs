//! What a handle may do to its file, as a type: a read-only array has no method that writes.

mod sealed {
    pub trait Sealed {}
}

/// What a handle may do: [`ReadOnly`], [`ReadWrite`] or, for mapped arrays, [`CopyOnWrite`].
pub trait Access: sealed::Sealed + Send + Sync + 'static {
    /// Whether the file itself is written.
    #[doc(hidden)]
    const WRITES_FILE: bool = false;
}

/// An access that gives out mutable views: [`ReadWrite`] or [`CopyOnWrite`].
pub trait Writable: Access {}

/// Reads only; numpy's mode `r`.
#[derive(Clone, Copy, Debug)]
pub enum ReadOnly {}

/// Reads, and writes to the file; numpy's modes `r+` and `w+`.
#[derive(Clone, Copy, Debug)]
pub enum ReadWrite {}

/// Reads, and writes to memory alone: the file stays as it is; numpy's mode `c`.
#[derive(Clone, Copy, Debug)]
pub enum CopyOnWrite {}

impl sealed::Sealed for ReadOnly {}
impl sealed::Sealed for ReadWrite {}
impl sealed::Sealed for CopyOnWrite {}
impl Access for ReadOnly {}
impl Access for ReadWrite {
    const WRITES_FILE: bool = true;
}
impl Access for CopyOnWrite {}
impl Writable for ReadWrite {}
impl Writable for CopyOnWrite {}
