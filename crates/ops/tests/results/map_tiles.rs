//! A kernel sees every tile of the array once, with its window and its elements, and what it gives
//! is what the output holds: as if ndarray had cut the array itself.

use crate::support::definition::{definition, error};
use crate::support::{Number, ORDERS, bits, in_order, random, resources};
use ndarray::{
    Array, Array1, Array2, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, IxDyn, s,
};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Norm, Resources, TileFft2, fft2, ifft2, lazy, map_tiles,
};
use outcore_storage::{Element, Order, Window};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Mutex;

/// An array of up to four axes, some of length 0, and a tile.
fn cut() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = prop_oneof![9 => (1_usize..14, 1_usize..9), 1 => (0_usize..2, 1_usize..3)];
    prop::collection::vec(axis, 0..5).prop_map(|axes| axes.into_iter().unzip())
}

fn numbered(shape: &[usize], order: Order) -> ArrayD<i32> {
    let mut next = 0..;
    in_order(&Array::from_shape_simple_fn(shape, || next.next().unwrap()), order)
}

/// The tiles of an array, by plain arithmetic.
fn tiles(shape: &[usize], tile: &[usize]) -> Vec<Window<IxDyn>> {
    let counts: Vec<_> = shape.iter().zip(tile).map(|(len, tile)| len.div_ceil(*tile)).collect();
    let window = |place: IxDyn| {
        let mut window = Window::whole(IxDyn::zeros(shape.len()));
        for axis in 0..shape.len() {
            window.origin[axis] = place[axis] * tile[axis];
            window.shape[axis] = tile[axis].min(shape[axis] - window.origin[axis]);
        }
        window
    };
    ndarray::indices(&counts[..]).into_iter().map(window).collect()
}

/// A budget between the smallest that will do and three times that.
fn budget(least: u64, thirds: u64) -> u64 {
    least + least * thirds / 3
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_kernel_sees_each_tile_once_with_its_elements(
        (shape, tile) in cut(),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..3,
        thirds in 0_u64..9,
    ) {
        let field = numbered(&shape, order);
        let mut out = ArrayD::<f64>::zeros(&shape[..]);
        let request = map_tiles(&field, &tile[..]);
        let plan = |bytes| request.plan::<i32, f64>(resources(bytes, threads));
        let least = if field.is_empty() { 100 } else { crate::support::needed(plan) };
        let plan = plan(budget(least, thirds)).unwrap();
        let seen = Mutex::new(HashMap::new());
        let kernel = |window: &Window<IxDyn>, input: ArrayViewD<'_, i32>, mut output: ArrayViewMutD<'_, f64>| {
            assert_eq!(window.shape, output.raw_dim());
            output.zip_mut_with(&input, |to, &from| *to = f64::from(from) / 2.0);
            *seen.lock().unwrap().entry(window.clone()).or_insert(0) += 1;
            let part = field.slice_each_axis(|axis| window.slice(axis.axis.index()));
            assert_eq!(input, part);
        };
        plan.run(&field, &mut out, kernel, Control::new()).unwrap();
        let expected: HashMap<_, _> = tiles(&shape, &tile).into_iter().map(|tile| (tile, 1)).collect();
        prop_assert_eq!(seen.into_inner().unwrap(), expected);
        prop_assert_eq!(out, field.map(|&x| f64::from(x) / 2.0));
    }

    #[test]
    fn in_place_gives_what_ndarray_gives(
        (shape, tile) in cut(),
        order in prop::sample::select(&ORDERS[..]),
        threads in 1_usize..3,
        thirds in 0_u64..9,
    ) {
        let field = numbered(&shape, order);
        let mut expected = field.clone();
        for window in tiles(&shape, &tile) {
            let mut part = expected.slice_each_axis_mut(|axis| window.slice(axis.axis.index()));
            let sum = part.sum();
            part -= sum;
        }
        let request = map_tiles(&field, &tile[..]);
        let plan = |bytes| request.plan_in_place::<i32>(resources(bytes, threads));
        let least = if field.is_empty() { 100 } else { crate::support::needed(plan) };
        let mut array = field.clone();
        let kernel = |_: &_, mut tile: ArrayViewMutD<'_, i32>| {
            let sum = tile.sum();
            tile -= sum;
        };
        plan(budget(least, thirds)).unwrap().run_in_place(&mut array, kernel, Control::new()).unwrap();
        prop_assert_eq!(array, expected);
    }

    #[test]
    fn every_tile_is_transformed_by_itself(
        shape in (1_usize..40, 1_usize..40),
        tile in (1_usize..20, 1_usize..20),
        orders in (prop::sample::select(&ORDERS[..]), prop::sample::select(&ORDERS[..])),
        inverse in any::<bool>(),
        threads in 1_usize..3,
    ) {
        let field = random::<f64>(shape, orders.0, 1);
        let mut out = in_order(&Array2::zeros(shape), orders.1);
        let direction = if inverse { Direction::Inverse } else { Direction::Forward };
        transform_tiles(&field, &mut out, tile, direction, resources(1 << 20, threads));
        for window in tiles(&[shape.0, shape.1], &[tile.0, tile.1]) {
            let part = |array: &Array2<Complex<f64>>| {
                let ranges: Vec<_> = window.ranges().collect();
                array.slice(s![ranges[0].clone(), ranges[1].clone()]).to_owned()
            };
            let input = part(&field);
            let mut expected = Array2::zeros(input.dim());
            let request = if inverse { ifft2(&input) } else { fft2(&input) };
            let plan = request.norm(Norm::Ortho).plan::<f64>(Budget::new(1 << 20)).unwrap();
            plan.run(&input, &mut expected, Control::new()).unwrap();
            let (found, size) = (part(&out), expected.iter().map(Complex::norm_sqr).sum::<f64>());
            let far = (&found - &expected).iter().map(Complex::norm_sqr).sum::<f64>();
            prop_assert!(far <= size * 1e-30, "{}: {} of {}", window, far.sqrt(), size.sqrt());
        }
    }
}

