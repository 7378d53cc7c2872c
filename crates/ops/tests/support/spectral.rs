//! Signals of any number of axes, convolved and filtered by definition in double-double numbers.

use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn};
use num_complex::Complex;
use outcore_ops::{Real, Signal};
use outcore_storage::{Element, Order};

use super::double_double::Double2;
use super::{Number, noise};

/// A number that is filtered and convolved, with the accuracy that its transforms promise.
pub(crate) trait Kind: Signal<Real = Self::Part>
where
    Complex<Self::Part>: Element,
{
    type Part: Number;

    fn of(re: f64, im: f64) -> Self;
    fn parts(self) -> [f64; 2];
    fn bits(self) -> [u64; 2] {
        self.parts().map(f64::to_bits)
    }
}

impl<T: Number + Signal<Real = T>> Kind for T
where
    Complex<T>: Element,
{
    type Part = T;

    fn of(re: f64, _: f64) -> Self {
        T::of(re)
    }

    fn parts(self) -> [f64; 2] {
        [self.wide(), 0.0]
    }
}

macro_rules! complex_kind {
    ($($real:ty),+) => {$(
        impl Kind for Complex<$real> {
            type Part = $real;

            fn of(re: f64, im: f64) -> Self {
                Complex::new(<$real as Number>::of(re), <$real as Number>::of(im))
            }

            fn parts(self) -> [f64; 2] {
                [self.re.wide(), self.im.wide()]
            }
        }
    )+};
}

complex_kind!(f32, f64);

/// Noise; its values do not depend on the order of the elements in memory.
pub(crate) fn signal<A: Kind>(shape: &[usize], order: Order, seed: u64) -> ArrayD<A>
where
    Complex<A::Part>: Element,
{
    let mut index = 0;
    let next = || {
        index += 2;
        A::of(noise(seed, index), noise(seed, index + 1))
    };
    super::in_order(&Array::from_shape_simple_fn(IxDyn(shape), next), order)
}

/// All bits of an array, in logical order.
pub(crate) fn all_bits<A: Kind>(array: &ArrayD<A>) -> Vec<[u64; 2]>
where
    Complex<A::Part>: Element,
{
    array.iter().map(|x| x.bits()).collect()
}

/// A complex number of about 106 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) re: Double2,
    pub(crate) im: Double2,
}

impl Pair {
    pub(crate) fn new([re, im]: [f64; 2]) -> Self {
        Self { re: re.into(), im: im.into() }
    }

    pub(crate) fn plus_product(self, a: Self, b: Self) -> Self {
        let (re, im) = (a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
        Self { re: self.re + re, im: self.im + im }
    }

    pub(crate) fn times(self, other: Self) -> Self {
        Self::default().plus_product(self, other)
    }
}

pub(crate) fn wide<A: Kind>(array: &ArrayD<A>) -> ArrayD<Pair>
where
    Complex<A::Part>: Element,
{
    array.map(|x| Pair::new(x.parts()))
}

/// The whole convolution.
pub(crate) fn convolution(source: &ArrayD<Pair>, kernel: &ArrayD<Pair>) -> ArrayD<Pair> {
    let lens = source.shape().iter().zip(kernel.shape()).map(|(n, k)| n + k - 1);
    let mut result = ArrayD::from_elem(IxDyn(&lens.collect::<Vec<_>>()), Pair::default());
    for (at, &x) in source.indexed_iter() {
        for (by, &h) in kernel.indexed_iter() {
            let to: Vec<usize> = (0..at.ndim()).map(|axis| at[axis] + by[axis]).collect();
            result[&to[..]] = result[&to[..]].plus_product(x, h);
        }
    }
    result
}

/// The kernel whose convolution is the correlation.
pub(crate) fn mirrored(kernel: &ArrayD<Pair>) -> ArrayD<Pair> {
    let mut kernel = kernel.map(|x| Pair { re: x.re, im: -x.im });
    (0..kernel.ndim()).for_each(|axis| kernel.invert_axis(Axis(axis)));
    kernel
}

/// The transform along some axes, unscaled.
pub(crate) fn transform(array: &ArrayD<Pair>, axes: &[usize], inverse: bool) -> ArrayD<Pair> {
    let mut array = array.clone();
    for &axis in axes {
        let len = array.len_of(Axis(axis));
        let wave = |k: usize| {
            let (re, sin) = Double2::turn(k, len);
            Pair { re, im: if inverse { sin } else { -sin } }
        };
        let waves: Vec<Pair> = (0..len).map(wave).collect();
        for mut lane in array.lanes_mut(Axis(axis)) {
            let old = lane.to_vec();
            for (k, new) in lane.iter_mut().enumerate() {
                let terms = old.iter().enumerate();
                *new = terms
                    .fold(Pair::default(), |sum, (n, &x)| sum.plus_product(x, waves[k * n % len]));
            }
        }
    }
    array
}

/// The L2 norm of the difference, and of what is expected.
pub(crate) fn distance<A: Kind>(found: &ArrayD<A>, expected: &ArrayD<Pair>) -> f64
where
    Complex<A::Part>: Element,
{
    assert_eq!(found.shape(), expected.shape());
    let square = |x: Double2| (x.high + x.low).powi(2);
    let each = found.iter().zip(expected).map(|(found, expected)| {
        let [re, im] = found.parts().map(Double2::from);
        let of_im = if A::IS_REAL { 0.0 } else { square(expected.im - im) };
        square(expected.re - re) + of_im
    });
    each.sum::<f64>().sqrt()
}

/// The L2 norm.
pub(crate) fn norm(array: &ArrayD<Pair>) -> f64 {
    let squares = array.iter().map(|x| x.re.high.powi(2) + x.im.high.powi(2));
    squares.sum::<f64>().sqrt()
}
