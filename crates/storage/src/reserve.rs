//! Disk space, reserved before it is needed: a full disk is an error at creation, not at hour three.

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::File;
use std::path::Path;

use crate::{Error, ErrorKind, Result, host};

/// Gives a file its length, with its blocks on disk unless `sparse`.
///
/// Where the file system cannot reserve (ZFS and some FUSE mounts answer "not supported"), the file
/// gets its length alone, and a full disk shows when it is written.
pub(crate) fn set_len(file: &File, path: &Path, bytes: u64, sparse: bool) -> Result<()> {
    if !sparse && bytes > 0 {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {}
            Err(Errno::NOSPC | Errno::FBIG | Errno::DQUOT) => {
                let free = host::free_space(path).unwrap_or(0);
                return Err(Error::new(path, ErrorKind::DiskFull { needed: bytes, free }));
            }
            Err(error) => {
                let action = format!("failed to reserve {bytes} bytes");
                return Err(Error::io(path, action, error.into()));
            }
        }
    }
    let failed = |error| Error::io(path, format!("failed to set the length to {bytes}"), error);
    file.set_len(bytes).map_err(failed)
}
