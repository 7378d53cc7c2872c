//! A file that appears whole or not at all.
//!
//! ```text
//!   create            write windows            commit
//!   ──────▶ spectrum.npy.partial ──────▶ ... ──────▶ sync ─▶ rename ─▶ sync folder
//!                                                            spectrum.npy
//! ```
//!
//! With a [`Journal`] beside it, a partial file outlives a run that does not finish, and another run
//! can go on with it.

use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::journal::{self, beside};
use crate::options::{Locked, absolute, length};
use crate::{
    Element, Error, ErrorKind, FileArrayMut, Format, Journal, Layout, Options, Result, Runs, Sink,
    Source, Stored, Window, Work,
};

/// A new file, `.npy` or [raw](Self::raw), written beside its target and put in its place by [`commit`](Self::commit).
///
/// The target of a symbolic link is the file that it leads to, and the partial file is beside that.
/// Until then the target keeps its old contents, or does not exist. The partial file has the
/// target's name followed by `.partial`; it is locked, so two programs cannot write one target at a
/// time, and it is removed when the output is dropped without a commit, unless its
/// [`journal`](Self::journal) says how far a run has come.
///
/// ```
/// use ndarray::{Ix2, array};
/// use outcore_storage::{FileArray, Output};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("field.npy");
/// let mut output = Output::<f64, _>::create(&path, (1, 2))?;
/// output.array().write_window([0..1, 0..2], &array![[1.0, 2.0]])?;
/// assert!(!path.exists());
/// output.commit()?;
/// assert_eq!(FileArray::<f64, Ix2>::open(&path)?.read()?, array![[1.0, 2.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Output<T, D> {
    array: FileArrayMut<T, D>,
    target: PathBuf,
    partial: PathBuf,
    replace: bool,
    /// Whether the array is what an earlier run has left.
    resumed: bool,
    committed: bool,
}

impl<T: Element, D: Dimension> Output<T, D> {
    /// Begins a file of zeros that must not exist yet, in C order.
    ///
    /// # Errors
    ///
    /// If the target exists, its folder cannot be written, another process is writing it, or the
    /// disk is too full.
    pub fn create(path: impl AsRef<Path>, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::with_options(path, shape, &Options::new())
    }

    /// The same with a choice of order, byte order and version, and whether an existing target is
    /// [replaced](Options::replace).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); an existing target is an error unless the options replace it.
    pub fn with_options(
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
        options: &Options,
    ) -> Result<Self> {
        let target = follow(absolute(path.as_ref())?);
        let (header, layout) = options.npy_layout::<T, D>(&target, shape)?;
        Self::begin(target, header, layout, options)
    }

    /// The same without a header: the elements alone, from the [offset](Options::offset) on.
    ///
    /// # Errors
    ///
    /// As [`with_options`](Self::with_options).
    pub fn raw(
        path: impl AsRef<Path>,
        shape: impl IntoDimension<Dim = D>,
        options: &Options,
    ) -> Result<Self> {
        let target = follow(absolute(path.as_ref())?);
        let layout = options.raw_layout::<T, D>(&target, shape)?;
        Self::begin(target, None, layout, options)
    }

    fn begin(
        target: PathBuf,
        header: Option<Vec<u8>>,
        layout: Layout<D>,
        options: &Options,
    ) -> Result<Self> {
        let replace = options.replaces();
        check_target(&target, replace)?;
        let partial = beside(&target, "partial");
        let locked = options.create_file(&partial)?;
        let any = length(&locked.file, &partial)? > 0;
        // Whoever held the lock may have put its output there.
        check_target(&target, replace).inspect_err(|_| {
            if !any {
                let _ = fs::remove_file(&partial);
            }
        })?;
        let left = any && journal::exists(&target);
        let resumed = left && options.resumes();
        if any && !left {
            let partial = partial.display();
            tracing::warn!("{partial}: was left by a run that kept no journal, and is replaced");
        }
        let array = if resumed {
            left_array(locked, &partial, layout, header, options)?
        } else {
            if left && !replace {
                return Err(Error::new(&partial, ErrorKind::Unfinished));
            }
            forget(&target)?;
            let file = locked.emptied(options, &layout)?;
            // The lock is held until the partial file has been removed: otherwise it could be another's.
            let _lock = file.try_clone();
            let array = options.fill::<T, D>(file, partial.clone(), layout, header);
            array.inspect_err(|_| {
                let _ = fs::remove_file(&partial);
            })?
        };
        Ok(Self { array, target, partial, replace, resumed, committed: false })
    }

