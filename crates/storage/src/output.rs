//! A file that appears whole or not at all.
//!
//! ```text
//!   create            write windows            commit
//!   ──────▶ spectrum.npy.partial ──────▶ ... ──────▶ sync ─▶ rename ─▶ sync folder
//!                                                            spectrum.npy
//! ```

use ndarray::{ArrayView, ArrayViewMut, Dimension, IntoDimension};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::options::absolute;
use crate::{
    Element, Error, ErrorKind, FileArrayMut, Layout, Options, Result, Sink, Source, Stored, Window,
};

/// A new file, `.npy` or [raw](Self::raw), written beside its target and put in its place by [`commit`](Self::commit).
///
/// Until then the target keeps its old contents, or does not exist. The partial file has the
/// target's name followed by `.partial`; it is locked, so two programs cannot write one target at a
/// time, and it is removed when the output is dropped without a commit.
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
        let target = absolute(path.as_ref())?;
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
        let target = absolute(path.as_ref())?;
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
        let partial = partial_path(&target);
        let file = options.create_file(&partial, &layout)?;
        // The lock is held until the partial file has been removed: otherwise it could be another's.
        let _lock = file.try_clone();
        // Whoever held the lock before may have put its output there.
        let array = check_target(&target, replace)
            .and_then(|()| options.fill::<T, D>(file, partial.clone(), layout, header));
        let array = array.inspect_err(|_| {
            let _ = fs::remove_file(&partial);
        })?;
        Ok(Self { array, target, partial, replace, committed: false })
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
    /// removed.
    pub fn commit(mut self) -> Result<()> {
        self.array.flush()?;
        self.rename()?;
        self.committed = true;
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
        if !self.committed {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

impl<T: Element, D: Dimension> Stored<D> for Output<T, D> {
    fn layout(&self) -> Layout<D> {
        self.array.layout()
    }
}

impl<T: Element, D: Dimension> Source<T, D> for Output<T, D> {
    fn read_tile(&self, window: &Window<D>, tile: ArrayViewMut<'_, T, D>) -> Result<()> {
        self.array.read_tile(window, tile)
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
}

fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".partial");
    name.into()
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
