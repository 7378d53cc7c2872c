//! What has been written to the page cache and not yet to the disk.
//!
//! An array that does not fit the cache gains nothing from filling it: the system would let bytes
//! pile up to a fifth of the memory, then stop every writer until they are on the disk. So where such
//! an array has to go through the cache, it is synced every so many bytes.

use std::sync::atomic::{AtomicU64, Ordering};

/// The most that an array leaves in the page cache before it is synced.
pub(crate) const DIRTY_BYTES: u64 = 64 << 20;

/// Counts bytes up to a limit, then anew. Several writers may count at a time.
#[derive(Debug, Default)]
pub(crate) struct Dirty(AtomicU64);

impl Dirty {
    /// Counts bytes that were written. Answers whether it is this caller's turn to sync.
    pub(crate) fn add(&self, bytes: u64) -> bool {
        let dirty = self.0.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let full = dirty >= DIRTY_BYTES && dirty - bytes < DIRTY_BYTES;
        if full {
            self.0.fetch_sub(dirty, Ordering::Relaxed);
        }
        full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_so_many_bytes_it_is_someones_turn() {
        let dirty = Dirty::default();
        let turns = (0..640).filter(|_| dirty.add(DIRTY_BYTES / 64)).count();
        assert_eq!(turns, 10);
        assert!(dirty.add(3 * DIRTY_BYTES));
        assert!(!dirty.add(1));
    }
}
