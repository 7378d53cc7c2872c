//! Which file, and what is wrong with it: one sentence with both numbers.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::{ByteOrder, DType, FileState};

/// A result whose error names the file.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about an array in a file.
///
/// Prints as `field.npy: is 200 bytes long, but its header promises 1152`.
#[derive(Debug)]
pub struct Error {
    path: Option<PathBuf>,
    kind: ErrorKind,
}

/// What went wrong; see [`Error::kind`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused something.
    #[error("{action}: {source}")]
    Io {
        /// What was tried, with its range where it has one.
        action: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file ends before its elements do.
    #[error("is {actual} bytes long, but {promise} {expected}")]
    Truncated {
        /// What asks for the bytes, as the subject of the sentence: "its header promises".
        promise: &'static str,
        /// The bytes that the elements need.
        expected: u64,
        /// The bytes that the file has.
        actual: u64,
    },
    /// The file is not the one any more that was opened.
    #[error("changed while it was read: it had {opened}, and now has {now}")]
    Changed {
        /// The file when it was opened.
        opened: FileState,
        /// The file after it was read.
        now: FileState,
    },
    /// The disk has less room than the array needs.
    #[error("needs {needed} bytes on its disk, which has {free} bytes free")]
    DiskFull {
        /// The bytes that the array needs.
        needed: u64,
        /// The bytes that the file system offers.
        free: u64,
    },
    /// The file is not in the `.npy` format, or its header is damaged.
    #[error("is not a .npy file: {0}")]
    NotNpy(String),
    /// The file holds elements of a kind that this crate does not read.
    #[error("{0}")]
    Unsupported(String),
    /// The file holds elements of another type.
    #[error("holds elements of type {actual}, but was opened as {expected}")]
    WrongType {
        /// The type that the caller asked for.
        expected: DType,
        /// The type of the file.
        actual: DType,
    },
    /// The file holds an array of another number of axes.
    #[error("holds an array of shape {shape:?} with {} axes, but was opened with {expected}", shape.len())]
    WrongAxes {
        /// The number of axes that the caller asked for.
        expected: usize,
        /// The shape of the file.
        shape: Vec<usize>,
    },
    /// A size that cannot be counted or addressed.
    #[error(
        "an array of shape {shape:?} with {element_bytes} bytes per element is too large to address"
    )]
    TooLarge {
        /// The shape that was asked for.
        shape: Vec<usize>,
        /// The bytes of each element.
        element_bytes: usize,
    },
    /// A raw file whose length does not fit the element type.
    #[error(
        "has {bytes} bytes after its offset, which is no multiple of {element_bytes} bytes per element"
    )]
    NotWhole {
        /// The bytes after the offset.
        bytes: u64,
        /// The bytes of each element.
        element_bytes: usize,
    },
    /// A window outside the array.
    #[error("window {window} reaches outside shape {shape:?}")]
    OutOfBounds {
        /// The window.
        window: String,
        /// The shape of the array.
        shape: Vec<usize>,
    },
    /// A tile of another shape than its window.
    #[error("a tile of shape {tile:?} does not fit a window of shape {window:?}")]
    WrongShape {
        /// The shape of the tile.
        tile: Vec<usize>,
        /// The shape of the window.
        window: Vec<usize>,
    },
    /// A byte of a boolean array that is neither 0 nor 1.
    #[error("byte {offset} is no bool: it is neither 0 nor 1")]
    NotBool {
        /// The byte's place in the file.
        offset: u64,
    },
    /// An element that another type cannot hold.
    #[error("element {index:?} is {value}, which {dtype} cannot hold")]
    NotRepresentable {
        /// Where the element is.
        index: Vec<usize>,
        /// The element.
        value: String,
        /// The other type.
        dtype: DType,
    },
    /// Another process or handle holds the file's lock.
    #[error("is locked by another {holder}")]
    Locked {
        /// Who holds it: a writer, or a reader or writer.
        holder: &'static str,
    },
    /// A file that should not be replaced is there.
    #[error("exists already")]
    Exists,
    /// The output of a run that did not finish is there, and would be lost.
    #[error("is left of a run that did not finish, which another can go on from")]
    Unfinished,
    /// What should say how far a run has come does not.
    #[error("is no journal of a run")]
    NotJournal,
    /// A run cannot go on from what one of other work has left.
    #[error("cannot be resumed: {0}")]
    OtherWork(String),
    /// The file cannot be mapped as it is; a [`FileArray`](crate::FileArray) can read it.
    #[error("cannot be mapped: {reason}; read it through a FileArray")]
    NotMappable {
        /// What prevents it.
        reason: String,
    },
    /// A byte order that cannot be mapped; a [`FileArray`](crate::FileArray) can read it.
    #[error("cannot be mapped: it is in {actual}-endian byte order; read it through a FileArray")]
    ForeignByteOrder {
        /// The byte order of the file.
        actual: ByteOrder,
    },
    /// A sync failed earlier, so what reached the disk is unknown.
    #[error("failed to sync earlier, so its contents on disk are unknown")]
    Poisoned,
}

impl Error {
    pub(crate) fn new(path: &Path, kind: ErrorKind) -> Self {
        Self { path: Some(path.to_owned()), kind }
    }

    /// An error of a source or sink that is not a file.
    pub fn without_path(kind: ErrorKind) -> Self {
        Self { path: None, kind }
    }

    pub(crate) fn io(path: &Path, action: impl Into<String>, source: io::Error) -> Self {
        Self::new(path, ErrorKind::Io { action: action.into(), source })
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// The file it went wrong with, if it is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: {}", path.display(), self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}
