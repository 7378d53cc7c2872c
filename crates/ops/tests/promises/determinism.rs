//! Results do not depend on the budget, the number of threads, the page cache or the order of the
//! tiles: they are the same bit for bit.

use crate::support::{Number, ORDERS, bits, folder, in_order, needed, random, resources};
use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_ops::{
    Control, Direction, Fft, Mode, Norm, TileFft2, ToComplex, dft2_bins, fft2, fftconvolve, ifft2,
    lazy, map_tiles, spectral_filter, thumbnail,
};
use outcore_storage::{Cache, Element, FileArray, FileArrayMut, Options, Order, Window};
use std::collections::BTreeSet;
use std::path::Path;

/// Five megabytes in single precision; rows that are whole pages, and columns with a prime factor.
const SHAPE: (usize, usize) = (602, 1024);
const CACHES: [Cache; 2] = [Cache::Use, Cache::Bypass];

fn whole() -> Window<Ix2> {
    Window::from([0..SHAPE.0, 0..SHAPE.1])
}

fn write<T: Element>(path: &Path, array: &Array2<T>, order: Order) {
    let options = Options::new().order(order);
    let mut file: FileArrayMut<T, Ix2> = options.create(path, array.dim()).unwrap();
    file.write_window(whole(), array).unwrap();
    file.close().unwrap();
}

