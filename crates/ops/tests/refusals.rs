//! What does not fit is refused before anything is moved, by one sentence with both numbers; and the
//! smallest budget that it names is the smallest.

mod support;

use ndarray::{Array2, Array3, Ix2, Ix3};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Error, Mode, Norm, Resources, SinkExt, TileFft2, dft2_bins, fft2,
    fftconvolve, ifft2, map_tiles, power_spectrum, radial_spectrum, spectral_filter, thumbnail,
};
use outcore_storage::{Layout, Order, Stored};
use proptest::prelude::*;
use support::watch::Counting;
use support::{ORDERS, needed, random, resources};

type C32 = Complex<f32>;

/// Something to plan for that takes no memory itself.
#[derive(Clone, Debug)]
struct Imaginary(Layout<Ix2>);

impl Imaginary {
    fn new(shape: (usize, usize), order: Order, element_bytes: usize) -> Self {
        Self(Layout::new(Ix2(shape.0, shape.1), order, element_bytes, 0).unwrap())
    }
}

impl Stored<Ix2> for Imaginary {
    fn layout(&self) -> Layout<Ix2> {
        self.0.clone()
    }
}

/// A length: short, long, prime or round, up to 2^20.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        1_usize..40,
        1_usize..5000,
        (0_u32..=20).prop_map(|power| 1 << power),
        prop::sample::select(vec![1009_usize, 4093, 10_007, 65_537, 99_991, 100_000]),
    ]
}

