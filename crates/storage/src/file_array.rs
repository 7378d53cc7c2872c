//! An array in a file, read and written in windows by positional I/O.

use ndarray::{
    Array, ArrayRef, ArrayView, ArrayViewMut, Axis, Dimension, IntoDimension, Ix1, ShapeBuilder,
};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::access::{Access, ReadOnly, ReadWrite};
use crate::direct::{DirectFile, Failed, PAGE};
use crate::dirty::Dirty;
use crate::element::swap_bytes;
use crate::{
    ByteOrder, Element, Error, ErrorKind, FileState, Format, Layout, Options, Order, Result, Runs,
    Sink, Source, Stored, Window,
};

/// Bytes that one call holds besides the caller's tile, where the tile cannot be read or written in
/// place: another order in memory than in the file, a foreign byte order, or `bool`.
pub const STAGING_BYTES: usize = 256 << 10;
/// The elements of any type that take no more than [`STAGING_BYTES`].
pub const STAGING_LEN: usize = STAGING_BYTES / 16;

/// A [`FileArray`] that can be written.
pub type FileArrayMut<T, D> = FileArray<T, D, ReadWrite>;

/// An array of `T` with dimension `D` in a file; the safe core of this crate.
///
/// The file is read and written in windows, by positional I/O: nothing is mapped, so whatever
/// happens to the file is an [`Error`] and never a signal. Any byte offset, byte order and memory
/// order works, and many threads may use one array at a time.
///
/// A writer holds an advisory lock on the file (see [`Lock`](crate::Lock)) until it is closed.
/// What was written is durable only after [`flush`](Self::flush) or [`close`](Self::close) has
/// returned `Ok`; dropping the array ignores errors and syncs nothing.
///
/// ```
/// use ndarray::{Ix2, array};
/// use outcore_storage::{FileArray, FileArrayMut};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("field.npy");
/// let mut field = FileArrayMut::<f32, _>::create(&path, (3, 4))?;
/// field.write_window([1..2, 1..3], &array![[7.0, 8.0]])?;
/// field.close()?;
///
/// let field = FileArray::<f32, Ix2>::open(&path)?;
/// assert_eq!(field.read_window([0..3, 2..3])?, array![[0.0], [8.0], [0.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileArray<T, D, A = ReadOnly> {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout<D>,
    pub(crate) byte_order: ByteOrder,
    pub(crate) format: Format,
    pub(crate) direct: Option<DirectFile>,
    /// What waits in the page cache, of an array that should not be there.
    pub(crate) dirty: Option<Dirty>,
    /// Whether a sync has failed; of this array, or of one that is lost with it.
    pub(crate) poisoned: Arc<AtomicBool>,
    /// The file as it was opened, if it should not change.
    pub(crate) opened: Option<FileState>,
    pub(crate) kind: PhantomData<fn() -> (T, A)>,
}

impl<T: Element, D: Dimension> FileArray<T, D, ReadOnly> {
    /// Opens a `.npy` file for reading; numpy's mode `r`. Never writes.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is no `.npy` file, holds another element type or number of axes,
    /// or is shorter than its header promises.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }
}

impl<T: Element> FileArray<T, Ix1, ReadOnly> {
    /// Opens a raw file as a 1-D array of as many elements as it holds, in native byte order.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or its length is no multiple of the element's bytes.
    pub fn open_raw(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open_raw_1d(path)
    }
}

impl<T: Element, D: Dimension> FileArray<T, D, ReadWrite> {
    /// Opens a `.npy` file for reading and writing; numpy's mode `r+`.
    ///
    /// # Errors
    ///
    /// As [`FileArray::open`], and if the file cannot be written or another process has locked it.
    pub fn open_mut(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open_mut(path)
    }

    /// Creates a `.npy` file of zeros, or replaces the contents of an existing file; numpy's mode
    /// `w+`. Reserves the disk space.
    ///
    /// For a file that should appear whole or not at all, see [`Output`](crate::Output).
    ///
    /// # Errors
    ///
    /// If the file cannot be created, another process has locked it, or the disk is too full.
    pub fn create(path: impl AsRef<Path>, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Options::new().create(path, shape)
    }

    /// An array of zeros in a file without a name, in `folder`; it is gone when it is closed.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written or the disk is too full.
    pub fn scratch(folder: impl AsRef<Path>, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Options::new().scratch(folder, shape)
    }

