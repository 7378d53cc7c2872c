//! An array in a file as an ndarray view, without a copy.
//!
//! ```text
//!   file      │ header │ element 0 │ element 1 │ ···            │
//!             ▲        ▲                                        ▲
//!             │        └ the array's offset                     └ the end of the map
//!             └ the map begins at the page that holds the first element
//! ```
//!
//! The `unsafe` code here comes to three steps: the map that is private to memory, and the shared and
//! the mutable view of what is mapped. Everything else is bookkeeping.

#![expect(unsafe_code, reason = "a view of mapped memory is what this file is for")]

use memmap2::{MmapOptions, MmapRaw};
use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension, Shape, ShapeBuilder};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::access::{Access, CopyOnWrite, ReadOnly, ReadWrite, Writable};
use crate::options::{array as file_array, check_len};
use crate::{
    ByteOrder, DType, Error, ErrorKind, FileArray, FileArrayMut, Layout, Order, Pod, Result,
    Source, Stored, Window,
};

/// A [`MappedArray`] whose views write to the file.
pub type MappedArrayMut<T, D> = MappedArray<T, D, ReadWrite>;

/// A [`MappedArray`] whose views write to memory alone.
pub type MappedArrayCopy<T, D> = MappedArray<T, D, CopyOnWrite>;

/// An array in a file as an ndarray view: what `numpy.memmap` is to NumPy.
///
/// | numpy's mode | constructor | views |
/// |---|---|---|
/// | `r` | [`open`](MappedArray::open) | [`view`](Self::view) |
/// | `r+` | [`open_mut`](MappedArray::open_mut) | and [`view_mut`](Self::view_mut), which writes to the file |
/// | `w+` | [`create`](MappedArray::create) | the same, of a new file of zeros |
/// | `c` | [`open_copy`](MappedArray::open_copy) | and [`view_mut`](Self::view_mut), which writes to memory alone |
///
/// For raw files, offsets and orders, open a [`FileArray`] with [`Options`](crate::Options) and
/// give it to [`map`](MappedArray::map), [`map_mut`](MappedArray::map_mut) or
/// [`map_copy`](MappedArray::map_copy). The file must hold the elements in this machine's byte
/// order, at an offset that is a multiple of their alignment; a [`FileArray`] reads all others.
///
/// # Safety
///
/// A view is memory that the compiler takes to be the program's own, but the memory is a file's.
/// Whoever calls an `unsafe` constructor promises that, from before the call until the array is
/// closed or dropped:
///
/// 1. nobody writes to the mapped part of the file except through this array's
///    [`view_mut`](Self::view_mut): no other process, and in this process no other map and no
///    [`FileArray`]. Such a write is a data race with whoever uses a view: undefined behaviour;
/// 2. nobody makes the file shorter. Touching a page behind its new end raises `SIGBUS`, which
///    ends the process; not even a page that was copied on write is safe from it.
///
/// Locks do not keep this promise, because programs are free to ignore them. Permissions, a folder
/// of one's own or a read-only mount do. [`scratch`](MappedArray::scratch) and
/// [`open_immutable`](MappedArray::open_immutable) are safe because the kernel keeps it for them.
///
/// Whatever the promise, an I/O error behind a view raises `SIGBUS` too, and so does a full disk
/// where space was not reserved. A program that must survive these uses a [`FileArray`], where
/// they are errors.
///
/// # Examples
///
/// ```
/// use outcore_storage::MappedArrayMut;
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let mut field = MappedArrayMut::<f32, _>::scratch(folder, (2, 3))?;
/// field.view_mut().row_mut(1).fill(7.0);
/// assert_eq!(field.view().sum(), 21.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A view borrows its array, so an array cannot be closed under a live view:
///
/// ```compile_fail,E0505
/// # use outcore_storage::MappedArrayMut;
/// # let folder = tempfile::tempdir().unwrap();
/// let field = MappedArrayMut::<f32, _>::scratch(folder.path(), (2, 3)).unwrap();
/// let view = field.view();
/// field.close().unwrap();
/// assert_eq!(view.sum(), 0.0);
/// ```
///
/// The other way round it can:
///
/// ```
/// # use outcore_storage::MappedArrayMut;
/// # let folder = tempfile::tempdir().unwrap();
/// let field = MappedArrayMut::<f32, _>::scratch(folder.path(), (2, 3)).unwrap();
/// let view = field.view();
/// assert_eq!(view.sum(), 0.0);
/// field.close().unwrap();
/// ```
///
/// A byte that is neither 0 nor 1 is no `bool`, so arrays of `bool` are read by copy and check, and
/// never mapped:
///
/// ```compile_fail,E0599
/// # use outcore_storage::MappedArrayMut;
/// # let folder = tempfile::tempdir().unwrap();
/// let mask = MappedArrayMut::<bool, _>::scratch(folder.path(), (2, 3)).unwrap();
/// ```
#[derive(Debug)]
pub struct MappedArray<T, D, A = ReadOnly> {
    // In this order, so that the file is unmapped before its lock is given up.
    map: MmapRaw,
    array: FileArray<T, D, A>,
}