fn sentence(error: &Error) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    text
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_smallest_budget_of_a_transform_is_sufficient_and_one_byte_less_is_not(
        shape in (length(), length()),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..5,
        real in any::<bool>(),
        element_bytes in prop::sample::select(vec![1_usize, 4, 8]),
    ) {
        let source = Imaginary::new(shape, order, element_bytes);
        let request = if real { ifft2(&source).real_part() } else { fft2(&source) };
        let least = needed(|bytes| request.plan::<f32>(resources(bytes, threads)));
        let plan = request.plan::<f32>(resources(least, threads)).unwrap();
        prop_assert!(plan.plan().memory() <= least);
        prop_assert!(plan.plan().passes.iter().all(|pass| pass.tiles > 0 && pass.slots > 0));
        let refused = request.plan::<f32>(resources(least - 1, threads)).unwrap_err();
        let text = sentence(&refused);
        prop_assert!(text.contains(&format!("({least} bytes)")), "{}", text);
        prop_assert!(text.contains(&format!("({} bytes)", least - 1)), "{}", text);
        prop_assert!(text.contains(&format!("{:?}", [shape.0, shape.1])), "{}", text);
    }

    #[test]
    fn a_plan_never_exceeds_its_budget(
        shape in (length(), length()),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..5,
        budget in prop_oneof![1_u64 << 10..1 << 20, 1_u64 << 20..1 << 30],
    ) {
        let source = Imaginary::new(shape, order, 8);
        // Arrays of about the budget's size are between one pass and two.
        let near = (shape.0 * shape.1 * 16) as u64 + budget / 8;
        let plans = [budget, near].map(|budget| {
            Some((budget, fft2(&source).plan::<f64>(resources(budget, threads)).ok()?))
        });
        for (budget, pass) in plans.iter().flatten().flat_map(|(budget, plan)| {
            plan.plan().passes.iter().map(move |pass| (*budget, pass))
        }) {
            prop_assert!(pass.memory <= budget, "{} of {budget}", pass.memory);
            prop_assert!(pass.slots as u64 * pass.tile_bytes <= pass.memory, "{pass:?}");
            prop_assert!(pass.tiles >= pass.slots, "{:?}", pass);
        }
    }

    #[test]
    fn the_smallest_budget_of_spectral_work_is_sufficient_and_one_byte_less_is_not(
        (shape, kernel) in ((length(), length()), (1_usize..200, 1_usize..3000)),
        orders in [prop::sample::select(&ORDERS[..]), prop::sample::select(&ORDERS[..])],
        threads in 1_usize..5,
    ) {
        let (source, kernel) = (Imaginary::new(shape, orders[0], 4), Imaginary::new(kernel, orders[1], 4));
        let filter = |bytes| {
            spectral_filter(&source, |_: &[f64]| C32::default()).plan::<f32>(resources(bytes, threads))
        };
        let least = needed(filter);
        prop_assert!(filter(least).unwrap().plan().memory() <= least);
        let text = sentence(&filter(least - 1).unwrap_err());
        prop_assert!(text.contains(&format!("({least} bytes)")), "{}", text);
        let named = format!("spectral_filter of {:?}", [shape.0, shape.1]);
        prop_assert!(text.starts_with(&named), "{}", text);
        let rings = |bytes| radial_spectrum(&source).plan::<f32>(resources(bytes, threads));
        let least = needed(rings);
        prop_assert!(rings(least).unwrap().plan().memory() <= least);
        prop_assert!(rings(least - 1).is_err());
        let power = |bytes| power_spectrum(&source).plan::<f32>(resources(bytes, threads));
        let least = needed(power);
        prop_assert!(power(least).unwrap().plan().memory() <= least);
        let text = sentence(&power(least - 1).unwrap_err());
        prop_assert!(text.starts_with("power_spectrum of "), "{}", text);
        let request = fftconvolve(&source, &kernel).mode(Mode::Same);
        let convolution = |bytes| request.plan::<C32>(resources(bytes, threads));
        let least = needed(convolution);
        let plan = convolution(least).unwrap();
        prop_assert!(plan.plan().memory() <= least);
        prop_assert!(plan.plan().passes.iter().all(|pass| pass.tiles > 0 && pass.slots > 0));
        let text = sentence(&convolution(least - 1).unwrap_err());
        prop_assert!(text.contains(&format!("({least} bytes)")), "{}", text);
    }

    #[test]
    fn the_smallest_budget_of_tiles_is_sufficient_and_one_byte_less_is_not(
        shape in (length(), length()),
        tile in (length(), length()),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..5,
        kernel_bytes in 0_u64..100_000,
    ) {
        let source = Imaginary::new(shape, order, 4);
        let request = map_tiles(&source, tile).kernel_bytes(kernel_bytes).named("sharpen");
        let least = needed(|bytes| request.plan::<f32, u8>(resources(bytes, threads)));
        let plan = request.plan::<f32, u8>(resources(least, threads)).unwrap();
        prop_assert!(plan.plan().memory() <= least);
        let refused = request.plan::<f32, u8>(resources(least - 1, threads)).unwrap_err();
        let text = sentence(&refused);
        prop_assert!(text.starts_with("sharpen of "), "{}", text);
        prop_assert!(text.contains(&format!("({least} bytes)")), "{}", text);
        let least = needed(|bytes| request.plan_in_place::<f32>(resources(bytes, threads)));
        request.plan_in_place::<f32>(resources(least, threads)).unwrap();
        request.plan_in_place::<f32>(resources(least - 1, threads)).unwrap_err();
    }
}

#[test]
fn the_smallest_budget_of_a_reading_pass_is_sufficient_and_one_byte_less_is_not() {
    for shape in [(1, 1), (1, 5000), (5000, 1), (97, 1013), (300, 300)] {
        let field = random::<f32>(shape, Order::C, 1);
        let power = |x: C32| f64::from(x.norm_sqr());
        let wide = |x: C32| Complex::new(f64::from(x.re), f64::from(x.im));
        let picture = |bytes| thumbnail(&field, (9, 9), power, Budget::new(bytes), Control::new());
        let least = needed(picture);
        picture(least).unwrap();
        assert!(matches!(picture(least - 1), Err(Error::Budget { needed, .. }) if needed == least));
        let bins = [[0, 0], [shape.0 - 1, shape.1 - 1]];
        let found = |bytes| dft2_bins(&field, &bins, wide, Budget::new(bytes), Control::new());
        let least = needed(found);
        found(least).unwrap();
        assert!(matches!(found(least - 1), Err(Error::Budget { needed, .. }) if needed == least));
    }
}

