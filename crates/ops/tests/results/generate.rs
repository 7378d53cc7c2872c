//! Sources that read nothing: against formulas, whole and by windows, and through an operation.

use crate::support::{ORDERS, needed, resources};
use half::f16;
use ndarray::{
    Array, Array1, Array2, ArrayD, Axis, Dim, Dimension, IxDyn, ShapeBuilder, aview0, aview1,
};
use outcore_ops::{
    Control, Error, Step, arange, constant, indices, lazy, linspace, map_tiles, random_integers,
    random_normal, random_uniform, store,
};
use outcore_storage::{Element, Order, Source, Window};

/// No axis, axes of length 0 and 1, primes, and rows longer than what is staged of them.
fn shapes() -> impl Iterator<Item = Vec<usize>> {
    let shapes: [&[usize]; 11] = [
        &[],
        &[0],
        &[1],
        &[7],
        &[523],
        &[3, 0],
        &[1, 13],
        &[5, 7],
        &[3, 601],
        &[3, 1, 5],
        &[2, 3, 5, 7],
    ];
    shapes.into_iter().map(<[usize]>::to_vec)
}

/// A window, into a tile of an order.
fn read<T: Element, D: Dimension>(
    source: &impl Source<T, D>,
    window: &Window<D>,
    order: Order,
) -> Array<T, D> {
    let shape = window.shape.clone().set_f(order == Order::F);
    let mut tile = Array::from_elem(shape, T::default());
    source.read_tile(window, tile.view_mut()).unwrap();
    tile
}

fn whole<T: Element, D: Dimension>(source: &impl Source<T, D>) -> Array<T, D> {
    read(source, &Window::whole(source.shape()), Order::C)
}

/// Windows of all kinds: whole, empty, inner, at the ends, of one element.
fn windows(shape: &[usize]) -> Vec<Window<IxDyn>> {
    let cut = |range: &dyn Fn(usize) -> (usize, usize)| {
        let (origin, shape): (Vec<_>, Vec<_>) = shape.iter().map(|&len| range(len)).unzip();
        Window::new(Dim(origin), Dim(shape))
    };
    vec![
        cut(&|len| (0, len)),
        cut(&|len| (len, 0)),
        cut(&|len| (len / 3, len - len / 3)),
        cut(&|len| (0, len - len / 2)),
        cut(&|len| (len / 2, usize::from(len > 0))),
        cut(&|len| (len.saturating_sub(2), len.min(2))),
    ]
}

/// Windows of a source are those of the whole, in tiles of all orders and strides.
fn windows_agree<T: Element>(source: &impl Source<T, IxDyn>) {
    let all = whole(source);
    for window in windows(source.shape().slice()) {
        let part = all.slice_each_axis(|axis| window.slice(axis.axis.index()));
        assert_eq!(source.read_bytes(&window), 0);
        for order in ORDERS {
            assert_eq!(read(source, &window, order), part, "{window} {order}");
        }
        // Every other element of a tile twice as long: no row of it is contiguous.
        let double = Dim(window.shape.slice().iter().map(|len| 2 * len).collect::<Vec<_>>());
        let mut wide = ArrayD::from_elem(double, T::default());
        let mut tile = wide.slice_each_axis_mut(|_| ndarray::Slice::new(0, None, 2));
        source.read_tile(&window, tile.view_mut()).unwrap();
        assert_eq!(tile, part, "{window} in a tile with gaps");
    }
}

#[test]
fn windows_are_those_of_the_whole() {
    for shape in shapes() {
        windows_agree(&constant(&shape[..], 1.5_f32).unwrap());
        for axis in 0..shape.len() {
            windows_agree(&indices(&shape[..], axis).unwrap());
        }
        windows_agree(&random_uniform::<f32, _>(&shape[..], 5).unwrap());
        windows_agree(&random_uniform::<f64, _>(&shape[..], 5).unwrap());
        windows_agree(&random_normal::<f32, _>(&shape[..], 5).unwrap());
        windows_agree(&random_normal::<f64, _>(&shape[..], 5).unwrap());
        windows_agree(&random_integers(&shape[..], -5_i16..9, 5).unwrap());
    }
}