    /// Writes a tile to a window of its shape; a tile is any array or view of ndarray.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, the shapes differ, or writing fails.
    pub fn write_window(
        &mut self,
        window: impl Into<Window<D>>,
        tile: &ArrayRef<T, D>,
    ) -> Result<()> {
        self.write_shared(&window.into(), tile.view())
    }

    /// Makes everything that was written durable.
    ///
    /// # Errors
    ///
    /// If the disk refuses. What has reached it is then unknown, and because the operating system
    /// forgets such an error after reporting it once, the array is poisoned: every later write or
    /// flush fails too.
    pub fn flush(&self) -> Result<()> {
        self.sync_by(File::sync_all, || "failed to sync".to_owned())
    }

    /// Makes at least one window durable.
    ///
    /// Today this syncs the data of the whole file: Linux has no durable sync of a part of one.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, and as [`flush`](Self::flush).
    pub fn flush_window(&self, window: impl Into<Window<D>>) -> Result<()> {
        let window = window.into();
        window.check(self.layout.shape(), &window.shape).map_err(|kind| self.error(kind))?;
        self.sync_by(File::sync_data, || format!("failed to sync window {window}"))
    }

    /// Makes everything durable, gives up the lock and closes the file.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush). The file is closed in any case.
    pub fn close(self) -> Result<()> {
        self.flush()
    }

    /// Writes through a shared reference; the order of overlapping writes is unspecified.
    pub(crate) fn write_shared(&self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.check_poison()?;
        window.check(self.layout.shape(), &tile.raw_dim()).map_err(|kind| self.error(kind))?;
        if let Some(elements) = packed(&tile, self.layout.order()) {
            return self.write_packed(self.layout.runs(window), elements);
        }
        let mut staging = vec![T::default(); window.len().min(self.staging_len())];
        self.write_staged(window, tile, &mut staging)
    }

    /// Copies a tile of other strides through a small tile of the file's order.
    fn write_staged(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
        staging: &mut [T],
    ) -> Result<()> {
        if window.len() > staging.len() {
            let (axis, middle) = halves(window, self.layout.order());
            let (low, high) = window.split_at(axis, middle);
            let (low_tile, high_tile) = tile.split_at(Axis(axis), middle);
            self.write_staged(&low, low_tile, staging)?;
            return self.write_staged(&high, high_tile, staging);
        }
        let elements = &mut staging[..window.len()];
        view_mut(elements, window, self.layout.order()).assign(&tile);
        self.write_packed(self.layout.runs(window), elements)
    }

    fn write_packed(&self, all: Runs, elements: &[T]) -> Result<()> {
        let native = self.byte_order == ByteOrder::NATIVE || T::DTYPE.bytes() == 1;
        if let Some(direct) = self.direct_for(&all).filter(|_| native) {
            let runs = all
                .clone()
                .with(elements)
                .map(|(start, run)| (self.byte_of(start), T::as_bytes(run)));
            match direct.write(&self.file, runs) {
                Err(failed) if failed.is_refusal() => self.give_up_direct(direct, &failed),
                outcome => return outcome.map_err(|failed| self.failed("write", &failed)),
            }
        }
        let mut swapped = Vec::new();
        for (start, run) in all.with(elements) {
            if native {
                self.write_at(T::as_bytes(run), self.byte_of(start))?;
                continue;
            }
            let pieces = run.chunks(self.staging_len());
            for (start, piece) in (start..).step_by(self.staging_len()).zip(pieces) {
                swapped.clear();
                swapped.extend_from_slice(T::as_bytes(piece));
                swap_bytes(&mut swapped, T::DTYPE.swapped_bytes());
                self.write_at(&swapped, self.byte_of(start))?;
            }
        }
        let bytes = size_of_val(elements) as u64;
        if self.dirty.as_ref().is_some_and(|dirty| dirty.add(bytes)) {
            self.sync_by(File::sync_data, || "failed to sync".to_owned())?;
        }
        Ok(())
    }

    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let failed = |error| self.failed("write", &Failed { offset, bytes: bytes.len(), error });
        self.file.write_all_at(bytes, offset).map_err(failed)
    }

    /// Syncs in some way; a failure poisons the array.
    pub(crate) fn sync_by(
        &self,
        sync: impl FnOnce(&File) -> io::Result<()>,
        action: impl FnOnce() -> String,
    ) -> Result<()> {
        self.check_poison()?;
        sync(&self.file).map_err(|error| {
            self.poisoned.store(true, Ordering::Relaxed);
            Error::io(&self.path, action(), error)
        })
    }

    fn check_poison(&self) -> Result<()> {
        if self.is_poisoned() { Err(self.error(ErrorKind::Poisoned)) } else { Ok(()) }
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }
}

