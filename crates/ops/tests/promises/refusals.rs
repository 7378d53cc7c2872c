//! What does not fit is refused before anything is moved, by one sentence with both numbers; and the
//! smallest budget that it names is the smallest.

use crate::support::watch::Counting;
use crate::support::{
    LONG, LONG_REALS, ORDERS, in_order, needed, noisy, noisy_reals, random, resources,
};
use ndarray::{Array, Array2, Array3, ArrayD, Axis, Dimension, Ix2, Ix3, IxDyn};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Error, Mode, Norm, Plan, Resources, SinkExt, TileFft2,
    Trigonometric, dct, dft2_bins, fft, fft2, fftconvolve, fftn, idct, ifft2, ifftn, irfft, irfftn,
    map_tiles, power_spectrum, radial_spectrum, rfft, rfftn, spectral_filter, thumbnail,
};
use outcore_storage::{Layout, Order, Stored};
use proptest::prelude::*;
use std::fmt::Debug;

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

/// The same of any number of axes.
#[derive(Clone, Debug)]
struct ImaginaryOfAny {
    layout: Layout<IxDyn>,
    has_runs: bool,
}

impl ImaginaryOfAny {
    fn new(shape: &[usize], order: Order, element_bytes: usize) -> Option<Self> {
        let layout = Layout::new(IxDyn(shape), order, element_bytes, 128)?;
        Some(Self { layout, has_runs: true })
    }
}

impl Stored<IxDyn> for ImaginaryOfAny {
    fn layout(&self) -> Layout<IxDyn> {
        self.layout.clone()
    }

    fn has_runs(&self) -> bool {
        self.has_runs
    }
}

/// The transforms, by the names that refusals give them.
const TRANSFORMS: [&str; 8] =
    ["fftn", "fftn", "ifftn", "rfftn", "irfftn", "irfftn", "Dct1", "inverse Dst2"];

/// Plans for one of them; the last axis of the spectrum of real numbers has this length.
fn plan_of(
    number: usize,
    source: &ImaginaryOfAny,
    axes: &[usize],
    resources: Resources,
) -> outcore_ops::Result<Plan> {
    let last = axes.last().copied().unwrap_or(0);
    let half: usize = source.layout.shape().slice().get(last).copied().unwrap_or(1);
    let odd = (2 * half).saturating_sub(1);
    let even = if half == 1 { odd } else { odd.saturating_sub(1) };
    match number {
        0 => fftn(source, axes).plan::<f32>(resources).map(|plan| plan.plan().clone()),
        1 => fftn(source, axes).in_place().plan::<f64>(resources).map(|plan| plan.plan().clone()),
        2 => ifftn(source, axes).real_part().plan::<f32>(resources).map(|plan| plan.plan().clone()),
        3 => rfftn(source, axes).plan::<f32>(resources).map(|plan| plan.plan().clone()),
        4 => irfftn(source, axes, odd).plan::<f32>(resources).map(|plan| plan.plan().clone()),
        5 => irfftn(source, axes, even).plan::<f64>(resources).map(|plan| plan.plan().clone()),
        6 => dct(source, last, Trigonometric::Dct1)
            .plan::<f32>(resources)
            .map(|plan| plan.plan().clone()),
        _ => idct(source, last, Trigonometric::Dst2)
            .plan::<f64>(resources)
            .map(|plan| plan.plan().clone()),
    }
}

