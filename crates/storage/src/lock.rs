//! Advisory locks: writers exclude each other and readers that ask for it.
//!
//! A lock is a promise between programs that use locks, nothing more: a program that ignores it
//! writes happily. Locks therefore prevent accidents, and no `unsafe` code relies on them. Where a
//! file system has no locks (some network and FUSE mounts), files are opened without one.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// Whether to lock a file when it is opened, and what to do while another process holds the lock.
///
/// Writers use [`Lock::Try`] unless told otherwise, and readers [`Lock::None`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Fail at once if another process holds the lock.
    Try,
    /// Wait until no other process holds the lock.
    Wait,
    /// Do not lock.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Many readers at a time, and no writer.
    Shared,
    /// A single writer.
    Exclusive,
}

pub(crate) fn acquire(file: &File, path: &Path, lock: Lock, share: Share) -> Result<()> {
    let outcome = match (lock, share) {
        (Lock::None, _) => Ok(()),
        (Lock::Try, Share::Shared) => file.try_lock_shared(),
        (Lock::Try, Share::Exclusive) => file.try_lock(),
        (Lock::Wait, Share::Shared) => file.lock_shared().map_err(TryLockError::Error),
        (Lock::Wait, Share::Exclusive) => file.lock().map_err(TryLockError::Error),
    };
    match outcome {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let holder = if share == Share::Shared { "writer" } else { "reader or writer" };
            Err(Error::new(path, ErrorKind::Locked { holder }))
        }
        // The documented fallback: a file system without locks is used without them.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::io(path, "failed to lock", error)),
    }
}
