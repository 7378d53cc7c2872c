//! The passes that operations are made of: what is in a slot, and which windows go in and out.

use ndarray::{ArrayView, ArrayViewMut, Dimension};
use outcore_storage::{Element, Layout, Order, Source, Window};

use crate::Result;
use crate::plan::slots;
use crate::stream::Pass;
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// A pass whose kernel works on the tile itself: read a window, compute, write the same window.
pub(crate) struct InPlace<'a, T, D, R, W, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    /// The tiles in memory at a time.
    pub(crate) slots: usize,
    pub(crate) source: &'a R,
    pub(crate) sink: &'a W,
    /// The bytes of an element where it is read and where it is written.
    pub(crate) element_bytes: (u64, u64),
    pub(crate) kernel: K,
    pub(crate) element: std::marker::PhantomData<fn() -> T>,
}

impl<T, D, R, W, K> Pass for InPlace<'_, T, D, R, W, K>
where
    T: Element,
    D: Dimension,
    R: Source<T, D>,
    W: WriteShared<T, D>,
    K: Fn(&Window<D>, &mut Tile<'_, T, D>) + Sync,
{
    type Slot = Vec<T>;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Vec<T> {
        vec![T::default(); self.tiling.tile().size()]
    }

    fn read(&self, index: usize, slot: &mut Vec<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, slot, self.order);
        io.read(self.source, &window, tile.view_mut(), self.order)?;
        Ok(window.len() as u64 * self.element_bytes.0)
    }

    fn compute(&self, index: usize, slot: &mut Vec<T>) {
        let window = self.tiling.window(index);
        (self.kernel)(&window, &mut Tile::new(&window, slot, self.order));
    }

    fn write(&self, index: usize, slot: &mut Vec<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, slot, self.order);
        io.write(self.sink, &window, tile.view(), self.order)?;
        Ok(window.len() as u64 * self.element_bytes.1)
    }
}

/// A pass whose kernel fills one tile from another: the elements may differ in type.
pub(crate) struct OutOfPlace<'a, A, B, D, R, W, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    pub(crate) source: &'a R,
    pub(crate) sink: &'a W,
    /// The bytes of an element where it is read and where it is written.
    pub(crate) element_bytes: (u64, u64),
    pub(crate) kernel: K,
    pub(crate) elements: std::marker::PhantomData<fn(A) -> B>,
}

impl<A, B, D, R, W, K> Pass for OutOfPlace<'_, A, B, D, R, W, K>
where
    A: Element,
    B: Element,
    D: Dimension,
    R: Source<A, D>,
    W: WriteShared<B, D>,
    K: Fn(&Window<D>, ArrayView<'_, A, D>, ArrayViewMut<'_, B, D>) + Sync,
{
    type Slot = (Vec<A>, Vec<B>);

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        slots(self.tiling.len())
    }

    fn slot(&self) -> Self::Slot {
        let len = self.tiling.tile().size();
        (vec![A::default(); len], vec![B::default(); len])
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, self.order);
        io.read(self.source, &window, tile.view_mut(), self.order)?;
        Ok(window.len() as u64 * self.element_bytes.0)
    }

    fn compute(&self, index: usize, (input, output): &mut Self::Slot) {
        let window = self.tiling.window(index);
        let input = Tile::new(&window, input, self.order);
        let mut output = Tile::new(&window, output, self.order);
        (self.kernel)(&window, input.view(), output.view_mut());
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, &mut slot.1, self.order);
        io.write(self.sink, &window, tile.view(), self.order)?;
        Ok(window.len() as u64 * self.element_bytes.1)
    }
}

/// A pass that only reads: a kernel works on each tile, and keeps what it finds.
pub(crate) struct ReadOnly<'a, T, D, R, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    pub(crate) source: &'a R,
    pub(crate) element_bytes: u64,
    /// Called with one tile after another, in the order of the tiling.
    pub(crate) kernel: K,
    pub(crate) element: std::marker::PhantomData<fn() -> T>,
}

impl<T, D, R, K> Pass for ReadOnly<'_, T, D, R, K>
where
    T: Element,
    D: Dimension,
    R: Source<T, D>,
    K: Fn(&Window<D>, ArrayView<'_, T, D>) + Sync,
{
    type Slot = Vec<T>;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        slots(self.tiling.len())
    }

    fn slot(&self) -> Vec<T> {
        vec![T::default(); self.tiling.tile().size()]
    }

    fn read(&self, index: usize, slot: &mut Vec<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, slot, self.order);
        io.read(self.source, &window, tile.view_mut(), self.order)?;
        Ok(window.len() as u64 * self.element_bytes)
    }

    fn compute(&self, index: usize, slot: &mut Vec<T>) {
        let window = self.tiling.window(index);
        (self.kernel)(&window, Tile::new(&window, slot, self.order).view());
    }

    fn write(&self, _: usize, _: &mut Vec<T>, _: &Io) -> Result<u64> {
        Ok(0)
    }
}

/// The bytes of each contiguous run of a tiling's tiles in a file; the first may be shorter.
pub(crate) fn run_bytes<D: Dimension>(layout: &Layout<D>, tiling: &Tiling<D>) -> u64 {
    let run_len = tiling.windows().take(2).map(|window| layout.runs(&window).run_len()).max();
    (run_len.unwrap_or(0) * layout.element_bytes()) as u64
}
