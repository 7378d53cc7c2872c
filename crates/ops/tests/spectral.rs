//! Filters, convolutions and correlations are those of the definition, within the promised accuracy, whatever
//! the shape, the order, the plan and the number of threads.

mod support;

use ndarray::{ArrayD, IxDyn, Slice};
use num_complex::Complex;
use outcore_ops::{
    Control, Convolve, Error, Mode, Real, Resources, fftconvolve, fftcorrelate, fftfreq, rfftfreq,
    spectral_filter,
};
use outcore_storage::{Element, Order};
use proptest::prelude::*;
use support::spectral::{
    Kind, Pair, all_bits, convolution, distance, mirrored, norms, signal, transform, wide,
};
use support::{Number, ORDERS, float, in_order, needed, resources};

type C64 = Complex<f64>;

const MODES: [Mode; 3] = [Mode::Full, Mode::Same, Mode::Valid];
const ROOMY: u64 = 1 << 30;

/// The largest relative error that the transform of so many elements may have.
fn bound<T: Number>(count: usize, smooth: bool) -> f64 {
    let factor = if smooth { T::SMOOTH } else { T::ROUGH };
    factor * T::UNIT * float(count.max(64)).log2().sqrt()
}

#[derive(Clone, Debug)]
struct Case {
    source: Vec<usize>,
    kernel: Vec<usize>,
    orders: [Order; 3],
    mode: Mode,
    correlate: bool,
    threads: usize,
    roomy: bool,
    seed: u64,
}

/// Lengths of the axes of an array of a few hundred elements.
fn lens(axes: usize, most: usize) -> impl Strategy<Value = Vec<usize>> {
    let few = [0, most, most / 5, 7, 5][axes];
    let len =
        prop_oneof![4 => 1..=few, 1 => Just(1), 1 => prop::sample::select(vec![2_usize, 3, 5, 7])];
    prop::collection::vec(len, axes)
}

fn case() -> impl Strategy<Value = Case> {
    let order = || prop::sample::select(&ORDERS[..]);
    let shapes = (1_usize..=4).prop_flat_map(|axes| (lens(axes, 90), lens(axes, 40)));
    let how = (prop::sample::select(&MODES[..]), any::<bool>(), 1_usize..3, any::<bool>());
    (shapes, [order(), order(), order()], how, 0_u64..1000).prop_map(
        |((source, kernel), orders, (mode, correlate, threads, roomy), seed)| Case {
            source,
            kernel,
            orders,
            mode,
            correlate,
            threads,
            roomy,
            seed,
        },
    )
}

fn request<'a, A: Element>(
    source: &'a ArrayD<A>,
    kernel: &'a ArrayD<A>,
    correlate: bool,
) -> Convolve<'a, IxDyn> {
    if correlate { fftcorrelate(source, kernel) } else { fftconvolve(source, kernel) }
}

/// Convolves; the scratch array has the size of the plan.
fn convolve<A: Kind>(
    (source, kernel): (&ArrayD<A>, &ArrayD<A>),
    request: &Convolve<'_, IxDyn>,
    order: Order,
    resources: Resources,
) -> ArrayD<A>
where
    Complex<A::Part>: Element,
{
    let plan = request.plan::<A>(resources).unwrap();
    let mut sink = in_order(&ArrayD::zeros_like(plan.output_shape()), order);
    let mut scratch = ArrayD::from_elem(plan.scratch_shape(), Complex::default());
    plan.run(source, kernel, &mut scratch, &mut sink, Control::new()).unwrap();
    sink
}

trait Zeros<A> {
    fn zeros_like(shape: IxDyn) -> Self;
}

impl<A: Element> Zeros<A> for ArrayD<A> {
    fn zeros_like(shape: IxDyn) -> Self {
        Self::from_elem(shape, A::default())
    }
}

/// The middle of an array, of a shape; as SciPy's.
fn centered(whole: &ArrayD<Pair>, shape: &[usize]) -> ArrayD<Pair> {
    let begin = |axis: usize| (whole.shape()[axis] - shape[axis]) / 2;
    let part = whole.slice_each_axis(|axis| {
        let (axis, begin) = (axis.axis.index(), begin(axis.axis.index()));
        Slice::from(begin..begin + shape[axis])
    });
    part.to_owned()
}

