//! How to open or create an array: every choice that `FileArray::open` and `create` make by default.

use ndarray::{Dimension, IntoDimension, Ix1};
use std::fs::{self, File};
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::access::Access;
use crate::direct::DirectFile;
use crate::dirty::Dirty;
use crate::file_array::new_layout;
use crate::lock::{self, Share};
use crate::npy::{Header, HeaderError, MAX_AXES, Version};
use crate::{
    ByteOrder, Element, Error, ErrorKind, FileArray, FileArrayMut, FileState, Format, Layout, Lock,
    Order, Result, host, reserve,
};

/// Whether reads and writes go through the operating system's page cache.
///
/// What is read and written is the same in any case; where a file system has no direct transfers,
/// all go through the page cache, and 64 MiB at most wait there to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Past it, if the array takes more than a quarter of the memory that is available.
    Auto,
    /// Through it.
    Use,
    /// Past it.
    Bypass,
}

impl Cache {
    fn bypasses(self, bytes: u64) -> bool {
        match self {
            Self::Auto => host::available_memory().is_some_and(|available| bytes > available / 4),
            Self::Use => false,
            Self::Bypass => true,
        }
    }
}

/// Options for opening and creating arrays.
///
/// A raw file has no header, so whoever opens it says what it holds:
///
/// ```
/// use ndarray::array;
/// use outcore_storage::{ByteOrder, FileArray, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("counts.dat");
/// // A header of five bytes, then 16-bit numbers in big-endian byte order.
/// std::fs::write(&path, b"HEAD:\x00\x01\x01\x00")?;
/// let options = Options::new().offset(5).byte_order(ByteOrder::Big);
/// let counts: FileArray<i16, _> = options.open_raw(&path, 2)?;
/// assert_eq!(counts.read()?, array![1, 256]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    lock: Option<Lock>,
    cache: Cache,
    sparse: bool,
    replace: bool,
    resume: bool,
    order: Order,
    byte_order: ByteOrder,
    version: Version,
    offset: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The defaults: C order, native byte order, format version 1.0, offset 0, reserved disk space, writers
    /// locked and readers not.
    pub fn new() -> Self {
        Self {
            lock: None,
            cache: Cache::Auto,
            sparse: false,
            replace: false,
            resume: false,
            order: Order::C,
            byte_order: ByteOrder::NATIVE,
            version: Version::V1,
            offset: 0,
        }
    }

    /// Whether to lock the file, and whether to wait for it.
    #[must_use]
    pub fn lock(mut self, lock: Lock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Whether reads and writes go through the page cache.
    #[must_use]
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = cache;
        self
    }

    /// Creates files without reserving their disk space; a full disk then shows when writing.
    #[must_use]
    pub fn sparse(mut self, sparse: bool) -> Self {
        self.sparse = sparse;
        self
    }

    /// Whether an [`Output`](crate::Output) may take the place of an existing file.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    pub(crate) fn replaces(&self) -> bool {
        self.replace
    }

    /// Whether an [`Output`](crate::Output) goes on with what a run that did not finish has left; where
    /// there is nothing left, it begins.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    pub(crate) fn resumes(&self) -> bool {
        self.resume
    }

    pub(crate) fn npy_version(&self) -> Version {
        self.version
    }

    pub(crate) fn order_of_bytes(&self) -> ByteOrder {
        self.byte_order
    }

    /// The order of the elements of raw files and of files that are created.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The byte order of raw files and of files that are created.
    #[must_use]
    pub fn byte_order(mut self, byte_order: ByteOrder) -> Self {
        self.byte_order = byte_order;
        self
    }

    /// The format version of `.npy` files that are created.
    #[must_use]
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The byte at which the elements of a raw file begin; any number.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Opens a `.npy` file for reading; see [`FileArray::open`].
    ///
    /// # Errors
    ///
    /// As [`FileArray::open`].
    pub fn open<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<FileArray<T, D>> {
        let (file, path, state) = self.open_to_read(path.as_ref())?;
        let (layout, byte_order, format) = read_npy::<T, D>(&file, &path)?;
        Ok(FileArray { opened: state, ..self.array(file, path, layout, byte_order, format) })
    }

    /// Opens a `.npy` file for reading and writing; see [`FileArray::open_mut`].
    ///
    /// # Errors
    ///
    /// As [`FileArray::open_mut`].
    pub fn open_mut<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<FileArrayMut<T, D>> {
        let (file, path) = self.open_to_write(path.as_ref())?;
        let (layout, byte_order, format) = read_npy::<T, D>(&file, &path)?;
        Ok(self.array(file, path, layout, byte_order, format))
    }

    /// Opens a raw file for reading, as an array of this shape.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is too short for the shape at its offset.
    pub fn open_raw<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<FileArray<T, D>> {
        let (file, path, state) = self.open_to_read(path.as_ref())?;
        let layout = self.raw_layout::<T, D>(&path, shape)?;
        check_len(&file, &path, &layout, "its shape needs")?;
        let array = self.array(file, path, layout, self.byte_order, Format::Raw);
        Ok(FileArray { opened: state, ..array })
    }

    /// Opens a raw file for reading and writing, as an array of this shape.
    ///
    /// # Errors
    ///
    /// As [`open_raw`](Self::open_raw), and if the file cannot be written or is locked.
    pub fn open_raw_mut<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<FileArrayMut<T, D>> {
        let (file, path) = self.open_to_write(path.as_ref())?;
        let layout = self.raw_layout::<T, D>(&path, shape)?;
        check_len(&file, &path, &layout, "its shape needs")?;
        Ok(self.array(file, path, layout, self.byte_order, Format::Raw))
    }

    /// Opens a raw file for reading, as a 1-D array of as many elements as it holds.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or the bytes after its offset are no multiple of the element's.
    pub fn open_raw_1d<T: Element>(&self, path: impl AsRef<Path>) -> Result<FileArray<T, Ix1>> {
        let (file, path, state) = self.open_to_read(path.as_ref())?;
        let len = self.raw_len::<T>(&file, &path)?;
        let layout = self.raw_layout::<T, Ix1>(&path, len)?;
        let array = self.array(file, path, layout, self.byte_order, Format::Raw);
        Ok(FileArray { opened: state, ..array })
    }

    /// Creates a `.npy` file of zeros, or replaces the contents of an existing one; see [`FileArray::create`].
    ///
    /// # Errors
    ///
    /// As [`FileArray::create`].
    pub fn create<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<FileArrayMut<T, D>> {
        let path = absolute(path.as_ref())?;
        let (header, layout) = self.npy_layout::<T, D>(&path, shape)?;
        let file = self.create_file(&path)?.emptied(self, &layout)?;
        self.fill::<T, D>(file, path, layout, header)
    }

    /// Creates a raw file of zeros, or replaces the contents of an existing one. The bytes before
    /// the offset are zeros, for the caller to fill.
    ///
    /// # Errors
    ///
    /// As [`FileArray::create`].
    pub fn create_raw<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<FileArrayMut<T, D>> {
        let path = absolute(path.as_ref())?;
        let layout = self.raw_layout::<T, D>(&path, shape)?;
        let file = self.create_file(&path)?.emptied(self, &layout)?;
        self.fill::<T, D>(file, path, layout, None)
    }

    /// Creates a file without a name; see [`FileArray::scratch`].
    ///
    /// # Errors
    ///
    /// As [`FileArray::scratch`].
    pub fn scratch<T: Element, D: Dimension>(
        &self,
        folder: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<FileArrayMut<T, D>> {
        let folder = absolute(folder.as_ref())?;
        let layout = self.raw_layout::<T, D>(&folder, shape)?;
        let failed = |error| Error::io(&folder, "failed to create a scratch file in it", error);
        let file = tempfile::tempfile_in(&folder).map_err(failed)?;
        self.fill::<T, D>(file, folder, layout, None)
    }

    /// Makes an opened, empty file into an array of zeros.
    pub(crate) fn fill<T: Element, D: Dimension>(
        &self,
        file: File,
        path: PathBuf,
        layout: Layout<D>,
        header: Option<Vec<u8>>,
    ) -> Result<FileArrayMut<T, D>> {
        reserve::set_len(&file, &path, layout.offset() + layout.bytes(), self.sparse)?;
        let format = if header.is_some() { Format::Npy(self.version) } else { Format::Raw };
        let array: FileArrayMut<T, D> = self.array(file, path, layout, self.byte_order, format);
        if let Some(header) = header {
            array.write_at(&header, 0)?;
        }
        Ok(array)
    }

    /// The header and layout of a `.npy` file to be created.
    pub(crate) fn npy_layout<T: Element, D: Dimension>(
        &self,
        path: &Path,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<(Option<Vec<u8>>, Layout<D>)> {
        let shape = shape.into_dimension();
        if shape.ndim() > MAX_AXES {
            let reason = format!("cannot have {} axes: .npy files have {MAX_AXES}", shape.ndim());
            return Err(Error::new(path, ErrorKind::Unsupported(reason)));
        }
        let header = Header {
            dtype: T::DTYPE,
            byte_order: self.byte_order,
            order: self.order,
            shape: shape.slice().to_vec(),
        };
        let header = header.to_bytes(self.version);
        let layout = new_layout::<T, D>(path, shape, self.order, header.len() as u64)?;
        Ok((Some(header), layout))
    }

    pub(crate) fn raw_layout<T: Element, D: Dimension>(
        &self,
        path: &Path,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Layout<D>> {
        new_layout::<T, D>(path, shape.into_dimension(), self.order, self.offset)
    }

    fn raw_len<T: Element>(&self, file: &File, path: &Path) -> Result<usize> {
        let len = length(file, path)?;
        let promise = "its offset is";
        let kind = ErrorKind::Truncated { promise, expected: self.offset, actual: len };
        let bytes = len.checked_sub(self.offset).ok_or_else(|| Error::new(path, kind))?;
        let element_bytes = T::DTYPE.bytes();
        if bytes % element_bytes as u64 != 0 {
            return Err(Error::new(path, ErrorKind::NotWhole { bytes, element_bytes }));
        }
        let len = usize::try_from(bytes / element_bytes as u64);
        len.map_err(|_| Error::new(path, ErrorKind::TooLarge { shape: vec![], element_bytes }))
    }

    pub(crate) fn array<T, D: Dimension, A: Access>(
        &self,
        file: File,
        path: PathBuf,
        layout: Layout<D>,
        byte_order: ByteOrder,
        format: Format,
    ) -> FileArray<T, D, A> {
        let bypass = self.cache.bypasses(layout.bytes());
        let direct = if bypass { DirectFile::of(&file, A::WRITES_FILE) } else { None };
        if bypass && direct.is_none() {
            tracing::debug!("{}: its file system has no way past the page cache", path.display());
        }
        let dirty = bypass.then(Dirty::default);
        FileArray { direct, dirty, ..array(file, path, layout, byte_order, format) }
    }

    /// Opens a file, and looks at its state before anything is read.
    fn open_to_read(&self, path: &Path) -> Result<(File, PathBuf, Option<FileState>)> {
        let path = absolute(path)?;
        let failed = |error| Error::io(&path, "failed to open for reading", error);
        let file = File::open(&path).map_err(failed)?;
        refuse_folder(&file, &path)?;
        lock::acquire(&file, &path, self.lock.unwrap_or(Lock::None), Share::Shared)?;
        let state = FileState::of(&file).ok();
        Ok((file, path, state))
    }

    fn open_to_write(&self, path: &Path) -> Result<(File, PathBuf)> {
        let path = absolute(path)?;
        let failed = |error| Error::io(&path, "failed to open for writing", error);
        let file = File::options().read(true).write(true).open(&path).map_err(failed)?;
        lock::acquire(&file, &path, self.lock.unwrap_or(Lock::Try), Share::Exclusive)?;
        Ok((file, path))
    }

    /// A file that exists or is made, locked before its contents are given up.
    pub(crate) fn create_file(&self, path: &Path) -> Result<Locked> {
        let failed = |error| Error::io(path, "failed to create", error);
        let open =
            || File::options().read(true).write(true).create(true).truncate(false).open(path);
        loop {
            let existed = path.exists();
            let file = open().map_err(failed)?;
            lock::acquire(&file, path, self.lock.unwrap_or(Lock::Try), Share::Exclusive)?;
            // Whoever held the lock may have put the file that we opened in another place, where it
            // must keep its contents.
            if is_at(&file, path) {
                return Ok(Locked { file, path: path.to_owned(), existed });
            }
        }
    }

    /// Refuses what cannot fit even in the place of the old contents.
    fn check_space<D: Dimension>(
        &self,
        file: &File,
        path: &Path,
        layout: &Layout<D>,
    ) -> Result<()> {
        let needed = layout.offset() + layout.bytes();
        let Some(free) = host::free_space(path).filter(|_| !self.sparse) else { return Ok(()) };
        let free = free.saturating_add(length(file, path)?);
        if needed > free {
            return Err(Error::new(path, ErrorKind::DiskFull { needed, free }));
        }
        Ok(())
    }
}

/// A file that is locked and still has its contents.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) file: File,
    path: PathBuf,
    existed: bool,
}

impl Locked {
    /// Gives up the contents, if what should take their place can fit.
    pub(crate) fn emptied<D: Dimension>(
        self,
        options: &Options,
        layout: &Layout<D>,
    ) -> Result<File> {
        let checked = options.check_space(&self.file, &self.path, layout);
        if let (Err(_), false) = (&checked, self.existed) {
            let _ = fs::remove_file(&self.path);
        }
        checked?;
        let failed = |error| Error::io(&self.path, "failed to empty", error);
        self.file.set_len(0).map_err(failed)?;
        Ok(self.file)
    }
}

/// Whether an open file is the one that a path names.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!(
        (file.metadata().map(identity), fs::metadata(path).map(identity)),
        (Ok(open), Ok(named)) if open == named
    )
}

