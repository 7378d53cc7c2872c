//! The transform by its definition, one axis after the other, in more digits than the transform
//! under test has: in `f64` for `f32`, in double-double numbers for `f64`.

use ndarray::{Array, Array2, Axis, Dimension};
use num_complex::Complex;
use outcore_ops::{Direction, Norm};
use std::ops::{Add, Mul, Sub};

use super::double_double::Double2;
use super::{Number, float};

/// What the definition is computed in.
pub(crate) trait Wide:
    Copy + Default + From<f64> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    fn turn(k: usize, n: usize) -> (Self, Self);
    fn scale(norm: Norm, direction: Direction, len: usize) -> Self;
    fn narrow(self) -> f64;
}

impl Wide for f64 {
    fn turn(k: usize, n: usize) -> (Self, Self) {
        let (cos, sin) = Double2::turn(k, n);
        (cos.high, sin.high)
    }

    fn scale(norm: Norm, direction: Direction, len: usize) -> Self {
        Double2::scale(norm, direction, len).high
    }

    fn narrow(self) -> f64 {
        self
    }
}

impl Wide for Double2 {
    fn turn(k: usize, n: usize) -> (Self, Self) {
        Self::turn(k, n)
    }

    fn scale(norm: Norm, direction: Direction, len: usize) -> Self {
        let (one, len) = (Self::from(1.0), Self::from(float(len)));
        match (norm, direction) {
            (Norm::Ortho, _) => one / len.sqrt(),
            (Norm::Backward, Direction::Inverse) | (Norm::Forward, Direction::Forward) => one / len,
            _ => one,
        }
    }

    fn narrow(self) -> f64 {
        self.high + self.low
    }
}

/// A complex number of wide parts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair<W> {
    re: W,
    im: W,
}

impl<W: Wide> Pair<W> {
    fn times(self, other: Self) -> Self {
        let (re, im) =
            (self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re);
        Self { re, im }
    }

    fn plus_product(self, a: Self, b: Self) -> Self {
        let product = a.times(b);
        Self { re: self.re + product.re, im: self.im + product.im }
    }

    fn narrow(self) -> Complex<f64> {
        Complex::new(self.re.narrow(), self.im.narrow())
    }
}

/// The roots of unity of an axis: each the product of two, out of fewer, because series take time.
fn waves<W: Wide>(len: usize, direction: Direction) -> Vec<Pair<W>> {
    let wave = |k| {
        let (re, sin) = W::turn(k, len);
        let im = if direction == Direction::Forward { W::default() - sin } else { sin };
        Pair { re, im }
    };
    let count = len.isqrt().max(1);
    let near: Vec<_> = (0..count.min(len)).map(wave).collect();
    let far = (0..len).step_by(count).map(wave);
    far.flat_map(|far| near.iter().map(move |&near| far.times(near))).take(len).collect()
}

fn widened<T: Number, W: Wide, D: Dimension>(field: &Array<Complex<T>, D>) -> Array<Pair<W>, D> {
    field.map(|x| Pair { re: x.re.wide().into(), im: x.im.wide().into() })
}

/// The transform of a matrix in wide numbers.
pub(crate) fn definition<T: Number, W: Wide>(
    field: &Array2<Complex<T>>,
    direction: Direction,
    norm: Norm,
) -> Array2<Pair<W>> {
    definition_along(field, &[0, 1], direction, norm)
}

/// The transform along some axes in wide numbers.
pub(crate) fn definition_along<T: Number, W: Wide, D: Dimension>(
    field: &Array<Complex<T>, D>,
    axes: &[usize],
    direction: Direction,
    norm: Norm,
) -> Array<Pair<W>, D> {
    let mut field = widened::<T, W, D>(field);
    let mut count = 1;
    for &axis in axes {
        let len = field.len_of(Axis(axis));
        count *= len;
        let waves = waves::<W>(len, direction);
        for mut lane in field.lanes_mut(Axis(axis)) {
            let old = lane.to_vec();
            for (k, new) in lane.iter_mut().enumerate() {
                let terms = old.iter().enumerate();
                *new = terms
                    .fold(Pair::default(), |sum, (n, &x)| sum.plus_product(x, waves[k * n % len]));
            }
        }
    }
    let scale = W::scale(norm, direction, count);
    field.map(|x| Pair { re: x.re * scale, im: x.im * scale })
}

/// Single elements of forward transforms of a shape.
pub(crate) struct Bins<W>([Vec<Pair<W>>; 2]);

impl<W: Wide> Bins<W> {
    pub(crate) fn new((rows, columns): (usize, usize)) -> Self {
        Self([rows, columns].map(|len| waves(len, Direction::Forward)))
    }

    pub(crate) fn of<T: Number>(
        &self,
        field: &Array2<Complex<T>>,
        [k, l]: [usize; 2],
    ) -> Complex<f64> {
        let Self([down, along]) = self;
        let mut total = Pair::default();
        for (m, row) in field.rows().into_iter().enumerate() {
            let mut sum = Pair::default();
            for (n, x) in row.iter().enumerate() {
                let x = Pair { re: x.re.wide().into(), im: x.im.wide().into() };
                sum = sum.plus_product(x, along[l * n % along.len()]);
            }
            total = total.plus_product(sum, down[k * m % down.len()]);
        }
        total.narrow()
    }
}

/// How far an array is from the definition, relative to it, in the L2 norm.
pub(crate) fn error<T: Number, W: Wide, D: Dimension>(
    found: &Array<Complex<T>, D>,
    expected: &Array<Pair<W>, D>,
) -> f64 {
    let (mut error, mut size) = (0.0, 0.0);
    for (found, expected) in found.iter().zip(expected) {
        let re = (expected.re - found.re.wide().into()).narrow();
        let im = (expected.im - found.im.wide().into()).narrow();
        error += re * re + im * im;
        size += expected.narrow().norm_sqr();
    }
    if size == 0.0 { error.sqrt() } else { (error / size).sqrt() }
}

/// The same for the real part alone, relative to the whole.
pub(crate) fn real_error<T: Number, W: Wide>(found: &Array2<T>, expected: &Array2<Pair<W>>) -> f64 {
    let (mut error, mut size) = (0.0, 0.0);
    for (found, expected) in found.iter().zip(expected) {
        let re = (expected.re - found.wide().into()).narrow();
        error += re * re;
        size += expected.narrow().norm_sqr();
    }
    if size == 0.0 { error.sqrt() } else { (error / size).sqrt() }
}