/// A shape of up to four axes, some of which are transformed, in any order.
fn shape_and_axes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let length = prop_oneof![
        3 => 1_usize..12,
        2 => 1_usize..300,
        1 => prop::sample::select(vec![
            1009_usize,
            1024,
            4093,
            10_007,
            LONG,
            LONG_REALS,
            LONG + 1,
        ]),
    ];
    let shape = prop::collection::vec(length, 1..5);
    let few = |shape: &Vec<usize>| {
        let all = shape.iter().try_fold(1_usize, |all, &len| all.checked_mul(len));
        all.is_some_and(|all| all < 1 << 22)
    };
    shape.prop_filter("few elements", few).prop_flat_map(|shape| {
        let all: Vec<usize> = (0..shape.len()).collect();
        let axes = prop::sample::subsequence(all, 1..=shape.len()).prop_shuffle();
        (Just(shape), axes)
    })
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
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

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
    fn the_smallest_budget_of_a_transform_along_any_axes_is_sufficient_and_one_byte_less_is_not(
        (shape, axes) in shape_and_axes(),
        number in 0..TRANSFORMS.len(),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..4,
        element_bytes in prop::sample::select(vec![1_usize, 4, 8, 16]),
        has_runs in any::<bool>(),
    ) {
        let source = ImaginaryOfAny::new(&shape, order, element_bytes).unwrap();
        let source = ImaginaryOfAny { has_runs, ..source };
        let plan = |bytes| plan_of(number, &source, &axes, resources(bytes, threads));
        if number == 6 && shape[*axes.last().unwrap()] == 1 {
            let text = sentence(&plan(1 << 30).unwrap_err());
            prop_assert!(text.contains("is shorter than 2"), "{}", text);
            return Ok(());
        }
        let least = needed(plan);
        for budget in [least, least + 1, least + least / 7, 2 * least, 1 << 30] {
            let plan = plan(budget).unwrap();
            prop_assert!(plan.memory() <= budget, "{} of {budget}", plan.memory());
            for pass in &plan.passes {
                prop_assert!(pass.tiles >= pass.slots && pass.slots > 0, "{pass:?}");
                prop_assert!(pass.slots as u64 * pass.tile_bytes <= pass.memory, "{pass:?}");
            }
        }
        let refused = plan(least - 1).unwrap_err();
        let text = sentence(&refused);
        prop_assert!(text.starts_with(&format!("{} of ", TRANSFORMS[number])), "{}", text);
        prop_assert!(text.contains(&format!("({least} bytes)")), "{}", text);
        prop_assert!(text.contains(&format!("({} bytes)", least - 1)), "{}", text);
        prop_assert!(text.contains(&format!("{shape:?}")), "{}", text);
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
        let wide = |x: C32| Complex::new(f64::from(x.re), f64::from(x.im));
        let picture = |bytes| thumbnail(&field, (9, 9)).plan::<C32>(Budget::new(bytes));
        let least = needed(picture);
        let power = |x: C32| f64::from(x.norm_sqr());
        picture(least).unwrap().run(&field, power, Control::new()).unwrap();
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
        crate::support::tightest::<f64>(&fft2(&field), 2)
            .run(&field, &mut tight, Control::new())
            .unwrap();
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

/// In place there are complex numbers, twice as many bytes as their real part.
#[test]
fn the_real_part_alone_is_refused_where_whole_numbers_are_written() {
    let mut array = Counting::new(Array2::<C32>::zeros((6, 8)));
    let planned = array.layout();
    let request = fft2(&planned).real_part();
    let error = request.clone().in_place().plan::<f32>(Budget::new(1 << 20)).unwrap_err();
    assert!(sentence(&error).contains("in place"), "{error}");
    let plan = request.plan::<f32>(Budget::new(1 << 20)).unwrap();
    assert_eq!(plan.plan().passes.len(), 1);
    let source = random::<f32>((6, 8), Order::C, 9);
    for result in [
        plan.run(&source, &mut array, Control::new()),
        plan.run_in_place(&mut array, Control::new()),
    ] {
        let error = result.unwrap_err();
        assert!(sentence(&error).contains("real part alone"), "{error}");
    }
    assert_eq!(array.bytes(), (0, 0));
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
            None => crate::support::tightest::<f32>(&request, 1),
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

#[test]
fn what_cannot_be_counted_is_refused_at_once() {
    let resources: Resources = Budget::new(1 << 20).into();
    let half = usize::MAX / 2;
    let shapes: [&[usize]; 10] = [
        &[half],
        &[half / 8],
        &[half / 16],
        &[1 << 59],
        &[(1 << 59) - 55],
        &[1 << 40, 1 << 19],
        &[1 << 19, 1, 1 << 40],
        &[(1 << 40) + 1, 3, 1 << 17],
        &[1, half / 16, 1],
        &[half / 16, 1],
    ];
    for (shape, order) in shapes.into_iter().flat_map(|shape| ORDERS.map(|order| (shape, order))) {
        let all: Vec<usize> = (0..shape.len()).collect();
        for element_bytes in [1, 8, 16] {
            let Some(source) = ImaginaryOfAny::new(shape, order, element_bytes) else { continue };
            for (number, last) in
                (0..TRANSFORMS.len()).flat_map(|number| all.iter().map(move |&last| (number, last)))
            {
                let rest: Vec<usize> = all.iter().copied().filter(|&axis| axis != last).collect();
                // Where a short axis is planned for by itself, all of its tiles are counted.
                let is_packed = number == 3 && last + 1 == shape.len() && order == Order::C;
                let rest = if number < 3 || is_packed { &rest[..] } else { &[] };
                for axes in [vec![last], [rest, &[last]].concat()] {
                    let longest = axes.iter().map(|&axis| shape[axis]).max().unwrap();
                    if longest < 1 << 30 {
                        continue;
                    }
                    let error = plan_of(number, &source, &axes, resources).unwrap_err();
                    let text = sentence(&error);
                    let is_refusal =
                        matches!(error, Error::Budget { needed, .. } if needed > 1 << 20);
                    assert!(is_refusal || matches!(error, Error::Shape(_)), "{text}");
                    assert!(text.contains(&format!("{shape:?}")), "{text}");
                }
            }
        }
    }
}

#[test]
fn axes_and_lengths_that_do_not_exist_are_errors() {
    let field = ArrayD::<C32>::zeros(IxDyn(&[3, 4]));
    let roomy = || Budget::new(1 << 20);
    let mut errors = Vec::new();
    for axis in [2, 7, usize::MAX] {
        errors.push((fft(&field, axis).plan::<f32>(roomy()).unwrap_err(), "no axis"));
        errors.push((rfft(&field, axis).plan::<f32>(roomy()).unwrap_err(), "no axis"));
        errors.push((irfft(&field, axis, 5).plan::<f32>(roomy()).unwrap_err(), "no axis"));
        let transform = Trigonometric::Dct4;
        errors.push((dct(&field, axis, transform).plan::<f32>(roomy()).unwrap_err(), "no axis"));
        errors.push((fftn(&field, &[0, axis]).plan::<f32>(roomy()).unwrap_err(), "no axis"));
    }
    for len in [0, 1, 5, 8, usize::MAX] {
        errors.push((irfft(&field, 1, len).plan::<f32>(roomy()).unwrap_err(), "has length 4"));
        errors.push((irfftn(&field, &[0, 1], len).plan::<f64>(roomy()).unwrap_err(), "half a"));
    }
    errors.push((rfftn(&field, &[]).plan::<f32>(roomy()).unwrap_err(), "needs an axis"));
    errors.push((irfftn(&field, &[], 5).plan::<f32>(roomy()).unwrap_err(), "needs an axis"));
    errors.push((rfftn(&field, &[1, 1]).plan::<f32>(roomy()).unwrap_err(), "named twice"));
    for (error, text) in errors {
        assert!(matches!(error, Error::Shape(_)) && sentence(&error).contains(text), "{error}");
    }
}

/// Plans within the smallest budget, and within others.
fn least_and_more<P: Debug>(plan: impl Fn(Resources) -> outcore_ops::Result<P>) -> [P; 3] {
    let least = needed(|bytes| plan(resources(bytes, 2)));
    [least, least + least / 4, 1 << 30].map(|bytes| plan(resources(bytes, 2)).unwrap())
}

#[test]
fn arrays_without_elements_are_transformed_to_nothing() {
    for shape in [[0, 30, 40], [30, 0, 40], [30, 40, 0], [0, 0, 40], [2, LONG, 0]] {
        let axes: Vec<usize> = (0..3).filter(|&axis| shape[axis] > 2).collect();
        let last = *axes.last().unwrap();
        let of = |shape: &[usize]| ArrayD::<C32>::zeros(IxDyn(shape));
        let reals = |shape: &[usize]| ArrayD::<f32>::zeros(IxDyn(shape));
        let (field, real) = (of(&shape), reals(&shape));
        for plan in least_and_more(|resources| fftn(&field, &axes).plan::<f32>(resources)) {
            let (mut scratch, mut sink) = (of(&shape), of(&shape));
            let report = plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap();
            assert_eq!((report.bytes_read(), report.bytes_written()), (0, 0));
        }
        for plan in least_and_more(|resources| rfftn(&real, &axes).plan::<f32>(resources)) {
            let mut sink = of(plan.shape());
            let report = plan.run(&real, &mut sink, Control::new()).unwrap();
            assert_eq!((report.bytes_read(), report.bytes_written()), (0, 0));
        }
        let request = irfftn(&field, &axes, 2 * shape[last] - 1);
        for plan in least_and_more(|resources| request.plan::<f32>(resources)) {
            let (mut scratch, mut sink) = (of(&shape), reals(plan.shape()));
            let report = plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap();
            assert_eq!((report.bytes_read(), report.bytes_written()), (0, 0));
        }
        let request = dct(&real, last, Trigonometric::Dct4);
        for plan in least_and_more(|resources| request.plan::<f32>(resources)) {
            let report = plan.run(&real, &mut reals(&shape), Control::new()).unwrap();
            assert_eq!((report.bytes_read(), report.bytes_written()), (0, 0));
        }
    }
    // Planned for a layout alone, in either order, with and without runs.
    for shape in [[0, 30, 40], [30, 0, 40], [30, 40, 0], [0, 0, 40], [2, LONG, 0]] {
        let axes: Vec<usize> = (0..3).filter(|&axis| shape[axis] > 2).collect();
        for (order, number) in
            ORDERS.into_iter().flat_map(|order| (0..TRANSFORMS.len()).map(move |n| (order, n)))
        {
            let source = ImaginaryOfAny::new(&shape, order, 8).unwrap();
            least_and_more(|resources| plan_of(number, &source, &axes, resources));
        }
    }
}

#[test]
fn an_array_of_no_axes_is_its_own_transform() {
    let field = Array::from_elem(IxDyn(&[]), Complex::new(1.0_f32, 2.0));
    let plan = fftn(&field, &[]).norm(Norm::Ortho).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let mut sink = ArrayD::zeros(IxDyn(&[]));
    plan.run(&field, &mut sink, Control::new()).unwrap();
    assert_eq!(sink, field);
    let plan = ifftn(&field, &[]).in_place().plan::<f32>(Budget::new(1 << 20)).unwrap();
    plan.run_in_place(&mut sink, Control::new()).unwrap();
    assert_eq!(sink, field);
}

#[test]
fn a_scratch_array_that_is_not_needed_may_have_any_shape() {
    let field = noisy::<f32>(&[6, 5], Order::C, 4);
    let (mut out, mut expected) = (ArrayD::<f32>::zeros(field.raw_dim()), field.clone());
    let request = fftn(&field, &[0, 1]);
    let plan = request.plan::<f32>(Budget::new(1 << 20)).unwrap();
    plan.run(&field, &mut expected, Control::new()).unwrap();
    let plan = request.real_part().plan::<f32>(Budget::new(1 << 20)).unwrap();
    for shape in [&[][..], &[1], &[7, 7], &[0, 0, 0]] {
        let mut scratch = ArrayD::<C32>::zeros(IxDyn(shape));
        let mut sink = out.map_sink(|x: C32| x.re);
        plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap();
        assert_eq!(out, expected.map(|x| x.re));
    }
    let half = noisy::<f32>(&[6, 5], Order::C, 5);
    let plan = irfftn(&half, &[0, 1], 9).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let mut out = ArrayD::<f32>::zeros(IxDyn(&[6, 9]));
    let mut scratch = ArrayD::<C32>::zeros(IxDyn(&[]));
    plan.run_through(&half, &mut scratch, &mut out, Control::new()).unwrap();
}

#[test]
fn other_shapes_than_those_of_half_a_spectrum_are_refused_and_left_alone() {
    let field = noisy_reals::<f32>(&[20, 30], Order::C, 6);
    let refused = |result: outcore_ops::Result<outcore_ops::Report>| {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Shape(_)), "{}", sentence(&error));
    };
    let plan = rfftn(&field, &[0, 1]).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let mut whole = Counting::new(ArrayD::<C32>::zeros(IxDyn(&[20, 30])));
    refused(plan.run(&field, &mut whole, Control::new()));
    let half = noisy::<f32>(&[20, 16], Order::C, 7);
    let least = needed(|bytes| irfftn(&half, &[0, 1], 30).plan::<f32>(resources(bytes, 1)));
    let plan = irfftn(&half, &[0, 1], 30).plan::<f32>(resources(least, 1)).unwrap();
    assert_eq!(plan.plan().passes.len(), 2);
    let mut out = Counting::new(ArrayD::<f32>::zeros(IxDyn(&[20, 30])));
    refused(plan.run_through(&half, &mut whole, &mut out, Control::new()));
    let error = plan.run(&half, &mut out, Control::new()).unwrap_err();
    assert!(sentence(&error).contains("scratch array of 2560 bytes"), "{error}");
    let mut other = Counting::new(ArrayD::<f32>::zeros(IxDyn(&[20, 31])));
    let mut scratch = Counting::new(half.clone());
    refused(plan.run_through(&half, &mut scratch, &mut other, Control::new()));
    assert_eq!((whole.bytes(), out.bytes(), other.bytes()), ((0, 0), (0, 0), (0, 0)));
    assert_eq!(scratch.bytes(), (0, 0));
}