/// Transforms a file by every kind of plan; all results must have the bits of the first.
fn same_bits<T: Number>(request: impl Fn(&FileArray<Complex<T>, Ix2>) -> Fft<'_, Ix2>)
where
    Complex<T>: Element,
{
    let folder = folder().unwrap();
    let (input, output) = (folder.path().join("in.npy"), folder.path().join("out.npy"));
    for order in ORDERS {
        write(&input, &random::<T>(SHAPE, order, 1), order);
        let plain: FileArray<Complex<T>, Ix2> = FileArray::open(&input).unwrap();
        let least = needed(|bytes| request(&plain).plan::<T>(resources(bytes, 2)));
        let (mut first, mut tiles) = (None, BTreeSet::new());
        let budgets = [least, 2 << 20, 5 << 20, 64 << 20];
        for (index, budget) in budgets.into_iter().enumerate() {
            for threads in [1, 2] {
                // Each budget meets both ways to the disk.
                let cache = CACHES[(index + threads) % 2];
                let options = Options::new().cache(cache).order(order);
                let source = options.open(&input).unwrap();
                let mut sink: FileArrayMut<Complex<T>, Ix2> =
                    options.create(&output, SHAPE).unwrap();
                let planned = request(&source).plan::<T>(resources(budget, threads)).unwrap();
                tiles.insert(
                    planned.plan().passes.iter().map(|pass| pass.tiles).collect::<Vec<_>>(),
                );
                planned.run(&source, &mut sink, Control::new()).unwrap();
                let found = bits(&sink.read().unwrap());
                let expected = first.get_or_insert_with(|| found.clone());
                assert!(found == *expected, "{order} {cache:?} {budget} {threads}: bits differ");
            }
        }
        assert!(tiles.len() >= budgets.len(), "the plans are too much alike: {tiles:?}");
    }
}

#[test]
fn a_transform_in_single_precision_has_the_same_bits_by_every_plan() {
    same_bits::<f32>(|source| fft2(source).norm(Norm::Ortho));
}

#[test]
fn an_inverse_transform_in_double_precision_has_the_same_bits_by_every_plan() {
    same_bits::<f64>(ifft2);
}

#[test]
fn a_transform_in_place_has_the_bits_of_one_out_of_place() {
    for order in ORDERS {
        let field = random::<f32>(SHAPE, order, 2);
        let mut spectrum = Array2::zeros(SHAPE);
        let plan = fft2(&field).plan::<f32>(resources(64 << 20, 2)).unwrap();
        plan.run(&field, &mut spectrum, Control::new()).unwrap();
        for budget in [3 << 20, 64 << 20] {
            let mut array = in_order(&field, order);
            let plan = fft2(&array).in_place().plan::<f32>(resources(budget, 1)).unwrap();
            plan.run_in_place(&mut array, Control::new()).unwrap();
            assert!(bits(&array) == bits(&spectrum));
        }
    }
}

#[test]
fn the_order_of_the_output_changes_no_bit() {
    let field = random::<f32>(SHAPE, Order::F, 3);
    let plan = fft2(&field).plan::<f32>(resources(3 << 20, 2)).unwrap();
    let mut results = Vec::new();
    for order in ORDERS {
        let mut spectrum = in_order(&Array2::zeros(SHAPE), order);
        plan.run(&field, &mut spectrum, Control::new()).unwrap();
        results.push(bits(&spectrum));
    }
    assert!(results[0] == results[1]);
}

#[test]
fn the_place_of_an_array_in_its_file_changes_no_bit() {
    let folder = folder().unwrap();
    let field = random::<f32>(SHAPE, Order::C, 4);
    let mut results = BTreeSet::new();
    for offset in [0, 1, 8, 128, 4095, 4096, 10_000] {
        let path = folder.path().join(format!("{offset}.raw"));
        for cache in CACHES {
            let options = Options::new().offset(offset).cache(cache);
            let mut file: FileArrayMut<Complex<f32>, Ix2> =
                options.create_raw(&path, SHAPE).unwrap();
            file.write_window(whole(), &field).unwrap();
            let plan = fft2(&file).plan::<f32>(resources(5 << 20, 2)).unwrap();
            assert_eq!(plan.plan().passes.len(), 2);
            let path = folder.path().join("out.raw");
            let mut sink: FileArrayMut<Complex<f32>, Ix2> =
                options.create_raw(&path, SHAPE).unwrap();
            plan.run(&file, &mut sink, Control::new()).unwrap();
            results.insert(bits(&sink.read().unwrap()));
            let plan = fft2(&file).in_place().plan::<f32>(resources(5 << 20, 2)).unwrap();
            assert_eq!(plan.plan().passes.len(), 2);
            plan.run_in_place(&mut file, Control::new()).unwrap();
            results.insert(bits(&file.read().unwrap()));
        }
    }
    assert_eq!(results.len(), 1);
}

#[test]
fn the_transform_of_real_numbers_has_the_bits_of_that_of_complex_ones() {
    let real = random::<f32>(SHAPE, Order::C, 5).map(|x| x.re);
    let complex = real.map(|&x| Complex::new(x, 0.0));
    let (mut one, mut other) = (Array2::zeros(SHAPE), Array2::zeros(SHAPE));
    let source = lazy(&real).map(f32::to_complex);
    let plan = fft2(&source).plan::<f32>(resources(3 << 20, 2)).unwrap();
    plan.run(&source, &mut one, Control::new()).unwrap();
    let plan = fft2(&complex).plan::<f32>(resources(64 << 20, 1)).unwrap();
    plan.run(&complex, &mut other, Control::new()).unwrap();
    assert!(bits(&one) == bits(&other));
}

#[test]
fn transforms_of_tiles_have_the_same_bits_by_every_plan() {
    let (field, tile) = (random::<f64>(SHAPE, Order::C, 6), (64, 100));
    let (mut results, mut tiles) = (BTreeSet::new(), BTreeSet::new());
    for budget in [2 << 20, 8 << 20, 64 << 20] {
        for threads in [1, 2] {
            let resources = resources(budget, threads);
            let fft =
                TileFft2::<f64>::new(SHAPE, tile, Direction::Forward, Norm::Backward, resources);
            let plan = map_tiles(&field, tile).kernel_bytes(fft.bytes()).plan(resources).unwrap();
            let mut out = Array2::zeros(SHAPE);
            plan.run(&field, &mut out, |_, x, y| fft.apply(x, y, |x| x, |x| x), Control::new())
                .unwrap();
            tiles.insert(plan.plan().passes[0].tiles);
            results.insert(bits(&out));
        }
    }
    assert_eq!(results.len(), 1);
    assert!(tiles.len() > 1, "the plans are too much alike: {tiles:?}");
}

#[test]
fn pictures_and_single_frequencies_have_the_same_bits_by_every_plan() {
    let field = random::<f64>(SHAPE, Order::C, 7).map(|x| x.re);
    let bins = [[0, 0], [1, 1], [300, 511], [601, 1023]];
    let mut frequencies = BTreeSet::new();
    for order in ORDERS {
        let (field, mut pictures) = (in_order(&field, order), BTreeSet::new());
        for budget in [512 << 10, 2 << 20, 64 << 20] {
            for threads in [1, 2] {
                let resources = resources(budget, threads);
                let plan = thumbnail(&field, (37, 41)).plan::<f64>(resources).unwrap();
                let (picture, _) = plan.run(&field, |x| x, Control::new()).unwrap();
                pictures.insert(picture.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
                let wide = |x: f64| Complex::new(x, 0.0);
                let found = dft2_bins(&field, &bins, wide, resources, Control::new()).unwrap();
                frequencies.insert(
                    found.iter().map(|x| [x.re, x.im].map(f64::to_bits)).collect::<Vec<_>>(),
                );
            }
        }
        assert_eq!(pictures.len(), 1);
    }
    assert_eq!(frequencies.len(), 1);
}

/// Budgets from the least on, up to what a single pass needs.
fn budgets(least: u64) -> [u64; 4] {
    [least, 2 << 20, 6 << 20, 256 << 20]
}

#[test]
fn filters_have_the_same_bits_by_every_plan() {
    let response = |f: &[f64]| Complex::from_polar(1.0 - f[0].abs(), f[1].sin());
    let folder = folder().unwrap();
    for order in ORDERS {
        let complex = random::<f64>(SHAPE, order, 8);
        let (input, real) = (folder.path().join("in.npy"), folder.path().join("real.npy"));
        write(&input, &complex, order);
        write(&real, &complex.map(|x| x.re), order);
        let (mut results, mut reals) = (BTreeSet::new(), BTreeSet::new());
        let mut passes = BTreeSet::new();
        let file: FileArray<f64, Ix2> = FileArray::open(&real).unwrap();
        let least =
            needed(|bytes| spectral_filter(&file, response).plan::<f64>(resources(bytes, 2)));
        let file: FileArray<Complex<f64>, Ix2> = FileArray::open(&input).unwrap();
        let least = least.max(needed(|bytes| {
            spectral_filter(&file, response).plan::<Complex<f64>>(resources(bytes, 2))
        }));
        for (index, budget) in budgets(least).into_iter().enumerate() {
            for threads in [1, 2] {
                let options = Options::new().cache(CACHES[(index + threads) % 2]).order(order);
                let source: FileArray<Complex<f64>, Ix2> = options.open(&input).unwrap();
                let plan = spectral_filter(&source, response).plan(resources(budget, threads));
                let plan = plan.unwrap();
                passes.insert(plan.plan().passes.len());
                let path = folder.path().join("out.npy");
                let mut sink: FileArrayMut<Complex<f64>, Ix2> =
                    options.create(path, SHAPE).unwrap();
                plan.run(&source, &mut sink, Control::new()).unwrap();
                results.insert(bits(&sink.read().unwrap()));
                let source: FileArray<f64, Ix2> = options.open(&real).unwrap();
                let plan = spectral_filter(&source, response).plan(resources(budget, threads));
                let plan = plan.unwrap();
                let mut scratch = Array2::zeros(plan.scratch_shape());
                let mut sink = Array2::zeros(SHAPE);
                plan.run_through(&source, &mut scratch, &mut sink, Control::new()).unwrap();
                reals.insert(sink.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            }
        }
        assert_eq!((results.len(), reals.len(), passes), (1, 1, BTreeSet::from([1, 3])));
    }
}

#[test]
fn convolutions_have_the_same_bits_by_every_plan() {
    let kernel = random::<f32>((500, 77), Order::C, 9).map(|x| x.re);
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 10).map(|x| x.re), order);
        // One of them is enough to show that the order makes no difference.
        let count = if order == Order::C { 3 } else { 1 };
        for mode in [Mode::Full, Mode::Same, Mode::Valid].into_iter().take(count) {
            let request = fftconvolve(&field, &kernel).mode(mode);
            let least = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
            let (mut results, mut passes) = (BTreeSet::new(), BTreeSet::new());
            for budget in budgets(least) {
                for threads in [1, 2] {
                    let plan = request.plan::<f32>(resources(budget, threads)).unwrap();
                    passes.insert(plan.plan().passes.len());
                    let mut scratch = Array2::zeros(plan.scratch_shape());
                    let mut sink = Array2::zeros(plan.output_shape());
                    plan.run(&field, &kernel, &mut scratch, &mut sink, Control::new()).unwrap();
                    results.insert(sink.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
                }
            }
            assert_eq!((results.len(), passes), (1, BTreeSet::from([2, 4])), "{order} {mode:?}");
        }
    }
}

#[test]
fn convolutions_by_blocks_have_the_same_bits_by_every_plan() {
    let kernel = random::<f32>((9, 17), Order::C, 11).map(|x| x.re);
    for order in ORDERS {
        let field = in_order(&random::<f32>(SHAPE, order, 12).map(|x| x.re), order);
        let request = fftconvolve(&field, &kernel);
        let least = needed(|bytes| request.plan::<f32>(resources(bytes, 2)));
        let (mut results, mut tiles) = (BTreeSet::new(), BTreeSet::new());
        for budget in budgets(least) {
            for threads in [1, 2] {
                let plan = request.plan::<f32>(resources(budget, threads)).unwrap();
                assert_eq!(plan.plan().passes[1].name, "blocks");
                tiles.insert(plan.plan().passes[1].tiles);
                let (mut scratch, mut sink) = (Array2::zeros((0, 0)), Array2::zeros((610, 1040)));
                plan.run(&field, &kernel, &mut scratch, &mut sink, Control::new()).unwrap();
                results.insert(sink.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            }
        }
        assert_eq!(results.len(), 1, "{order}");
        assert!(tiles.len() > 2, "the plans are too much alike: {tiles:?}");
    }
}