fn check_convolution<A: Kind>(case: &Case)
where
    Complex<A::Part>: Element,
{
    let source = signal::<A>(&case.source, case.orders[0], case.seed);
    let kernel = signal::<A>(&case.kernel, case.orders[1], case.seed + 1);
    let request = request(&source, &kernel, case.correlate).mode(case.mode);
    let (lens, others) = (&case.source, &case.kernel);
    let longer = |one: &[usize], other: &[usize]| one.iter().zip(other).all(|(n, k)| n >= k);
    if case.mode == Mode::Valid && !longer(lens, others) && !longer(others, lens) {
        let refused = request.plan::<A>(resources(ROOMY, 1)).unwrap_err();
        assert!(matches!(refused, Error::Shape(_)), "{refused}");
        return;
    }
    let fitted = |roomy: bool, threads: usize| {
        let least = needed(|bytes| request.plan::<A>(resources(bytes, threads)));
        resources(if roomy { ROOMY } else { least }, threads)
    };
    let of = |order, resources| convolve((&source, &kernel), &request, order, resources);
    let found = of(case.orders[2], fitted(case.roomy, case.threads));

    let pairs = lens.iter().zip(others);
    let shape: Vec<usize> = match case.mode {
        Mode::Full => pairs.map(|(n, k)| n + k - 1).collect(),
        Mode::Same => lens.clone(),
        Mode::Valid => pairs.map(|(n, k)| n.abs_diff(*k) + 1).collect(),
    };
    let (wide_source, wide_kernel) = (wide(&source), wide(&kernel));
    let wide_kernel = if case.correlate { mirrored(&wide_kernel) } else { wide_kernel };
    let expected = centered(&convolution(&wide_source, &wide_kernel), &shape);
    let (size, of_kernel) = (norms(&wide_source).1, norms(&wide_kernel).0);
    let far = distance(&found, &expected) / (size * of_kernel);
    let bound = 3.0 * bound::<A::Part>(4 * source.len().max(kernel.len()), true);
    assert!(far <= bound, "error {far:e}, bound {bound:e}");

    let other = of(Order::C, fitted(!case.roomy, 3 - case.threads));
    assert!(all_bits(&found) == all_bits(&other), "bits differ");
}

#[derive(Clone, Debug)]
struct FilterCase {
    shape: Vec<usize>,
    axes: Vec<usize>,
    orders: [Order; 2],
    threads: usize,
    seed: u64,
}

fn filter_case() -> impl Strategy<Value = FilterCase> {
    let order = || prop::sample::select(&ORDERS[..]);
    let shapes = (1_usize..=4).prop_flat_map(|axes| {
        let some = prop::sample::subsequence((0..axes).collect::<Vec<_>>(), 0..=axes);
        (lens(axes, 120), some.prop_shuffle())
    });
    (shapes, [order(), order()], 1_usize..3, 0_u64..1000).prop_map(
        |((shape, axes), orders, threads, seed)| FilterCase { shape, axes, orders, threads, seed },
    )
}

/// A hermitian response without any other symmetry, of magnitude 1 at most.
fn response(frequencies: &[f64]) -> C64 {
    let weighted = frequencies.iter().zip([0.3, 1.7, 2.9, 4.3]);
    let phase = weighted.map(|(f, weight)| (std::f64::consts::TAU * f).sin() * weight).sum();
    let far = frequencies.iter().zip(1_i32..).map(|(f, n)| f * f * f64::from(n)).sum::<f64>();
    Complex::from_polar(1.0 / (1.0 + far), phase)
}

/// Filters an array in place or through a scratch array, within a budget.
fn filtered<A: Filtered>(source: &ArrayD<A>, case: &FilterCase, budget: Resources) -> ArrayD<A>
where
    Complex<A::Part>: Element,
{
    A::filter(source, case, budget)
}

/// The two ways to run a filter.
trait Filtered: Kind
where
    Complex<Self::Part>: Element,
{
    fn filter(source: &ArrayD<Self>, case: &FilterCase, budget: Resources) -> ArrayD<Self>;
    fn least(source: &ArrayD<Self>, case: &FilterCase) -> u64;
}

fn narrow<T: Real>(f: &[f64]) -> Complex<T> {
    let response = response(f);
    Complex::new(T::from(response.re).unwrap(), T::from(response.im).unwrap())
}

