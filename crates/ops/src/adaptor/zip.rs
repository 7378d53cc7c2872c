//! A function of the elements of several sources.

use ndarray::{ArrayViewMut, Dimension, Zip};
use outcore_storage::{Element, Layout, Result, Source, Stored, Window};
use std::marker::PhantomData;

use super::pieces::{part_mut, pieces, staging};
use super::read_bytes;
use crate::Error;

/// Checks that all sources have one shape.
fn check<D: Dimension>(sources: &[&dyn Stored<D>]) -> crate::Result<()> {
    let first = sources[0].shape();
    for source in &sources[1..] {
        if source.shape() != first {
            let (one, other) = (first.slice(), source.shape());
            let other = other.slice();
            return Err(Error::Shape(format!("shapes {one:?} and {other:?} cannot be zipped")));
        }
    }
    Ok(())
}

/// What an element of all sources takes in their files.
fn layout<D: Dimension>(sources: &[&dyn Stored<D>]) -> Layout<D> {
    let first = sources[0].layout();
    let bytes = sources.iter().map(|source| source.layout().element_bytes()).sum();
    Layout::new(first.shape().clone(), first.order(), bytes, first.offset())
        .expect("a few times as large as its sources")
}

macro_rules! zip {
    ($name:ident, $doc:literal, $(($source:ident, $element:ident, $field:ident)),+) => {
        #[doc = $doc]
        ///
        /// It has the order of the first; an element of it takes the bytes of all in their files.
        #[derive(Clone, Debug)]
        pub struct $name<$($source,)+ $($element,)+ F> {
            $($field: $source,)+
            f: F,
            elements: PhantomData<fn() -> ($($element,)+)>,
        }

        impl<$($source,)+ $($element,)+ F> $name<$($source,)+ $($element,)+ F> {
            /// The bytes of the elements that one result is made of.
            const ELEMENT_BYTES: usize = 0 $(+ size_of::<$element>())+;
        }

        impl<D: Dimension, $($source: Stored<D>,)+ $($element,)+ F> Stored<D>
            for $name<$($source,)+ $($element,)+ F>
        {
            fn layout(&self) -> Layout<D> {
                layout(&[$(&self.$field),+])
            }

            fn axes(&self) -> Vec<usize> {
                self.one.axes()
            }

            fn read_bytes(&self, window: &Window<D>) -> u64 {
                let pieces = pieces(window, self.layout().order(), Self::ELEMENT_BYTES);
                read_bytes(&[$(&self.$field as &dyn Stored<D>),+], pieces)
            }

            fn copies(&self) -> usize {
        1 + [$(self.$field.copies()),+].into_iter().max().unwrap_or(0)
    }

    fn run_bytes(&self, window: &Window<D>) -> u64 {
                let runs = [$(self.$field.run_bytes(window)),+];
                runs.into_iter().min().unwrap_or(0)
            }
        }

        impl<R, D, $($source,)+ $($element,)+ F> Source<R, D>
            for $name<$($source,)+ $($element,)+ F>
        where
            D: Dimension,
            $($source: Source<$element, D>,)+
            $($element: Element,)+
            F: Fn($($element),+) -> R + Sync,
        {
            fn read_tile(
                &self,
                window: &Window<D>,
                mut tile: ArrayViewMut<'_, R, D>,
            ) -> Result<()> {
                let order = self.layout().order();
                for piece in pieces(window, order, Self::ELEMENT_BYTES) {
                    $(
                        let mut $field = staging::<$element, D>(&piece, order);
                        self.$field.read_tile(&piece, $field.view_mut())?;
                    )+
                    let tile = part_mut(&mut tile, window, &piece);
                    Zip::from(tile)$(.and(&$field))+.for_each(|to, $(&$field),+| {
                        *to = (self.f)($($field),+);
                    });
                }
                Ok(())
            }
        }
    };
}

zip!(
    Zip2,
    "A function of two sources; see [`Lazy::zip`](super::Lazy::zip).",
    (S, A, one),
    (T, B, two)
);
zip!(
    Zip3,
    "A function of three sources; see [`Lazy::zip3`](super::Lazy::zip3).",
    (S, A, one),
    (T, B, two),
    (U, C, three)
);
zip!(
    Zip4,
    "A function of four sources; see [`Lazy::zip4`](super::Lazy::zip4).",
    (S, A, one),
    (T, B, two),
    (U, C, three),
    (V, E, four)
);

impl<S, T, A, B, F> Zip2<S, T, A, B, F> {
    pub(super) fn new<D: Dimension>(one: S, two: T, f: F) -> crate::Result<Self>
    where
        S: Stored<D>,
        T: Stored<D>,
    {
        check(&[&one, &two])?;
        Ok(Self { one, two, f, elements: PhantomData })
    }
}

impl<S, T, U, A, B, C, F> Zip3<S, T, U, A, B, C, F> {
    pub(super) fn new<D: Dimension>(one: S, (two, three): (T, U), f: F) -> crate::Result<Self>
    where
        S: Stored<D>,
        T: Stored<D>,
        U: Stored<D>,
    {
        check(&[&one, &two, &three])?;
        Ok(Self { one, two, three, f, elements: PhantomData })
    }
}

impl<S, T, U, V, A, B, C, E, F> Zip4<S, T, U, V, A, B, C, E, F> {
    pub(super) fn new<D: Dimension>(
        one: S,
        (two, three, four): (T, U, V),
        f: F,
    ) -> crate::Result<Self>
    where
        S: Stored<D>,
        T: Stored<D>,
        U: Stored<D>,
        V: Stored<D>,
    {
        check(&[&one, &two, &three, &four])?;
        Ok(Self { one, two, three, four, f, elements: PhantomData })
    }
}