/// Of lanes that can be cut in two, the smallest budget is that of two passes.
#[test]
fn the_smallest_budget_of_long_real_lanes_is_sufficient_and_one_byte_less_is_not() {
    for (shape, axis, order, bytes) in [
        (vec![LONG_REALS], 0, Order::C, 4),
        (vec![3, 2 * 1031 * 1033], 1, Order::C, 8),
        (vec![1 << 32, 2], 0, Order::F, 2),
        (vec![2 * 3 * 419_429], 0, Order::C, 4),
    ] {
        let source = ImaginaryOfAny::new(&shape, order, bytes).unwrap();
        for threads in [1, 3] {
            let plan = |bytes| rfft(&source, axis).plan::<f32>(resources(bytes, threads));
            let least = needed(plan);
            for budget in [least, least + least / 5, 3 * least, 64 << 20] {
                let plan = plan(budget.max(least)).unwrap();
                assert_eq!(plan.plan().passes.len() == 2, plan.plan().scratch_bytes > 0);
                assert!(plan.plan().memory() <= budget.max(least));
                for pass in &plan.plan().passes {
                    assert!(pass.tiles >= pass.slots && pass.slots > 0, "{pass:?}");
                    assert!(pass.slots as u64 * pass.tile_bytes <= pass.memory, "{pass:?}");
                }
            }
            let text = sentence(&plan(least - 1).unwrap_err());
            assert!(text.contains(&format!("({least} bytes)")), "{text}");
        }
    }
    // Of the inverse too.
    for (len, outer, threads) in [(LONG_REALS, 1, 1), (2 * 1031 * 1033, 3, 2), (1 << 32, 1, 4)] {
        let source = ImaginaryOfAny::new(&[outer, len / 2 + 1], Order::C, 8).unwrap();
        let plan = |bytes| irfft(&source, 1, len).plan::<f32>(resources(bytes, threads));
        let least = needed(plan);
        for budget in [least, least + least / 5, 3 * least, 64 << 20] {
            let plan = plan(budget.max(least)).unwrap();
            assert!(plan.plan().memory() <= budget.max(least));
            for pass in &plan.plan().passes {
                assert!(pass.tiles >= pass.slots && pass.slots > 0, "{pass:?}");
                assert!(pass.slots as u64 * pass.tile_bytes <= pass.memory, "{pass:?}");
            }
        }
        let text = sentence(&plan(least - 1).unwrap_err());
        assert!(text.contains(&format!("({least} bytes)")), "{text}");
    }
}