fn transform_tiles<T: Number>(
    field: &Array2<Complex<T>>,
    out: &mut Array2<Complex<T>>,
    tile: (usize, usize),
    direction: Direction,
    resources: Resources,
) where
    Complex<T>: Element,
{
    let fft = TileFft2::<T>::new(field.dim(), tile, direction, Norm::Ortho, resources);
    let plan = map_tiles(field, tile).kernel_bytes(fft.bytes());
    let plan = plan.plan::<Complex<T>, Complex<T>>(resources).unwrap();
    plan.run(field, out, |_, x, y| fft.apply(x, y, |x| x, |x| x), Control::new()).unwrap();
}

#[test]
fn a_tile_as_large_as_the_array_gives_the_bits_of_the_whole_transform() {
    for shape in [(1, 1), (1, 9), (9, 1), (37, 64), (64, 30), (101, 13)] {
        let field = random::<f32>(shape, Order::C, 2);
        let (mut whole, mut tiled) = (Array2::zeros(shape), Array2::zeros(shape));
        let plan = fft2(&field).norm(Norm::Ortho).plan::<f32>(Budget::new(8 << 20)).unwrap();
        plan.run(&field, &mut whole, Control::new()).unwrap();
        let tile = (shape.0 + 5, shape.1);
        transform_tiles(&field, &mut tiled, tile, Direction::Forward, resources(8 << 20, 2));
        assert!(bits(&whole) == bits(&tiled), "{shape:?}");
    }
}

#[test]
fn a_nan_stays_in_its_tile() {
    // Prime lengths have scratch, which the tiles of a thread share.
    for (shape, tile) in [((64, 64), (16, 16)), ((62, 94), (31, 47)), ((40, 9), (8, 1))] {
        let clean = random::<f64>(shape, Order::C, 3);
        let mut field = clean.clone();
        field[[tile.0 + 1, 0]].im = f64::NAN;
        let (mut bad, mut good) = (Array2::zeros(shape), Array2::zeros(shape));
        let resources = resources(8 << 20, 1);
        transform_tiles(&field, &mut bad, tile, Direction::Forward, resources);
        transform_tiles(&clean, &mut good, tile, Direction::Forward, resources);
        for ((row, column), x) in bad.indexed_iter() {
            let poisoned = row / tile.0 == 1 && column / tile.1 == 0;
            assert_eq!(x.is_nan(), poisoned, "{row} {column}");
            assert!(poisoned || *x == good[[row, column]]);
        }
    }
}

#[test]
fn a_sequence_is_cut_into_pieces() {
    let field = Array1::from_iter(0_i64..1000);
    let mut sums = Array1::<i64>::zeros(1000);
    let plan = map_tiles(&field, 30).plan::<i64, i64>(Budget::new(3000)).unwrap();
    assert!(plan.plan().passes[0].tiles > 5);
    let kernel = |_: &_,
                  input: ndarray::ArrayView1<'_, i64>,
                  mut output: ndarray::ArrayViewMut1<'_, i64>| {
        output.fill(input.sum());
    };
    plan.run(&field, &mut sums, kernel, Control::new()).unwrap();
    for (index, &sum) in sums.iter().enumerate() {
        let begin = index / 30 * 30;
        let expected: i64 = field.slice(s![begin..(begin + 30).min(1000)]).sum();
        assert_eq!(sum, expected, "{index}");
    }
}