macro_rules! filtered {
    ($($real:ty),+) => {$(
        impl Filtered for $real {
            fn filter(source: &ArrayD<Self>, case: &FilterCase, budget: Resources) -> ArrayD<Self> {
                let request = spectral_filter(source, narrow::<$real>).axes(&case.axes);
                let plan = request.plan::<$real>(budget).unwrap();
                let mut scratch = ArrayD::zeros_like(plan.scratch_shape());
                let mut sink = in_order(&ArrayD::zeros_like(source.raw_dim()), case.orders[1]);
                plan.run_through(source, &mut scratch, &mut sink, Control::new()).unwrap();
                sink
            }

            fn least(source: &ArrayD<Self>, case: &FilterCase) -> u64 {
                needed(|bytes| {
                    let request = spectral_filter(source, narrow::<$real>).axes(&case.axes);
                    request.plan::<$real>(resources(bytes, case.threads))
                })
            }
        }

        impl Filtered for Complex<$real> {
            fn filter(source: &ArrayD<Self>, case: &FilterCase, budget: Resources) -> ArrayD<Self> {
                let request = spectral_filter(source, narrow::<$real>).axes(&case.axes);
                let plan = request.plan::<Complex<$real>>(budget).unwrap();
                let mut sink = in_order(&ArrayD::zeros_like(source.raw_dim()), case.orders[1]);
                plan.run(source, &mut sink, Control::new()).unwrap();
                sink
            }

            fn least(source: &ArrayD<Self>, case: &FilterCase) -> u64 {
                needed(|bytes| {
                    let request = spectral_filter(source, narrow::<$real>).axes(&case.axes);
                    request.plan::<Complex<$real>>(resources(bytes, case.threads))
                })
            }
        }
    )+};
}

filtered!(f32, f64);

fn check_filter<A: Filtered>(case: &FilterCase)
where
    Complex<A::Part>: Element,
{
    let source = signal::<A>(&case.shape, case.orders[0], case.seed);
    let least = A::least(&source, case);
    let found = filtered(&source, case, resources(least, case.threads));
    let roomy = filtered(&source, case, resources(ROOMY, 3 - case.threads));
    assert!(all_bits(&found) == all_bits(&roomy), "bits differ");

    let mut spectrum = transform(&wide(&source), &case.axes, false);
    // Real numbers are transformed along one half of the axis that is fastest in memory.
    let fastest = match case.orders[0] {
        Order::C => case.axes.iter().copied().filter(|&axis| case.shape[axis] > 1).max(),
        Order::F => case.axes.iter().copied().filter(|&axis| case.shape[axis] > 1).min(),
    };
    let halved = fastest.filter(|_| A::IS_REAL);
    let count: usize = case.axes.iter().map(|&axis| case.shape[axis]).product();
    for (at, element) in spectrum.indexed_iter_mut() {
        let frequency = |&axis: &usize| {
            let (k, n) = (at[axis], case.shape[axis]);
            let half = halved == Some(axis) && k <= n / 2;
            if half { rfftfreq(n, 1.0)[k] } else { fftfreq(n, 1.0)[k] }
        };
        let frequencies: Vec<f64> = case.axes.iter().map(frequency).collect();
        let response = response(&frequencies);
        *element =
            element.times(Pair::new([response.re / float(count), response.im / float(count)]));
    }
    let expected = transform(&spectrum, &case.axes, true);
    let size = norms(&wide(&source)).1;
    // The response is rounded to the type of the transform.
    let bound = 2.0 * bound::<A::Part>(count, false) + 2.0 * A::Part::UNIT;
    let far = distance(&found, &expected) / size;
    assert!(far <= bound, "error {far:e}, bound {bound:e}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(120) })]

    #[test]
    fn convolutions_of_real_numbers_are_those_of_the_definition(case in case()) {
        check_convolution::<f64>(&case);
        check_convolution::<f32>(&case);
    }

    #[test]
    fn convolutions_of_complex_numbers_are_those_of_the_definition(case in case()) {
        check_convolution::<Complex<f32>>(&case);
        check_convolution::<C64>(&case);
    }

    #[test]
    fn filters_of_real_numbers_are_those_of_the_definition(case in filter_case()) {
        check_filter::<f64>(&case);
        check_filter::<f32>(&case);
    }

    #[test]
    fn filters_of_complex_numbers_are_those_of_the_definition(case in filter_case()) {
        check_filter::<C64>(&case);
        check_filter::<Complex<f32>>(&case);
    }
}

#[test]
fn what_is_not_finite_spreads_over_all_that_is_transformed() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut source = signal::<f64>(&[6, 8], Order::C, 1);
        source[[2, 3]] = bad;
        let case = FilterCase {
            shape: vec![6, 8],
            axes: vec![1],
            orders: [Order::C; 2],
            threads: 1,
            seed: 0,
        };
        let found = filtered(&source, &case, resources(ROOMY, 1));
        let finite: Vec<bool> = found.iter().map(|x| x.is_finite()).collect();
        assert!(finite.chunks(8).enumerate().all(|(row, finite)| finite == [row != 2; 8]));
        let kernel = signal::<f64>(&[2, 3], Order::C, 2);
        let request = fftconvolve(&source, &kernel);
        let found = convolve((&source, &kernel), &request, Order::C, resources(ROOMY, 1));
        assert!(found.iter().all(|x| x.is_nan()));
    }
}