#[test]
fn a_long_real_lane_to_another_order_is_refused() {
    let shape = [2, LONG_REALS];
    let field = noisy_reals::<f32>(&shape, Order::C, 8);
    let plan = rfft(&field, 1).plan::<f32>(Budget::new(1 << 20)).unwrap();
    let zeros = |shape: IxDyn, order| Counting::new(in_order(&ArrayD::<C32>::zeros(shape), order));
    let mut scratch = zeros(plan.scratch_shape(), Order::C);
    let mut sink = zeros(IxDyn(plan.shape()), Order::F);
    let error = plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap_err();
    assert!(sentence(&error).contains("another order"), "{error}");
    let error = plan.run(&field, &mut sink, Control::new()).unwrap_err();
    assert!(sentence(&error).contains("scratch array"), "{error}");
    assert_eq!((scratch.bytes(), sink.bytes()), ((0, 0), (0, 0)));
}

/// More than a disk holds, and so planned alone. Of lanes that are as far apart as others are long a few
/// fit whole sooner than rows of all of them.
#[test]
fn the_smallest_budget_of_several_long_lanes_is_sufficient_and_one_byte_less_is_not() {
    let of_last =
        |axis: usize| vec![format!("columns of axis {axis}"), format!("rows of axis {axis}")];
    for (shape, axes, names) in [
        (vec![64, 3 << 20], vec![0, 1], [vec!["columns".to_owned()], of_last(1)].concat()),
        (vec![5, 7, 3 << 20], vec![0, 1, 2], [vec!["columns".to_owned()], of_last(2)].concat()),
        (vec![1 << 21, 3 << 20, 2], vec![1], vec!["columns".to_owned(), "rows".to_owned()]),
    ] {
        let source = ImaginaryOfAny::new(&shape, Order::C, 4).unwrap();
        let plan = |bytes| fftn(&source, &axes).plan::<f32>(resources(bytes, 2));
        let least = needed(plan);
        assert!(least < 2 << 20, "{least}");
        for budget in [least, least + 1, 2 * least, 10 * least] {
            let plan = plan(budget).unwrap();
            assert!(plan.plan().memory() <= budget, "{plan}");
            assert_eq!(crate::support::names(plan.plan()), names);
            // A lane that comes first is cut in the output.
            let scratch = if axes.len() > 1 { plan.plan().output_bytes } else { 0 };
            assert_eq!(plan.plan().scratch_bytes, scratch);
        }
        let text = sentence(&plan(least - 1).unwrap_err());
        assert!(text.contains(&format!("({least} bytes)")), "{text}");
        // There is no room for it in place, nor beside a real part.
        for request in [fftn(&source, &axes).in_place(), fftn(&source, &axes).real_part()] {
            let text = sentence(&request.plan::<f32>(resources(10 * least, 2)).unwrap_err());
            assert!(text.contains("needs at least"), "{text}");
        }
    }
    // A prime number, and a lane that can be cut.
    let source = ImaginaryOfAny::new(&[2_097_169, 1 << 21], Order::C, 8).unwrap();
    let text = sentence(&fftn(&source, &[0, 1]).plan::<f32>(resources(1 << 20, 2)).unwrap_err());
    assert!(text.contains("length 2097169 cannot be cut in two, but 2099520 can"), "{text}");
}