impl<T: Element, D: Dimension, A: Access> FileArray<T, D, A> {
    /// The path that the array was opened with, made absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of each axis, as ndarray's pattern of the dimension: `(rows, columns)`.
    pub fn dim(&self) -> D::Pattern {
        self.layout.shape().clone().into_pattern()
    }

    /// The length of each axis.
    pub fn shape(&self) -> &[usize] {
        self.layout.shape().slice()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }

    /// The element type as a value.
    pub fn dtype(&self) -> crate::DType {
        T::DTYPE
    }

    /// The byte order of the file.
    pub fn byte_order(&self) -> ByteOrder {
        self.byte_order
    }

    /// The order of the elements in the file.
    pub fn order(&self) -> Order {
        self.layout.order()
    }

    /// The first byte of the first element in the file.
    pub fn offset(&self) -> u64 {
        self.layout.offset()
    }

    /// The file's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads the whole array into memory, in the order of the file.
    ///
    /// # Errors
    ///
    /// If reading fails or memory cannot be had.
    pub fn read(&self) -> Result<Array<T, D>> {
        self.read_window(Window::whole(self.layout.shape().clone()))
    }

    /// Reads a window into memory, in the order of the file.
    ///
    /// # Errors
    ///
    /// If the window reaches outside the array, reading fails or memory cannot be had.
    #[expect(clippy::missing_panics_doc, reason = "the vector has the length of its shape")]
    pub fn read_window(&self, window: impl Into<Window<D>>) -> Result<Array<T, D>> {
        let window = window.into();
        window.check(self.layout.shape(), &window.shape).map_err(|kind| self.error(kind))?;
        let mut elements = Vec::new();
        elements.try_reserve_exact(window.len()).map_err(|error| {
            let action = format!("failed to hold window {window} in memory");
            Error::io(&self.path, action, io::Error::new(io::ErrorKind::OutOfMemory, error))
        })?;
        elements.resize(window.len(), T::default());
        self.read_packed(self.layout.runs(&window), &mut elements)?;
        let shape = window.shape.set_f(self.layout.order() == Order::F);
        Ok(Array::from_shape_vec(shape, elements).expect("as many elements as the window has"))
    }

    /// Copies a tile of other strides through a small tile of the file's order.
    fn read_staged(
        &self,
        window: &Window<D>,
        mut tile: ArrayViewMut<'_, T, D>,
        staging: &mut [T],
    ) -> Result<()> {
        if window.len() > staging.len() {
            let (axis, middle) = halves(window, self.layout.order());
            let (low, high) = window.split_at(axis, middle);
            let (low_tile, high_tile) = tile.split_at(Axis(axis), middle);
            self.read_staged(&low, low_tile, staging)?;
            return self.read_staged(&high, high_tile, staging);
        }
        let elements = &mut staging[..window.len()];
        self.read_packed(self.layout.runs(window), elements)?;
        tile.assign(&view_mut(elements, window, self.layout.order()));
        Ok(())
    }

    fn read_packed(&self, all: Runs, elements: &mut [T]) -> Result<()> {
        let is_plain = T::as_bytes_mut(&mut []).is_some();
        if let Some(direct) = self.direct_for(&all).filter(|_| is_plain) {
            let runs = all.clone().with_mut(elements);
            let runs =
                runs.filter_map(|(start, run)| Some((self.byte_of(start), T::as_bytes_mut(run)?)));
            match direct.read(runs) {
                Ok(()) => {
                    self.to_native(elements);
                    return Ok(());
                }
                Err(failed) if failed.is_refusal() => self.give_up_direct(direct, &failed),
                Err(failed) => return Err(self.failed("read", &failed)),
            }
        }
        for (start, run) in all.with_mut(elements) {
            self.read_run(self.byte_of(start), run)?;
        }
        Ok(())
    }

    fn read_run(&self, offset: u64, run: &mut [T]) -> Result<()> {
        if let Some(bytes) = T::as_bytes_mut(run) {
            self.read_at(bytes, offset)?;
            self.to_native(run);
            return Ok(());
        }
        let mut bytes = vec![0; run.len().min(STAGING_BYTES)];
        for (offset, piece) in (offset..).step_by(STAGING_BYTES).zip(run.chunks_mut(STAGING_BYTES))
        {
            let bytes = &mut bytes[..piece.len()];
            self.read_at(bytes, offset)?;
            T::decode(bytes, piece).map_err(|index| {
                self.error(ErrorKind::NotBool { offset: offset + index as u64 })
            })?;
        }
        Ok(())
    }

