//! Filters, convolutions and correlations are those of the definition, within the promised accuracy, whatever
//! the shape, the order, the plan and the number of threads.

use crate::support::python::{Python, python};
use crate::support::spectral::{
    Kind, Pair, all_bits, convolution, distance, mirrored, norm, signal, transform, wide,
};
use crate::support::{Number, ORDERS, float, folder, in_order, needed, resources, script, skipped};
use ndarray::{ArrayD, IxDyn, Slice};
use num_complex::Complex;
use outcore_ops::{
    Control, Convolve, Error, Mode, RadialSpectrum, Real, Resources, ToComplex, fftconvolve,
    fftcorrelate, fftfreq, power_spectrum, radial_spectrum, rfftfreq, spectral_filter,
};
use outcore_storage::{Element, FileArrayMut, Options, Order, Window};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::path::Path;

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
    // The promise is one of the sum of the kernel's magnitudes; for noise its norm will do.
    let (size, of_kernel) = (norm(&wide_source), norm(&wide_kernel));
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

    /// Filters by another response, along all axes.
    fn filter_by(
        source: &ArrayD<Self>,
        response: impl Fn(&[f64]) -> Complex<Self::Part> + Sync,
    ) -> ArrayD<Self>;
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

            fn filter_by(
                source: &ArrayD<Self>,
                response: impl Fn(&[f64]) -> Complex<$real> + Sync,
            ) -> ArrayD<Self> {
                let plan = spectral_filter(source, response).plan::<$real>(resources(ROOMY, 2));
                let (plan, mut scratch) = (plan.unwrap(), ArrayD::zeros_like(source.raw_dim()));
                let mut sink = ArrayD::zeros_like(source.raw_dim());
                plan.run_through(source, &mut scratch, &mut sink, Control::new()).unwrap();
                sink
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

            fn filter_by(
                source: &ArrayD<Self>,
                response: impl Fn(&[f64]) -> Complex<$real> + Sync,
            ) -> ArrayD<Self> {
                let plan = spectral_filter(source, response).plan(resources(ROOMY, 2)).unwrap();
                let mut sink = ArrayD::zeros_like(source.raw_dim());
                plan.run(source, &mut sink, Control::new()).unwrap();
                sink
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
    let size = norm(&wide(&source));
    // The response is rounded to the type of the transform.
    let bound = 2.0 * bound::<A::Part>(count, false) + 2.0 * A::Part::UNIT;
    let far = distance(&found, &expected) / size;
    assert!(far <= bound, "error {far:e}, bound {bound:e}");
}

/// The power spectrum by definition.
fn power(spectrum: &ArrayD<Pair>) -> ArrayD<f64> {
    spectrum.map(|x| {
        let [re, im] = [x.re, x.im].map(|part| part.high + part.low);
        re * re + im * im
    })
}

fn radial<A: Kind>(source: &ArrayD<A>, resources: Resources) -> (RadialSpectrum, usize)
where
    Complex<A::Part>: Element,
{
    let plan = radial_spectrum(source).plan::<A>(resources).unwrap();
    let mut scratch = ArrayD::from_elem(plan.scratch_shape(), Complex::default());
    let (found, _) = plan.run(source, &mut scratch, Control::new()).unwrap();
    (found, plan.plan().passes.len())
}

/// Rings by definition: frequencies, means, counts.
fn rings(power: &ArrayD<f64>) -> (Vec<f64>, Vec<f64>, Vec<u64>) {
    let longest = power.shape().iter().copied().max().unwrap();
    let (mut sums, mut counts) = (vec![0.0; longest / 2 + 1], vec![0_u64; longest / 2 + 1]);
    let tables: Vec<_> = power.shape().iter().map(|&n| fftfreq(n, 1.0)).collect();
    for (at, power) in power.indexed_iter() {
        // From the fastest axis to the slowest there are two orders to add squares in; none matters here.
        let square: f64 = tables.iter().enumerate().map(|(axis, f)| f[at[axis]].powi(2)).sum();
        let distance = square.sqrt() * float(longest);
        let ring = (0..=longest / 2).find(|&ring| (distance - float(ring)).abs() <= 0.5 + 1e-9);
        let Some(mut ring) = ring else { continue };
        if (distance - float(ring) - 0.5).abs() < 1e-9 {
            ring += 1;
        }
        if ring <= longest / 2 {
            sums[ring] += power;
            counts[ring] += 1;
        }
    }
    let count = |&count: &u64| float(usize::try_from(count).unwrap());
    let means = sums.iter().zip(&counts).map(|(sum, number)| sum / count(number)).collect();
    ((0..=longest / 2).map(|ring| float(ring) / float(longest)).collect(), means, counts)
}

#[test]
fn halves_between_two_rings_are_in_the_farther_one() {
    // |f| 24 is the root of 9 k1^2 + 4 k2^2, halved: 12.5 at (5, 10), though not if it is rounded on the way.
    let (found, _) = radial(&ArrayD::<f64>::zeros(IxDyn(&[16, 24])), resources(ROOMY, 1));
    let mut counts = vec![0; 13];
    for (k1, k2) in (-8_i64..8).flat_map(|k1| (-12_i64..12).map(move |k2| (k1, k2))) {
        let twice = (9 * k1 * k1 + 4 * k2 * k2).isqrt();
        let ring = usize::try_from((twice + 1) / 2).unwrap();
        if let Some(count) = counts.get_mut(ring) {
            *count += 1;
        }
    }
    assert_eq!(found.counts, counts);
}

fn check_spectra<A: Kind + ToComplex<Real = A::Part>>(case: &FilterCase)
where
    Complex<A::Part>: Element,
{
    let source = signal::<A>(&case.shape, case.orders[0], case.seed);
    let all: Vec<usize> = (0..case.shape.len()).collect();
    let expected = power(&transform(&wide(&source), &all, false));
    let bound = 2.0 * bound::<A::Part>(source.len(), false) + A::Part::UNIT;
    let total = expected.sum();
    let request = power_spectrum(&source);
    let least = needed(|bytes| request.plan::<A>(resources(bytes, case.threads)));
    let mut results = Vec::new();
    for budget in [least, ROOMY] {
        let plan = request.plan::<A>(resources(budget, case.threads)).unwrap();
        let mut scratch = ArrayD::from_elem(source.raw_dim(), Complex::default());
        let mut sink = in_order(&ArrayD::<A::Part>::zeros_like(source.raw_dim()), case.orders[1]);
        plan.run(&source, &mut scratch, &mut sink, Control::new()).unwrap();
        let far: f64 = sink.iter().zip(&expected).map(|(x, y)| (x.wide() - y).abs()).sum();
        assert!(far <= 2.0 * bound * total, "error {far:e} of {total:e}");
        results.push(sink.iter().map(|x| Number::bits(*x)).collect::<Vec<_>>());
    }
    assert!(results[0] == results[1], "bits differ");

    let (frequencies, means, counts) = rings(&expected);
    let least = needed(|bytes| radial_spectrum(&source).plan::<A>(resources(bytes, case.threads)));
    let (found, _) = radial(&source, resources(least, case.threads));
    let (other, passes) = radial(&source, resources(ROOMY, 1));
    assert_eq!((&found, passes), (&other, 1), "bits differ");
    assert_eq!((&found.frequencies, &found.counts), (&frequencies, &counts));
    for (found, (mean, count)) in found.power.iter().zip(means.iter().zip(&counts)) {
        let far = (found - mean).abs() * float(usize::try_from(*count).unwrap());
        assert!(far <= 2.0 * bound * total, "error {far:e} of {total:e}");
    }
}

/// Shapes of arrays that are convolved block by block.
fn small_kernel() -> impl Strategy<Value = Case> {
    let order = || prop::sample::select(&ORDERS[..]);
    let long = prop_oneof![Just(40_000_usize), 35_000_usize..60_000];
    let shapes = prop_oneof![
        (long, 1_usize..30).prop_map(|(n, k)| (vec![n], vec![k])),
        ((190_usize..300, 180_usize..260), (1_usize..6, 1_usize..5))
            .prop_map(|(n, k)| (vec![n.0, n.1], vec![k.0, k.1])),
        ((34_usize..50, 33_usize..50, 32_usize..40), (1_usize..4, 1_usize..4, 1_usize..3))
            .prop_map(|(n, k)| (vec![n.0, n.1, n.2], vec![k.0, k.1, k.2])),
    ];
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

/// Convolves by blocks, whatever the budget, and checks against the definition.
fn check_blocks<A: Kind>(case: &Case)
where
    Complex<A::Part>: Element,
{
    let source = ArrayD::<A>::zeros_like(IxDyn(&case.source));
    let kernel = ArrayD::<A>::zeros_like(IxDyn(&case.kernel));
    let request = request(&source, &kernel, case.correlate).mode(case.mode);
    let plan = request.plan::<A>(resources(ROOMY, 1)).unwrap();
    let names: Vec<_> = plan.plan().passes.iter().map(|pass| &pass.name[..]).collect();
    assert_eq!((names, plan.plan().scratch_bytes), (vec!["kernel", "blocks"], 0), "{case:?}");
    check_convolution::<A>(case);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn convolutions_by_blocks_are_those_of_the_definition(case in small_kernel()) {
        check_blocks::<f64>(&case);
        check_blocks::<Complex<f32>>(&case);
    }
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
    fn power_spectra_are_those_of_the_definition(case in filter_case()) {
        check_spectra::<f64>(&case);
        check_spectra::<f32>(&case);
        check_spectra::<C64>(&case);
        check_spectra::<Complex<f32>>(&case);
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

#[test]
fn an_array_larger_than_the_budget_has_the_same_rings() {
    for order in ORDERS {
        let source = signal::<f32>(&[300, 400], order, 5);
        let (whole, passes) = radial(&source, resources(ROOMY, 2));
        assert_eq!((passes, whole.counts.len()), (1, 201));
        let least = needed(|bytes| radial_spectrum(&source).plan::<f32>(resources(bytes, 2)));
        for budget in [least, 200 << 10, 400 << 10] {
            let (found, passes) = radial(&source, resources(budget, 2));
            assert_eq!((&found, passes), (&whole, 2), "{budget}");
        }
    }
    // Noise of variance 1 / 12 has the same power at all frequencies.
    let source = signal::<f64>(&[64, 64, 64], Order::C, 6);
    let (found, _) = radial(&source, resources(ROOMY, 2));
    let expected = float(source.len()) / 12.0;
    assert!(found.power[20..].iter().all(|power| (power / expected - 1.0).abs() < 0.1));
}

/// Behind the halved axis tiles are cut, and the last one is narrower.
#[test]
fn filters_along_a_slow_axis_are_the_same_in_tiles_of_all_widths() {
    for order in ORDERS {
        let source = signal::<f64>(&[50, 1009, 3], order, 5);
        let axes = if order == Order::C { vec![0] } else { vec![2] };
        let case =
            FilterCase { shape: vec![50, 1009, 3], axes, orders: [order; 2], threads: 2, seed: 5 };
        let expected = all_bits(&filtered(&source, &case, resources(ROOMY, 1)));
        for budget in [100 << 10, 300 << 10, 1 << 20] {
            let found = filtered(&source, &case, resources(budget, case.threads));
            assert!(all_bits(&found) == expected, "{order}, {budget}");
        }
    }
}

#[test]
fn an_empty_array_has_no_spectrum() {
    let none = ArrayD::<f64>::zeros_like(IxDyn(&[3, 0]));
    for error in [
        power_spectrum(&none).plan::<f64>(resources(ROOMY, 1)).unwrap_err(),
        radial_spectrum(&none).plan::<f64>(resources(ROOMY, 1)).unwrap_err(),
    ] {
        assert!(error.to_string().contains("axis 1 has length 0"), "{error}");
    }
}

fn write<A: Element>(path: &Path, array: &ArrayD<A>, order: Order) {
    let options = Options::new().order(order);
    let mut file: FileArrayMut<A, IxDyn> = options.create(path, array.raw_dim()).unwrap();
    file.write_window(Window::whole(array.raw_dim()), array).unwrap();
    file.close().unwrap();
}

/// Convolves, filters and takes the spectrum of one case, and asks SciPy and NumPy for the errors.
fn compare<A: Filtered + ToComplex<Real = A::Part>>(case: &Case, folder: &Path, python: &mut Python)
where
    Complex<A::Part>: Element,
{
    let source = signal::<A>(&case.source, case.orders[0], case.seed);
    let kernel = signal::<A>(&case.kernel, case.orders[1], case.seed + 1);
    let [of_source, of_kernel, output] =
        ["source.npy", "kernel.npy", "out.npy"].map(|name| folder.join(name));
    write(&of_source, &source, case.orders[0]);
    write(&of_kernel, &kernel, case.orders[1]);
    let mut error = |command: &str, bound: f64| {
        let answer = python.ask(command);
        let error: f64 = answer.parse().unwrap_or_else(|_| panic!("{case:?}: {answer}"));
        assert!(error <= bound, "{case:?}: {command}: error {error:e}, bound {bound:e}");
    };
    let bound = bound::<A::Part>(4 * source.len().max(kernel.len()), false);
    let request = request(&source, &kernel, case.correlate).mode(case.mode);
    let at = |path: &Path| path.display().to_string();
    if request.plan::<A>(resources(ROOMY, 1)).is_ok() {
        let least = needed(|bytes| request.plan::<A>(resources(bytes, 2)));
        let found = convolve((&source, &kernel), &request, case.orders[2], resources(least, 2));
        write(&output, &found, case.orders[2]);
        let operation = if case.correlate { "correlate" } else { "convolve" };
        let mode = format!("{:?}", case.mode).to_lowercase();
        let paths = [&of_source, &of_kernel, &output].map(|path| at(path)).join(" ");
        error(&format!("{operation} {paths} {mode}"), 4.0 * bound);
    }
    let plan = power_spectrum(&source).plan::<A>(resources(ROOMY, 2)).unwrap();
    let mut power = ArrayD::<A::Part>::zeros_like(source.raw_dim());
    let mut scratch = ArrayD::from_elem(source.raw_dim(), Complex::default());
    plan.run(&source, &mut scratch, &mut power, Control::new()).unwrap();
    write(&output, &power, Order::C);
    error(&format!("power {} {}", at(&of_source), at(&output)), 4.0 * bound);
    let low_pass = |f: &[f64]| {
        let square: f64 = f.iter().map(|f| f * f).sum();
        Complex::new(<A::Part as Number>::of((-10.0 * square).exp()), A::Part::of(0.0))
    };
    write(&output, &A::filter_by(&source, low_pass), Order::C);
    error(&format!("lowpass {} {}", at(&of_source), at(&output)), 3.0 * bound);
}

#[test]
fn results_agree_with_scipy() {
    let mut python = match python("import numpy, scipy.signal") {
        Ok(python) => Python::start(python, &script("spectral_cases.py"), &[]),
        Err(reason) => return skipped("results_agree_with_scipy", &reason),
    };
    let folder = folder().unwrap();
    let (cases, mut runner) = (case(), TestRunner::deterministic());
    for number in 0..60 {
        let case = cases.new_tree(&mut runner).unwrap().current();
        match number % 4 {
            0 => compare::<f32>(&case, folder.path(), &mut python),
            1 => compare::<f64>(&case, folder.path(), &mut python),
            2 => compare::<Complex<f32>>(&case, folder.path(), &mut python),
            _ => compare::<C64>(&case, folder.path(), &mut python),
        }
    }
    python.finish();
}

#[test]
fn a_single_number_is_its_own_spectrum() {
    for shape in [&[][..], &[1], &[1, 1, 1]] {
        let one = signal::<f64>(shape, Order::C, 3);
        let number = *one.iter().next().unwrap();
        let request = fftconvolve(&one, &one);
        assert_eq!(request.plan::<f64>(resources(ROOMY, 1)).unwrap().plan().scratch_bytes, 0);
        let found = convolve((&one, &one), &request, Order::C, resources(ROOMY, 1));
        assert_eq!((found.shape(), found.iter().next()), (shape, Some(&(number * number))));
        let halved = f64::filter_by(&one, |f| {
            assert!(f.iter().all(|&f| f == 0.0) && f.len() == shape.len());
            Complex::new(0.5, 0.0)
        });
        assert_eq!(halved, one.map(|x| x / 2.0));
        let (found, _) = radial(&one, resources(ROOMY, 1));
        assert_eq!((found.power, found.counts), (vec![number * number], vec![1]));
    }
}
