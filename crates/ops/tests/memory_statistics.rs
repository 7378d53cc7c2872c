//! The budget is a ceiling on what quantiles, histograms and statistics take from the heap, measured by
//! an allocator that counts.

#![expect(unsafe_code, reason = "an allocator that counts is one that allocates")]

mod support;

use ndarray::{Array1, Array2, ArrayD, Ix2};
use outcore_ops::{Between, Control, Ordered, constant, histogram, lazy, quantile, stats};
use outcore_storage::Source;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::{ORDERS, in_order, needed, noise, resources};

struct Counted;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator; `realloc` is the default, which
// allocates anew.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's promise is that of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is that of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// Two tests at a time would count each other's memory.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks the most that work takes from the heap at a time.
fn within(budget: u64, what: &str, work: impl FnOnce()) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    let peak = (PEAK.load(Ordering::Relaxed) - before) as u64;
    assert!(peak <= budget, "{what}: took {peak} of {budget} bytes, {} too many", peak - budget);
}

/// Threads, channels and windows of small tiles take this much, whatever the budget.
const FIXED: u64 = 256 << 10;
const MIB: u64 = 1 << 20;
const SHAPE: (usize, usize) = (1009, 1511);

fn of<T: Ordered>(source: &impl Source<T, ndarray::Ix2>, what: &str) {
    for threads in [1, 4] {
        let what = |operation: &str, budget| format!("{operation} {what} {budget} {threads}");
        for budget in [MIB, 3 * MIB / 2, 3 * MIB, 5 * MIB, 40 * MIB] {
            within(budget, &what("quantile", budget), || {
                let request = quantile(source, &[0.5, 0.9]).unwrap();
                let plan = request.plan::<T>(resources(budget, threads)).unwrap();
                plan.run(source, Control::new()).unwrap();
            });
            within(budget, &what("histogram", budget), || {
                let request = histogram(source, 10_000).unwrap().range(-1e3, 1e3).unwrap();
                let plan = request.plan::<T>(resources(budget, threads)).unwrap();
                plan.run(source, Control::new()).unwrap();
            });
            within(budget, &what("stats", budget), || {
                let plan = stats(source).plan::<T>(resources(budget, threads)).unwrap();
                plan.run(source, Control::new()).unwrap();
            });
            for axis in 0..2 {
                let mut out = ArrayD::<T>::default(vec![if axis == 0 { SHAPE.1 } else { SHAPE.0 }]);
                within(budget, &what("lanes", budget), || {
                    let request = quantile(source, &[0.5]).unwrap();
                    let plan =
                        request.plan_along::<T, T>(axis, resources(budget, threads)).unwrap();
                    let convert = |found: Between<T>| found.below;
                    plan.run(source, &mut out, convert, Control::new()).unwrap();
                });
            }
        }
    }
}

#[test]
fn every_operation_stays_within_its_budget() {
    let _alone = alone();
    let mut index = 0;
    let field = Array2::from_shape_simple_fn(SHAPE, || {
        index += 1;
        noise(1, index) * 100.0
    });
    for order in ORDERS {
        of::<f64>(&in_order(&field, order), "f64");
        #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
        let narrow = in_order(&field.mapv(|x| x as i16), order);
        of::<i16>(&narrow, "i16");
        of::<i64>(&lazy(&narrow).map(i64::from), "i64 of i16");
    }
}

#[test]
fn neither_the_size_of_an_array_nor_its_shape_makes_a_difference() {
    const BUDGET: u64 = 2 << 20;
    let _alone = alone();
    // Once, four and sixteen times the budget, and odd shapes of four times as much.
    let sides = [(512, 1024), (1024, 2048), (2048, 4096)];
    for shape in sides.into_iter().chain([(700_000, 3), (3, 700_000), (1, 2_100_000)]) {
        let field = constant::<f32, Ix2>(shape, 1.5).unwrap();
        for threads in [1, 4] {
            let what = |operation: &str| format!("{operation} of {shape:?} on {threads} threads");
            let resources = resources(BUDGET, threads);
            within(BUDGET, &what("quantile"), || {
                let plan = quantile(&field, &[0.5]).unwrap().plan::<f32>(resources).unwrap();
                plan.run(&field, Control::new()).unwrap();
            });
            within(BUDGET, &what("histogram"), || {
                let plan = histogram(&field, 100).unwrap().plan::<f32>(resources).unwrap();
                plan.run(&field, Control::new()).unwrap();
            });
            within(BUDGET, &what("stats"), || {
                let plan = stats(&field).plan::<f32>(resources).unwrap();
                plan.run(&field, Control::new()).unwrap();
            });
            for (axis, len) in [shape.0, shape.1].into_iter().enumerate() {
                // Whole lanes of millions of elements do not fit.
                if len > 100_000 {
                    continue;
                }
                let mut out = Array1::<f32>::zeros(shape.0 * shape.1 / len);
                within(BUDGET, &what("quantile along an axis"), || {
                    let request = quantile(&field, &[0.5]).unwrap();
                    let plan = request.plan_along::<f32, f32>(axis, resources).unwrap();
                    plan.run(&field, &mut out, |found: Between<f32>| found.below, Control::new())
                        .unwrap();
                });
            }
        }
    }
}

#[test]
fn the_smallest_budgets_are_kept_but_for_what_threads_take() {
    let _alone = alone();
    let field = Array2::<f32>::from_elem(SHAPE, 1.5);
    let least = needed(|bytes| quantile(&field, &[0.5])?.plan::<f32>(resources(bytes, 2)));
    within(least + FIXED, "quantile", || {
        let plan = quantile(&field, &[0.5]).unwrap().plan::<f32>(resources(least, 2)).unwrap();
        plan.run(&field, Control::new()).unwrap();
    });
    let least = needed(|bytes| stats(&field).plan::<f32>(resources(bytes, 2)));
    within(least + FIXED, "stats", || {
        let plan = stats(&field).plan::<f32>(resources(least, 2)).unwrap();
        plan.run(&field, Control::new()).unwrap();
    });
}
