//! Transforms along any axes, of lanes of any length, are those of the definition, whatever the order
//! and the plan.

use crate::support::definition::{Bins, Wide, definition_along, error};
use crate::support::double_double::Double2;
use crate::support::{Number, ORDERS, bound_of, float, folder, in_order, needed, noisy, resources};
use ndarray::{Array, Array1, ArrayD, Axis, Dimension, Ix1, IxDyn, Slice};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Fft, Norm, fft, fftn, ifft, ifftn, irfft, irfftn, lazy, rfft,
};
use outcore_storage::{
    Cache, Element, FileArray, FileArrayMut, Options, Order, Rolled, Stored, Window,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Case {
    shape: Vec<usize>,
    axes: Vec<usize>,
    orders: (Order, Order),
    direction: Direction,
    norm: Norm,
    threads: usize,
    seed: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let length =
        prop_oneof![3 => 1_usize..10, 1 => prop::sample::select(vec![16_usize, 17, 24, 31])];
    let order = || prop::sample::select(&ORDERS[..]);
    let norm = prop::sample::select(vec![Norm::Backward, Norm::Ortho, Norm::Forward]);
    let direction = prop::sample::select(vec![Direction::Forward, Direction::Inverse]);
    let shape = prop::collection::vec(length, 1..5);
    let of_shape = move |shape: Vec<usize>| {
        let all: Vec<usize> = (0..shape.len()).collect();
        let axes = prop::sample::subsequence(all, 0..=shape.len()).prop_shuffle();
        let kind = (direction.clone(), norm.clone());
        (Just(shape), axes, (order(), order()), kind, 1_usize..3, 0_u64..1000)
    };
    shape.prop_flat_map(of_shape).prop_map(|(shape, axes, orders, kind, threads, seed)| {
        let (direction, norm) = kind;
        Case { shape, axes, orders, direction, norm, threads, seed }
    })
}

impl Case {
    fn request<'a, D: Dimension>(&self, source: &'a impl Stored<D>) -> Fft<'a, D> {
        let forward = self.direction == Direction::Forward;
        let request = if forward { fftn(source, &self.axes) } else { ifftn(source, &self.axes) };
        request.norm(self.norm)
    }

    fn bound<T: Number>(&self) -> f64 {
        bound_of::<T>(&self.axes.iter().map(|&axis| self.shape[axis]).collect::<Vec<_>>())
    }
}

fn zeros<T: Number>(shape: &[usize], order: Order) -> ArrayD<Complex<T>>
where
    Complex<T>: Element,
{
    in_order(&ArrayD::from_elem(IxDyn(shape), Complex::default()), order)
}

