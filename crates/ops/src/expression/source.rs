//! Sources of any type of element: where a type that is known at run time meets the types of the
//! program.

use half::f16;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Dimension, IxDyn, ShapeBuilder};
use num_complex::Complex;
use outcore_storage::{DType, Element, Layout, Order, Result, Source, Stored, Window};
use std::fmt;

use super::Evaluation;
use super::register::{Register, Wide};

/// A number as it is computed with, and back. Values have been wrapped or rounded to their type
/// before they come back, so nothing is lost.
pub(super) trait Operand: Element {
    type Wide: Wide;

    fn widen(self) -> Self::Wide;
    fn narrow(wide: Self::Wide) -> Self;
}

macro_rules! operands {
    ($($number:ty, $wide:ty, $x:ident => $widen:expr, $narrow:expr;)+) => {
        $(impl Operand for $number {
            type Wide = $wide;

            fn widen(self) -> $wide {
                let $x = self;
                $widen
            }

            #[expect(
                clippy::allow_attributes, reason = "only some of the types need what is allowed"
            )]
            #[allow(clippy::cast_possible_truncation, reason = "values are of the type")]
            fn narrow($x: $wide) -> Self {
                $narrow
            }
        })+
    };
}

operands! {
    bool, bool, x => x, x;
    i8, i64, x => x.into(), x as Self;
    i16, i64, x => x.into(), x as Self;
    i32, i64, x => x.into(), x as Self;
    i64, i64, x => x, x;
    u8, u64, x => x.into(), x as Self;
    u16, u64, x => x.into(), x as Self;
    u32, u64, x => x.into(), x as Self;
    u64, u64, x => x, x;
    f16, f32, x => x.to_f32(), Self::from_f32(x);
    f32, f32, x => x, x;
    f64, f64, x => x, x;
    Complex<f32>, Complex<f32>, x => x, x;
    Complex<f64>, Complex<f64>, x => x, x;
}

macro_rules! types {
    ($($name:ident = $number:ty),+ $(,)?) => {
        /// A source of elements of any type, with any number of axes.
        ///
        /// ```
        /// use ndarray::{ArrayD, IxDyn};
        /// use outcore_ops::AnySource;
        /// use outcore_storage::{DType, Source};
        ///
        /// let halves = ArrayD::from_elem(IxDyn(&[2, 3]), 0.5_f32);
        /// let source = AnySource::from(&halves as &dyn Source<f32, IxDyn>);
        /// assert_eq!(source.dtype(), DType::F32);
        /// ```
        #[derive(Clone, Copy)]
        #[non_exhaustive]
        pub enum AnySource<'a> {
            $(
                #[doc = concat!("Elements of type `", stringify!($number), "`.")]
                $name(&'a dyn Source<$number, IxDyn>),
            )+
        }

        $(impl<'a> From<&'a dyn Source<$number, IxDyn>> for AnySource<'a> {
            fn from(source: &'a dyn Source<$number, IxDyn>) -> Self {
                Self::$name(source)
            }
        })+

        impl AnySource<'_> {
            /// The type of the elements.
            pub fn dtype(&self) -> DType {
                match self {
                    $(Self::$name(_) => DType::$name,)+
                }
            }

            /// A window's elements, in an order.
            pub(super) fn read(&self, window: &Window<IxDyn>, order: Order) -> Result<AnyArray> {
                let shape = window.shape.clone().set_f(order == Order::F);
                match self {
                    $(Self::$name(source) => {
                        let mut array = ArrayD::from_elem(shape, <$number>::default());
                        source.read_tile(window, array.view_mut())?;
                        Ok(AnyArray::$name(array))
                    })+
                }
            }
        }

        impl Stored<IxDyn> for AnySource<'_> {
            fn layout(&self) -> Layout<IxDyn> {
                match self {
                    $(Self::$name(source) => source.layout(),)+
                }
            }

            fn read_bytes(&self, window: &Window<IxDyn>) -> u64 {
                match self {
                    $(Self::$name(source) => source.read_bytes(window),)+
                }
            }

            fn copies(&self) -> usize {
                match self {
                    $(Self::$name(source) => source.copies(),)+
                }
            }

            fn run_bytes(&self, window: &Window<IxDyn>) -> u64 {
                match self {
                    $(Self::$name(source) => source.run_bytes(window),)+
                }
            }
        }

        /// An array of elements of any type.
        pub(super) enum AnyArray {
            $($name(ArrayD<$number>),)+
        }

        impl AnyArray {
            /// Loads a window of this array, as if it were repeated to a shape, into a register.
            pub(super) fn load(
                &self,
                shape: &IxDyn,
                window: &Window<IxDyn>,
                order: Order,
                to: &mut Register,
            ) {
                match self {
                    $(Self::$name(array) => {
                        let whole = array.broadcast(shape.clone());
                        let whole = whole.expect("a window of an input is as long, or 1 long");
                        let part = whole.slice_each_axis(|axis| window.slice(axis.axis.index()));
                        load(part, order, to);
                    })+
                }
            }
        }

        $(impl Source<$number, IxDyn> for Evaluation<'_> {
            fn read_tile(
                &self,
                window: &Window<IxDyn>,
                tile: ArrayViewMutD<'_, $number>,
            ) -> Result<()> {
                self.evaluate(window, tile)
            }
        })+
    };
}

types! {
    Bool = bool, I8 = i8, I16 = i16, I32 = i32, I64 = i64, U8 = u8, U16 = u16, U32 = u32, U64 = u64,
    F16 = f16, F32 = f32, F64 = f64, ComplexF32 = Complex<f32>, ComplexF64 = Complex<f64>,
}

impl fmt::Debug for AnySource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.layout().shape().slice(), self.dtype())
    }
}

fn load<T: Operand>(from: ArrayViewD<'_, T>, order: Order, to: &mut Register) {
    let to = T::Wide::of_mut(to);
    to.clear();
    let from = if order == Order::F { from.reversed_axes() } else { from };
    if let Some(from) = from.as_slice() {
        to.extend(from.iter().map(|&x| x.widen()));
    } else {
        // Inside, this is a loop along each lane.
        from.iter().for_each(|&x| to.push(x.widen()));
    }
}

/// Stores a register into a tile of as many elements.
pub(super) fn store<T: Operand>(from: &Register, order: Order, tile: ArrayViewMutD<'_, T>) {
    let from = T::Wide::of(from);
    let mut tile = if order == Order::F { tile.reversed_axes() } else { tile };
    if let Some(tile) = tile.as_slice_mut() {
        tile.iter_mut().zip(from).for_each(|(to, &x)| *to = T::narrow(x));
    } else {
        let mut from = from.iter();
        tile.iter_mut().for_each(|to| *to = from.next().map_or(*to, |&x| T::narrow(x)));
    }
}