/// How a program is going to use a map; see [`MappedArray::advise`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// In no particular way: some read-ahead. What every map begins with.
    Normal,
    /// From front to back: more read-ahead.
    Sequential,
    /// Here and there: no read-ahead. Copying whole tiles gets much slower by it.
    Random,
    /// Soon: the kernel may begin to read it all.
    WillNeed,
    /// At once: reads it all before it returns, and what cannot be read is an error instead of a
    /// signal later. Needs Linux 5.14.
    Populate,
}

impl<T: Pod, D: Dimension> MappedArray<T, D, ReadOnly> {
    /// Maps a `.npy` file for reading; numpy's mode `r`.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`FileArray::open`], and if the file is in foreign byte order, not aligned, or on a file
    /// system that cannot map.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::{Ix2, array};
    /// use outcore_storage::{FileArrayMut, MappedArray};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("field.npy");
    /// let mut field = FileArrayMut::<f32, _>::create(&path, (1, 3))?;
    /// field.write_window([0..1, 0..3], &array![[1.0, 2.0, 4.0]])?;
    /// field.close()?;
    ///
    /// // SAFETY: the file is in a folder that no other program knows.
    /// let field = unsafe { MappedArray::<f32, Ix2>::open(&path)? };
    /// assert_eq!(field.view()[[0, 2]], 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn open(path: impl AsRef<Path>) -> Result<Self> {
        let array = FileArray::open(path)?;
        // SAFETY: the caller keeps the same promise.
        unsafe { Self::map(array) }
    }

    /// Maps an opened array for reading: raw files, other offsets and orders.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// If the file is in foreign byte order, not aligned, shorter than it was, or on a file system
    /// that cannot map.
    pub unsafe fn map(array: FileArray<T, D>) -> Result<Self> {
        let map = options(&array)?.map_raw_read_only(&array.file);
        Ok(Self { map: map.map_err(|error| failed(&array, error))?, array })
    }

    /// Maps a `.npy` file that the kernel keeps anyone from changing, so that no promise is needed:
    /// a memory file sealed against writing and shrinking, or a file with fs-verity.
    ///
    /// # Errors
    ///
    /// As [`FileArray::open`], and if the file could change, is in foreign byte order or not
    /// aligned.
    pub fn open_immutable(path: impl AsRef<Path>) -> Result<Self> {
        Self::map_immutable(FileArray::open(path)?)
    }

    /// Maps an opened array that the kernel keeps anyone from changing; see
    /// [`open_immutable`](Self::open_immutable).
    ///
    /// # Errors
    ///
    /// If the file could change, is in foreign byte order or not aligned.
    pub fn map_immutable(array: FileArray<T, D>) -> Result<Self> {
        let map = options(&array)?.map_if_safe(&array.file).map_err(|error| {
            if error.map_failed() {
                return failed(&array, error.into());
            }
            let reason = "nothing keeps its contents from changing (a sealed memory file or \
                          fs-verity does)";
            array.error(ErrorKind::NotMappable { reason: reason.to_owned() })
        })?;
        Ok(Self { map: map.into(), array })
    }
}

