//! Transforms of real numbers are halves of those of complex ones, whatever the axes, the order and the
//! plan.

use crate::support::{
    LONG_REALS, Number, ORDERS, bound_of, float, folder, needed, noise, noisy, noisy_reals,
    resources,
};
use ndarray::{Array, ArrayD, Axis, Dimension, IxDyn, ShapeBuilder, Slice};
use num_complex::Complex;
use outcore_ops::{Budget, Control, Norm, fft, fftn, irfft, irfftn, lazy, rfft, rfftn};
use outcore_storage::{Element, FileArray, FileArrayMut, Options, Order, Window};
use proptest::prelude::*;

fn reals<T: Number>(shape: &[usize], order: Order, seed: u64) -> ArrayD<T> {
    let mut index = 0;
    let numbers = Array::from_shape_fn(IxDyn(shape), |_| {
        index += 1;
        T::of(noise(seed, index))
    });
    let mut field = Array::from_elem(IxDyn(shape).set_f(order == Order::F), T::of(0.0));
    field.assign(&numbers);
    field
}

/// The half of the complex transform.
fn expected<T: Number>(field: &ArrayD<T>, axes: &[usize], norm: Norm) -> ArrayD<Complex<T>>
where
    Complex<T>: Element,
{
    let complex = field.map(|&x| Complex::new(x, T::of(0.0)));
    let mut spectrum = complex.clone();
    let plan = fftn(&complex, axes).norm(norm).plan::<T>(Budget::new(1 << 30)).unwrap();
    plan.run(&complex, &mut spectrum, Control::new()).unwrap();
    let last = *axes.last().unwrap();
    let half = field.shape()[last] / 2 + 1;
    spectrum.slice_axis(Axis(last), Slice::from(..half)).to_owned()
}

/// The relative distance in the L2 norm.
fn far<T: Number, D: Dimension>(one: &Array<Complex<T>, D>, other: &Array<Complex<T>, D>) -> f64 {
    let apart = (one - other).iter().map(|x| x.norm_sqr().wide()).sum::<f64>();
    let size = other.iter().map(|x| x.norm_sqr().wide()).sum::<f64>();
    (apart / size.max(f64::MIN_POSITIVE)).sqrt()
}

#[derive(Clone, Debug)]
struct Case {
    shape: Vec<usize>,
    axes: Vec<usize>,
    orders: (Order, Order),
    norm: Norm,
    threads: usize,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let length =
        prop_oneof![3 => 1_usize..12, 1 => prop::sample::select(vec![16_usize, 17, 30, 31])];
    let shape = prop::collection::vec(length, 1..5);
    let order = || prop::sample::select(&ORDERS[..]);
    let norm = prop::sample::select(vec![Norm::Backward, Norm::Ortho, Norm::Forward]);
    shape
        .prop_flat_map(move |shape| {
            let all: Vec<usize> = (0..shape.len()).collect();
            let axes = prop::sample::subsequence(all, 1..=shape.len()).prop_shuffle();
            (Just(shape), axes, (order(), order()), norm.clone(), 1_usize..3, 0_u64..1000)
        })
        .prop_map(|(shape, axes, orders, norm, threads, seed)| Case {
            shape,
            axes,
            orders,
            norm,
            threads,
            seed,
        })
}