    /// The file that holds the array until it is committed.
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Whether the array is what a run that did not finish has left, as [`Options::resume`] asks for.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The journal of the work that makes this output: new, or that of the run that is resumed.
    ///
    /// ```
    /// use ndarray::array;
    /// use outcore_storage::{Mark, Options, Output, Work};
    /// use std::time::Instant;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("field.npy");
    /// let mut output = Output::<f64, _>::create(&path, 4)?;
    /// let mut journal = output.journal(Work::new("count"))?;
    /// output.array().write_window(0..2, &array![1.0, 2.0])?;
    /// let half = Mark { tiles: 1, ..Mark::default() };
    /// journal.record(half, false, Instant::now(), &mut |_| Ok(()))?;
    /// drop(output); // stays, because of its journal
    ///
    /// let mut output = Output::<f64, _>::with_options(&path, 4, &Options::new().resume(true))?;
    /// assert_eq!(output.journal(Work::new("count"))?.mark(), Some(half));
    /// output.array().write_window(2..4, &array![3.0, 4.0])?;
    /// assert_eq!(output.array().read()?, array![1.0, 2.0, 3.0, 4.0]);
    /// output.commit()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is a journal that cannot be read, or is of other work.
    pub fn journal(&self, work: Work) -> Result<Journal> {
        if self.resumed {
            Journal::found(&self.target, work)
        } else {
            Ok(Journal::new(&self.target, work))
        }
    }

    /// A raw array beside the output, which lasts as long as that is partial: what an operation needs
    /// between its passes.
    ///
    /// # Errors
    ///
    /// If it cannot be created, or, of a run that is resumed, cannot be opened.
    pub fn scratch<U: Element, E: Dimension>(
        &self,
        shape: impl IntoDimension<Dim = E>,
        options: &Options,
    ) -> Result<FileArrayMut<U, E>> {
        let path = beside(&self.target, "partial.scratch");
        let mut array: FileArrayMut<U, E> = if self.resumed {
            options.open_raw_mut(path, shape)
        } else {
            options.create_raw(path, shape)
        }?;
        // What one of them loses is lost to the run.
        array.poisoned = Arc::clone(&self.array.poisoned);
        Ok(array)
    }

    /// The array to be written.
    pub fn array(&mut self) -> &mut FileArrayMut<T, D> {
        &mut self.array
    }

    /// Makes the file durable and puts it in the target's place.
    ///
    /// # Errors
    ///
    /// If the disk refuses, or the target has come to exist meanwhile. The partial file is then
    /// removed, unless its journal has a durable mark.
    pub fn commit(mut self) -> Result<()> {
        self.array.flush()?;
        self.rename()?;
        self.committed = true;
        // Without a partial file beside it a journal says nothing, whenever the power fails. And with one
        // it is that of a run which has begun meanwhile, and has done this.
        if !self.partial.exists() {
            forget(&self.target)?;
        }
        let folder = self.target.parent().unwrap_or(Path::new("/"));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Error::io(folder, "failed to sync the folder", error))
    }

    fn rename(&self) -> Result<()> {
        let failed = |error| Error::io(&self.target, "failed to put the output in place", error);
        if !self.replace {
            match renameat_with(CWD, &self.partial, CWD, &self.target, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => return Err(Error::new(&self.target, ErrorKind::Exists)),
                // A file system that cannot do it at once: checked, then renamed.
                Err(Errno::INVAL | Errno::NOSYS) => check_target(&self.target, false)?,
                Err(error) => return Err(failed(error.into())),
            }
        }
        fs::rename(&self.partial, &self.target).map_err(failed)
    }
}