/// An array in a file that has been opened, through the page cache.
pub(crate) fn array<T, D, A>(
    file: File,
    path: PathBuf,
    layout: Layout<D>,
    byte_order: ByteOrder,
    format: Format,
) -> FileArray<T, D, A> {
    FileArray {
        file,
        path,
        layout,
        byte_order,
        format,
        direct: None,
        dirty: None,
        poisoned: std::sync::Arc::default(),
        opened: None,
        kind: PhantomData,
    }
}

/// Reads a header and checks that it is of the type and dimension, and as long as it promises.
fn read_npy<T: Element, D: Dimension>(
    file: &File,
    path: &Path,
) -> Result<(Layout<D>, ByteOrder, Format)> {
    let (header, version, offset) = read_header(file, path)?;
    if header.dtype != T::DTYPE {
        let (expected, actual) = (T::DTYPE, header.dtype);
        return Err(Error::new(path, ErrorKind::WrongType { expected, actual }));
    }
    let ndim = header.shape.len();
    let mut shape = D::zeros(D::NDIM.unwrap_or(ndim));
    if shape.ndim() != ndim {
        let (expected, shape) = (shape.ndim(), header.shape);
        return Err(Error::new(path, ErrorKind::WrongAxes { expected, shape }));
    }
    shape.slice_mut().copy_from_slice(&header.shape);
    let layout = new_layout::<T, D>(path, shape, header.order, offset)?;
    check_len(file, path, &layout, "its header promises")?;
    Ok((layout, header.byte_order, Format::Npy(version)))
}