#[test]
fn windows_of_steps_are_those_of_the_whole() {
    for len in [0, 1, 2, 3, 997] {
        let stop = i32::try_from(len).unwrap();
        let (integers, floats) =
            (arange(0, stop, 1).unwrap(), arange(0.0, 0.1 * f64::from(stop) - 0.01, 0.1).unwrap());
        let even = linspace(-1.0, 0.3, len).unwrap();
        let (all_integers, all_floats, all_even) = (whole(&integers), whole(&floats), whole(&even));
        assert_eq!([all_integers.len(), all_floats.len(), all_even.len()], [len; 3]);
        for origin in 0..len.min(5) {
            for end in [origin, origin + 1, len] {
                let (window, part) = (Window::from(origin..end), ndarray::s![origin..end]);
                assert_eq!(read(&integers, &window, Order::C), all_integers.slice(part));
                assert_eq!(read(&floats, &window, Order::C), all_floats.slice(part));
                assert_eq!(read(&even, &window, Order::C), all_even.slice(part));
            }
        }
    }
}

#[test]
fn constants_and_indices_are_what_they_say() {
    for shape in shapes() {
        let sevens = whole(&constant(&shape[..], 7_u8).unwrap());
        assert_eq!(sevens, ArrayD::from_elem(IxDyn(&shape), 7));
        for axis in 0..shape.len() {
            let expected = ArrayD::from_shape_fn(IxDyn(&shape), |index| index[axis]);
            let found = whole(&indices(&shape[..], axis).unwrap());
            assert_eq!(found.mapv(|index| usize::try_from(index).unwrap()), expected);
        }
    }
    assert_eq!(whole(&constant((), true).unwrap()), aview0(&true));
}

/// Checks an arange against its definition in exact integers.
fn agrees_exactly<T: Step + Into<i128>>(from: T, to: T, by: T) {
    let (first, end, each): (i128, i128, i128) = (from.into(), to.into(), by.into());
    let before = |&value: &i128| if each > 0 { value < end } else { value > end };
    let expected: Vec<_> =
        std::iter::successors(Some(first), |value| Some(value + each)).take_while(before).collect();
    let found: Vec<i128> =
        whole(&arange(from, to, by).unwrap()).iter().map(|&value| value.into()).collect();
    assert_eq!(found, expected, "{from:?} {to:?} {by:?}");
}

#[test]
fn integers_count_exactly_up_and_down_to_the_ends_of_their_type() {
    for (start, stop, step) in
        [(0, 10, 3), (0, 9, 3), (10, 0, -3), (9, 0, -3), (5, 5, 1), (5, 0, 1)]
    {
        agrees_exactly::<i32>(start, stop, step);
        agrees_exactly::<i64>(i64::from(start), stop.into(), step.into());
    }
    agrees_exactly(i8::MIN, i8::MAX, 100);
    agrees_exactly(i8::MAX, i8::MIN, -1);
    agrees_exactly(i8::MAX, i8::MIN, i8::MIN);
    agrees_exactly(0, u8::MAX, 2);
    agrees_exactly(u64::MAX - 10, u64::MAX, 3);
    agrees_exactly(i64::MIN, i64::MAX, i64::MAX / 3);
    agrees_exactly(i64::MAX, i64::MIN, i64::MIN / 5);
}

#[test]
fn a_window_far_into_a_long_array_is_exact() {
    let (far, len) = (1_usize << 61, 3);
    let window = Window::from(far..far + len);
    let odd = arange(-1_i8, 1, 1).unwrap();
    assert_eq!(whole(&odd).to_vec(), [-1, 0]);
    let found = read(&indices(1_usize << 59, 0).unwrap(), &Window::from(99..102), Order::C);
    assert_eq!(found.to_vec(), [99, 100, 101]);
    let bytes = constant(1_usize << 62, 1_u8).unwrap();
    assert_eq!(read(&bytes, &window, Order::C).to_vec(), [1; 3]);
    let noise = random_integers(1_usize << 62, 0..=u8::MAX, 1).unwrap();
    let (low, high) = window.split_at(0, 1);
    let joined = [read(&noise, &low, Order::C), read(&noise, &high, Order::C)];
    assert_eq!(
        read(&noise, &window, Order::C),
        ndarray::concatenate![Axis(0), joined[0], joined[1]]
    );
}