fn check<T: Number, W: Wide>(case: &Case)
where
    Complex<T>: Element,
{
    let field = noisy::<T>(&case.shape, case.orders.0, case.seed);
    let expected = definition_along::<T, W, _>(&field, &case.axes, case.direction, case.norm);
    let request = case.request(&field);
    let least = needed(|bytes| request.plan::<T>(resources(bytes, case.threads)));
    let mut first: Option<ArrayD<Complex<T>>> = None;
    for budget in [1 << 24, 2 * least, least + least / 3, least] {
        let plan = request.plan::<T>(resources(budget, case.threads)).unwrap();
        let mut spectrum = zeros::<T>(&case.shape, case.orders.1);
        plan.run(&field, &mut spectrum, Control::new()).unwrap();
        let far = error::<T, W, _>(&spectrum, &expected);
        assert!(far <= case.bound::<T>(), "{far:e} of {:e}: {plan}", case.bound::<T>());
        assert!(*first.get_or_insert_with(|| spectrum.clone()) == spectrum, "other bits by {plan}");

        let request = request.clone().in_place();
        let Ok(plan) = request.plan::<T>(resources(budget, case.threads)) else { continue };
        let mut array = field.clone();
        plan.run_in_place(&mut array, Control::new()).unwrap();
        assert!(array == spectrum, "other bits in place by {plan}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20) })]

    #[test]
    fn single_precision_is_as_accurate_as_promised(case in case()) {
        check::<f32, f64>(&case);
    }

    #[test]
    fn double_precision_is_as_accurate_as_promised(case in case()) {
        check::<f64, Double2>(&case);
    }

    #[test]
    fn the_inverse_of_half_a_spectrum_undoes_it(case in case()) {
        undone::<f64>(&case);
        undone::<f32>(&case);
    }
}

/// The inverse of half spectra, which may be those of real numbers or not.
fn undone<T: Number>(case: &Case)
where
    Complex<T>: Element,
{
    let Some((&last, others)) = case.axes.split_last() else { return };
    let len = case.shape[last];
    let mut shape = case.shape.clone();
    shape[last] = len / 2 + 1;
    let spectrum = noisy::<T>(&shape, case.orders.0, case.seed);
    let expected = real_part_of_inverse(&spectrum, others, last, len, case.norm);
    let request = irfftn(&spectrum, &case.axes, len).norm(case.norm);
    let smallest = needed(|bytes| request.plan::<T>(resources(bytes, case.threads)));
    let mut first: Option<ArrayD<T>> = None;
    for budget in [1 << 24, 2 * smallest, smallest + smallest / 3, smallest] {
        let plan = request.plan::<T>(resources(budget, case.threads)).unwrap();
        assert_eq!(plan.shape(), case.shape);
        let mut scratch = zeros::<T>(&shape, case.orders.0);
        let zero = ArrayD::from_elem(IxDyn(&case.shape), T::of(0.0));
        let mut field = in_order(&zero, case.orders.1);
        plan.run_through(&spectrum, &mut scratch, &mut field, Control::new()).unwrap();
        let apart =
            field.iter().zip(&expected).map(|(x, y)| (x.wide() - y.wide()).powi(2)).sum::<f64>();
        let size = expected.iter().map(|x| x.wide().powi(2)).sum::<f64>();
        let far = (apart / size.max(f64::MIN_POSITIVE)).sqrt();
        // Both have the error that is promised, and the sum may be smaller than its terms.
        let bound = 8.0 * T::ROUGH * T::UNIT * float(field.len().max(64)).log2().sqrt();
        assert!(far <= bound, "{far:e} of {bound:e}: {plan}");
        assert!(*first.get_or_insert_with(|| field.clone()) == field, "other bits by {plan}");
    }
}

/// By the complex transform of the whole spectrum.
fn real_part_of_inverse<T: Number>(
    spectrum: &ArrayD<Complex<T>>,
    others: &[usize],
    last: usize,
    len: usize,
    norm: Norm,
) -> ArrayD<T>
where
    Complex<T>: Element,
{
    let run = |field: &ArrayD<Complex<T>>, axes: &[usize]| {
        let mut result = field.clone();
        let plan = ifftn(field, axes).norm(norm).plan::<T>(Budget::new(1 << 30)).unwrap();
        plan.run(field, &mut result, Control::new()).unwrap();
        result
    };
    let half = run(spectrum, others);
    let mut shape = half.raw_dim();
    shape[last] = len;
    let mut whole = ArrayD::from_elem(shape, Complex::default());
    whole.slice_axis_mut(Axis(last), Slice::from(..len / 2 + 1)).assign(&half);
    for k in 1..len.div_ceil(2) {
        let mirrored = half.index_axis(Axis(last), k).map(Complex::conj);
        whole.index_axis_mut(Axis(last), len - k).assign(&mirrored);
    }
    let zero = T::of(0.0);
    whole.index_axis_mut(Axis(last), 0).mapv_inplace(|x| Complex::new(x.re, zero));
    if len.is_multiple_of(2) {
        whole.index_axis_mut(Axis(last), len / 2).mapv_inplace(|x| Complex::new(x.re, zero));
    }
    run(&whole, &[last]).map(|x| x.re)
}

/// Every length up to 512, against a transform in twice as many digits.
fn every_length<T: Number, W: Wide>()
where
    Complex<T>: Element,
{
    for len in 1..=512 {
        let field = noisy::<T>(&[len], Order::C, len as u64).into_dimensionality::<Ix1>().unwrap();
        let expected =
            definition_along::<T, W, _>(&field, &[0], Direction::Forward, Norm::Backward);
        let mut spectrum = Array1::from_elem(len, Complex::default());
        let plan = fft(&field, 0).plan::<T>(Budget::new(1 << 20)).unwrap();
        plan.run(&field, &mut spectrum, Control::new()).unwrap();
        let far = error::<T, W, _>(&spectrum, &expected);
        assert!(far <= bound_of::<T>(&[len]), "length {len}: {far:e}");

        let real = field.map(|x| x.re);
        let complex = real.map(|&x| Complex::new(x, T::of(0.0)));
        let expected =
            definition_along::<T, W, _>(&complex, &[0], Direction::Forward, Norm::Backward);
        let half = len / 2 + 1;
        let mut spectrum = Array1::from_elem(half, Complex::default());
        let plan = rfft(&real, 0).plan::<T>(Budget::new(1 << 20)).unwrap();
        plan.run(&real, &mut spectrum, Control::new()).unwrap();
        let far = error::<T, W, _>(&spectrum, &expected.slice(ndarray::s![..half]).to_owned());
        // The error is relative to half of the spectrum.
        assert!(far <= 2.0 * bound_of::<T>(&[len]), "real length {len}: {far:e}");

        let mut back = Array1::from_elem(len, T::of(0.0));
        let plan = irfft(&spectrum, 0, len).plan::<T>(Budget::new(1 << 20)).unwrap();
        plan.run(&spectrum, &mut back, Control::new()).unwrap();
        let apart = (&back - &real).iter().map(|x| x.wide().powi(2)).sum::<f64>();
        let size = real.iter().map(|x| x.wide().powi(2)).sum::<f64>();
        assert!((apart / size).sqrt() <= 3.0 * bound_of::<T>(&[len]), "inverse of length {len}");
    }
}

#[test]
fn every_short_length_is_as_accurate_as_promised() {
    every_length::<f32, f64>();
    every_length::<f64, Double2>();
}

/// Elements of the transform of a lane by the definition.
fn bins<T: Number, W: Wide>(field: &Array1<Complex<T>>, bins: &[usize]) -> Vec<Complex<f64>>
where
    Complex<T>: Element,
{
    let row = field.view().insert_axis(Axis(0)).to_owned();
    let definition = Bins::<W>::new(row.dim());
    bins.iter().map(|&k| definition.of(&row, [0, k])).collect()
}

/// A lane too long for the whole definition: sampled elements, all plans, all threads.
fn long_lane<T: Number, W: Wide>(len: usize)
where
    Complex<T>: Element,
{
    let field = noisy::<T>(&[len], Order::C, 5).into_dimensionality::<Ix1>().unwrap();
    let mut spectrum = Array1::from_elem(len, Complex::default());
    let plan = fft(&field, 0).plan::<T>(resources(1 << 30, 2)).unwrap();
    plan.run(&field, &mut spectrum, Control::new()).unwrap();
    let samples = [len - 1, 12_345];
    let scale = float(len).sqrt() * 0.4;
    for (&k, expected) in samples.iter().zip(bins::<T, W>(&field, &samples)) {
        let found = Complex::new(spectrum[k].re.wide(), spectrum[k].im.wide());
        // An error of a single element: those of all have this root mean square.
        let far = (found - expected).norm() / scale;
        assert!(far <= 4.0 * bound_of::<T>(&[len]), "element {k} of {len}: {far:e}");
    }
    // Parseval: the sum of squares is kept.
    let energy = |array: &Array1<Complex<T>>| {
        let parts = array.axis_chunks_iter(Axis(0), 1024);
        parts.map(|part| part.iter().map(|x| x.norm_sqr().wide()).sum::<f64>()).sum::<f64>()
    };
    let ratio = energy(&spectrum) / energy(&field) / float(len);
    assert!((ratio - 1.0).abs() < 4.0 * bound_of::<T>(&[len]), "{ratio}");

    let mut back = Array1::from_elem(len, Complex::default());
    let plan = ifft(&spectrum, 0).plan::<T>(resources(1 << 30, 1)).unwrap();
    plan.run(&spectrum, &mut back, Control::new()).unwrap();
    let change = (&back - &field).iter().map(|x| x.norm_sqr().wide()).sum::<f64>();
    assert!((change / energy(&field)).sqrt() <= 2.0 * bound_of::<T>(&[len]));
}

#[test]
fn long_lanes_are_as_accurate_as_promised() {
    long_lane::<f32, f64>(3 << 19);
    long_lane::<f64, Double2>(9 << 17);
    // With a prime factor above 11 in each half.
    long_lane::<f32, f64>(13 * 17 * 4900);
}

/// A lane longer than the budget has the same bits as in memory: in files of both orders, with other
/// axes before and after it, whatever the budget.
#[test]
fn lanes_longer_than_the_budget_have_the_same_bits() {
    let folder = folder().unwrap();
    let len = (1 << 20) + (1 << 18);
    for (shape, axis, order) in [
        (vec![len], 0, Order::C),
        (vec![2, len], 1, Order::C),
        (vec![len, 2], 0, Order::C),
        (vec![len, 1], 0, Order::F),
        (vec![3, len], 1, Order::F),
    ] {
        let field = noisy::<f32>(&shape, order, 8);
        let mut expected = field.clone();
        let whole = fft(&field, axis).norm(Norm::Ortho).plan::<f32>(resources(1 << 30, 2)).unwrap();
        assert_eq!(whole.plan().passes.len(), 1);
        whole.run(&field, &mut expected, Control::new()).unwrap();

        let options = Options::new().order(order);
        let path = folder.path().join("field.npy");
        let mut file: FileArrayMut<Complex<f32>, IxDyn> =
            options.clone().replace(true).create(&path, IxDyn(&shape)).unwrap();
        file.write_window(Window::whole(IxDyn(&shape)), &field).unwrap();
        file.close().unwrap();
        let file = FileArray::<Complex<f32>, IxDyn>::open(&path).unwrap();
        let request = fft(&file, axis).norm(Norm::Ortho);
        let least = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
        assert!(least < 1 << 20, "{least}");
        for (budget, threads) in [(8 << 20, 1), (3 << 20, 2), (1 << 20, 2)] {
            let plan = request.plan::<f32>(resources(budget, threads)).unwrap();
            assert_eq!((plan.plan().passes.len(), plan.plan().scratch_bytes), (2, 0));
            let mut scratch = options.scratch(folder.path(), IxDyn(&shape)).unwrap();
            let mut sink = options.scratch(folder.path(), IxDyn(&shape)).unwrap();
            let through = plan.run_through(&file, &mut scratch, &mut sink, Control::new()).unwrap();
            assert!(sink.read().unwrap() == expected, "{plan}");
            // What lies between the passes may be in the output.
            let mut sink = options.scratch(folder.path(), IxDyn(&shape)).unwrap();
            let back = plan.run(&file, &mut sink, Control::new()).unwrap();
            assert!(sink.read().unwrap() == expected, "{plan}");
            for report in [through, back] {
                assert_eq!(report.bytes_read(), plan.plan().bytes_read());
                assert_eq!(report.bytes_written(), plan.plan().bytes_written());
            }
        }
        // Of another type in the file, and so through a function.
        let halves = lazy(&file).map(|x: Complex<f32>| x);
        let plan = fft(&halves, axis).norm(Norm::Ortho).plan::<f32>(resources(3 << 20, 2)).unwrap();
        let mut scratch = options.scratch(folder.path(), IxDyn(&shape)).unwrap();
        let mut sink = options.scratch(folder.path(), IxDyn(&shape)).unwrap();
        plan.run_through(&halves, &mut scratch, &mut sink, Control::new()).unwrap();
        assert!(sink.read().unwrap() == expected);
    }
}

/// A lane longer than the budget and other axes, before and after it in the order of the file: axes are
/// transformed in the same order as with memory for all of it.
#[test]
fn lanes_longer_than_the_budget_and_other_axes_have_the_same_bits() {
    let folder = folder().unwrap();
    let len = 1024 * 1025;
    for (shape, axes, order, passes) in [
        (vec![2, len, 2], vec![1, 2], Order::C, 3),
        (vec![2, len, 2], vec![2, 1, 0], Order::C, 4),
        (vec![2, 2, len], vec![0, 1, 2], Order::F, 3),
    ] {
        let shape = IxDyn(&shape);
        let field = noisy::<f32>(shape.slice(), order, 10);
        let mut expected = field.clone();
        let request = |source| fftn(source, &axes).norm(Norm::Ortho);
        let whole = request(&field).plan::<f32>(resources(1 << 30, 2)).unwrap();
        assert_eq!(whole.plan().passes.len(), 1);
        whole.run(&field, &mut expected, Control::new()).unwrap();

        let options = Options::new().order(order);
        let file = || -> FileArrayMut<Complex<f32>, IxDyn> {
            options.scratch(folder.path(), shape.clone()).unwrap()
        };
        let (mut source, mut scratch, mut sink) = (file(), file(), file());
        source.write_window(Window::whole(shape.clone()), &field).unwrap();
        let least = needed(|bytes| fftn(&source, &axes).plan::<f32>(resources(bytes, 2)));
        assert!(least < 1 << 20, "{least}");
        for (budget, threads) in [(1 << 20, 2), (6 << 20, 1)] {
            let request = fftn(&source, &axes).norm(Norm::Ortho);
            let plan = request.plan::<f32>(resources(budget, threads)).unwrap();
            assert_eq!(plan.plan().passes.len(), passes, "{plan}");
            assert!(plan.plan().memory() <= budget, "{plan}");
            let run =
                plan.run_with_scratch(&source, &mut scratch, &mut sink, Control::new()).unwrap();
            assert_eq!(run.bytes_read(), plan.plan().bytes_read(), "{plan}");
            assert_eq!(run.bytes_written(), plan.plan().bytes_written(), "{plan}");
            assert!(sink.read().unwrap() == expected, "{plan}");
            // Without an output that is read back, or a scratch array for a lane that comes later, it is refused.
            let run = plan.run_through(&source, &mut scratch, &mut sink, Control::new());
            assert!(run.unwrap_err().to_string().contains("read back"));
            if plan.plan().scratch_bytes > 0 {
                let run = plan.run(&source, &mut sink, Control::new());
                assert!(run.unwrap_err().to_string().contains("scratch array"));
            } else {
                plan.run(&source, &mut sink, Control::new()).unwrap();
                assert!(sink.read().unwrap() == expected, "{plan}");
            }
        }
    }
}

/// A source without runs will do where another axis comes first; source and sink may be moved; and what
/// needs no scratch array needs none.
#[test]
fn chains_read_other_sources() {
    let shape = [3, 1024 * 1025];
    let field = noisy::<f32>(&[3, 1024 * 1024], Order::C, 11);
    let source = lazy(&field).resize(IxDyn(&shape)).unwrap().ifftshift(&[0, 1]).unwrap();
    let run = |budget| {
        let plan = fftn(&source, &[0, 1]).plan::<f32>(resources(budget, 2)).unwrap();
        let mut spectrum = zeros::<f32>(&shape, Order::C);
        let mut scratch = zeros::<f32>(if budget > 1 << 24 { &[0, 0] } else { &shape }, Order::C);
        let mut sink = Rolled::ifftshift(&mut spectrum, &[0, 1]).unwrap();
        plan.run_with_scratch(&source, &mut scratch, &mut sink, Control::new()).unwrap();
        (spectrum, plan.plan().passes.len())
    };
    let (expected, one) = run(1 << 30);
    let (found, three) = run(2 << 20);
    assert_eq!((one, three), (1, 3));
    assert!(found == expected);
    // The lane comes first, and has no runs.
    let source = lazy(&field).resize(IxDyn(&shape)).unwrap().permuted_axes(&[1, 0]).unwrap();
    assert!(fftn(&source, &[1]).plan::<f32>(resources(64 << 20, 2)).is_ok());
    assert!(fftn(&source, &[0]).plan::<f32>(resources(2 << 20, 2)).is_err());
}

/// Both are moved on their way, by the plan for what is not.
#[test]
fn long_lanes_are_moved_on_their_way() {
    let (folder, len) = (folder().unwrap(), 1025 * 1025);
    for (shape, axis, order, moved) in [
        (vec![len], 0, Order::C, vec![0]),
        (vec![2, len], 1, Order::C, vec![1]),
        (vec![3, len], 1, Order::F, vec![0, 1]),
    ] {
        let field = noisy::<f32>(&shape, order, 9);
        let mut expected = field.clone();
        let whole = fft(&field, axis).plan::<f32>(resources(1 << 30, 2)).unwrap();
        let source = Rolled::ifftshift(&field, &moved).unwrap();
        let mut sink = Rolled::ifftshift(&mut expected, &moved).unwrap();
        assert_eq!(whole.plan().passes.len(), 1);
        whole.run(&source, &mut sink, Control::new()).unwrap();

        let options = Options::new().order(order).cache(Cache::Bypass);
        let plan = fft(&field, axis).plan::<f32>(resources(2 << 20, 2)).unwrap();
        assert_eq!(plan.plan().passes.len(), 2);
        let file = || options.scratch(folder.path(), IxDyn(&shape)).unwrap();
        let [mut input, mut scratch, mut output]: [FileArrayMut<Complex<f32>, IxDyn>; 3] =
            [file(), file(), file()];
        input.write_window(Window::whole(IxDyn(&shape)), &field).unwrap();
        let source = Rolled::ifftshift(&input, &moved).unwrap();
        let mut sink = Rolled::ifftshift(&mut output, &moved).unwrap();
        plan.run_through(&source, &mut scratch, &mut sink, Control::new()).unwrap();
        assert!(output.read().unwrap() == expected, "{shape:?} {order}, {moved:?}");
        // In memory, where each run is copied by itself.
        let mut array = field.clone();
        let mut sink = Rolled::ifftshift(&mut array, &moved).unwrap();
        let source = Rolled::ifftshift(&field, &moved).unwrap();
        plan.run(&source, &mut sink, Control::new()).unwrap();
        assert!(array == expected, "{shape:?} {order}, {moved:?}");
    }
}

/// Ergün's tests: linearity, an impulse, a shift ("Testing multivariate linear functions", 1995).
#[test]
fn transforms_are_linear_and_know_impulses_and_shifts() {
    let shape = [6, 20, 15];
    let run = |field: &ArrayD<Complex<f64>>| {
        let mut spectrum = field.clone();
        let request = fftn(field, &[0, 1, 2]);
        let least = needed(|bytes| request.plan::<f64>(resources(bytes, 2)));
        request
            .plan::<f64>(resources(least, 2))
            .unwrap()
            .run(field, &mut spectrum, Control::new())
            .unwrap();
        spectrum
    };
    let (one, other) = (noisy::<f64>(&shape, Order::C, 1), noisy::<f64>(&shape, Order::C, 2));
    let (a, b) = (Complex::new(0.3, -1.7), Complex::new(2.5, 0.1));
    let sum = run(&(&one * a + &other * b));
    let far = (&sum - &(run(&one) * a + run(&other) * b)).map(|x| x.norm()).sum()
        / sum.map(|x| x.norm()).sum();
    assert!(far < 4e-16, "{far:e}");

    let mut impulse = zeros::<f64>(&shape, Order::C);
    impulse[[0, 0, 0]] = Complex::new(1.0, 0.0);
    assert!(run(&impulse).iter().all(|&x| x == Complex::new(1.0, 0.0)));

    let mut shifted = one.clone();
    for (index, element) in one.indexed_iter() {
        shifted[[index[0], (index[1] + 3) % 20, index[2]]] = *element;
    }
    let (plain, shifted) = (run(&one), run(&shifted));
    for (index, element) in shifted.indexed_iter() {
        let turn = -std::f64::consts::TAU * float(3 * index[1] % 20) / 20.0;
        assert!((element - plain[index.clone()] * Complex::cis(turn)).norm() < 1e-12);
    }
}

#[test]
fn what_cannot_be_transformed_is_refused() {
    let field = Array::<Complex<f64>, _>::zeros(IxDyn(&[3, 0, 4]));
    for (axes, text) in
        [(vec![1], "axis 1 has length 0"), (vec![3], "no axis 3"), (vec![2, 2], "named twice")]
    {
        let error = fftn(&field, &axes).plan::<f64>(Budget::new(1 << 20)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    let spectrum = Array::<Complex<f64>, _>::zeros(IxDyn(&[3, 4]));
    for (len, text) in [(5, "of length 3"), (0, "which nothing has"), (8, "of length 5")] {
        let error =
            irfft(&spectrum, 1, len).plan::<f64>(Budget::new(1 << 20)).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
    // A prime number, and the product of a prime and 2.
    for (len, next) in [(2_097_169, 2_099_520), (2 * 2_097_169, 4_199_040)] {
        let lane = Array1::<Complex<f32>>::zeros(len);
        let error = fft(&lane, 0).plan::<f32>(Budget::new(1 << 20)).unwrap_err().to_string();
        let text = format!("length {len} cannot be cut in two, but {next} can, needs at least");
        assert!(error.contains(&text), "{error}");
    }
}