#[test]
fn the_smallest_budget_runs_and_gives_the_right_result() {
    for shape in [(1, 2000), (2000, 1), (64, 64), (53, 512), (1024, 600)] {
        let field = random::<f64>(shape, Order::C, 2);
        let (mut tight, mut roomy) = (Array2::zeros(shape), Array2::zeros(shape));
        support::tightest::<f64>(&fft2(&field), 2).run(&field, &mut tight, Control::new()).unwrap();
        let plan = fft2(&field).plan::<f64>(Budget::new(1 << 30)).unwrap();
        plan.run(&field, &mut roomy, Control::new()).unwrap();
        assert_eq!(tight, roomy);
    }
}

#[test]
fn an_axis_of_length_0_is_named_at_planning() {
    for (shape, axis) in [((0, 5), 0), ((5, 0), 1), ((0, 0), 0)] {
        let field = Array2::<C32>::zeros(shape);
        let error = fft2(&field).plan::<f32>(Budget::new(1 << 20)).unwrap_err();
        let text = sentence(&error);
        assert!(matches!(error, Error::Shape(_)));
        assert!(text.contains(&format!("axis {axis} has length 0")), "{text}");
        assert!(text.contains(&format!("[{}, {}]", shape.0, shape.1)), "{text}");
    }
}

#[test]
fn arrays_of_another_shape_are_refused_and_left_alone() {
    let (planned, other) = (Array2::<C32>::zeros((6, 8)), Array2::<C32>::ones((8, 6)));
    let plan = fft2(&planned).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let refused = |error: &Error| {
        let text = sentence(error);
        assert!(matches!(error, Error::Shape(_)), "{text}");
        assert!(text.contains("[8, 6]") && text.contains("[6, 8]"), "{text}");
    };
    let (mut good, mut bad) = (Counting::new(planned.clone()), Counting::new(other.clone()));
    refused(&plan.run(&other, &mut good, Control::new()).unwrap_err());
    refused(&plan.run(&planned, &mut bad, Control::new()).unwrap_err());
    refused(&plan.run_in_place(&mut bad, Control::new()).unwrap_err());
    let tiles = map_tiles(&planned, (2, 2)).plan::<C32, C32>(Budget::new(1 << 20)).unwrap();
    refused(&tiles.run(&other, &mut good, |_, _, _| (), Control::new()).unwrap_err());
    refused(&tiles.run(&planned, &mut bad, |_, _, _| (), Control::new()).unwrap_err());
    refused(&tiles.run_in_place(&mut bad, |_, _| (), Control::new()).unwrap_err());
    assert_eq!((good.bytes(), bad.bytes()), ((0, 0), (0, 0)));
}