#[test]
fn the_ends_of_a_linspace_are_exact() {
    for (start, stop) in [(0.1_f64, 0.7), (-1e300, 1e300), (3.0, 3.0), (1.0, -1.0), (0.0, 5e-324)] {
        for count in [2, 3, 10, 1001] {
            let all = whole(&linspace(start, stop, count).unwrap());
            assert_eq!((all[0], all[count - 1]), (start, stop), "{start} {stop} {count}");
            let open = whole(&linspace(start, stop, count).unwrap().endpoint(false));
            assert_eq!(open[0].to_bits(), start.to_bits());
            // The same intervals as those of one number more.
            let closed = whole(&linspace(start, stop, count + 1).unwrap());
            assert_eq!(open, closed.slice(ndarray::s![..count]));
        }
    }
    assert_eq!(whole(&linspace(0.5, 0.7, 1).unwrap()).to_vec(), [0.5]);
    assert_eq!(whole(&linspace(0.5, 0.7, 0).unwrap()).len(), 0);
    let halves = whole(&linspace(f16::ZERO, f16::ONE, 3).unwrap());
    assert_eq!(halves.to_vec(), [f16::ZERO, f16::from_f32(0.5), f16::ONE]);
}

#[test]
fn bad_arguments_are_refused_with_their_values() {
    let message = |error: Error| error.to_string();
    let zero = message(arange(1.5, 3.0, 0.0).unwrap_err());
    assert_eq!(zero, "an arange from 1.5 to 3.0 in steps of 0.0 has no length that can be counted");
    assert!(arange(0, 1, 0).is_err());
    for (start, stop, step) in [
        (0.0, f64::INFINITY, 1.0),
        (f64::NAN, 1.0, 1.0),
        (0.0, 1.0, f64::NAN),
        (0.0, 1e300, 1.0),
        (0.0, 1e19, 1.0),
    ] {
        assert!(arange(start, stop, step).is_err(), "{start} {stop} {step}");
    }
    // NumPy's answers: there is one number before a step that is too long, or a stop too near.
    assert_eq!(whole(&arange(0.0, 5.0, f64::INFINITY).unwrap()).to_vec(), [0.0]);
    assert_eq!(whole(&arange(0.0, 5e-324, 1e300).unwrap()).to_vec(), [0.0]);
    assert!(arange(0, u64::MAX, 1).is_err());
    let axis = message(indices((2, 3), 2).unwrap_err());
    assert_eq!(axis, "there is no axis 2 of shape [2, 3], which has 2 axes");
    assert!(message(constant((1 << 40, 1 << 40), 0_u8).unwrap_err()).contains("too large"));
    assert!(indices((0, usize::MAX, usize::MAX), 0).is_err());
    assert!(linspace(0.0, 1.0, usize::MAX).is_err());
    assert!(random_integers(4, 5_i64..5, 1).is_err());
    let empty = (std::ops::Bound::Excluded(u64::MAX), std::ops::Bound::Unbounded);
    assert!(random_integers(4, empty, 1).is_err());
}

#[test]
fn tiles_that_do_not_fit_are_refused() {
    let source = constant((4, 5), 1.0).unwrap();
    let mut tile = Array2::zeros((2, 2));
    let outside = source.read_tile(&Window::from([3..5, 0..2]), tile.view_mut()).unwrap_err();
    assert_eq!(outside.to_string(), "window [3..5, 0..2] reaches outside shape [4, 5]");
    let shape = source.read_tile(&Window::from([0..2, 0..3]), tile.view_mut()).unwrap_err();
    assert!(shape.to_string().contains("[2, 2]") && shape.to_string().contains("[2, 3]"));
}

