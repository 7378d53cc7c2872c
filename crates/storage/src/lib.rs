//! Arrays in files: typed windows by positional I/O, and memory-mapped [ndarray] views.
//!
//! ```text
//!   field.npy                     FileArray<f32, Ix2>             Array2<f32>
//!   ┌────────┬────────────────┐   ┌──────────────────┐            ┌────────┐
//!   │ header │ data           │   │   ┌────────┐     │  read      │        │
//!   │        │ ▒▒▒    ▒▒▒     │ ◀ │   │ window │     │ ─────────▶ │  tile  │
//!   │        │    ▒▒▒    ▒▒▒  │   │   └────────┘     │ ◀───────── │        │
//!   └────────┴────────────────┘   └──────────────────┘  write     └────────┘
//!     runs of bytes                 a box of indices                in RAM
//! ```
//!
//! - [`FileArray`] is the safe core: positional reads and writes of windows, so that a truncated
//!   file, an I/O error or a full disk is an [`Error`] with the path and both numbers, never a
//!   signal. It reads any offset, alignment, byte order and memory order.
//! - [`MappedArray`] is the same file as a plain ndarray view, without a copy. Mapping a file that
//!   has a name cannot be made sound, so its constructors are `unsafe`; those for private and for
//!   immutable files are safe.
//! - [`Source`] and [`Sink`] are what operations read from and write to: files, ndarray arrays, and
//!   whatever a test wants to put there.
//! - [`Output`] makes a file appear whole or not at all; its [`Journal`] lets a later run go on.
//! - [`ProbeFile`] is a file to measure a disk with.
//!
//! All of the project's `unsafe` lives in this crate, and none of its arithmetic. The crate starts
//! no threads.
//!
//! [ndarray]: https://docs.rs/ndarray

mod access;
mod append;
mod batch;
mod buffer;
mod direct;
mod dirty;
mod dtype;
mod element;
mod error;
mod file_array;
pub mod host;
mod info;
mod journal;
mod layout;
mod lazy;
mod lock;
mod mapped;
pub mod npy;
mod options;
mod output;
mod probe;
mod reserve;
mod source;
mod state;
mod window;
mod work;

pub use access::{Access, CopyOnWrite, ReadOnly, ReadWrite, Writable};
pub use buffer::Buffer;
pub use dtype::{ByteOrder, DType};
pub use element::{Element, Pod};
pub use error::{Error, ErrorKind, Result};
pub use file_array::{FileArray, FileArrayMut, STAGING_BYTES, STAGING_LEN};
pub use info::{FileInfo, Format};
pub use journal::{Journal, Mark};
pub use layout::{Layout, Order, Runs};
pub use lazy::{Broadcast, Permuted, Reshaped, Resized, Sliced};
pub use lock::Lock;
pub use mapped::{Advice, MappedArray, MappedArrayCopy, MappedArrayMut};
pub use options::{Cache, Options};
pub use output::Output;
pub use probe::{PageBuffer, ProbeFile, Way};
pub use source::{Sink, Source, Stored};
pub use state::{FileState, Moment};
pub use window::Window;
pub use work::Work;