#[test]
fn an_array_without_elements_calls_no_kernel() {
    let field = Array2::<f32>::zeros((0, 7));
    let mut out = Array2::<f32>::zeros((0, 7));
    let plan = map_tiles(&field, (2, 2)).plan::<f32, f32>(Budget::new(1000)).unwrap();
    let kernel = |_: &_, _: ArrayView2<'_, f32>, _: ndarray::ArrayViewMut2<'_, f32>| {
        panic!("there is no tile");
    };
    let report = plan.run(&field, &mut out, kernel, Control::new()).unwrap();
    assert_eq!((report.bytes_read(), report.bytes_written()), (0, 0));
}

#[test]
fn a_mapped_source_is_mapped_before_the_kernel_sees_it() {
    let field = Array2::from_shape_fn((20, 30), |(row, column)| row > column);
    let source = lazy(&field).map(|flag: bool| u8::from(flag) + 3);
    let mut out = Array2::<u8>::zeros((20, 30));
    let plan = map_tiles(&source, (6, 7)).plan::<u8, u8>(Budget::new(2000)).unwrap();
    plan.run(&source, &mut out, |_, x, mut y| y.assign(&x), Control::new()).unwrap();
    assert_eq!(out, field.map(|&flag| if flag { 4 } else { 3 }));
}

#[test]
fn a_transform_of_real_tiles_agrees_with_that_of_complex_ones() {
    let shape = (23, 37);
    let field = random::<f64>(shape, Order::C, 8).map(|x| x.re);
    let resources = resources(8 << 20, 2);
    for tile in [(1, 1), (2, 2), (7, 10), (10, 7), (23, 1), (1, 37), (23, 37)] {
        for (direction, norm) in
            [(Direction::Forward, Norm::Backward), (Direction::Inverse, Norm::Ortho)]
        {
            let fft = TileFft2::<f64>::new(shape, tile, direction, norm, resources);
            let plan = map_tiles(&field, tile).kernel_bytes(fft.bytes()).plan(resources).unwrap();
            let (mut one, mut other) = (Array2::zeros(shape), Array2::zeros(shape));
            let complex = |x: f64| Complex::new(x, 0.0);
            plan.run(&field, &mut one, |_, x, y| fft.apply(x, y, complex, |x| x), Control::new())
                .unwrap();
            let kernel = |_: &_, x: ArrayView2<'_, f64>, y: ArrayViewMut2<'_, Complex<f64>>| {
                fft.apply_real(x, y, |x| x, |x| x);
            };
            plan.run(&field, &mut other, kernel, Control::new()).unwrap();
            let norm = |array: &Array2<Complex<f64>>| array.map(Complex::norm_sqr).sum().sqrt();
            let error = norm(&(&one - &other)) / norm(&one);
            // Two transforms, each within its bound.
            assert!(error <= 2.0 * crate::support::bound::<f64>((37, 37)), "{tile:?}: {error:e}");
        }
    }
}

#[test]
fn the_accuracy_of_tiny_transforms_is_as_promised() {
    // Of few elements single roundings weigh most, so the worst of many transforms counts.
    for tile in [(1, 2), (1, 3), (3, 1), (2, 3), (1, 5), (1, 7), (3, 3), (1, 9), (5, 5)] {
        let shape = (tile.0 * 100, tile.1 * 100);
        let field = random::<f32>(shape, Order::C, 9);
        let resources = resources(8 << 20, 2);
        let fft = TileFft2::<f32>::new(shape, tile, Direction::Forward, Norm::Backward, resources);
        let plan = map_tiles(&field, tile).kernel_bytes(fft.bytes()).plan(resources).unwrap();
        let mut found = Array2::zeros(shape);
        plan.run(&field, &mut found, |_, x, y| fft.apply(x, y, |x| x, |x| x), Control::new())
            .unwrap();
        let tiles = field.exact_chunks(tile).into_iter().zip(found.exact_chunks(tile));
        let errors = tiles.map(|(input, output)| {
            let expected =
                definition::<f32, f64>(&input.to_owned(), Direction::Forward, Norm::Backward);
            error::<f32, f64, _>(&output.to_owned(), &expected)
        });
        let worst = errors.fold(0.0, f64::max);
        let bound = crate::support::bound::<f32>(tile);
        assert!(worst <= bound, "{tile:?}: error {worst:e}, bound {bound:e}");
    }
}