impl<T, D> Drop for Output<T, D> {
    fn drop(&mut self) {
        if self.array.poisoned.load(Ordering::Relaxed) {
            let _ = journal::forget_latest(&self.target);
        }
        if !self.committed && !journal::exists(&self.target) {
            let _ = forget(&self.target);
            let _ = fs::remove_file(&self.partial);
        }
    }
}

impl<T: Element, D: Dimension> Stored<D> for Output<T, D> {
    fn layout(&self) -> Layout<D> {
        self.array.layout()
    }

    fn has_runs(&self) -> bool {
        true
    }
}

impl<T: Element, D: Dimension> Source<T, D> for Output<T, D> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.array.read_tile(window, tile)
    }

    fn read_runs(&self, runs: Runs, elements: &mut [T]) -> Result<()> {
        self.array.read_runs(runs, elements)
    }
}

impl<T: Element, D: Dimension> Sink<T, D> for Output<T, D> {
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, T, D>) -> Result<()> {
        self.array.write_tile(window, tile)
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, T, D>,
    ) -> Option<Result<()>> {
        self.array.write_tile_shared(window, tile)
    }

    fn write_runs(&mut self, runs: Runs, elements: &[T]) -> Result<()> {
        self.array.write_runs(runs, elements)
    }

    fn write_runs_shared(&self, runs: Runs, elements: &[T]) -> Option<Result<()>> {
        self.array.write_runs_shared(runs, elements)
    }

    fn sync(&self) -> Result<()> {
        self.array.sync()
    }
}

/// The array that an earlier run has left, if it is as long as this run's and has the same header.
fn left_array<T: Element, D: Dimension>(
    locked: Locked,
    partial: &Path,
    layout: Layout<D>,
    header: Option<Vec<u8>>,
    options: &Options,
) -> Result<FileArrayMut<T, D>> {
    let (expected, actual) = (layout.offset() + layout.bytes(), length(&locked.file, partial)?);
    let other = |reason: String| Error::new(partial, ErrorKind::OtherWork(reason));
    if actual != expected {
        return Err(other(format!("it is {actual} bytes long, and this output needs {expected}")));
    }
    let format = header.as_ref().map_or(Format::Raw, |_| Format::Npy(options.npy_version()));
    let array: FileArrayMut<T, D> =
        options.array(locked.file, partial.to_owned(), layout, options.order_of_bytes(), format);
    let mut found = vec![0; header.as_ref().map_or(0, Vec::len)];
    array.read_at(&mut found, 0)?;
    if header.is_some_and(|header| header != found) {
        return Err(other("its header is of another array".to_owned()));
    }
    Ok(array)
}

/// Removes what a run that did not finish has left beside its partial file.
fn forget(target: &Path) -> Result<()> {
    journal::forget(target)?;
    match fs::remove_file(beside(target, "partial.scratch")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(target, "failed to remove its scratch file", error))
        }
        _ => Ok(()),
    }
}

/// Where a path leads through symbolic links, which may lead to a file that is not there yet: an output
/// takes the place of that, and the links stay.
pub(crate) fn follow(path: PathBuf) -> PathBuf {
    /// As many as the kernel follows.
    const LINKS: usize = 40;
    let mut place = path.clone();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&place) else { return place };
        place = place.parent().unwrap_or(Path::new("/")).join(next);
    }
    path
}

fn check_target(target: &Path, replace: bool) -> Result<()> {
    match fs::metadata(target) {
        Ok(metadata) if metadata.is_dir() => {
            let error = std::io::ErrorKind::IsADirectory.into();
            Err(Error::io(target, "failed to write", error))
        }
        Ok(_) if !replace => Err(Error::new(target, ErrorKind::Exists)),
        _ => Ok(()),
    }
}
