//! What the tests share: numbers without a pattern, budgets, and what lies in the modules below.

#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

pub(crate) mod definition;
pub(crate) mod double_double;
pub(crate) mod numpy;
#[path = "../../../../tests/support/python.rs"]
pub(crate) mod python;
pub(crate) mod spectral;
pub(crate) mod watch;

use ndarray::{Array, Array2, ArrayD, Dimension, Ix2, IxDyn, ShapeBuilder};
use num_complex::Complex;
use outcore_ops::{Budget, Error, Fft, FftPlan, Plan, Real, Resources};
use outcore_storage::{Element, Order};
use std::fmt::Debug;
use std::io::Write;
use std::num::NonZeroUsize;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

pub(crate) use tempfile::tempdir as folder;

pub(crate) const ORDERS: [Order; 2] = [Order::C, Order::F];

/// A floating-point number with the accuracy that its transforms promise.
pub(crate) trait Number: Real + Element + Debug {
    /// The unit of relative errors.
    const UNIT: f64;
    /// The error of a transform of lengths without large prime factors, in units of
    /// `√log2(elements)`.
    const SMOOTH: f64;
    /// The same where a length has a large prime factor.
    const ROUGH: f64;

    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
    fn bits(self) -> u64;
}

impl Number for f32 {
    const UNIT: f64 = f32::EPSILON as f64;
    const SMOOTH: f64 = 0.6;
    const ROUGH: f64 = 1.2;

    #[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
    fn of(value: f64) -> Self {
        value as f32
    }

    fn wide(self) -> f64 {
        self.into()
    }

    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Number for f64 {
    const UNIT: f64 = f64::EPSILON;
    const SMOOTH: f64 = 1.0;
    const ROUGH: f64 = 3.0;

    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }

    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// The largest relative error that a transform of a shape may have, in the L2 norm.
pub(crate) fn bound<T: Number>(shape: (usize, usize)) -> f64 {
    bound_of::<T>(&[shape.0, shape.1])
}

/// The same of a transform of some lengths.
pub(crate) fn bound_of<T: Number>(lens: &[usize]) -> f64 {
    let smooth = lens.iter().all(|&len| is_smooth(len));
    let factor = if smooth { T::SMOOTH } else { T::ROUGH };
    // The law is one of averages: of few elements, single roundings weigh more.
    factor * T::UNIT * float(lens.iter().product::<usize>().max(64)).log2().sqrt()
}

/// Whether a length has no prime factor above 11.
fn is_smooth(mut len: usize) -> bool {
    for prime in [2, 3, 5, 7, 11] {
        while len.is_multiple_of(prime) {
            len /= prime;
        }
    }
    len == 1
}

#[expect(clippy::cast_precision_loss, reason = "tests count far below 2^53")]
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// A number of `-0.5..0.5` for each index: the last step of the generator SplitMix64 (Steele, Lea
/// and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(crate) fn noise(seed: u64, index: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    let unit = (scrambled(seed, index) >> 11) as f64 / (1_u64 << 53) as f64;
    unit - 0.5
}

