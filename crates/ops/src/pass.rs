//! The passes that operations are made of: what is in a slot, and which windows go in and out.

use ndarray::{ArrayView, ArrayViewMut, Dimension, IxDyn};
use outcore_storage::{Buffer, Element, Order, Source, Stored, Window};

use crate::Result;
use crate::plan::slots;
use crate::stream::{Durable, Pass, Resume};
use crate::tile::Tile;
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// A pass whose kernel works on the tile itself: read a window, compute, write the same window.
pub(crate) struct InPlace<'a, T, D: Dimension, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    /// The tiles in memory at a time.
    pub(crate) slots: usize,
    pub(crate) source: &'a dyn Source<T, D>,
    pub(crate) sink: &'a dyn WriteShared<T, D>,
    /// The bytes of an element where it is written.
    pub(crate) written_bytes: u64,
    pub(crate) kernel: K,
}

impl<T, D, K> Resume for InPlace<'_, T, D, K>
where
    T: Element,
    D: Dimension,
    K: Sync,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<T, D, K> Pass for InPlace<'_, T, D, K>
where
    T: Element,
    D: Dimension,
    K: Fn(&Window<D>, &mut Tile<'_, T, D>) + Sync,
{
    type Slot = Buffer<T>;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Buffer<T> {
        Buffer::new(self.tiling.tile().size(), self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, slot, self.order);
        Ok(io.read(self.source, &window, tile.view_mut(), self.order)?)
    }

    fn compute(&self, index: usize, slot: &mut Buffer<T>) {
        let window = self.tiling.window(index);
        (self.kernel)(&window, &mut Tile::new(&window, slot, self.order));
    }

    fn write(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = Tile::new(&window, slot, self.order);
        io.write(self.sink, &window, tile.view(), self.order)?;
        Ok(window.len() as u64 * self.written_bytes)
    }
}

/// A pass whose kernel fills one tile from another: the elements may differ in type.
pub(crate) struct OutOfPlace<'a, A, B, D: Dimension, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    /// The tiles in memory at a time.
    pub(crate) slots: usize,
    pub(crate) source: &'a dyn Source<A, D>,
    pub(crate) sink: &'a dyn WriteShared<B, D>,
    /// The bytes of an element where it is written.
    pub(crate) written_bytes: u64,
    pub(crate) kernel: K,
}

impl<A, B, D, K> Resume for OutOfPlace<'_, A, B, D, K>
where
    A: Element,
    B: Element,
    D: Dimension,
    K: Sync,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<A, B, D, K> Pass for OutOfPlace<'_, A, B, D, K>
where
    A: Element,
    B: Element,
    D: Dimension,
    K: Fn(&Window<D>, ArrayView<'_, A, D>, ArrayViewMut<'_, B, D>) + Sync,
{
    type Slot = (Buffer<A>, Buffer<B>);

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let len = self.tiling.tile().size();
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(len, source), Buffer::new(len, sink))
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, self.order);
        Ok(io.read(self.source, &window, tile.view_mut(), self.order)?)
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
        Ok(window.len() as u64 * self.written_bytes)
    }
}

/// A pass whose kernel fills one tile from another that has another length along an axis. Tiles are
/// whole along it, and in C order.
pub(crate) struct AlongAxis<'a, A, B, K> {
    pub(crate) tiling: &'a Tiling<IxDyn>,
    /// The tiles in memory at a time.
    pub(crate) slots: usize,
    /// The axis, and its length in the sink.
    pub(crate) axis: usize,
    pub(crate) len: usize,
    pub(crate) source: &'a dyn Source<A, IxDyn>,
    pub(crate) sink: &'a dyn WriteShared<B, IxDyn>,
    /// Called with the shape of the tile that was read.
    pub(crate) kernel: K,
}

impl<A, B, K> AlongAxis<'_, A, B, K> {
    fn sink_window(&self, index: usize) -> Window<IxDyn> {
        let mut window = self.tiling.window(index);
        window.shape[self.axis] = self.len;
        window
    }
}

impl<A: Element, B: Element, K: Sync> Resume for AlongAxis<'_, A, B, K> {
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<A, B, K> Pass for AlongAxis<'_, A, B, K>
where
    A: Element,
    B: Element,
    K: Fn(&[usize], &mut [A], &mut [B]) + Sync,
{
    type Slot = (Buffer<A>, Buffer<B>);

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        let mut tile = self.tiling.tile().clone();
        let len = tile.slice().iter().product();
        tile[self.axis] = self.len;
        let sink_len = tile.slice().iter().product();
        let (source, sink) = (self.source.layout().offset(), self.sink.layout().offset());
        (Buffer::new(len, source), Buffer::new(sink_len, sink))
    }

    fn read(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, &mut slot.0, Order::C);
        Ok(io.read(self.source, &window, tile.view_mut(), Order::C)?)
    }

    fn compute(&self, index: usize, (input, output): &mut Self::Slot) {
        let window = self.tiling.window(index);
        let (len, sink_len) = (window.len(), self.sink_window(index).len());
        (self.kernel)(window.shape.slice(), &mut input[..len], &mut output[..sink_len]);
    }

    fn write(&self, index: usize, slot: &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.sink_window(index);
        let tile = Tile::new(&window, &mut slot.1, Order::C);
        io.write(self.sink, &window, tile.view(), Order::C)?;
        Ok((window.len() * size_of::<B>()) as u64)
    }
}

/// A pass that only reads: a kernel works on each tile, and keeps what it finds.
pub(crate) struct ReadOnly<'a, T, D: Dimension, K> {
    pub(crate) tiling: &'a Tiling<D>,
    pub(crate) order: Order,
    pub(crate) source: &'a dyn Source<T, D>,
    /// Called with one tile after another, in the order of the tiling.
    pub(crate) kernel: K,
}

/// What a kernel keeps is not known here, so a later run begins anew.
impl<T: Element, D: Dimension, K: Sync> Resume for ReadOnly<'_, T, D, K> {}

impl<T, D, K> Pass for ReadOnly<'_, T, D, K>
where
    T: Element,
    D: Dimension,
    K: Fn(&Window<D>, ArrayView<'_, T, D>) + Sync,
{
    type Slot = Buffer<T>;

    fn tiles(&self) -> usize {
        self.tiling.len()
    }

    fn slots(&self) -> usize {
        slots(self.tiling.len())
    }

    fn slot(&self) -> Buffer<T> {
        Buffer::new(self.tiling.tile().size(), self.source.layout().offset())
    }

    fn read(&self, index: usize, slot: &mut Buffer<T>, io: &Io) -> Result<u64> {
        let window = self.tiling.window(index);
        let mut tile = Tile::new(&window, slot, self.order);
        Ok(io.read(self.source, &window, tile.view_mut(), self.order)?)
    }

    fn compute(&self, index: usize, slot: &mut Buffer<T>) {
        let window = self.tiling.window(index);
        (self.kernel)(&window, Tile::new(&window, slot, self.order).view());
    }

    fn write(&self, _: usize, _: &mut Buffer<T>, _: &Io) -> Result<u64> {
        Ok(0)
    }
}

/// The bytes of each contiguous run of a tiling's tiles in a file; the first may be shorter.
pub(crate) fn run_bytes<D: Dimension>(
    stored: &(impl Stored<D> + ?Sized),
    tiling: &Tiling<D>,
) -> u64 {
    tiling.windows().take(2).map(|window| stored.run_bytes(&window)).max().unwrap_or(0)
}
