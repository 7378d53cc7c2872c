//! Elements as another type.

use half::f16;
use ndarray::{ArrayViewMut, Dimension, Zip};
use num_complex::Complex;
use outcore_storage::{Element, Error, ErrorKind, Layout, Result, Source, Stored, Window};
use std::marker::PhantomData;

use super::pieces::{part_mut, pieces, staging};
use super::read_bytes;

/// An element that becomes one of type `B`, as `numpy.ndarray.astype` does it: integers wrap,
/// floating-point numbers are rounded or cut off, and of complex numbers the real part is left.
pub trait Cast<B: Element>: Element {
    /// The nearest element of the other type. A floating-point number becomes the nearest integer of 64
    /// bits first, and that wraps; a NaN becomes zero.
    fn wrapping(self) -> B;

    /// The same, unless the other type is an integer that cannot hold the number.
    fn checked(self) -> Option<B>;
}

/// What of a number a conversion looks at.
pub trait Parts: Element {
    /// The number, if its type is an integer.
    #[doc(hidden)]
    fn whole(self) -> Option<i128>;

    /// The number or its real part, rounded once to single precision.
    #[doc(hidden)]
    fn single(self) -> f32;

    /// The number or its real part.
    #[doc(hidden)]
    fn real(self) -> f64;

    /// The imaginary part.
    #[doc(hidden)]
    fn imaginary(self) -> f64;
}

macro_rules! parts {
    ($($type:ty, $whole:expr, $single:expr, $real:expr, $imaginary:expr;)+) => {$(
        impl Parts for $type {
            fn whole(self) -> Option<i128> {
                $whole(self)
            }

            fn single(self) -> f32 {
                $single(self)
            }

            fn real(self) -> f64 {
                $real(self)
            }

            fn imaginary(self) -> f64 {
                $imaginary(self)
            }
        }
    )+};
}

macro_rules! integers {
    ($($type:ty),+) => {
        parts! {$(
            $type, |x| Some(i128::from(x)), |x| x as f32, |x| x as f64, |_| 0.0;
        )+}

        $(
            impl<A: Parts> Cast<$type> for A {
                fn wrapping(self) -> $type {
                    self.whole().map_or_else(|| wrapped(self.real()) as $type, |whole| whole as $type)
                }

                fn checked(self) -> Option<$type> {
                    // The ends are powers of two, or one less, which rounds to one.
                    let (least, most) = (<$type>::MIN as f64, <$type>::MAX as f64);
                    let most = if size_of::<$type>() == 8 { most } else { most + 1.0 };
                    let cut = self.real().trunc();
                    (self.whole().is_some() || (cut >= least && cut < most)).then(|| self.wrapping())
                }
            }
        )+
    };
}

macro_rules! others {
    ($($type:ty, $from:expr;)+) => {$(
        impl<A: Parts> Cast<$type> for A {
            fn wrapping(self) -> $type {
                $from(self)
            }

            fn checked(self) -> Option<$type> {
                Some($from(self))
            }
        }
    )+};
}

/// `as` is the conversion that is meant.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_lossless,
    reason = "integers wrap and numbers are rounded"
)]
mod conversions {
    use super::{Cast, Complex, Parts, f16};

    /// The nearest integer of 64 bits; a positive one may take the place of the sign.
    fn wrapped(x: f64) -> u64 {
        if x < 0.0 { (x as i64).cast_unsigned() } else { x as u64 }
    }

    integers!(i8, i16, i32, i64, u8, u16, u32, u64);

    parts! {
        bool, |x| Some(i128::from(x)), |x| f32::from(u8::from(x)), |x| f64::from(u8::from(x)), |_| 0.0;
        f16, |_| None, f16::to_f32, f16::to_f64, |_| 0.0;
        f32, |_| None, |x| x, f64::from, |_| 0.0;
        f64, |_| None, |x| x as f32, |x| x, |_| 0.0;
        Complex<f32>, |_| None, |x: Self| x.re, |x: Self| x.re.into(), |x: Self| x.im.into();
        Complex<f64>, |_| None, |x: Self| x.re as f32, |x: Self| x.re, |x: Self| x.im;
    }

    others! {
        bool, |x: A| x.real() != 0.0 || x.imaginary() != 0.0;
        f16, |x: A| crate::number::half(x.real());
        f32, A::single;
        f64, A::real;
        Complex<f32>, |x: A| Complex::new(x.single(), x.imaginary() as f32);
        Complex<f64>, |x: A| Complex::new(x.real(), x.imaginary());
    }
}

/// A source with its elements as another type; see [`Lazy::cast`](super::Lazy::cast).
#[derive(Clone, Debug)]
pub struct CastSource<S, A, B> {
    source: S,
    elements: PhantomData<fn(A) -> B>,
}