/// A lane that is cut in two is written in the order of the file, which must be that of the plan.
#[test]
fn a_long_lane_to_another_order_is_refused() {
    let shape = [2, LONG];
    let field = noisy::<f32>(&shape, Order::C, 8);
    let plan = fft(&field, 1).plan::<f32>(Budget::new(1 << 20)).unwrap();
    assert_eq!(plan.plan().passes.len(), 2);
    let of = |order| Counting::new(in_order(&ArrayD::<C32>::zeros(IxDyn(&shape)), order));
    let (mut scratch, mut sink) = (of(Order::C), of(Order::F));
    let error = plan.run_through(&field, &mut scratch, &mut sink, Control::new()).unwrap_err();
    assert!(sentence(&error).contains("another order"), "{error}");
    let error = plan.run_through(&of(Order::F), &mut of(Order::C), &mut scratch, Control::new());
    assert!(sentence(&error.unwrap_err()).contains("another order"));
    let mut apart = ArrayD::<C32>::zeros(IxDyn(&[2, LONG + 1]));
    let mut apart = apart.slice_axis_mut(Axis(1), (1..).into());
    let error = plan.run_through(&field, &mut scratch, &mut apart, Control::new()).unwrap_err();
    assert!(sentence(&error).contains("lie in a row"), "{error}");
    assert_eq!((scratch.bytes(), sink.bytes()), ((0, 0), (0, 0)));
}
