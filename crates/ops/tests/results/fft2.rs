//! The transform is that of the definition, within the promised accuracy, whatever the shape, the
//! order, the plan and the way in which it is run.

use crate::support::definition::{Bins, Wide, definition, error, real_error};
use crate::support::double_double::Double2;
use crate::support::{Number, ORDERS, bound, float, in_order, noise, random, resources, scrambled};
use half::f16;
use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Fft, Norm, SinkExt, ToComplex, dft2_bins, fft2, ifft2, lazy,
};
use outcore_storage::{Element, Order, Stored};
use proptest::prelude::*;

const NORMS: [Norm; 3] = [Norm::Backward, Norm::Ortho, Norm::Forward];
const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Inverse];

#[derive(Clone, Debug)]
struct Case {
    shape: (usize, usize),
    order: Order,
    sink_order: Order,
    direction: Direction,
    norm: Norm,
    threads: usize,
    /// Otherwise the budget is the smallest that will do.
    roomy: bool,
    seed: u64,
}

impl Case {
    fn request<'a>(&self, source: &'a impl Stored<Ix2>) -> Fft<'a, Ix2> {
        let forward = self.direction == Direction::Forward;
        let request = if forward { fft2(source) } else { ifft2(source) };
        request.norm(self.norm)
    }

    fn plan<T: Number>(&self, request: &Fft<'_, Ix2>) -> outcore_ops::FftPlan<T, Ix2>
    where
        Complex<T>: Element,
    {
        if self.roomy {
            let plan = request.plan(resources(1 << 30, self.threads)).unwrap();
            assert_eq!(plan.plan().passes.len(), 1);
            plan
        } else {
            crate::support::tightest(request, self.threads)
        }
    }
}

/// A length with small prime factors, a prime one, or any.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        2 => 1_usize..70,
        1 => prop::sample::select(vec![2_usize, 4, 8, 16, 32, 64, 128]),
        1 => prop::sample::select(vec![2_usize, 3, 5, 7, 11, 13, 29, 61, 83, 101]),
    ]
}