pub(crate) fn read_header(mut file: &File, path: &Path) -> Result<(Header, Version, u64)> {
    refuse_folder(file, path)?;
    Header::read(&mut file).map_err(|error| match error {
        HeaderError::Io(error) => Error::io(path, "failed to read its header", error),
        HeaderError::Damaged(reason) => Error::new(path, ErrorKind::NotNpy(reason)),
        HeaderError::Unsupported(reason) => Error::new(path, ErrorKind::Unsupported(reason)),
    })
}

pub(crate) fn check_len<D: Dimension>(
    file: &File,
    path: &Path,
    layout: &Layout<D>,
    promise: &'static str,
) -> Result<()> {
    let (expected, actual) = (layout.offset() + layout.bytes(), length(file, path)?);
    if actual < expected {
        return Err(Error::new(path, ErrorKind::Truncated { promise, expected, actual }));
    }
    Ok(())
}

pub(crate) fn length(file: &File, path: &Path) -> Result<u64> {
    let failed = |error| Error::io(path, "failed to ask its length", error);
    Ok(file.metadata().map_err(failed)?.len())
}

fn refuse_folder(file: &File, path: &Path) -> Result<()> {
    let is_folder = file.metadata().is_ok_and(|metadata| metadata.is_dir());
    let error = || io::Error::from(io::ErrorKind::IsADirectory);
    if is_folder { Err(Error::io(path, "failed to open", error())) } else { Ok(()) }
}

pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::io(path, "failed to make absolute", error))
}
