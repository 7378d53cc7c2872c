//! What scans carry along a lane.

use outcore_storage::Element;
use std::cmp::Ordering;

use crate::carried::Carried;
use crate::number::{Number, Wide};

/// What a scan carries along a lane of elements `A`.
pub trait Scanner<A>: Sync {
    /// What is carried.
    type State: Copy + Send + Sync + Carried;
    /// What elements become.
    type Out: Element;

    /// What the operation is called.
    fn name(&self) -> &'static str;

    /// What is carried to the first element.
    fn state(&self) -> Self::State;

    /// Takes an element in, and says what becomes of it.
    fn step(&self, state: &mut Self::State, element: A) -> Self::Out;
}

/// The sum so far, as `numpy.cumsum`: of integers in 64 bits, which wrap; of floating-point numbers in
/// double precision, rounded for each element.
///
/// ```
/// use ndarray::{Array2, array};
/// use outcore_ops::{Budget, Control, CumSum, scan};
///
/// let field = array![[1, 2], [3, 4], [5, 6]];
/// let mut sums = Array2::<i64>::zeros((3, 2));
/// let plan = scan(&field, 0, CumSum).plan::<i32>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut sums, Control::new())?;
/// assert_eq!(sums, array![[1, 2], [4, 6], [9, 12]]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumSum;

impl<A: Number> Scanner<A> for CumSum {
    type State = A::Wide;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "cumsum"
    }

    fn state(&self) -> A::Wide {
        A::Wide::ZERO
    }

    fn step(&self, state: &mut A::Wide, element: A) -> A::Total {
        *state = state.plus(element.wide());
        A::total(*state)
    }
}

/// The product so far, as `numpy.cumprod`, computed as [`CumSum`] is.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, CumProd, scan};
///
/// let field = array![1.0, 2.0, 3.0];
/// let mut products = Array1::<f64>::zeros(3);
/// let plan = scan(&field, 0, CumProd).plan::<f64>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut products, Control::new())?;
/// assert_eq!(products, array![1.0, 2.0, 6.0]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumProd;

impl<A: Number> Scanner<A> for CumProd {
    type State = A::Wide;
    type Out = A::Total;

    fn name(&self) -> &'static str {
        "cumprod"
    }

    fn state(&self) -> A::Wide {
        A::Wide::ONE
    }

    fn step(&self, state: &mut A::Wide, element: A) -> A::Total {
        *state = state.times(element.wide());
        A::total(*state)
    }
}

/// The least or the greatest so far, as `numpy.minimum.accumulate` and `numpy.maximum.accumulate`; NaN
/// from the first NaN on.
///
/// ```
/// use ndarray::{Array1, array};
/// use outcore_ops::{Budget, Control, CumExtremum, scan};
///
/// let field = array![3, 1, 2];
/// let mut least = Array1::<i32>::zeros(3);
/// let plan = scan(&field, 0, CumExtremum::min()).plan::<i32>(Budget::new(1 << 20))?;
/// plan.run(&field, &mut least, Control::new())?;
/// assert_eq!(least, array![3, 1, 1]);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CumExtremum(Ordering);

impl CumExtremum {
    /// The least.
    pub fn min() -> Self {
        Self(Ordering::Less)
    }

    /// The greatest.
    pub fn max() -> Self {
        Self(Ordering::Greater)
    }
}

impl<A: Number> Scanner<A> for CumExtremum {
    type State = Option<A>;
    type Out = A;

    fn name(&self) -> &'static str {
        if self.0 == Ordering::Less { "cummin" } else { "cummax" }
    }

    fn state(&self) -> Option<A> {
        None
    }

    fn step(&self, state: &mut Option<A>, element: A) -> A {
        let best = match *state {
            Some(best) if best.is_nan() => best,
            Some(best) if !element.is_nan() && element.compare(best) != Some(self.0) => best,
            _ => element,
        };
        *state = Some(best);
        best
    }
}