pub(crate) fn scrambled(seed: u64, index: u64) -> u64 {
    let mut state = (seed << 40).wrapping_add(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Complex noise; its values do not depend on the order of the elements in memory.
pub(crate) fn random<T: Number>(
    shape: (usize, usize),
    order: Order,
    seed: u64,
) -> Array2<Complex<T>> {
    let part = |index| T::of(noise(seed, index));
    Array2::from_shape_fn(shape.set_f(order == Order::F), |(row, column)| {
        let index = 2 * (row * shape.1 + column) as u64;
        Complex::new(part(index), part(index + 1))
    })
}

/// Complex noise of any number of axes; its values do not depend on the order of the elements in memory.
pub(crate) fn noisy<T: Number>(shape: &[usize], order: Order, seed: u64) -> ArrayD<Complex<T>> {
    let mut index = 0;
    let numbers = ArrayD::from_shape_fn(IxDyn(shape), |_| {
        index += 2;
        Complex::new(T::of(noise(seed, index)), T::of(noise(seed, index + 1)))
    });
    in_order(&numbers, order)
}

/// The same numbers in another order in memory.
pub(crate) fn in_order<T: Clone, D: Dimension>(array: &Array<T, D>, order: Order) -> Array<T, D> {
    let shape = array.raw_dim().set_f(order == Order::F);
    let elements = array.iter().cloned().collect();
    let mut copy = Array::from_shape_vec(shape, elements).expect("as many elements");
    copy.assign(array);
    copy
}

/// All bits of an array, for comparisons in which zeros have signs and a NaN equals itself.
pub(crate) fn bits<T: Number>(array: &Array2<Complex<T>>) -> Vec<[u64; 2]> {
    // In logical order, whatever the order in memory.
    array.iter().map(|x| [x.re.bits(), x.im.bits()]).collect()
}

/// Plans with all of a budget for this many threads.
pub(crate) fn resources(bytes: u64, threads: usize) -> Resources {
    Resources { memory: Budget::new(bytes), threads: NonZeroUsize::new(threads).unwrap() }
}

/// The smallest budget that a refusal names, if a byte is refused.
pub(crate) fn needed<P: Debug>(plan: impl Fn(u64) -> outcore_ops::Result<P>) -> u64 {
    match plan(1).unwrap_err() {
        Error::Budget { needed, allowed: 1, .. } => needed,
        other => panic!("not a refusal of a budget: {other}"),
    }
}

/// The plan within the smallest budget that will do.
pub(crate) fn tightest<T: Number>(request: &Fft<'_, Ix2>, threads: usize) -> FftPlan<T, Ix2>
where
    Complex<T>: Element,
{
    let needed = needed(|bytes| request.plan::<T>(resources(bytes, threads)));
    request.plan(resources(needed, threads)).unwrap()
}

/// The plan within the smallest budget whose plan is as wished.
pub(crate) fn smallest<T: Number>(
    request: &Fft<'_, Ix2>,
    threads: usize,
    wished: impl Fn(&Plan) -> bool,
) -> FftPlan<T, Ix2>
where
    Complex<T>: Element,
{
    let needed = needed(|bytes| request.plan::<T>(resources(bytes, threads)));
    let budgets = (needed..8 * needed).step_by(64);
    let plans = budgets.filter_map(|bytes| request.plan(resources(bytes, threads)).ok());
    plans.into_iter().find(|plan: &FftPlan<T, Ix2>| wished(plan.plan())).expect("such a plan")
}

/// The plan within the smallest of some budgets, from the least on, whose plan is as wished.
pub(crate) fn wished<P: Debug>(
    plan: impl Fn(Resources) -> outcore_ops::Result<P>,
    threads: usize,
    wished: impl Fn(&P) -> bool,
) -> P {
    let least = needed(|bytes| plan(resources(bytes, threads)));
    let budgets = (0..200).map(|step| least + least * step / 50);
    let mut plans = budgets.filter_map(|bytes| plan(resources(bytes, threads)).ok());
    plans.find(|plan| wished(plan)).expect("such a plan")
}

/// What each pass works on.
pub(crate) fn names(plan: &Plan) -> Vec<&str> {
    plan.passes.iter().map(|pass| &pass.name[..]).collect()
}

/// Real noise of any number of axes; its values do not depend on the order of the elements in memory.
pub(crate) fn noisy_reals<T: Number>(shape: &[usize], order: Order, seed: u64) -> ArrayD<T> {
    in_order(&noisy::<T>(shape, Order::C, seed).map(|x| x.re), order)
}

/// The shortest lane that is cut in two where it is longer than the budget.
pub(crate) const LONG: usize = 1024 * 1025;

/// The shortest lane of real numbers of which pairs are.
pub(crate) const LONG_REALS: usize = 2 * LONG;

/// Runs work that must end by itself; panics if it does not, and passes on its panic.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, waits) = channel();
    let worker = thread::spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let _ = done.send(());
        result
    });
    assert!(waits.recv_timeout(limit).is_ok(), "it hangs: still running after {limit:?}");
    worker.join().unwrap().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Says that a test did not run, even where the test runner hides what tests print.
pub(crate) fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// A folder on a disk that syncs in no time, where there is one: then there is time for several marks.
pub(crate) fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| folder()).unwrap()
}

/// A Python script of the folder `tests`.
pub(crate) fn script(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Whole numbers without a pattern, from minus a limit to it.
pub(crate) fn integers(
    shape: &[usize],
    order: Order,
    seed: u64,
    limit: i32,
) -> ndarray::ArrayD<i32> {
    let mut index = 0;
    let next = || {
        index += 1;
        let many = u64::from(limit.unsigned_abs()) * 2 + 1;
        i32::try_from(scrambled(seed, index) % many).unwrap() - limit
    };
    in_order(&ndarray::Array::from_shape_simple_fn(ndarray::IxDyn(shape), next), order)
}
