//! Single frequencies of a matrix, from one reading pass over its rows.
//!
//! Every row gives a few numbers, on all cores, and the rows' numbers are combined one after
//! another. So the result does not depend on how the rows are cut into tiles.

use ndarray::{Array2, ArrayView2, Axis, Dimension, Ix2, Zip};
use num_complex::Complex;
use outcore_storage::{Element, Order, Source, Window};
use std::sync::Mutex;

use crate::control::Control;
use crate::pass::{ReadOnly, run_bytes};
use crate::plan::{PREFERRED_BYTES, PassPlan, Plan, Run, SLOTS, greatest, refuse, slots, usable};
use crate::tiling::Tiling;
use crate::transfer::{planned_read_bytes, staging_bytes};
use crate::{Error, Resources, Result};

/// Single elements of the forward transform [`fft2`](crate::fft2), computed from its definition in
/// `f64`: an independent check of a transform of any size.
///
/// Cost: one pass that reads the source once, with one complex multiplication per element and bin.
///
/// ```
/// use ndarray::Array2;
/// use num_complex::Complex;
/// use outcore_ops::{Budget, Control, dft2_bins};
///
/// let field = Array2::<f32>::ones((6, 5));
/// let bins = [[0, 0], [1, 0]];
/// let found = dft2_bins(&field, &bins, |x: f32| Complex::new(x.into(), 0.0), Budget::new(1 << 20),
///                       Control::new())?;
/// assert_eq!(found[0], Complex::new(30.0, 0.0));
/// assert!(found[1].norm() < 1e-14);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If a bin lies outside the array, three rows exceed the budget, reading fails, or the caller
/// cancels.
pub fn dft2_bins<T: Element>(
    source: &impl Source<T, Ix2>,
    bins: &[[usize; 2]],
    to_complex: impl Fn(T) -> Complex<f64> + Sync,
    resources: impl Into<Resources>,
    control: Control<'_>,
) -> Result<Vec<Complex<f64>>> {
    let (rows, columns) = source.shape().into_pattern();
    if let Some(bin) = bins.iter().find(|bin| bin[0] >= rows || bin[1] >= columns) {
        return Err(Error::Shape(format!("bin {bin:?} lies outside shape {:?}", [rows, columns])));
    }
    let row_waves = Waves::new(rows);
    let column_waves = Waves::new(columns);
    let mut totals = vec![Complex::default(); bins.len()];
    let sum_row = |row: &[T], sums: &mut [f64]| {
        for (bin, sum) in bins.iter().zip(sums.chunks_exact_mut(2)) {
            let mut total = Complex::default();
            let mut index = 0;
            for &element in row {
                total += to_complex(element) * column_waves.at(index);
                index += bin[1];
                if index >= columns {
                    index -= columns;
                }
            }
            sum.copy_from_slice(&[total.re, total.im]);
        }
    };
    let add_row = |row: usize, sums: &[f64]| {
        for ((bin, total), sum) in bins.iter().zip(&mut totals).zip(sums.chunks_exact(2)) {
            *total += Complex::new(sum[0], sum[1]) * row_waves.at_product(row, bin[0]);
        }
    };
    let lens = (2 * bins.len(), 2 * bins.len());
    reduce_rows("dft2_bins", source, lens, sum_row, add_row, resources.into(), control)?;
    Ok(totals)
}

/// The roots of unity exp(-2πi k / n), each computed from its own angle.
struct Waves(Vec<Complex<f64>>);

impl Waves {
    #[expect(clippy::cast_precision_loss, reason = "lengths of axes are far below 2^53")]
    fn new(len: usize) -> Self {
        let wave = |k: usize| Complex::cis(-std::f64::consts::TAU * (k as f64 / len as f64));
        Self((0..len).map(wave).collect())
    }

    fn at(&self, index: usize) -> Complex<f64> {
        self.0[index]
    }

    fn at_product(&self, one: usize, other: usize) -> Complex<f64> {
        let product = one as u128 * other as u128 % self.0.len() as u128;
        self.0[usize::try_from(product).expect("less than a length")]
    }
}

/// Applies `sum_row` to every row, giving `len` numbers each, and `add_row` to those in order, which
/// makes a result of `result_len` numbers.
fn reduce_rows<T: Element>(
    name: &str,
    source: &impl Source<T, Ix2>,
    (len, result_len): (usize, usize),
    sum_row: impl Fn(&[T], &mut [f64]) + Sync,
    add_row: impl FnMut(usize, &[f64]) + Send,
    resources: Resources,
    control: Control<'_>,
) -> Result<()> {
    let plan = RowsPlan::new(name, source, (len, result_len), size_of::<T>(), resources)?;
    let (tiling, add_row) = (&plan.tiling, Mutex::new(add_row));
    let kernel = |window: &Window<Ix2>, tile: ArrayView2<'_, T>| {
        let mut sums = Array2::<f64>::zeros((tile.nrows(), len));
        Zip::from(sums.rows_mut()).and(tile.rows()).par_for_each(|mut sums, row| {
            let row = row.to_slice().expect("rows of a tile are contiguous");
            sum_row(row, sums.as_slice_mut().expect("rows of a new array are contiguous"));
        });
        let mut add_row = add_row.lock().expect("a panic ends the run");
        for (row, sums) in (window.origin[0]..).zip(sums.axis_iter(Axis(0))) {
            add_row(row, sums.to_slice().expect("rows of a new array are contiguous"));
        }
    };
    let mut run = Run::new(&plan.plan, control)?;
    // Rows must be contiguous, whatever the order of the file.
    run.pass(&ReadOnly { tiling, order: Order::C, source, kernel })
}

/// The plan of a reading pass over rows.
struct RowsPlan {
    plan: Plan,
    tiling: Tiling<Ix2>,
}

impl RowsPlan {
    fn new<T: Element>(
        name: &str,
        source: &impl Source<T, Ix2>,
        (len, result_len): (usize, usize),
        element: usize,
        resources: Resources,
    ) -> Result<Self> {
        let layout = source.layout();
        let (rows, columns) = layout.shape().into_pattern();
        let cost = |n: usize| {
            let tile = (n * columns * element) as u64;
            let read = (n * columns * layout.element_bytes()) as u64;
            let numbers = (n * len + rows + columns) * 16 + result_len * 8;
            tile * slots(rows.div_ceil(n)) as u64
                + numbers as u64
                + staging_bytes(source.copies(), read, 0, SLOTS)
        };
        let operation = format!("{name} of {:?}", layout.shape().slice());
        let most = rows.min(PREFERRED_BYTES / (columns * element).max(1)).max(1);
        let n = greatest(most, usable(resources), cost);
        let n = n.ok_or_else(|| refuse(&operation, cost(1), resources))?;
        let tiling = Tiling::new(*layout.shape(), Ix2(n, columns), Order::C);
        let pass = PassPlan {
            name: "rows".to_owned(),
            tiles: tiling.len(),
            tile: vec![n, columns],
            slots: slots(tiling.len()),
            tile_bytes: (n * columns * element) as u64,
            run_bytes_read: run_bytes(source, &tiling),
            run_bytes_written: 0,
            bytes_read: planned_read_bytes(source, &tiling, Order::C, size_of::<T>()),
            bytes_written: 0,
            memory: cost(n),
        };
        let passes = vec![pass];
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        Ok(Self { plan, tiling })
    }
}