#[test]
fn filters_and_convolutions_refuse_what_they_cannot_do_by_one_sentence() {
    let refused = |error: Error, parts: &[&str]| {
        let text = sentence(&error);
        assert!(matches!(error, Error::Shape(_)), "{text}");
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    let budget = Budget::new(1 << 20);
    let of = |rows, columns| Array2::<f64>::zeros((rows, columns));
    let (field, none) = (of(6, 8), of(0, 5));
    let one = |_: &[f64]| Complex::new(1.0, 0.0);
    let filter = |array, axes: &[usize]| {
        spectral_filter(array, one).axes(axes).plan::<f64>(budget).unwrap_err()
    };
    refused(filter(&none, &[0, 1]), &["axis 0 has length 0", "[0, 5]"]);
    refused(filter(&field, &[2]), &["no axis 2", "[6, 8]"]);
    refused(filter(&field, &[1, 1]), &["axis 1 is named twice"]);
    let convolution = |kernel: &Array2<f64>, mode| {
        fftconvolve(&field, kernel).mode(mode).plan::<f64>(budget).unwrap_err()
    };
    refused(convolution(&none, Mode::Full), &["axis 0 has length 0", "[6, 8]", "[0, 5]"]);
    refused(convolution(&of(7, 3), Mode::Valid), &["[6, 8]", "[7, 3]", "mode valid"]);
    let (cube, flat) = (Array3::<f64>::zeros((2, 2, 2)).into_dyn(), field.clone().into_dyn());
    let error = fftconvolve(&cube, &flat).plan::<f64>(budget).unwrap_err();
    refused(error, &["as many axes", "[2, 2, 2]", "[6, 8]"]);
    let plan = fftconvolve(&field, &of(2, 2)).plan::<f64>(budget).unwrap();
    let (mut scratch, mut sink) = (Array2::zeros((0, 0)), of(7, 9));
    let error = plan.run(&field, &of(2, 3), &mut scratch, &mut sink, Control::new()).unwrap_err();
    refused(error, &["[2, 3]", "[2, 2]"]);
    let error =
        plan.run(&field, &of(2, 2), &mut scratch, &mut of(6, 8), Control::new()).unwrap_err();
    refused(error, &["[6, 8]", "[7, 9]"]);
    let least = needed(|bytes| fftconvolve(&field, &of(2, 2)).plan::<f64>(resources(bytes, 1)));
    let plan = fftconvolve(&field, &of(2, 2)).plan::<f64>(resources(least, 1)).unwrap();
    if plan.plan().scratch_bytes > 0 {
        let error =
            plan.run(&field, &of(2, 2), &mut scratch, &mut sink, Control::new()).unwrap_err();
        refused(error, &["[0, 0]"]);
    }
}

#[test]
fn a_scratch_array_of_another_shape_is_refused_where_it_is_needed() {
    let field = random::<f32>((64, 80), Order::C, 3);
    let request = fft2(&field).real_part();
    let mut out = Array2::<f32>::zeros((64, 80));
    for (budget, refused) in [(None, true), (Some(1 << 20), false)] {
        let plan = match budget {
            Some(bytes) => request.plan::<f32>(resources(bytes, 1)).unwrap(),
            None => support::tightest::<f32>(&request, 1),
        };
        let mut sink = out.map_sink(|x: C32| x.re);
        let mut scratch = Array2::<C32>::zeros((1, 1));
        let result = plan.run_through(&field, &mut scratch, &mut sink, Control::new());
        assert_eq!(matches!(result, Err(Error::Shape(_))), refused, "{result:?}");
    }
}

#[test]
fn bins_outside_the_array_are_refused() {
    let field = Array2::<f64>::zeros((4, 6));
    for bin in [[4, 0], [0, 6], [usize::MAX, 0]] {
        let wide = |x: f64| Complex::new(x, 0.0);
        let found = dft2_bins(&field, &[[0, 0], bin], wide, Budget::new(1 << 20), Control::new());
        let text = sentence(&found.unwrap_err());
        assert!(text.contains(&format!("{bin:?}")) && text.contains("[4, 6]"), "{text}");
    }
}

#[test]
fn a_kernel_for_tiles_far_larger_than_the_budget_is_refused_and_takes_no_memory() {
    // Four terabytes for each thread: taking them would end this test.
    let shape = (1 << 19, 1 << 19);
    let source = Imaginary::new(shape, Order::C, 8);
    let resources: Resources = Budget::new(1 << 20).into();
    let fft = TileFft2::<f64>::new(shape, shape, Direction::Forward, Norm::Backward, resources);
    let request = map_tiles(&source, shape).kernel_bytes(fft.bytes());
    let refused = request.plan::<Complex<f64>, Complex<f64>>(resources).unwrap_err();
    assert!(matches!(refused, Error::Budget { needed, .. } if needed > 1 << 42), "{refused}");
}

#[test]
#[should_panic(expected = "covers nothing")]
fn a_tile_of_length_0_is_a_mistake_of_the_caller() {
    let _ = map_tiles(&Array3::<u8>::zeros((2, 2, 2)), Ix3(1, 0, 1));
}