impl<S, A, B> CastSource<S, A, B> {
    pub(super) fn new(source: S) -> Self {
        Self { source, elements: PhantomData }
    }
}

impl<D: Dimension, S: Stored<D>, A, B> Stored<D> for CastSource<S, A, B> {
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

    fn run_bytes(&self, window: &Window<D>) -> u64 {
        self.source.run_bytes(window)
    }
}

impl<A, B, D, S> Source<B, D> for CastSource<S, A, B>
where
    A: Cast<B>,
    B: Element,
    D: Dimension,
    S: Source<A, D>,
{
    fn read_tile(&self, window: &Window<D>, mut tile: ArrayViewMut<'_, B, D>) -> Result<()> {
        let order = self.source.layout().order();
        for piece in pieces(window, order, size_of::<A>()) {
            let mut staging = staging::<A, D>(&piece, order);
            self.source.read_tile(&piece, staging.view_mut())?;
            let tile = part_mut(&mut tile, window, &piece);
            let mut fits = true;
            Zip::from(tile).and(&staging).for_each(|to, &from| {
                let checked = from.checked();
                fits &= checked.is_some();
                *to = checked.unwrap_or_default();
            });
            if !fits {
                return Err(not_representable::<A, B, D>(&piece, &staging));
            }
        }
        Ok(())
    }
}

/// The error for the first element of a piece that does not fit.
fn not_representable<A: Cast<B>, B: Element, D: Dimension>(
    piece: &Window<D>,
    elements: &ndarray::Array<A, D>,
) -> Error {
    let elements = elements.view().into_dyn();
    let first = elements.indexed_iter().find(|(_, element)| element.checked().is_none());
    let (index, element) = first.expect("an element does not fit");
    let index = index.slice().iter().zip(piece.origin.slice()).map(|(i, origin)| i + origin);
    let (index, value) = (index.collect(), format!("{element:?}"));
    Error::without_path(ErrorKind::NotRepresentable { index, value, dtype: B::DTYPE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn integers_hold_what_lies_between_their_ends() {
        let fits = |x: f64| Cast::<i8>::checked(x);
        assert_eq!([fits(-128.9), fits(127.9), fits(-0.5)], [Some(-128), Some(127), Some(0)]);
        assert_eq!([fits(-129.0), fits(128.0), fits(f64::NAN), fits(f64::INFINITY)], [None; 4]);
        let most = 9_223_372_036_854_774_784.0;
        assert_eq!(Cast::<i64>::checked(most), Some(9_223_372_036_854_774_784));
        assert_eq!(Cast::<i64>::checked(9_223_372_036_854_775_808.0), None);
        assert_eq!(Cast::<i64>::checked(-9_223_372_036_854_775_808.0), Some(i64::MIN));
        assert_eq!(Cast::<u64>::checked(18_446_744_073_709_551_616.0), None);
        assert_eq!(Cast::<u64>::checked(-1.0_f32), None);
        assert_eq!(Cast::<u64>::checked(-0.9_f32), Some(0));
    }

    #[test]
    fn integers_wrap_and_are_rounded_once() {
        assert_eq!(Cast::<i8>::wrapping(300_i64), 44);
        assert_eq!(Cast::<u64>::wrapping(-1_i8), u64::MAX);
        assert_eq!((Cast::<i8>::wrapping(300.7), Cast::<i8>::wrapping(f32::NAN)), (44, 0));
        assert_eq!(Cast::<u16>::wrapping(-1.0), u16::MAX);
        assert_eq!(Cast::<i64>::wrapping(-1e300), i64::MIN);
        // By way of double precision this would be rounded twice, to 2^60.
        let close = (1_i64 << 60) + (1 << 36) + 1;
        assert_eq!(
            Cast::<f32>::wrapping(close).to_bits(),
            (60_f32.exp2() + 37_f32.exp2()).to_bits()
        );
        assert!(Cast::<bool>::wrapping(Complex::new(0.0_f32, 2.0)));
        assert_eq!(Cast::<f16>::wrapping(true), f16::ONE);
        assert_eq!(Cast::<Complex<f64>>::wrapping(3_u8), Complex::new(3.0, 0.0));
    }

    #[test]
    fn the_first_element_that_does_not_fit_is_named() {
        let field = array![[1.0, 2.0], [3.0, f64::NAN]];
        let source = CastSource::<_, f64, i16>::new(&field);
        let mut tile = Array2::<i16>::zeros((1, 2));
        let error = source.read_tile(&Window::from([1..2, 0..2]), tile.view_mut()).unwrap_err();
        assert_eq!(error.to_string(), "element [1, 1] is NaN, which int16 cannot hold");
        source.read_tile(&Window::from([0..1, 0..2]), tile.view_mut()).unwrap();
        assert_eq!(tile, array![[1, 2]]);
    }
}