#[test]
fn an_operation_reads_none_of_their_bytes_and_gives_the_same_for_any_budget() {
    let shape = (61, 127);
    let noise = random_normal::<f32, _>(shape, 9).unwrap();
    let doubled = lazy(&noise).map(|x: f32| 2.0 * x);
    let request = map_tiles(&doubled, (3, 5));
    let expected = whole(&noise).mapv(|x| 2.0 * x);
    let least = needed(|bytes| request.plan::<f32, f32>(resources(bytes, 1)));
    for (bytes, threads) in [(least, 1), (least + 4096, 2), (1 << 24, 2)] {
        let plan = request.plan::<f32, f32>(resources(bytes, threads)).unwrap();
        assert_eq!(plan.plan().bytes_read(), 0);
        let printed = plan.plan().to_string();
        assert!(printed.contains("reads 0 B") && !printed.contains("EiB"), "{printed}");
        let mut result = Array2::zeros(shape);
        let report = plan
            .run(&doubled, &mut result, |_, tile, mut out| out.assign(&tile), Control::new())
            .unwrap();
        assert_eq!(report.bytes_read(), 0);
        assert_eq!(result, expected);
    }
}

#[test]
fn storing_them_reads_nothing_in_either_order() {
    let shape = (61, 127);
    let noise = random_uniform::<f64, _>(shape, 4).unwrap();
    let expected = whole(&noise);
    for order in ORDERS {
        let request = store(&noise).order(order);
        let least = needed(|bytes| request.plan::<f64>(resources(bytes, 1)));
        for bytes in [least, 1 << 24] {
            let plan = request.plan::<f64>(resources(bytes, 2)).unwrap();
            let mut stored = Array2::zeros(shape.set_f(order == Order::F));
            let report = plan.run(&noise, &mut stored, Control::new()).unwrap();
            assert_eq!((plan.plan().bytes_read(), report.bytes_read()), (0, 0));
            assert_eq!(report.bytes_written(), 61 * 127 * 8);
            assert_eq!(stored, expected);
        }
    }
}

#[test]
fn seeds_and_kinds_give_other_numbers() {
    let uniform = |seed| whole(&random_uniform::<f64, _>(1000, seed).unwrap());
    let same = |one: &Array1<f64>, other: &Array1<f64>| {
        one.iter().zip(other).filter(|(one, other)| one.to_bits() == other.to_bits()).count()
    };
    assert_eq!(same(&uniform(1), &uniform(1)), 1000);
    // Low and high bits of the seed both matter; equal numbers of 53 bits are one in 10^13.
    for seed in [0, 2, 1 << 32, 1 | 1 << 63] {
        assert_eq!(same(&uniform(1), &uniform(seed)), 0, "{seed}");
    }
}

/// The sum of squared deviations of counts from an equal share, in units of it.
fn chi_square(counts: &[u32], total: usize) -> f64 {
    let share = crate::support::float(total) / crate::support::float(counts.len());
    counts.iter().map(|&count| (f64::from(count) - share).powi(2) / share).sum()
}

/// What chi-square with so many degrees of freedom exceeds once in 10^6, by Wilson and Hilferty.
fn rare(freedom: f64) -> f64 {
    let part = 2.0 / (9.0 * freedom);
    freedom * (1.0 - part + 4.753 * part.sqrt()).powi(3)
}

#[test]
fn uniform_numbers_are_spread_evenly_and_neighbours_are_independent() {
    const LEN: usize = 1 << 18;
    for seed in 0..4 {
        let single = whole(&random_uniform::<f32, _>(LEN, seed).unwrap()).mapv(f64::from);
        let double = whole(&random_uniform::<f64, _>(LEN, seed).unwrap());
        for numbers in [single, double] {
            assert!(numbers.iter().all(|x| (0.0..1.0).contains(x)));
            // The deviation of a mean of so many is 1/√12/√LEN.
            let sigma = (12.0 * crate::support::float(LEN)).sqrt().recip();
            assert!((numbers.mean().unwrap() - 0.5).abs() < 5.0 * sigma);
            let (mut counts, mut pairs) = ([0; 256], [0; 256]);
            let cell =
                |x: f64, cells: f64| -> usize { num_traits::cast(x * cells).expect("an index") };
            numbers.iter().for_each(|&x| counts[cell(x, 256.0)] += 1);
            // Pairs within a block and across its edge are both among neighbours.
            for (&x, &y) in numbers.iter().zip(numbers.iter().skip(1)).step_by(3) {
                pairs[16 * cell(x, 16.0) + cell(y, 16.0)] += 1;
            }
            assert!(chi_square(&counts, LEN) < rare(255.0));
            assert!(chi_square(&pairs, (LEN - 1).div_ceil(3)) < rare(255.0));
        }
    }
}

