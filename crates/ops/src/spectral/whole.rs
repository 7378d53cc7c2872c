//! A single pass over tiles that are whole along all axes that are transformed.
//!
//! ```text
//!     source tile ──▶ spectrum ──▶ times a factor ──▶ back in the tile ──▶ sink
//! ```

use ndarray::{ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, Element, Order, Source, Window};

use super::TileFactor;
use super::transforms::Transforms;
use crate::Result;
use crate::fft::axes::inner_len;
use crate::signal::{Halves, Signal};
use crate::stream::{Durable, Pass, Resume};
use crate::tiling::Tiling;
use crate::transfer::{Io, WriteShared};

/// The transforms of whole tiles.
pub(super) struct Tiles<'a, A: Signal> {
    pub(super) tiling: &'a Tiling<IxDyn>,
    /// The place that is halved in the spectrum, and its length there.
    pub(super) half: Option<(usize, usize)>,
    pub(super) transforms: Transforms<A::Real>,
    pub(super) halves: Option<Halves<A::Real>>,
}

impl<A: Signal> Tiles<'_, A>
where
    Complex<A::Real>: Element,
{
    /// The shape of the spectrum of a tile.
    fn spectrum(&self, tile: &IxDyn) -> IxDyn {
        let mut shape = tile.clone();
        if let Some((place, len)) = self.half {
            shape[place] = len;
        }
        shape
    }

    /// A tile and its spectrum.
    fn slot(&self, offset: u64) -> (Buffer<A>, Buffer<Complex<A::Real>>) {
        let len = |shape: &IxDyn| shape.slice().iter().product();
        let tile = self.tiling.tile();
        (Buffer::new(len(tile), offset), Buffer::new(len(&self.spectrum(tile)), 0))
    }

    fn read(
        &self,
        index: usize,
        source: &dyn Source<A, IxDyn>,
        tile: &mut [A],
        io: &Io,
    ) -> Result<u64> {
        let window = self.tiling.window(index);
        let tile = &mut tile[..window.len()];
        let view = ArrayViewMutD::from_shape(window.shape.clone(), tile).expect("a tile");
        Ok(io.read(source, &window, view, Order::C)?)
    }

    /// The transforms along the place that is halved, of a tile that may be narrower than the others.
    fn halves(&self, tile: &IxDyn) -> Option<Halves<A::Real>> {
        let (place, _) = self.half?;
        let inner = inner_len(tile.slice(), place);
        self.halves.as_ref().map(|halves| halves.narrowed(inner))
    }

    /// Transforms a tile; returns the shape of its spectrum.
    fn forward(
        &self,
        window: &Window<IxDyn>,
        tile: &mut [A],
        spectrum: &mut [Complex<A::Real>],
    ) -> IxDyn {
        let shape = self.spectrum(&window.shape);
        let len = shape.slice().iter().product();
        let spectrum = &mut spectrum[..len];
        let halves = self.halves(&window.shape);
        A::to_spectrum(halves.as_ref(), &mut tile[..window.len()], spectrum);
        self.transforms.forward(&shape, spectrum);
        shape
    }
}

/// The pass that reads, multiplies and writes.
pub(super) struct Multiplied<'a, A: Signal> {
    pub(super) tiles: Tiles<'a, A>,
    pub(super) slots: usize,
    pub(super) source: &'a dyn Source<A, IxDyn>,
    pub(super) sink: &'a dyn WriteShared<A, IxDyn>,
    /// The elements that the sink takes of each tile, if not all.
    pub(super) taken: Option<usize>,
    /// What a spectrum of a shape is multiplied by.
    pub(super) factor: TileFactor<'a, A::Real>,
}

impl<A: Signal> Resume for Multiplied<'_, A>
where
    Complex<A::Real>: Element,
{
    fn written(&self) -> Option<&dyn Durable> {
        Some(&self.sink)
    }
}

impl<A: Signal> Pass for Multiplied<'_, A>
where
    Complex<A::Real>: Element,
{
    type Slot = (Buffer<A>, Buffer<Complex<A::Real>>);

    fn tiles(&self) -> usize {
        self.tiles.tiling.len()
    }

    fn slots(&self) -> usize {
        self.slots
    }

    fn slot(&self) -> Self::Slot {
        self.tiles.slot(self.source.layout().offset())
    }

    fn read(&self, index: usize, (tile, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        self.tiles.read(index, self.source, tile, io)
    }

    fn compute(&self, index: usize, (tile, spectrum): &mut Self::Slot) {
        let window = self.tiles.tiling.window(index);
        let shape = self.tiles.forward(&window, tile, spectrum);
        let len = shape.slice().iter().product();
        let spectrum = &mut spectrum[..len];
        (self.factor)(spectrum, &window, &shape);
        self.tiles.transforms.back(&shape, spectrum);
        let halves = self.tiles.halves(&window.shape);
        A::from_spectrum(halves.as_ref(), spectrum, &mut tile[..window.len()]);
    }

    fn write(&self, index: usize, (tile, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        let window = self.tiles.tiling.window(index);
        let tile = &tile[..window.len()];
        let view = ArrayViewD::from_shape(window.shape.clone(), tile).expect("a tile");
        io.write(self.sink, &window, view, Order::C)?;
        Ok((self.taken.unwrap_or(window.len()) * size_of::<A>()) as u64)
    }
}

/// A pass of one tile that writes nothing: its spectrum is taken as it is.
pub(super) struct Kept<'a, A: Signal> {
    pub(super) tiles: Tiles<'a, A>,
    pub(super) source: &'a dyn Source<A, IxDyn>,
    pub(super) then: &'a (dyn Fn(Buffer<Complex<A::Real>>) + Sync),
}

/// What is made of it is in no file, so a later run does it again.
impl<A: Signal> Resume for Kept<'_, A> where Complex<A::Real>: Element {}

impl<A: Signal> Pass for Kept<'_, A>
where
    Complex<A::Real>: Element,
{
    type Slot = (Buffer<A>, Option<Buffer<Complex<A::Real>>>);

    fn tiles(&self) -> usize {
        self.tiles.tiling.len()
    }

    fn slots(&self) -> usize {
        1
    }

    fn slot(&self) -> Self::Slot {
        let (tile, spectrum) = self.tiles.slot(self.source.layout().offset());
        (tile, Some(spectrum))
    }

    fn read(&self, index: usize, (tile, _): &mut Self::Slot, io: &Io) -> Result<u64> {
        self.tiles.read(index, self.source, tile, io)
    }

    fn compute(&self, index: usize, (tile, spectrum): &mut Self::Slot) {
        let Some(mut spectrum) = spectrum.take() else { return };
        self.tiles.forward(&self.tiles.tiling.window(index), tile, &mut spectrum);
        (self.then)(spectrum);
    }

    fn write(&self, _: usize, _: &mut Self::Slot, _: &Io) -> Result<u64> {
        Ok(0)
    }
}