impl<T: Pod, D: Dimension> MappedArray<T, D, ReadWrite> {
    /// Maps a `.npy` file for reading and writing; numpy's mode `r+`. Locks the file, as
    /// [`FileArray::open_mut`] does.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`FileArray::open_mut`] and [`MappedArray::open`].
    pub unsafe fn open_mut(path: impl AsRef<Path>) -> Result<Self> {
        let array = FileArray::open_mut(path)?;
        // SAFETY: the caller keeps the same promise.
        unsafe { Self::map_mut(array) }
    }

    /// Creates a `.npy` file of zeros, or replaces the contents of an existing file, and maps it;
    /// numpy's mode `w+`. Reserves the disk space.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`FileArray::create`], and if the file is on a file system that cannot map.
    pub unsafe fn create(
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
    ) -> Result<Self> {
        let array = FileArray::create(path, shape)?;
        // SAFETY: the caller keeps the same promise.
        unsafe { Self::map_mut(array) }
    }

    /// Maps an opened array for reading and writing: raw files, other offsets and orders.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`MappedArray::map`].
    ///
    /// # Examples
    ///
    /// ```
    /// use outcore_storage::{MappedArray, Options, Order};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("field.dat");
    /// let options = Options::new().offset(16).order(Order::F);
    /// let field = options.create_raw::<f64, _>(&path, (2, 2))?;
    /// // SAFETY: the file is in a folder that no other program knows.
    /// let mut field = unsafe { MappedArray::map_mut(field)? };
    /// field.view_mut()[[1, 0]] = 1.0;
    /// field.close()?;
    /// // In Fortran order, [1, 0] is the second element: 16 + 8 bytes into the file.
    /// assert_eq!(std::fs::read(&path)?[24..32], 1.0_f64.to_ne_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn map_mut(array: FileArrayMut<T, D>) -> Result<Self> {
        Self::map_private(array)
    }

    /// An array of zeros in a file without a name, in `folder`; it is gone when it is closed.
    ///
    /// Safe, because no program comes to open a file without a name by accident, and because its disk
    /// space is reserved: otherwise a full disk would raise `SIGBUS` when the view is written.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written, the disk is too full or cannot map, or the file system cannot
    /// reserve space; [`FileArray::scratch`] needs no reservation.
    pub fn scratch(folder: impl AsRef<Path>, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        let array = FileArray::scratch(folder, shape)?;
        if !is_reserved(&array)? {
            let reason = "its file system reserves no space, so a full disk would raise a signal";
            return Err(array.error(ErrorKind::NotMappable { reason: reason.to_owned() }));
        }
        Self::map_private(array)
    }

    /// Maps an array that nobody else changes: by the caller's promise, or because nobody can.
    fn map_private(array: FileArrayMut<T, D>) -> Result<Self> {
        let map = options(&array)?.map_raw(&array.file);
        Ok(Self { map: map.map_err(|error| failed(&array, error))?, array })
    }

    /// Makes everything that was written durable.
    ///
    /// # Errors
    ///
    /// If the disk refuses. What has reached it is then unknown, and every later flush fails too.
    pub fn flush(&self) -> Result<()> {
        self.array.sync_by(|_| self.map.flush(), || "failed to sync its map".to_owned())?;
        self.array.flush()
    }

    /// Makes a window durable, and whatever lies between its first and last element in the file.
    ///
    /// Along the file's slowest axis that is the window alone: whole rows in C order, whole columns
    /// in Fortran order.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, and as [`flush`](Self::flush).
    pub fn flush_window(&self, window: impl Into<Window<D>>) -> Result<()> {
        let (window, layout) = (window.into(), &self.array.layout);
        window.check(layout.shape(), &window.shape).map_err(|kind| self.array.error(kind))?;
        let mut runs = layout.runs(&window);
        let Some(first) = runs.next() else { return Ok(()) };
        let end = runs.last().map_or(first.end, |last| last.end);
        let (start, len) = (first.start * size_of::<T>(), (end - first.start) * size_of::<T>());
        let action = || format!("failed to sync window {window}");
        self.array.sync_by(|_| self.map.flush_range(start, len), action)
    }

    /// Asks the system to begin writing, and does not wait. Linux needs no asking, because it
    /// writes after a while in any case; nothing is durable before [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn flush_async(&self) -> Result<()> {
        let failed = |error| Error::io(self.path(), "failed to begin a sync of its map", error);
        self.map.flush_async().map_err(failed)
    }

    /// Makes everything durable, unmaps the file, gives up the lock and closes it.
    ///
    /// Dropping the array does the same without a sync: the data is in the file for every other
    /// program, but a power failure may still lose it.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush). The file is closed in any case.
    pub fn close(self) -> Result<()> {
        self.flush()
    }
}