#[test]
fn normal_numbers_have_the_moments_and_parts_of_their_distribution() {
    const LEN: usize = 1 << 18;
    // Between these lie a quarter each (tables of the normal distribution).
    const QUARTILE: f64 = 0.674_489_750_196_081_7;
    for seed in 0..4 {
        let single = whole(&random_normal::<f32, _>(LEN, seed).unwrap()).mapv(f64::from);
        let double = whole(&random_normal::<f64, _>(LEN, seed).unwrap());
        for numbers in [single, double] {
            let len = crate::support::float(LEN);
            let moment = |power: i32| numbers.mapv(|x| x.powi(power)).sum() / len;
            // The variances of x, x², x³ and x⁴ are 1, 2, 15 and 96.
            for (power, mean, variance) in
                [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
            {
                let sigma = (variance / len).sqrt();
                assert!((moment(power) - mean).abs() < 5.0 * sigma, "{power}");
            }
            let mut counts = [0; 4];
            for &x in &numbers {
                counts[usize::from(x > -QUARTILE)
                    + usize::from(x > 0.0)
                    + usize::from(x > QUARTILE)] += 1;
            }
            assert!(chi_square(&counts, LEN) < rare(3.0), "{counts:?}");
        }
    }
}

#[test]
fn integers_of_a_range_are_equally_likely_and_the_same_in_every_type() {
    const LEN: usize = 1 << 16;
    for span in [1_u8, 2, 3, 7, 100, 255] {
        let numbers = whole(&random_integers(LEN, 0..span, 7).unwrap());
        let mut counts = vec![0; span.into()];
        numbers.iter().for_each(|&number| counts[usize::from(number)] += 1);
        assert!(span == 1 || chi_square(&counts, LEN) < rare(f64::from(span - 1)), "{span}");
        let wide = whole(&random_integers(LEN, 0..u64::from(span), 7).unwrap());
        assert_eq!(wide, numbers.mapv(u64::from));
        let from_below = -128..i16::from(span) - 128;
        let shifted = whole(&random_integers(LEN, from_below, 7).unwrap());
        assert_eq!(shifted, numbers.mapv(|number| i16::from(number) - 128));
    }
}

#[test]
fn ranges_where_a_plain_remainder_would_be_biased_are_not() {
    const LEN: usize = 1 << 16;
    // Of 2^64 words each integer of this range gets one, and every third gets a second one, unless
    // words are left out.
    let end = 3_u64 << 62;
    let numbers = whole(&random_integers(LEN, 0..end, 11).unwrap());
    assert!(numbers.iter().all(|&number| number < end));
    let mut counts = [0; 3];
    numbers.iter().for_each(|&number| counts[usize::try_from(number % 3).unwrap()] += 1);
    assert!(chi_square(&counts, LEN) < rare(2.0), "{counts:?}");

    // All of 64 bits, signed: every bit is set half the time.
    let all = whole(&random_integers(LEN, i64::MIN.., 11).unwrap());
    for bit in 0..64 {
        let set =
            u32::try_from(all.iter().filter(|&&number| number >> bit & 1 == 1).count()).unwrap();
        let counts = [set, u32::try_from(LEN).unwrap() - set];
        assert!(chi_square(&counts, LEN) < rare(1.0), "bit {bit}: {counts:?}");
    }
    assert_eq!(whole(&random_integers(3, 5_i8..=5, 1).unwrap()), aview1(&[5, 5, 5]));
}