    /// Changes numbers that were read from the file's byte order to this machine's.
    fn to_native(&self, elements: &mut [T]) {
        let foreign = self.byte_order != ByteOrder::NATIVE;
        if let Some(bytes) = T::as_bytes_mut(elements).filter(|_| foreign) {
            swap_bytes(bytes, T::DTYPE.swapped_bytes());
        }
    }

    pub(crate) fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<()> {
        let len = bytes.len();
        let failed = |error| self.failed("read", &Failed { offset, bytes: len, error });
        self.file.read_exact_at(bytes, offset).map_err(failed)
    }

    /// The handle past the page cache, if the array uses it and runs are as long as a page.
    fn direct_for(&self, runs: &Runs) -> Option<&DirectFile> {
        let long = runs.longest() * self.layout.element_bytes() >= PAGE;
        self.direct.as_ref().filter(|direct| long && !direct.is_given_up())
    }

    /// What a file system refuses once it refuses always.
    fn give_up_direct(&self, direct: &DirectFile, failed: &Failed) {
        direct.give_up();
        let (path, error) = (self.path.display(), &failed.error);
        tracing::debug!("{path}: goes through the page cache from here on: {error}");
    }

    fn failed(&self, action: &str, failed: &Failed) -> Error {
        let Failed { offset, bytes, error } = failed;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            let expected = self.layout.offset() + self.layout.bytes();
            let actual = self.file_len().unwrap_or(0);
            let promise = "its array ends at byte";
            return self.error(ErrorKind::Truncated { promise, expected, actual });
        }
        let action = format!("failed to {action} {bytes} bytes at byte {offset}");
        let code = error.raw_os_error();
        let same = || io::Error::new(error.kind(), error.to_string());
        Error::io(&self.path, action, code.map_or_else(same, io::Error::from_raw_os_error))
    }

    pub(crate) fn file_len(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata
            .map_err(|error| Error::io(&self.path, "failed to ask its length", error))?
            .len())
    }

    /// What reading has come to, unless the file is not the one any more that was opened: then that
    /// is why it ended early, or what makes the elements worthless.
    fn unless_changed(&self, outcome: Result<()>) -> Result<()> {
        let Some(opened) = self.opened else { return outcome };
        if outcome.as_ref().is_err_and(|error| matches!(error.kind(), ErrorKind::Io { .. })) {
            return outcome;
        }
        let now = FileState::of(&self.file);
        let now = now.map_err(|error| Error::io(&self.path, "failed to ask its state", error))?;
        if now == opened { outcome } else { Err(self.error(ErrorKind::Changed { opened, now })) }
    }

    /// Refuses runs that reach outside the array, or are not as many elements as a tile.
    fn check_runs(&self, runs: &Runs, tile_len: usize) -> Result<()> {
        let (count, all) = (runs.elements(), self.layout.len());
        let end = runs.clone().map(|run| run.end).max().unwrap_or(0);
        if count == tile_len && end <= all {
            return Ok(());
        }
        let reason = format!("runs of {count} elements up to {end}, of {all}, for {tile_len}");
        Err(self.error(ErrorKind::Unsupported(reason)))
    }

    fn byte_of(&self, element: usize) -> u64 {
        self.layout.offset() + element as u64 * self.layout.element_bytes() as u64
    }

    fn staging_len(&self) -> usize {
        STAGING_BYTES / self.layout.element_bytes()
    }

    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(&self.path, kind)
    }
}

impl<T: Element, D: Dimension, A: Access> Stored<D> for FileArray<T, D, A> {
    fn layout(&self) -> Layout<D> {
        self.layout.clone()
    }

    fn has_runs(&self) -> bool {
        true
    }
}

impl<T: Element, D: Dimension, A: Access> Source<T, D> for FileArray<T, D, A> {
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        window.check(self.layout.shape(), &tile.raw_dim()).map_err(|kind| self.error(kind))?;
        if let Some(elements) = packed_mut(&mut tile, self.layout.order()) {
            return self.unless_changed(self.read_packed(self.layout.runs(window), elements));
        }
        let mut staging = vec![T::default(); window.len().min(self.staging_len())];
        self.unless_changed(self.read_staged(window, tile, &mut staging))
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.check_runs(&runs, elements.len())?;
        self.unless_changed(self.read_packed(runs, elements))
    }
}

