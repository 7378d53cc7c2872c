//! What a file holds, for programs that learn its type at run time.

use ndarray::Dimension;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::access::Access;
use crate::npy::Version;
use crate::options::{absolute, length, read_header};
use crate::{ByteOrder, DType, Element, Error, ErrorKind, FileArray, Layout, Order, Result};

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.npy` of this version.
    Npy(Version),
    /// Elements without a header.
    Raw,
}

/// What a file holds, from its header alone; its elements are not read.
///
/// ```
/// use outcore_storage::{DType, FileArrayMut, FileInfo};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("field.npy");
/// FileArrayMut::<f32, _>::create(&path, (3, 4))?.close()?;
/// let info = FileInfo::of_npy(&path)?;
/// assert_eq!((info.dtype, info.shape, info.offset), (DType::F32, vec![3, 4], 128));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The path, made absolute.
    pub path: PathBuf,
    /// The format, with its version.
    pub format: Format,
    /// The element type.
    pub dtype: DType,
    /// The byte order; of no meaning where elements are single bytes.
    pub byte_order: ByteOrder,
    /// The length of each axis.
    pub shape: Vec<usize>,
    /// The order of the elements.
    pub order: Order,
    /// The first byte of the first element.
    pub offset: u64,
    /// The bytes of all elements.
    pub data_bytes: u64,
    /// The bytes of the file, with what comes before and after the elements.
    pub file_bytes: u64,
    /// When the file was last modified, where the file system knows.
    pub modified: Option<SystemTime>,
}

impl FileInfo {
    /// Reads the header of a `.npy` file and checks that the file is as long as it promises.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no `.npy` file, holds an unsupported element type, or is too
    /// short.
    pub fn of_npy(path: impl AsRef<Path>) -> Result<Self> {
        let path = absolute(path.as_ref())?;
        let failed = |error| Error::io(&path, "failed to open for reading", error);
        let file = File::open(&path).map_err(failed)?;
        let (header, version, offset) = read_header(&file, &path)?;
        let element_bytes = header.dtype.bytes();
        let layout =
            Layout::new(ndarray::Dim(header.shape.clone()), header.order, element_bytes, offset);
        let too_large = || ErrorKind::TooLarge { shape: header.shape.clone(), element_bytes };
        let layout = layout.ok_or_else(|| Error::new(&path, too_large()))?;
        let (expected, actual) = (offset + layout.bytes(), length(&file, &path)?);
        if actual < expected {
            let promise = "its header promises";
            return Err(Error::new(&path, ErrorKind::Truncated { promise, expected, actual }));
        }
        Ok(Self {
            format: Format::Npy(version),
            dtype: header.dtype,
            byte_order: header.byte_order,
            shape: header.shape,
            order: header.order,
            offset,
            data_bytes: layout.bytes(),
            file_bytes: actual,
            modified: file.metadata().and_then(|metadata| metadata.modified()).ok(),
            path,
        })
    }

    /// What an opened array holds.
    pub fn of_array<T: Element, D: Dimension, A: Access>(array: &FileArray<T, D, A>) -> Self {
        Self {
            path: array.path.clone(),
            format: array.format,
            dtype: T::DTYPE,
            byte_order: array.byte_order,
            shape: array.shape().to_vec(),
            order: array.layout.order(),
            offset: array.layout.offset(),
            data_bytes: array.layout.bytes(),
            file_bytes: array.file_len().unwrap_or(0),
            modified: array.file.metadata().and_then(|metadata| metadata.modified()).ok(),
        }
    }
}