impl<T: Pod, D: Dimension> MappedArray<T, D, CopyOnWrite> {
    /// Maps a `.npy` file so that views can be written and the file stays as it is; numpy's mode
    /// `c`. Opens the file for reading only. Every page that is written costs its size in memory.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`MappedArray::open`].
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::{Ix1, array};
    /// use outcore_storage::{FileArray, FileArrayMut, MappedArrayCopy};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("field.npy");
    /// FileArrayMut::<i32, _>::create(&path, 2)?.close()?;
    /// // SAFETY: the file is in a folder that no other program knows.
    /// let mut field = unsafe { MappedArrayCopy::<i32, Ix1>::open_copy(&path)? };
    /// field.view_mut()[0] = 5;
    /// assert_eq!(field.view(), array![5, 0]);
    /// assert_eq!(FileArray::<i32, Ix1>::open(&path)?.read()?, array![0, 0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub unsafe fn open_copy(path: impl AsRef<Path>) -> Result<Self> {
        let array = FileArray::open(path)?;
        // SAFETY: the caller keeps the same promise.
        unsafe { Self::map_copy(array) }
    }

    /// Maps an opened array for writing to memory alone: raw files, other offsets and orders.
    ///
    /// # Safety
    ///
    /// The caller keeps the [promise of `MappedArray`](MappedArray#safety).
    ///
    /// # Errors
    ///
    /// As [`MappedArray::map`].
    pub unsafe fn map_copy(array: FileArray<T, D>) -> Result<Self> {
        let options = options(&array)?;
        // SAFETY: the caller promises that nobody else changes the file.
        let map = unsafe { options.map_copy(&array.file) };
        let map = map.map_err(|error| failed(&array, error))?.into();
        let FileArray { file, path, layout, byte_order, format, .. } = array;
        Ok(Self { map, array: file_array(file, path, layout, byte_order, format) })
    }
}

impl<T: Pod, D: Dimension, A: Access> MappedArray<T, D, A> {
    /// The whole array as a view; slicing it costs nothing and reads nothing.
    pub fn view(&self) -> ArrayView<'_, T, D> {
        let elements = self.map.as_ptr().cast();
        // SAFETY: `options` has seen to it that the map holds every element of the shape, begins at
        // a multiple of their alignment, and spans no more than `isize::MAX` bytes. Any bytes are
        // valid elements, by `Pod`. The map lives as long as `self`, which the view borrows, and
        // nobody writes to it meanwhile: not this array, whose `view_mut` needs it exclusively, and
        // nobody else, by the promise made to the constructor or by what the kernel enforces.
        unsafe { ArrayView::from_shape_ptr(self.memory_shape(), elements) }
    }

    /// The path that the array was opened with, made absolute; of a scratch array, its folder.
    pub fn path(&self) -> &Path {
        self.array.path()
    }

    /// The length of each axis, as ndarray's pattern of the dimension: `(rows, columns)`.
    pub fn dim(&self) -> D::Pattern {
        self.array.dim()
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.array.shape()
    }

    /// The order of the elements in the file, and so in every view.
    pub fn order(&self) -> Order {
        self.array.order()
    }

    /// The element type as a value.
    pub fn dtype(&self) -> DType {
        self.array.dtype()
    }

    /// Tells the kernel how the array is going to be used.
    ///
    /// # Errors
    ///
    /// If the system does not know the advice, or cannot follow it.
    pub fn advise(&self, advice: Advice) -> Result<()> {
        let to_kernel = match advice {
            Advice::Normal => memmap2::Advice::Normal,
            Advice::Sequential => memmap2::Advice::Sequential,
            Advice::Random => memmap2::Advice::Random,
            Advice::WillNeed => memmap2::Advice::WillNeed,
            Advice::Populate => memmap2::Advice::PopulateRead,
        };
        let failed = |error| Error::io(self.path(), format!("failed to advise {advice:?}"), error);
        self.map.advise(to_kernel).map_err(failed)
    }

    /// The shape with the order of its elements in memory.
    fn memory_shape(&self) -> Shape<D> {
        self.array.layout.shape().clone().set_f(self.order() == Order::F)
    }
}

