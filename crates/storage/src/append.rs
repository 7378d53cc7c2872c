//! Making an array in a file longer.
//!
//! ```text
//!     header │ old elements              │ tile
//!     ───────┴───────────────────────────┴──────▶ written first, then the header's new length
//! ```

use ndarray::{ArrayRef, Dimension};

use crate::access::ReadWrite;
use crate::file_array::new_layout;
use crate::npy::Header;
use crate::{Element, Error, ErrorKind, FileArray, Format, Layout, Result, Window};

impl<T: Element, D: Dimension> FileArray<T, D, ReadWrite> {
    /// Makes the array longer by a tile, along its slowest axis: the first in C order, the last in
    /// Fortran order. A `.npy` header is rewritten in place, in the room that numpy leaves for it.
    ///
    /// The data is written before the header, so that a crash in between leaves the old array.
    ///
    /// # Errors
    ///
    /// If the other axes differ, the file has bytes after its data, its header has no room for the
    /// new length, or writing fails.
    pub fn append(&mut self, tile: &ArrayRef<T, D>) -> Result<()> {
        let tile = tile.view();
        let growth = self.layout.axes().next();
        let axis = growth.ok_or_else(|| self.unsupported("an array without axes cannot grow"))?;
        let old = self.layout.shape().clone();
        let mut window = Window::whole(tile.raw_dim());
        window.origin[axis] = old[axis];
        let mut shape = old.clone();
        shape[axis] = old[axis].saturating_add(window.shape[axis]);
        let fits = tile.ndim() == old.ndim()
            && (0..old.ndim()).all(|other| other == axis || window.shape[other] == old[other]);
        if !fits {
            let (tile, window) = (tile.shape().to_vec(), old.slice().to_vec());
            return Err(self.error(ErrorKind::WrongShape { tile, window }));
        }
        let end = self.layout.offset() + self.layout.bytes();
        let len = self.file_len()?;
        if len < end {
            let promise = "its array ends at byte";
            return Err(self.error(ErrorKind::Truncated { promise, expected: end, actual: len }));
        }
        if len > end {
            let reason = format!("has {} bytes after its data, so it cannot grow", len - end);
            return Err(self.error(ErrorKind::Unsupported(reason)));
        }
        let layout =
            new_layout::<T, D>(&self.path, shape, self.layout.order(), self.layout.offset())?;
        let header = self.grown_header(&layout)?;
        let old = std::mem::replace(&mut self.layout, layout);
        let written = self.write_shared(&window, tile).and_then(|()| match header {
            Some(header) => self.write_at(&header, 0),
            None => Ok(()),
        });
        if written.is_err() {
            // As before: the old length, and no bytes after the data.
            self.layout = old;
            let _ = self.file.set_len(end);
        }
        written
    }

    /// The header for a grown array, of the same length as the one in the file.
    fn grown_header(&self, layout: &Layout<D>) -> Result<Option<Vec<u8>>> {
        let Format::Npy(version) = self.format else { return Ok(None) };
        let header = Header {
            dtype: T::DTYPE,
            byte_order: self.byte_order,
            order: layout.order(),
            shape: layout.shape().slice().to_vec(),
        };
        let len = usize::try_from(layout.offset()).unwrap_or(usize::MAX);
        let bytes = header.to_bytes_of_len(version, len);
        bytes.map(Some).ok_or_else(|| self.unsupported("its header has no room for a longer shape"))
    }

    fn unsupported(&self, reason: &str) -> Error {
        self.error(ErrorKind::Unsupported(reason.to_owned()))
    }
}
