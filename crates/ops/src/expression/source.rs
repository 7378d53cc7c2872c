//! Sources of any type of element: where a type that is known at run time meets the types of the
//! program.

use half::f16;
use ndarray::{ArrayViewMutD, Dimension, IxDyn};
use num_complex::Complex;
use outcore_storage::{Buffer, DType, Element, Layout, Order, Result, Source, Stored, Window};
use std::any::Any;
use std::fmt;
use std::iter::repeat_n;
use std::ops::Range;
use std::sync::Mutex;

use super::Evaluation;
use super::below::{Below, Run};
use super::register::{Register, Wide};
use crate::tile::Tile;
use crate::transfer::Io;

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

            /// Memory for elements of this source.
            pub(super) fn buffer(&self, len: usize) -> AnyBuffer {
                match self {
                    $(Self::$name(source) => {
                        AnyBuffer::$name(Buffer::new(len, source.layout().offset()))
                    })+
                }
            }

            /// A window's elements, in an order.
            pub(super) fn read(&self, window: &Window<IxDyn>, order: Order) -> Result<AnyBuffer> {
                let mut to = self.buffer(window.len());
                match (self, &mut to) {
                    $((Self::$name(source), AnyBuffer::$name(elements)) => {
                        let mut tile = Tile::new(window, elements, order);
                        source.read_tile(window, tile.view_mut())?;
                    })+
                    _ => unreachable!("a buffer has the type of its source"),
                }
                Ok(to)
            }

            /// Reads a window's elements in an order, several pieces at a time; returns the bytes that
            /// this moved.
            pub(super) fn read_pieces(
                &self,
                io: &Io,
                window: &Window<IxDyn>,
                order: Order,
                to: &mut AnyBuffer,
            ) -> crate::Result<u64> {
                match (self, to) {
                    $((Self::$name(source), AnyBuffer::$name(elements)) => {
                        let mut tile = Tile::new(window, elements, order);
                        // Cut so that runs stay long in the file.
                        Ok(io.read(*source, window, tile.view_mut(), source.layout().order())?)
                    })+
                    _ => unreachable!("a buffer has the type of its source"),
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

        /// Elements of any type, in memory.
        pub(super) enum AnyBuffer {
            $($name(Buffer<$number>),)+
        }

        impl AnyBuffer {
            /// Memory for elements that will be written from an offset of a file on.
            pub(super) fn new(dtype: DType, len: usize, offset: u64) -> Self {
                match dtype {
                    $(DType::$name => Self::$name(Buffer::new(len, offset)),)+
                }
            }

            /// Loads what is below a stretch of the result into a register.
            pub(super) fn load(&self, below: &Below, stretch: Range<usize>, to: &mut Register) {
                match self {
                    $(Self::$name(elements) => load(elements, below, stretch, to),)+
                }
            }

            /// The first elements, in parts of a length.
            pub(super) fn parts(&mut self, len: usize, part: usize) -> Vec<Mutex<AnyPart<'_>>> {
                match self {
                    $(Self::$name(elements) => {
                        let parts = elements[..len].chunks_mut(part);
                        parts.map(|part| Mutex::new(AnyPart::$name(part))).collect()
                    })+
                }
            }

            /// The elements, if they are of a type.
            pub(super) fn of<T: Element>(&mut self) -> Option<&mut Buffer<T>> {
                let elements: &mut dyn Any = match self {
                    $(Self::$name(elements) => elements,)+
                };
                elements.downcast_mut()
            }
        }

        /// A part of a buffer that one thread fills.
        pub(super) enum AnyPart<'a> {
            $($name(&'a mut [$number]),)+
        }

        impl AnyPart<'_> {
            pub(super) fn len(&self) -> usize {
                match self {
                    $(Self::$name(elements) => elements.len(),)+
                }
            }

            /// Stores a register from a place on.
            pub(super) fn store(&mut self, place: usize, from: &Register) {
                match self {
                    $(Self::$name(elements) => store(from, elements[place..].iter_mut()),)+
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

fn load<T: Operand>(from: &[T], below: &Below, stretch: Range<usize>, to: &mut Register) {
    let to = T::Wide::of_mut(to);
    to.clear();
    for run in below.runs(stretch) {
        match run {
            Run::Each(range) => to.extend(from[range].iter().map(|&x| x.widen())),
            Run::Repeated(place, count) => to.extend(repeat_n(from[place].widen(), count)),
        }
    }
}

/// Stores a register into as many places.
pub(super) fn store<'t, T: Operand>(from: &Register, to: impl Iterator<Item = &'t mut T>) {
    to.zip(T::Wide::of(from)).for_each(|(to, &x)| *to = T::narrow(x));
}