impl<T: Element, D: Dimension> Sink<T, D> for FileArray<T, D, ReadWrite> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.write_shared(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        Some(self.write_shared(window, tile))
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        self.check_poison()?;
        self.check_runs(&runs, elements.len())?;
        self.write_packed(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        let written = self.check_poison().and_then(|()| self.check_runs(&runs, elements.len()));
        Some(written.and_then(|()| self.write_packed(runs, elements)))
    }

    fn sync(&self) -> Result<()> {
        self.sync_by(File::sync_data, || "failed to sync".to_owned())
    }
}

/// The layout of an array in a file, or an error that says that it is too large.
pub(crate) fn new_layout<T: Element, D: Dimension>(
    path: &Path,
    shape: D,
    order: Order,
    offset: u64,
) -> Result<Layout<D>> {
    let element_bytes = T::DTYPE.bytes();
    let lengths = shape.slice().to_vec();
    Layout::new(shape, order, element_bytes, offset)
        .ok_or_else(|| Error::new(path, ErrorKind::TooLarge { shape: lengths, element_bytes }))
}

fn halves<D: Dimension>(window: &Window<D>, order: Order) -> (usize, usize) {
    let axis = window.slowest_axis(order).expect("more than one element has an axis to halve");
    (axis, window.shape[axis] / 2)
}

/// The elements of a tile that lie in memory as they lie in the file.
fn packed<'a, T, D: Dimension>(tile: &'a ArrayView<'_, T, D>, order: Order) -> Option<&'a [T]> {
    let standard = match order {
        Order::C => tile.is_standard_layout(),
        Order::F => tile.t().is_standard_layout(),
    };
    if standard { tile.as_slice_memory_order() } else { None }
}

fn packed_mut<'a, T, D: Dimension>(
    tile: &'a mut ArrayViewMut<'_, T, D>,
    order: Order,
) -> Option<&'a mut [T]> {
    packed(&tile.view(), order)?;
    tile.as_slice_memory_order_mut()
}

fn view_mut<'a, T, D: Dimension>(
    elements: &'a mut [T],
    window: &Window<D>,
    order: Order,
) -> ArrayViewMut<'a, T, D> {
    let shape = window.shape.clone().set_f(order == Order::F);
    ArrayViewMut::from_shape(shape, elements).expect("as many elements as the window has")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dirty::DIRTY_BYTES;
    use crate::options::array;

    /// An array that takes all writes and cannot be synced.
    fn unsyncable(dirty: Option<Dirty>) -> FileArrayMut<u8, Ix1> {
        let file = File::options().write(true).open("/dev/null").unwrap();
        let len = usize::try_from(DIRTY_BYTES).unwrap();
        let layout = Layout::new(Ix1(len), Order::C, 1, 0).unwrap();
        let path = PathBuf::from("/dev/null");
        FileArray { dirty, ..array(file, path, layout, ByteOrder::NATIVE, Format::Raw) }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri has not these files")]
    fn a_failing_request_names_file_place_and_length() {
        fn of<A>(path: &str, file: File) -> FileArray<u8, Ix1, A> {
            let layout = Layout::new(Ix1(1000), Order::C, 1, 128).unwrap();
            array(file, path.into(), layout, ByteOrder::NATIVE, Format::Raw)
        }
        let full = "/dev/full";
        let mut written: FileArrayMut<u8, Ix1> =
            of(full, File::options().write(true).open(full).unwrap());
        let error = written.write_window(5..25, &Array::zeros(20)).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: failed to write 20 bytes at byte 133: "), "{error}");
        // Nothing is mapped there, which is an error of the device.
        let memory = "/proc/self/mem";
        let read: FileArray<u8, Ix1> = of(memory, File::open(memory).unwrap());
        let error = read.read_window(5..25).unwrap_err().to_string();
        let expected = "/proc/self/mem: failed to read 20 bytes at byte 133: Input/output error";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "it writes hundreds of megabytes")]
    fn what_waits_in_the_cache_is_bounded_by_syncing() {
        let half = usize::try_from(DIRTY_BYTES).unwrap() / 2;
        let tile = Array::<u8, _>::zeros(half);
        let mut array = unsyncable(Some(Dirty::default()));
        array.write_window(0..half, &tile).unwrap();
        let error = array.write_window(half..2 * half, &tile).unwrap_err();
        assert!(error.to_string().contains("failed to sync"), "{error}");
        let error = array.write_window(0..half, &tile).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Poisoned), "{error}");
        // An array that fits the cache is left to it.
        let mut array = unsyncable(None);
        for _ in 0..4 {
            array.write_window(0..half, &tile).unwrap();
        }
    }
}
