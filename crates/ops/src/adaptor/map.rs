//! A function of every element.

use ndarray::{Array, ArrayView, ArrayViewMut, Dimension, Zip};
use outcore_storage::{
    Element, Layout, Order, Result, Runs, STAGING_BYTES, Sink, Source, Stored, Window,
};
use std::marker::PhantomData;

use super::pieces::{part, part_mut, pieces, staging};
use super::read_bytes;

/// A source with a function of every element; see [`Lazy::map`](super::Lazy::map).
///
/// Its layout is that of the source, whose bytes are what is read.
#[derive(Clone, Debug)]
pub struct MapSource<S, A, F> {
    source: S,
    f: F,
    element: PhantomData<fn() -> A>,
}

impl<S, A, F> MapSource<S, A, F> {
    pub(crate) fn new(source: S, f: F) -> Self {
        Self { source, f, element: PhantomData }
    }
}

impl<D: Dimension, S: Stored<D>, A, F> Stored<D> for MapSource<S, A, F> {
    fn layout(&self) -> Layout<D> {
        self.source.layout()
    }

    fn axes(&self) -> Vec<usize> {
        self.source.axes()
    }

    fn read_bytes(&self, window: &Window<D>) -> u64 {
        let pieces = pieces(window, self.source.layout().order(), size_of::<A>());
        read_bytes(&[&self.source], pieces)
    }

    fn copies(&self) -> usize {
        1 + self.source.copies()
    }

    fn has_runs(&self) -> bool {
        self.source.has_runs()
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.source.run_bytes(window)
    }
}

impl<A, B, D, S, F> Source<B, D> for MapSource<S, A, F>
where
    A: Element,
    D: Dimension,
    S: Source<A, D>,
    F: Fn(A) -> B + Sync,
{
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, B, D>) -> Result<()> {
        let order = self.source.layout().order();
        for piece in pieces(window, order, size_of::<A>()) {
            let mut staging = staging(&piece, order);
            self.source.read_tile(&piece, staging.view_mut())?;
            let tile = part_mut(&mut tile, window, &piece);
            Zip::from(tile).and(&staging).for_each(|to, &from| *to = (self.f)(from));
        }
        Ok(())
    }

    fn read_runs(&self, mut runs: Runs, elements: &mut [B]) -> Result<()> {
        let (len, most) = (runs.run_len(), (STAGING_BYTES / size_of::<A>().max(1)).max(1));
        let mut staging = vec![A::default(); most.min(elements.len())];
        let mut read = |runs: Runs, to: &mut [B]| {
            let staging = &mut staging[..to.len()];
            self.source.read_runs(runs, staging)?;
            to.iter_mut().zip(staging).for_each(|(to, &mut from)| *to = (self.f)(from));
            Ok(())
        };
        if len <= most {
            let mut parts = elements.chunks_mut(most / len * len);
            return parts.try_for_each(|to| read(runs.take_runs(to.len() / len), to));
        }
        let mut rest = elements;
        runs.try_for_each(|run| {
            let to = rest.split_off_mut(..run.len()).unwrap_or_default();
            let mut parts = run.step_by(most).zip(to.chunks_mut(most));
            parts.try_for_each(|(start, to)| read(Runs::one(start, to.len()), to))
        })
    }
}

/// A sink with a function of every element; see [`SinkExt::map_sink`](super::SinkExt::map_sink).
#[derive(Debug)]
pub struct MapSink<'a, S: ?Sized, B, F> {
    sink: &'a mut S,
    f: F,
    element: PhantomData<fn() -> B>,
}

impl<'a, S: ?Sized, B, F> MapSink<'a, S, B, F> {
    pub(super) fn new(sink: &'a mut S, f: F) -> Self {
        Self { sink, f, element: PhantomData }
    }
}

impl<D: Dimension, S: Stored<D> + ?Sized, B, F> Stored<D> for MapSink<'_, S, B, F> {
    fn layout(&self) -> Layout<D> {
        self.sink.layout()
    }
}

impl<A, B, D, S, F> Sink<A, D> for MapSink<'_, S, B, F>
where
    A: Copy,
    B: Element,
    D: Dimension,
    S: Sink<B, D> + ?Sized,
    F: Fn(A) -> B + Send + Sync,
{
    fn write_tile(&mut self, window: &Window<D>, tile: ArrayView<'_, A, D>) -> Result<()> {
        let order = self.sink.layout().order();
        for piece in pieces(window, order, size_of::<B>()) {
            let staging = mapped(&piece, part(&tile, window, &piece), order, &self.f);
            self.sink.write_tile(&piece, staging.view())?;
        }
        Ok(())
    }

    fn write_tile_shared(
        &self,
        window: &Window<D>,
        tile: ArrayView<'_, A, D>,
    ) -> Option<Result<()>> {
        let order = self.sink.layout().order();
        for piece in pieces(window, order, size_of::<B>()) {
            let staging = mapped(&piece, part(&tile, window, &piece), order, &self.f);
            if let Err(error) = self.sink.write_tile_shared(&piece, staging.view())? {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    fn sync(&self) -> Result<()> {
        self.sink.sync()
    }
}

fn mapped<A: Copy, B: Element, D: Dimension>(
    piece: &Window<D>,
    tile: ArrayView<'_, A, D>,
    order: Order,
    f: impl Fn(A) -> B,
) -> Array<B, D> {
    let mut staging = staging(piece, order);
    Zip::from(&mut staging).and(tile).for_each(|to, &from| *to = f(from));
    staging
}
