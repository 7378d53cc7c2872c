//! Quantiles: the numbers below which given parts of an array lie, exact, whatever its size.
//!
//! ```text
//!     sorted:   3   5   5   8   9       n = 5 elements at ranks 0 to 4
//!                         ▲
//!               quantile 0.6 is at rank 0.6 · (n - 1) = 2.4: two fifths of the way from 5 to 8
//! ```
//!
//! Of a whole array nothing is sorted: see `search.rs`. Along an axis, whole lanes are in memory: see
//! `lanes.rs`.

mod lanes;
mod search;

use ndarray::Dimension;
use outcore_storage::{Layout, Stored};
use std::fmt;
use std::str::FromStr;

use crate::ordered::Ordered;
use crate::{Error, Result};

pub use lanes::QuantileAlongPlan;
pub use search::QuantilePlan;

/// Quantiles of an array, or of its lanes along an axis; the quantile 0.5 is the median.
///
/// Equal to what `numpy.quantile` gives for one quantile at a time, with its types: of `f32` comes
/// `f32`, of integers `f64`; and with its rules: the quantiles of what holds a NaN are NaN, and next
/// to an infinity [`Method::Linear`] gives NaN where infinities are subtracted. Two things differ:
/// the way between two integers does not overflow, and `bool` counts as 0 and 1.
///
/// Cost of a whole array: one pass that reads the source once, if the array fits the budget or its
/// elements have 8 or 16 bits; two for 32 bits and three for 64, with tables of up to 32 MiB for each
/// thread; more passes where the budget has no room for such tables. All quantiles share the passes.
/// A NaN ends the run with the first pass. Method: distribution counting of leading bits (Knuth, "The
/// art of computer programming", volume 3, section 5.2.5), of which selection needs one bucket.
///
/// Cost along an axis: one pass; see [`Quantile::plan_along`].
///
/// ```
/// use ndarray::array;
/// use outcore_ops::{Budget, Control, Method, quantile};
///
/// let field = array![[8.0_f32, 5.0, 3.0], [9.0, 5.0, 7.0]];
/// let plan = quantile(&field, &[0.5, 1.0])?.plan::<f32>(Budget::new(1 << 20))?;
/// let (found, _) = plan.run(&field, Control::new())?;
/// assert_eq!([found[0].value(), found[1].value()], [6.0, 9.0]);
///
/// let lower = quantile(&field, &[0.5])?.method(Method::Lower).plan::<f32>(Budget::new(1 << 20))?;
/// assert_eq!(lower.run(&field, Control::new())?.0[0].below, 5.0);
/// # Ok::<(), outcore_ops::Error>(())
/// ```
///
/// # Errors
///
/// If there are no quantiles, or one is not within 0 and 1.
pub fn quantile<'a, D: Dimension>(
    source: &'a impl Stored<D>,
    quantiles: &[f64],
) -> Result<Quantile<'a, D>> {
    let layout = source.layout();
    if quantiles.is_empty() {
        return Err(Error::Value("there are no quantiles to find".to_owned()));
    }
    if let Some(wrong) = quantiles.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
        return Err(Error::Value(format!("a quantile is a number from 0 to 1, not {wrong}")));
    }
    let (quantiles, method) = (quantiles.to_vec(), Method::Linear);
    Ok(Quantile { source, layout, quantiles, method, written: None })
}

/// Quantiles to be planned; see [`quantile()`].
#[derive(Clone)]
pub struct Quantile<'a, D> {
    source: &'a dyn Stored<D>,
    layout: Layout<D>,
    quantiles: Vec<f64>,
    method: Method,
    /// The bytes of a quantile where it is written, if the sink changes its type.
    written: Option<usize>,
}

impl<D: Dimension> fmt::Debug for Quantile<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "quantiles {:?} of {:?} by {:?}", self.quantiles, self.layout, self.method)
    }
}

impl<D: Dimension> Quantile<'_, D> {
    /// The bytes of a quantile where it is written, if the sink changes its type on the way.
    #[must_use]
    pub fn written_bytes(mut self, bytes: usize) -> Self {
        self.written = Some(bytes);
        self
    }

    /// What to take where a quantile lies between two elements.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The places among so many sorted elements.
    fn places(&self, len: usize) -> Vec<Place> {
        self.quantiles.iter().map(|&quantile| self.method.place(quantile, len)).collect()
    }
}

/// What to take where a quantile lies between two elements; the names are NumPy's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// A number between them, in proportion.
    #[default]
    Linear,
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// The nearer one; of two that are as near the one of even rank.
    Nearest,
    /// The number in the middle between them.
    Midpoint,
}

impl Method {
    /// Whether the result is an element; otherwise it may be a number between two.
    pub fn is_element(self) -> bool {
        matches!(self, Self::Lower | Self::Higher | Self::Nearest)
    }

    /// As `numpy.quantile` computes it, in the same floating-point operations.
    #[expect(clippy::cast_precision_loss, reason = "as in NumPy; ranks are far below 2^53")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank is small")]
    fn place(self, quantile: f64, len: usize) -> Place {
        let last = len - 1;
        let rank = last as f64 * quantile;
        let at = |rank: f64| {
            let rank = (rank as usize).min(last);
            Place { below: rank, above: rank, part: 0.0 }
        };
        match self {
            Self::Lower => at(rank.floor()),
            Self::Higher => at(rank.ceil()),
            Self::Nearest => at(rank.round_ties_even()),
            Self::Linear | Self::Midpoint if rank >= last as f64 => at(rank),
            Self::Linear => {
                let below = rank.floor();
                Place { part: rank - below, above: below as usize + 1, ..at(below) }
            }
            Self::Midpoint => {
                let (below, above) = (rank.floor(), rank.ceil());
                let part = if below < above { 0.5 } else { 0.0 };
                // NumPy looks at the next element in any case.
                Place { part, above: below as usize + 1, ..at(below) }
            }
        }
    }
}

impl FromStr for Method {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "linear" => Ok(Self::Linear),
            "lower" => Ok(Self::Lower),
            "higher" => Ok(Self::Higher),
            "nearest" => Ok(Self::Nearest),
            "midpoint" => Ok(Self::Midpoint),
            _ => Err(format!(
                "unknown method {text:?}; known are linear lower higher nearest midpoint"
            )),
        }
    }
}

/// Where a quantile lies among sorted elements: at a part of the way between two ranks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    below: usize,
    above: usize,
    part: f64,
}

/// All ranks of some places, in order, each once.
fn ranks(places: &[Place]) -> Vec<usize> {
    let mut ranks: Vec<_> = places.iter().flat_map(|place| [place.below, place.above]).collect();
    ranks.sort_unstable();
    ranks.dedup();
    ranks
}

/// A quantile: the elements next to it, and what part of the way between them it lies at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between<T> {
    /// The element at or below it; the quantile itself by a [`Method`] that takes elements.
    pub below: T,
    /// The element above it, or the same one.
    pub above: T,
    /// The part of the way from `below` to `above`.
    pub part: f64,
}

impl<T: Ordered> Between<T> {
    /// The number between the elements.
    pub fn value(&self) -> T::Float {
        T::between(self.below, self.above, self.part)
    }
}
