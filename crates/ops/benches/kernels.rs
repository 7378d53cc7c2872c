//! What transforms do to a tile in memory, in bytes of the tile per second, on all cores.
//!
//!     cargo bench -p outcore-ops

use divan::Bencher;
use divan::counter::BytesCount;
use ndarray::ArrayD;
use num_complex::Complex;
use outcore_ops::kernels::TileLanes;
use outcore_ops::{Budget, Control, fftn};
use outcore_storage::Buffer;

/// Tiles of 128 MiB in single precision: whole columns and whole rows of a matrix of 16384 x 16384.
const COLUMNS: (usize, usize) = (16384, 1024);
const ROWS: (usize, usize) = (1024, 16384);
/// Arrays of 512 and 234 MiB.
const IN_MEMORY: [&[usize]; 3] = [&[8192, 8192], &[512, 512, 256], &[256, 300, 400]];

fn main() {
    divan::main();
}

fn measure(
    bencher: Bencher<'_, '_>,
    shape: (usize, usize),
    axis: usize,
    work: fn(&TileLanes<f32>, &mut [Complex<f32>]),
) {
    let lanes = TileLanes::new(shape, axis, rayon::current_num_threads());
    let mut tile = Buffer::<Complex<f32>>::new(shape.0 * shape.1, 0);
    let bytes = BytesCount::of_slice(&*tile);
    bencher.counter(bytes).bench_local(|| work(&lanes, divan::black_box(&mut tile)));
}

#[divan::bench]
fn row_lanes(bencher: Bencher<'_, '_>) {
    measure(bencher, ROWS, 1, TileLanes::transform);
}

#[divan::bench]
fn column_lanes(bencher: Bencher<'_, '_>) {
    measure(bencher, COLUMNS, 0, TileLanes::transform);
}

#[divan::bench]
fn gather_and_scatter_columns(bencher: Bencher<'_, '_>) {
    measure(bencher, COLUMNS, 0, TileLanes::visit);
}

/// The whole transform of an array in memory, into another.
#[divan::bench(sample_count = 8, args = IN_MEMORY)]
fn fftn_in_memory(bencher: Bencher<'_, '_>, shape: &[usize]) {
    let field = ArrayD::from_elem(shape, Complex::new(1.0_f32, 0.5));
    let mut spectrum = ArrayD::zeros(shape);
    let axes: Vec<usize> = (0..shape.len()).collect();
    let plan = fftn(&field, &axes).plan::<f32>(Budget::new(1 << 30)).expect("it fits");
    let bytes = BytesCount::of_many::<Complex<f32>>(field.len());
    bencher.counter(bytes).bench_local(|| {
        plan.run(&field, divan::black_box(&mut spectrum), Control::new()).expect("it runs")
    });
}

/// The floor of them all: every element is read and written once.
#[divan::bench]
fn copy(bencher: Bencher<'_, '_>) {
    let from = Buffer::<Complex<f32>>::new(ROWS.0 * ROWS.1, 0);
    let mut to = Buffer::<Complex<f32>>::new(from.len(), 0);
    let bytes = BytesCount::of_slice(&*from);
    bencher.counter(bytes).bench_local(|| divan::black_box(&mut to).copy_from_slice(&from));
}