fn check<T: Number>(case: &Case)
where
    Complex<T>: Element,
{
    let field = reals::<T>(&case.shape, case.orders.0, case.seed);
    let expected = expected(&field, &case.axes, case.norm);
    let request = rfftn(&field, &case.axes).norm(case.norm);
    let least = needed(|bytes| request.plan::<T>(resources(bytes, case.threads)));
    let mut first: Option<ArrayD<Complex<T>>> = None;
    for budget in [1 << 24, 2 * least, least + least / 3, least] {
        let plan = request.plan::<T>(resources(budget, case.threads)).unwrap();
        assert_eq!(plan.shape(), expected.shape());
        let shape = expected.raw_dim().set_f(case.orders.1 == Order::F);
        let mut spectrum = Array::from_elem(shape, Complex::new(T::of(0.0), T::of(0.0)));
        plan.run(&field, &mut spectrum, Control::new()).unwrap();
        let far = far(&spectrum, &expected);
        // Both have the error that is promised.
        let bound = 2.0 * T::ROUGH * T::UNIT * float(field.len().max(64)).log2().sqrt();
        assert!(far <= bound, "{far:e} of {bound:e}: {plan}");
        let first = first.get_or_insert_with(|| spectrum.clone());
        assert!(*first == spectrum, "other bits by {plan}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    #[test]
    fn the_spectrum_is_half_of_the_complex_one(case in case()) {
        check::<f64>(&case);
        check::<f32>(&case);
    }
}

#[test]
fn larger_arrays_take_two_passes_with_half_the_bytes() {
    for shape in [[64, 96], [61, 97], [96, 2], [2, 96], [128, 1]] {
        let field = reals::<f32>(&shape, Order::C, 3);
        let request = rfftn(&field, &[0, 1]);
        let expected = expected(&field, &[0, 1], Norm::Backward);
        let least = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
        for budget in [least, 2 * least, 1 << 24] {
            let plan = request.plan::<f32>(resources(budget, 2)).unwrap();
            let bytes = plan.plan().bytes_read() + plan.plan().bytes_written();
            let half = (shape[0] * (shape[1] / 2 + 1) * 8) as u64;
            assert!(bytes <= 4 * half, "{}", plan.plan());
            let mut spectrum = ArrayD::from_elem(expected.raw_dim(), Complex::default());
            plan.run(&field, &mut spectrum, Control::new()).unwrap();
            assert!(far(&spectrum, &expected) < 1e-6);
        }
    }
}

/// The transform of lanes of pairs that are cut in two, in memory.
fn in_memory<T: Number>(field: &ArrayD<T>, axis: usize, norm: Norm) -> ArrayD<Complex<T>>
where
    Complex<T>: Element,
{
    let plan = rfft(field, axis).norm(norm).plan::<T>(resources(1 << 30, 2)).unwrap();
    assert_eq!((plan.plan().passes.len(), plan.plan().scratch_bytes), (1, 0));
    let mut spectrum = ArrayD::from_elem(IxDyn(plan.shape()), Complex::default());
    plan.run(field, &mut spectrum, Control::new()).unwrap();
    spectrum
}

fn long_lane<T: Number>(len: usize)
where
    Complex<T>: Element,
{
    let field = noisy_reals::<T>(&[len], Order::C, 5);
    let found = in_memory(&field, 0, Norm::Backward);
    let wide = |z: &Complex<T>| Complex::new(z.re.wide(), z.im.wide());
    let complex = field.map(|x| Complex::new(x.wide(), 0.0));
    let plan = fft(&complex, 0).plan::<f64>(resources(1 << 30, 2)).unwrap();
    let mut expected = complex.clone();
    plan.run(&complex, &mut expected, Control::new()).unwrap();
    let expected = expected.slice_axis(Axis(0), Slice::from(..=len / 2)).to_owned();
    let far = far(&found.map(wide), &expected);
    // In double precision what is expected has the same error.
    assert!(far <= 2.0 * bound_of::<T>(&[len]), "{len}: {far:e} of {:e}", bound_of::<T>(&[len]));
    let back = back_in_memory(&found, 0, len, Norm::Backward);
    let apart = back.iter().zip(&field).map(|(x, y)| (x.wide() - y.wide()).powi(2)).sum::<f64>();
    let size = field.iter().map(|x| x.wide().powi(2)).sum::<f64>();
    assert!((apart / size).sqrt() <= 2.0 * bound_of::<T>(&[len]), "inverse of length {len}");
}

fn back_in_memory<T: Number>(
    spectrum: &ArrayD<Complex<T>>,
    axis: usize,
    len: usize,
    norm: Norm,
) -> ArrayD<T>
where
    Complex<T>: Element,
{
    let plan = irfft(spectrum, axis, len).norm(norm).plan::<T>(resources(1 << 30, 2)).unwrap();
    assert_eq!((plan.plan().passes.len(), plan.plan().scratch_bytes), (1, 0));
    let mut field = ArrayD::from_elem(IxDyn(plan.shape()), T::of(0.0));
    plan.run(spectrum, &mut field, Control::new()).unwrap();
    field
}

#[test]
fn long_lanes_are_as_accurate_as_promised() {
    long_lane::<f32>(LONG_REALS);
    // Halves of odd length with large prime factors.
    long_lane::<f32>(2 * 1031 * 1033);
    // Rows that are far longer than columns.
    long_lane::<f32>(2 * 3 * 419_429);
}

/// Lanes longer than the budget have the same bits as in memory: in files of both orders, several of them,
/// whatever the budget and the threads.
fn same_bits<T: Number>(shape: &[usize], axis: usize, order: Order, norm: Norm)
where
    Complex<T>: Element,
{
    let folder = folder().unwrap();
    let field = noisy_reals::<T>(shape, order, 8);
    let expected = in_memory(&field, axis, norm);
    let options = Options::new().order(order);
    let path = folder.path().join("field.npy");
    let mut file: FileArrayMut<T, IxDyn> = options.create(&path, IxDyn(shape)).unwrap();
    file.write_window(Window::whole(IxDyn(shape)), &field).unwrap();
    file.close().unwrap();
    let file = FileArray::<T, IxDyn>::open(&path).unwrap();
    let request = rfft(&file, axis).norm(norm);
    let least = needed(|bytes| request.plan::<T>(resources(bytes, 2)));
    assert!(least < 1 << 20, "{least}");
    // Once with the smallest tiles, of millions of runs.
    let small = if size_of::<T>() == 4 { least } else { 1 << 20 };
    for (budget, threads) in [(small, 2), (3 << 20, 3)] {
        let plan = request.plan::<T>(resources(budget, threads)).unwrap();
        let scratch_bytes = field.len() * size_of::<T>();
        assert_eq!(
            (plan.plan().passes.len(), plan.plan().scratch_bytes),
            (2, scratch_bytes as u64)
        );
        let mut scratch = options.scratch(folder.path(), plan.scratch_shape()).unwrap();
        let mut sink = options.scratch(folder.path(), IxDyn(plan.shape())).unwrap();
        let report = plan.run_through(&file, &mut scratch, &mut sink, Control::new()).unwrap();
        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
        assert_eq!(report.bytes_written(), plan.plan().bytes_written());
        assert!(sink.read().unwrap() == expected, "{plan}");
    }
    // Of another type in the file, and so through a function.
    let halves = lazy(&file).map(|x: T| x);
    let plan = rfft(&halves, axis).norm(norm).plan::<T>(resources(3 << 20, 2)).unwrap();
    let mut scratch = options.scratch(folder.path(), plan.scratch_shape()).unwrap();
    let mut sink = options.scratch(folder.path(), IxDyn(plan.shape())).unwrap();
    plan.run_through(&halves, &mut scratch, &mut sink, Control::new()).unwrap();
    assert!(sink.read().unwrap() == expected);
    // Without a scratch array the run is refused.
    let error = plan.run(&halves, &mut sink, Control::new()).unwrap_err();
    assert!(error.to_string().contains("scratch array"), "{error}");
}

#[test]
fn lanes_longer_than_the_budget_have_the_same_bits() {
    same_bits::<f64>(&[2, LONG_REALS], 1, Order::C, Norm::Ortho);
    same_bits::<f32>(&[2 * 1025 * 1026, 1, 2], 0, Order::F, Norm::Forward);
}

/// The same of the inverse, of spectra that need not be those of real numbers.
fn same_bits_back<T: Number>(shape: &[usize], axis: usize, order: Order, norm: Norm)
where
    Complex<T>: Element,
{
    let folder = folder().unwrap();
    let (len, mut half) = (shape[axis], shape.to_vec());
    half[axis] = len / 2 + 1;
    let spectrum = noisy::<T>(&half, order, 8);
    let expected = back_in_memory(&spectrum, axis, len, norm);
    let options = Options::new().order(order);
    let path = folder.path().join("spectrum.npy");
    let mut file: FileArrayMut<Complex<T>, IxDyn> = options.create(&path, IxDyn(&half)).unwrap();
    file.write_window(Window::whole(IxDyn(&half)), &spectrum).unwrap();
    file.close().unwrap();
    let file = FileArray::<Complex<T>, IxDyn>::open(&path).unwrap();
    let request = irfft(&file, axis, len).norm(norm);
    let least = needed(|bytes| request.plan::<T>(resources(bytes, 2)));
    assert!(least < 1 << 20, "{least}");
    // Once with the smallest tiles, of millions of runs.
    let small = if size_of::<T>() == 4 { least } else { 1 << 20 };
    for (budget, threads) in [(small, 2), (3 << 20, 3)] {
        let plan = request.plan::<T>(resources(budget, threads)).unwrap();
        let scratch_bytes = spectrum.len() * 2 * size_of::<T>();
        assert_eq!(
            (plan.plan().passes.len(), plan.plan().scratch_bytes),
            (2, scratch_bytes as u64)
        );
        let mut scratch = options.scratch(folder.path(), IxDyn(&half)).unwrap();
        let mut sink = options.scratch(folder.path(), IxDyn(shape)).unwrap();
        let report = plan.run_through(&file, &mut scratch, &mut sink, Control::new()).unwrap();
        assert_eq!(report.bytes_read(), plan.plan().bytes_read());
        assert_eq!(report.bytes_written(), plan.plan().bytes_written());
        assert!(sink.read().unwrap() == expected, "{plan}");
    }
}

#[test]
fn lanes_longer_than_the_budget_come_back_with_the_same_bits() {
    same_bits_back::<f64>(&[2, LONG_REALS], 1, Order::C, Norm::Ortho);
    same_bits_back::<f32>(&[2 * 1025 * 1026, 1, 2], 0, Order::F, Norm::Forward);
}

/// Lanes that are not contiguous are gathered, and must fit.
#[test]
fn lanes_with_neighbours_are_transformed_in_memory() {
    let field = noisy_reals::<f32>(&[LONG_REALS, 2], Order::C, 9);
    let found = in_memory(&field, 0, Norm::Backward);
    for lane in 0..2 {
        let alone = field.index_axis(Axis(1), lane).to_owned();
        assert!(found.index_axis(Axis(1), lane) == in_memory(&alone, 0, Norm::Backward));
    }
    let back = back_in_memory(&found, 0, LONG_REALS, Norm::Backward);
    for lane in 0..2 {
        let alone = found.index_axis(Axis(1), lane).to_owned();
        let expected = back_in_memory(&alone, 0, LONG_REALS, Norm::Backward);
        assert!(back.index_axis(Axis(1), lane) == expected);
    }
    let plan = irfft(&found, 0, LONG_REALS).plan::<f32>(resources(8 << 20, 2));
    let error = plan.unwrap_err().to_string();
    assert!(error.contains("whose lanes do not lie in a row of the file"), "{error}");
    let error = rfft(&field, 0).plan::<f32>(resources(8 << 20, 2)).unwrap_err().to_string();
    assert!(error.contains("whose lanes do not lie in a row of the file"), "{error}");
}

#[test]
fn a_length_that_cannot_be_cut_is_refused_with_the_next_one() {
    for (len, next) in [(4_194_301, 1 << 22), (2 * 4_194_301, 1 << 23)] {
        let field = noisy_reals::<f32>(&[len], Order::C, 9);
        let error = rfft(&field, 0).plan::<f32>(resources(8 << 20, 2)).unwrap_err().to_string();
        let text = format!("length {len} cannot be cut in two, but {next} can");
        assert!(error.contains(&text), "{error}");
        let spectrum = noisy::<f32>(&[len / 2 + 1], Order::C, 9);
        let plan = irfft(&spectrum, 0, len).plan::<f32>(resources(8 << 20, 2));
        let error = plan.unwrap_err().to_string();
        assert!(error.contains(&text), "{error}");
    }
}

#[test]
fn what_cannot_be_transformed_is_refused() {
    let field = ArrayD::<f64>::zeros(IxDyn(&[3, 0, 4]));
    for (axes, text) in [
        (vec![], "needs an axis"),
        (vec![1], "axis 1 has length 0"),
        (vec![3], "no axis 3"),
        (vec![0, 2, 0], "named twice"),
    ] {
        let error = rfftn(&field, &axes).plan::<f64>(Budget::new(1 << 20)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let plan = rfft(&field, 2).plan::<f64>(Budget::new(1 << 20)).unwrap();
    let mut spectrum = ArrayD::zeros(IxDyn(&[3, 0, 3]));
    plan.run(&field, &mut spectrum, Control::new()).unwrap();
}

/// Columns are transformed in pairs, but what is no number in one does not reach what it is not
/// transformed with.
#[test]
fn what_is_not_a_number_stays_in_its_matrix() {
    let (shape, axes) = ([6, 5, 9], [0, 2]);
    let clean = reals::<f64>(&shape, Order::C, 4);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut field = clean.clone();
        field[[2, 3, 4]] = bad;
        let request = rfftn(&field, &axes);
        let least = needed(|bytes| request.plan::<f64>(resources(bytes, 2)));
        for budget in [least, 2 * least, 1 << 24] {
            let plan = request.plan::<f64>(resources(budget, 2)).unwrap();
            let mut found = ArrayD::zeros(IxDyn(plan.shape()));
            let mut expected = found.clone();
            plan.run(&field, &mut found, Control::new()).unwrap();
            plan.run(&clean, &mut expected, Control::new()).unwrap();
            for matrix in [0, 1, 2, 4] {
                let of =
                    |array: &ArrayD<Complex<f64>>| array.index_axis(Axis(1), matrix).to_owned();
                assert_eq!(of(&found), of(&expected), "{bad} {plan}");
            }
            assert!(found.index_axis(Axis(1), 3).iter().all(|x| !x.is_finite()), "{bad} {plan}");
            let mut back = field.clone();
            let inverse = irfftn(&found, &axes, 9).plan::<f64>(resources(2 * least, 2)).unwrap();
            let mut scratch = found.clone();
            inverse.run_through(&found, &mut scratch, &mut back, Control::new()).unwrap();
            let is_finite = |matrix| back.index_axis(Axis(1), matrix).iter().all(|x| x.is_finite());
            assert_eq!([0, 1, 2, 3, 4].map(is_finite), [true, true, true, false, true], "{bad}");
        }
    }
}