/// Shapes, among them single rows and single columns.
fn shape() -> impl Strategy<Value = (usize, usize)> {
    let long = prop_oneof![1_usize..300, prop::sample::select(vec![128_usize, 167, 256, 257])];
    prop_oneof![
        4 => (length(), length()),
        1 => long.clone().prop_map(|n| (1, n)),
        1 => long.prop_map(|n| (n, 1)),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let order = || prop::sample::select(&ORDERS[..]);
    let kind = (prop::sample::select(&DIRECTIONS[..]), prop::sample::select(&NORMS[..]));
    (shape(), order(), order(), kind, 1_usize..3, any::<bool>(), 0_u64..1000).prop_map(
        |(shape, order, sink_order, (direction, norm), threads, roomy, seed)| Case {
            shape,
            order,
            sink_order,
            direction,
            norm,
            threads,
            roomy,
            seed,
        },
    )
}

/// Runs a case in all three ways, checks each against the definition, and undoes it.
fn check<T: Number, W: Wide>(case: &Case)
where
    Complex<T>: Element,
{
    let field = random::<T>(case.shape, case.order, case.seed);
    let expected = definition::<T, W>(&field, case.direction, case.norm);
    let bound = bound::<T>(case.shape);
    let plan = case.plan::<T>(&case.request(&field));
    let mut spectrum = in_order(&Array2::zeros(case.shape), case.sink_order);
    plan.run(&field, &mut spectrum, Control::new()).unwrap();
    let far = error::<T, W, _>(&spectrum, &expected);
    assert!(far <= bound, "error {far:e}, bound {bound:e}, {}", far / bound);

    let plan = case.plan::<T>(&case.request(&field).in_place());
    let mut array = field.clone();
    plan.run_in_place(&mut array, Control::new()).unwrap();
    assert_eq!(array, spectrum);

    let plan = case.plan::<T>(&case.request(&field).real_part());
    let mut scratch = Array2::<Complex<T>>::zeros(case.shape);
    let mut real = in_order(&Array2::<T>::zeros(case.shape), case.sink_order);
    let mut sink = real.map_sink(|x: Complex<T>| x.re);
    plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap();
    assert_eq!(real, spectrum.map(|x| x.re));
    assert!(real_error::<T, W>(&real, &expected) <= bound);

    let forward = case.direction == Direction::Forward;
    let back = if forward { ifft2(&spectrum) } else { fft2(&spectrum) };
    let back = case.plan::<T>(&back.norm(case.norm).in_place());
    back.run_in_place(&mut spectrum, Control::new()).unwrap();
    let change = (&spectrum - &field).iter().map(|x| x.norm_sqr().wide()).sum::<f64>();
    let size = field.iter().map(|x| x.norm_sqr().wide()).sum::<f64>();
    assert!((change / size).sqrt() <= 2.0 * bound, "the inverse does not undo");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn single_precision_is_as_accurate_as_promised(case in case()) {
        check::<f32, f64>(&case);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn double_precision_is_as_accurate_as_promised(case in case()) {
        check::<f64, Double2>(&case);
    }
}

/// Checks bins of a lane too long for the whole definition.
fn check_bins<T: Number, W: Wide>(shape: (usize, usize))
where
    Complex<T>: Element,
{
    let field = random::<T>(shape, Order::C, 9);
    let mut spectrum = Array2::zeros(shape);
    let plan = crate::support::tightest::<T>(&fft2(&field), 2);
    plan.run(&field, &mut spectrum, Control::new()).unwrap();
    let definition = Bins::<W>::new(shape);
    let (mut far, mut size) = (0.0, 0.0);
    for index in 0..24 {
        let pick = |salt, len: usize| {
            usize::try_from(scrambled(salt, index) % len as u64).expect("an index")
        };
        let place = [pick(1, shape.0), pick(2, shape.1)];
        let expected = definition.of(&field, place);
        let found = spectrum[place];
        far += (Complex::new(found.re.wide(), found.im.wide()) - expected).norm_sqr();
        size += expected.norm_sqr();
    }
    let (far, bound) = ((far / size).sqrt(), bound::<T>(shape));
    assert!(far <= bound, "{shape:?}: error {far:e}, bound {bound:e}");
}

#[test]
fn long_lanes_are_as_accurate_as_promised() {
    for len in [8192, 10_000, 10_007, 16_380] {
        check_bins::<f32, f64>((1, len));
        check_bins::<f64, Double2>((len, 1));
    }
    check_bins::<f32, f64>((1, 65_537));
    check_bins::<f32, f64>((1 << 16, 2));
    check_bins::<f64, Double2>((3, 4099));
}

/// Transforms an array of one of the real types and compares with the definition.
fn check_real<N: ToComplex>(number: impl Fn(f64) -> N)
where
    N::Real: Number,
    Complex<N::Real>: Element,
{
    let shape = (24, 35);
    for order in ORDERS {
        let field = Array2::from_shape_fn(shape, |(row, column)| {
            number(noise(11, (row * shape.1 + column) as u64))
        });
        let field = in_order(&field, order);
        let complex = field.map(|x| x.to_complex());
        assert!(complex.iter().any(|x| *x != complex[[0, 0]]), "all numbers are alike");
        let expected = definition::<N::Real, Double2>(&complex, Direction::Forward, Norm::Backward);
        let source = lazy(&field).map(N::to_complex);
        let mut spectrum = Array2::zeros(shape);
        let plan = crate::support::tightest::<N::Real>(&fft2(&source), 1);
        plan.run(&source, &mut spectrum, Control::new()).unwrap();
        let far = error::<N::Real, Double2, _>(&spectrum, &expected);
        let bound = bound::<N::Real>(shape);
        assert!(far <= bound, "{}: error {far:e}, bound {bound:e}", N::DTYPE);
    }
}

#[test]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
fn every_real_type_is_transformed_in_the_precision_that_holds_it() {
    check_real::<bool>(|x| x > 0.0);
    check_real::<i8>(|x| (x * 250.0) as i8);
    check_real::<i16>(|x| (x * 65e3) as i16);
    check_real::<i32>(|x| (x * 4e9) as i32);
    check_real::<i64>(|x| (x * 1.8e19) as i64);
    check_real::<u8>(|x| ((x + 0.5) * 255.0) as u8);
    check_real::<u16>(|x| ((x + 0.5) * 65e3) as u16);
    check_real::<u32>(|x| ((x + 0.5) * 4e9) as u32);
    check_real::<u64>(|x| ((x + 0.5) * 1.8e19) as u64);
    check_real::<f16>(f16::from_f64);
    check_real::<f32>(f32::of);
    check_real::<f64>(|x| x);
}

#[test]
fn integers_keep_the_digits_that_their_type_has() {
    // The largest exactly representable sums: frequency zero shows every digit.
    let field = Array2::from_shape_vec((1, 2), vec![i32::MAX, 1]).unwrap();
    let mut spectrum = Array2::zeros((1, 2));
    let source = lazy(&field).map(i32::to_complex);
    let plan = fft2(&source).plan::<f64>(Budget::new(1 << 20)).unwrap();
    plan.run(&source, &mut spectrum, Control::new()).unwrap();
    let (sum, difference) = (2_147_483_648.0, 2_147_483_646.0);
    assert_eq!(spectrum[[0, 0]], Complex::new(sum, 0.0));
    assert_eq!(spectrum[[0, 1]], Complex::new(difference, 0.0));
}

#[test]
fn one_nan_or_infinity_reaches_every_element_and_nothing_after_it() {
    // A prime length has scratch of its own, in which a NaN could stay behind.
    for shape in [(8, 16), (13, 47), (1, 30), (30, 1)] {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for roomy in [true, false] {
                let clean = random::<f64>(shape, Order::C, 12);
                let mut field = clean.clone();
                field[[shape.0 / 2, shape.1 / 3]].re = bad;
                let plan = if roomy {
                    fft2(&field).plan::<f64>(Budget::new(1 << 20)).unwrap()
                } else {
                    crate::support::tightest::<f64>(&fft2(&field), 2)
                };
                let (mut spectrum, mut later) = (Array2::zeros(shape), Array2::zeros(shape));
                plan.run(&field, &mut spectrum, Control::new()).unwrap();
                assert!(spectrum.iter().all(|x| !x.is_finite()), "{shape:?} {bad}");
                plan.run(&clean, &mut later, Control::new()).unwrap();
                assert!(later.iter().all(|x| x.is_finite()), "{shape:?} {bad}");
            }
        }
    }
}

#[test]
fn an_impulse_has_a_flat_spectrum_and_a_wave_has_a_peak() {
    let shape = (48, 90);
    let mut impulse = Array2::<Complex<f64>>::zeros(shape);
    impulse[[0, 0]].re = 2.0;
    crate::support::tightest::<f64>(&fft2(&impulse).in_place(), 2)
        .run_in_place(&mut impulse, Control::new())
        .unwrap();
    assert!(impulse.iter().all(|x| (x - 2.0).norm() < 1e-14));
    let mut wave = Array2::from_shape_fn(shape, |(m, n)| {
        let turns = float(5 * m) / float(shape.0) + float(77 * n) / float(shape.1);
        Complex::cis(std::f64::consts::TAU * turns)
    });
    crate::support::tightest::<f64>(&fft2(&wave).in_place(), 2)
        .run_in_place(&mut wave, Control::new())
        .unwrap();
    let elements = float(shape.0 * shape.1);
    for (place, x) in wave.indexed_iter() {
        let expected = if place == (5, 77) { elements } else { 0.0 };
        assert!((x - expected).norm() < 1e-13 * elements, "{place:?}: {x}");
    }
}

#[test]
fn single_frequencies_are_those_of_the_definition() {
    for (shape, order) in [((40, 33), Order::C), ((1, 211), Order::F), ((64, 1), Order::C)] {
        let field = in_order(&random::<f64>(shape, order, 13), order);
        let bins = [[0, 0], [shape.0 - 1, 0], [shape.0 / 2, shape.1 - 1], [0, 0]];
        let found = dft2_bins(&field, &bins, |x| x, Budget::new(1 << 20), Control::new()).unwrap();
        let definition = Bins::<Double2>::new(shape);
        let size = float(field.len()).sqrt();
        for (&place, found) in bins.iter().zip(found) {
            let expected = definition.of(&field, place);
            assert!((found - expected).norm() < 1e-14 * size, "{shape:?} {place:?}");
        }
    }
}
