//! The second pass of the inverse: rows of half spectra, put together from blocks, to real rows.

use ndarray::{ArrayViewD, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Window};
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

use crate::Result;
use crate::fft::between::{Between, Cuts};
use crate::fft::passes::Transforms;
use crate::fourier::Real;
use crate::lanes::FromHalf;
use crate::plan::slots;
use crate::stream::{Durable, Pass, Resume};
use crate::transfer::{Io, WriteShared};

pub(super) struct RealRows<'a, T: Real> {
    pub(super) cuts: &'a Cuts,
    pub(super) between: &'a Between<'a, Complex<T>>,
    pub(super) sink: &'a dyn WriteShared<T, IxDyn>,
    /// The axes of a row, and the length of a real one.
    pub(super) axes: &'a [usize],
    pub(super) len: usize,
    pub(super) transforms: Transforms<T>,
    pub(super) last: FromHalf<T>,
    /// Rows, where they were read in blocks of several.
    pub(super) gathered: Mutex<Vec<Complex<T>>>,
}

impl<T: Real + Element> RealRows<'_, T>
where
    Complex<T>: Element,
{
    fn window(&self, index: usize) -> Window<IxDyn> {
        self.cuts.row_window(index, self.len)
    }
}

impl<T: Real + Element> Resume for RealRows<'_, T>
where
    Complex<T>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T: Real + Element> Pass for RealRows<'_, T>
where
    Complex<T>: Element,
{
    type Slot = (Buffer<Complex<T>>, Buffer<T>);

    fn tiles(&self) -> usize {
        self.cuts.all_row_tiles()
    }

    fn slots(&self) -> usize {
        slots(self.tiles())
    }

    fn slot(&self) -> Self::Slot {
        let height = self.cuts.rows.tallest();
        let blocks = Buffer::new(height * self.cuts.len, self.between.offset());
        (blocks, Buffer::new(height * self.len, self.sink.layout().offset()))
    }

    fn read(&self, index: usize, (blocks, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let len = self.cuts.rows(index).1.len() * self.cuts.len;
        let read = self.between.read_rows(index, &mut blocks[..len], io)?;
        Ok(read * size_of::<Complex<T>>() as u64)
    }

    fn compute(&self, index: usize, (blocks, to): &mut Self::Slot) {
        let (count, len) = (self.cuts.rows(index).1.len(), self.cuts.len);
        let blocks = &mut blocks[..count * len];
        let mut gathered = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = if gathered.is_empty() {
            blocks
        } else {
            let rows = &mut gathered[..count * len];
            rows.par_chunks_mut(len).enumerate().for_each(|(row, to)| {
                self.between.gather_row(count, row, blocks, to);
            });
            rows
        };
        self.transforms.apply_to(&[&[count], self.axes].concat(), rows);
        self.last.apply(rows, &mut to[..count * self.len], 1);
    }

    fn write(&self, index: usize, (_, from): &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.window(index);
        let view = ArrayViewD::from_shape(window.shape.clone(), &from[..window.len()]);
        io.write(self.sink, &window, view.expect("whole rows"), Order::C)?;
        Ok((window.len() * size_of::<T>()) as u64)
    }
}