impl<T: Pod, D: Dimension, A: Writable> MappedArray<T, D, A> {
    /// The whole array as a mutable view. What is written goes to the file, or with
    /// [`CopyOnWrite`] to memory alone.
    pub fn view_mut(&mut self) -> ArrayViewMut<'_, T, D> {
        let elements = self.map.as_mut_ptr().cast();
        // SAFETY: as in `view`; the map is writable, because every constructor of a `Writable`
        // array makes it so, and this is the only view, because it borrows `self` exclusively.
        unsafe { ArrayViewMut::from_shape_ptr(self.memory_shape(), elements) }
    }
}

impl<T: Pod, D: Dimension, A: Access> Stored<D> for MappedArray<T, D, A> {
    fn layout(&self) -> Layout<D> {
        self.array.layout()
    }
}

impl<T: Pod, D: Dimension, A: Access> Source<T, D> for MappedArray<T, D, A> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        let shape = self.array.layout.shape();
        window.check(shape, &tile.raw_dim()).map_err(|kind| self.array.error(kind))?;
        self.view().read_tile(window, tile)
    }
}

/// The part of the file to map: checked to hold every element, aligned and in native byte order.
fn options<T: Pod, D: Dimension, A: Access>(array: &FileArray<T, D, A>) -> Result<MmapOptions> {
    let (offset, alignment) = (array.offset(), align_of::<T>());
    if array.byte_order != ByteOrder::NATIVE && T::DTYPE.swapped_bytes() > 1 {
        return Err(array.error(ErrorKind::ForeignByteOrder { actual: array.byte_order }));
    }
    if offset % alignment as u64 != 0 {
        let reason = format!(
            "its elements begin at byte {offset}, which is no multiple of their alignment of \
             {alignment} bytes"
        );
        return Err(array.error(ErrorKind::NotMappable { reason }));
    }
    check_len(&array.file, &array.path, &array.layout, "its array ends at byte")?;
    let mut options = MmapOptions::new();
    options.offset(offset).len(array.len() * size_of::<T>());
    Ok(options)
}

/// Whether a new file has a place on its disk for every byte.
fn is_reserved<T: Pod, D: Dimension>(array: &FileArrayMut<T, D>) -> Result<bool> {
    // In these units, whatever the blocks of the file system are.
    const BLOCK: u64 = 512;
    let failed = |error| Error::io(&array.path, "failed to ask for its blocks", error);
    let blocks = array.file.metadata().map_err(failed)?.blocks();
    Ok(blocks.saturating_mul(BLOCK) >= array.layout.bytes())
}

fn failed<T: Pod, D: Dimension, A: Access>(array: &FileArray<T, D, A>, error: io::Error) -> Error {
    let (bytes, offset) = (array.layout.bytes(), array.offset());
    Error::io(array.path(), format!("failed to map {bytes} bytes at byte {offset}"), error)
}
