//! A file without a name to measure a disk with, as a plain program uses files: block by block.
//!
//! ```text
//!                      ┌── through_cache ──▶ page cache ──▶┐
//!   memory  ◀── Way ──▶┤                                   ├──▶ file without a name
//!                      └── past_cache ────────────────────▶┘
//! ```
//!
//! A [`FileArray`](crate::FileArray) copies through a small batch and cuts long runs into its
//! pieces. What an array can give is measured against what the disk gives to somebody who does
//! neither, so here each call is one request to the kernel, from and to the caller's own pages.

use ndarray::Ix2;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::batch;
use crate::direct::{DirectFile, PAGE};
use crate::file_array::new_layout;
use crate::options::{absolute, array};
use crate::{Buffer, ByteOrder, Error, FileArray, FileArrayMut, Format, Order, Result, reserve};

/// A file without a name to measure a disk with; it is gone when it is closed.
///
/// ```
/// use outcore_storage::{PageBuffer, ProbeFile};
///
/// # let folder = tempfile::tempdir()?;
/// let file = ProbeFile::scratch(&folder, 8192)?;
/// let (written, mut read) = (PageBuffer::new(4096), PageBuffer::new(4096));
/// file.through_cache().write(&written, 4096)?;
/// file.forget_cached()?;
/// // Some file systems have no way past the page cache.
/// let way = file.past_cache().unwrap_or(file.through_cache());
/// way.read(&mut read, 4096)?;
/// assert_eq!(read[..], written[..]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProbeFile {
    file: File,
    direct: Option<DirectFile>,
    folder: PathBuf,
    bytes: u64,
}

/// One of the two ways to a [`ProbeFile`]: through the page cache or past it.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    file: &'a File,
    folder: &'a Path,
}

impl ProbeFile {
    /// A file of so many bytes in `folder`, with its disk space reserved.
    ///
    /// Until its bytes are written for the first time the file system knows that they are zeros,
    /// and reads them without the disk.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written or the disk is too full.
    pub fn scratch(folder: impl AsRef<Path>, bytes: u64) -> Result<Self> {
        let folder = absolute(folder.as_ref())?;
        let failed = |error| Error::io(&folder, "failed to create a scratch file in it", error);
        let file = tempfile::tempfile_in(&folder).map_err(failed)?;
        reserve::set_len(&file, &folder, bytes, false)?;
        // Some file systems open a file for direct transfers and turn them down later.
        let reads = |direct: &DirectFile| {
            direct.file().read_exact_at(&mut PageBuffer::new(PAGE), 0).is_ok()
        };
        let direct = DirectFile::of(&file, true).filter(reads);
        Ok(Self { file, direct, folder, bytes })
    }

    /// The length of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The way through the page cache.
    pub fn through_cache(&self) -> Way<'_> {
        Way { file: &self.file, folder: &self.folder }
    }

    /// The way past the page cache, for whole pages in the file and in memory; `None` where the
    /// file system has no such way.
    pub fn past_cache(&self) -> Option<Way<'_>> {
        let direct = self.direct.as_ref()?;
        Some(Way { file: direct.file(), folder: &self.folder })
    }

    /// Makes everything that was written durable.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn flush(&self) -> Result<()> {
        let failed = |error| Error::io(&self.folder, "failed to sync a scratch file in it", error);
        self.file.sync_data().map_err(failed)
    }

    /// Flushes, and gives up what the page cache holds of the file, so that the next read asks the
    /// disk.
    ///
    /// # Errors
    ///
    /// If the disk refuses.
    pub fn forget_cached(&self) -> Result<()> {
        // Only pages that are on disk can be given up.
        self.flush()?;
        let failed = |error: rustix::io::Errno| {
            Error::io(&self.folder, "failed to empty the page cache of a file in it", error.into())
        };
        fadvise(&self.file, 0, None, Advice::DontNeed).map_err(failed)
    }

    /// The beginning of the file as an array of bytes, in C order, whose transfers go past the page
    /// cache where they can.
    ///
    /// # Errors
    ///
    /// If the process has no file handle left.
    ///
    /// # Panics
    ///
    /// If the file is too short for the shape.
    pub fn array(&self, shape: (usize, usize)) -> Result<FileArrayMut<u8, Ix2>> {
        let layout = new_layout::<u8, Ix2>(&self.folder, Ix2(shape.0, shape.1), Order::C, 0)?;
        let (needed, bytes) = (layout.bytes(), self.bytes);
        assert!(needed <= bytes, "shape {shape:?} needs {needed} bytes of a file of {bytes}");
        let failed = |error| Error::io(&self.folder, "failed to open a file in it again", error);
        let file = self.file.try_clone().map_err(failed)?;
        let direct = DirectFile::of(&file, true);
        let folder = self.folder.clone();
        Ok(FileArray { direct, ..array(file, folder, layout, ByteOrder::NATIVE, Format::Raw) })
    }

    /// How many runs of so many bytes, whole pages, one call of a [`FileArray`] past the page cache
    /// has under way at a time. Every thread that calls has as many.
    pub fn runs_at_once(run_bytes: usize) -> usize {
        batch::runs_at_once(run_bytes)
    }
}

impl Way<'_> {
    /// Reads bytes from an offset on.
    ///
    /// # Errors
    ///
    /// If the file ends before, the disk refuses, or the way is past the page cache and the bytes
    /// are not whole pages.
    pub fn read(self, bytes: &mut [u8], offset: u64) -> Result<()> {
        let len = bytes.len();
        let action = || format!("failed to read {len} bytes at byte {offset} of a file in it");
        let failed = |error| Error::io(self.folder, action(), error);
        self.file.read_exact_at(bytes, offset).map_err(failed)
    }

    /// Writes bytes from an offset on.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and if the disk is full.
    pub fn write(self, bytes: &[u8], offset: u64) -> Result<()> {
        let len = bytes.len();
        let action = || format!("failed to write {len} bytes at byte {offset} of a file in it");
        let failed = |error| Error::io(self.folder, action(), error);
        self.file.write_all_at(bytes, offset).map_err(failed)
    }
}

/// Whole pages of memory, as transfers past the page cache need them.
#[derive(Debug)]
pub struct PageBuffer(Buffer<u8>);

impl PageBuffer {
    /// At least so many bytes, rounded up to whole pages, without a pattern that a disk could
    /// compress.
    pub fn new(bytes: usize) -> Self {
        let mut pages = Buffer::new(bytes.next_multiple_of(PAGE), 0);
        let mut state = 1_u64;
        for word in bytemuck::cast_slice_mut::<_, u64>(&mut pages) {
            // Marsaglia, "Xorshift RNGs", 2003.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *word = state;
        }
        Self(pages)
    }
}

impl Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
