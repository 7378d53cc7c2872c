//! Elements of given ranks, found by counting: digit after digit of their keys.
//!
//! ```text
//!     pass 1: how many elements have which leading bits       pass 2: of those with leading bits 01,
//!                                                             how many have which next bits
//!     00 ███         3 elements
//!     01 ██████      6: rank 5 is the 2nd of these  ────▶     00 ██     2
//!     10 ████        4                                        01 █      1: it is this one
//!     11 █           1                                        ..
//! ```
//!
//! Counts do not depend on the order of elements, nor on who counts which. When all bits are known, so
//! is the element. An array that fits into memory is read once, and counted there several times.

use ndarray::Dimension;
use outcore_storage::{Source, Stored};
use rayon::prelude::*;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Between, Place, Quantile, ranks};
use crate::control::Control;
use crate::ordered::Ordered;
use crate::plan::{Plan, Report, Run, check_shape, refuse, usable};
use crate::sweep::Sweep;
use crate::tile::PerThread;
use crate::{Error, Resources, Result};

/// The most bits that are counted at a time: a table of so many counters is in no cache, but numbers
/// use a small part of it.
const MOST_BITS: u32 = 22;
/// Of so many bits the tables are in a cache near each core.
const CACHED_BITS: u32 = 16;
/// Small tables, for small arrays and small budgets.
const SMALL_BITS: u32 = 8;
/// Arrays of so many elements are small.
const SMALL_LEN: usize = 1 << 17;
/// Elements that a thread counts at a time.
const CHUNK: usize = 1 << 15;

/// Quantiles of a whole array that have been planned.
#[derive(Debug)]
pub struct QuantilePlan<T, D> {
    plan: Plan,
    sweep: Sweep<D>,
    shape: D,
    places: Vec<Place>,
    /// The lengths of the digits that each pass counts, from the leading bits on.
    digits: Vec<Vec<u32>>,
    elements: PhantomData<fn(T)>,
}

impl<T, D> fmt::Display for QuantilePlan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

impl<D: Dimension> Quantile<'_, D> {
    /// Decides on tiles and digits.
    ///
    /// # Errors
    ///
    /// If the array has no elements, or the smallest tiles and tables exceed the budget; the error
    /// names the smallest budget that would do.
    pub fn plan<T: Ordered>(&self, resources: impl Into<Resources>) -> Result<QuantilePlan<T, D>> {
        let (layout, resources) = (&self.layout, resources.into());
        let shape = layout.shape().clone();
        let operation = format!("quantile of {:?}", shape.slice());
        if layout.is_empty() {
            return Err(Error::Shape(format!("{operation}: there are no elements")));
        }
        let places = self.places(layout.len());
        let tables = Tables { ranks: ranks(&places).len(), threads: resources.threads.get() };
        let chosen = choose::<T, D>(self.source, tables, resources);
        let (sweep, digits) = chosen.map_err(|cost| refuse(&operation, cost, resources))?;
        let mut begin = 0;
        let passes = digits.iter().map(|digits| {
            let end = begin + digits.iter().sum::<u32>();
            let (name, held) = (format!("bits {begin}..{end}"), tables.bytes(begin, digits));
            begin = end;
            sweep.pass::<T>(name, self.source, held)
        });
        let passes = passes.collect();
        let plan =
            Plan { operation, resources, passes, output_bytes: 0, scratch_bytes: 0, kept_bytes: 0 };
        Ok(QuantilePlan { plan, sweep, shape, places, digits, elements: PhantomData })
    }
}

/// What tables of counters hold.
#[derive(Clone, Copy)]
struct Tables {
    ranks: usize,
    threads: usize,
}

impl Tables {
    /// The most bytes while digits are counted, one after another, behind so many leading bits.
    fn bytes(self, mut known: u32, digits: &[u32]) -> u64 {
        let table = |&bits: &u32| {
            let buckets = 1_u64.checked_shl(known).unwrap_or(u64::MAX).min(self.ranks as u64);
            known += bits;
            (buckets << bits) * self.threads as u64 * 8
        };
        // A rank, its leading bits and its bucket.
        let ranks = self.ranks as u64 * 48;
        digits.iter().map(table).max().unwrap_or(0) + ranks
    }
}

/// Tiles and the digits of each pass, with as few passes as fit; or what the cheapest costs.
fn choose<T: Ordered, D: Dimension>(
    source: &dyn Stored<D>,
    tables: Tables,
    resources: Resources,
) -> Result<(Sweep<D>, Vec<Vec<u32>>), u64> {
    let whole = Sweep::in_one::<T>(source);
    let cached = if source.layout().len() > SMALL_LEN { CACHED_BITS } else { SMALL_BITS };
    for bits in [cached, SMALL_BITS] {
        let digits = even(T::BITS, T::BITS.div_ceil(bits));
        let cost = whole.bytes().saturating_add(tables.bytes(0, &digits));
        if cost <= usable(resources) {
            return Ok((whole, vec![digits]));
        }
    }
    let mut cheapest = 0;
    let (fewest, most) = (T::BITS.div_ceil(MOST_BITS), T::BITS.div_ceil(SMALL_BITS));
    for passes in fewest..=most {
        let digits = even(T::BITS, passes);
        // Of all passes the one that holds most; behind the first digit every rank has a bucket.
        let held = tables.bytes(0, &digits);
        match Sweep::fit::<T>(source, None, resources, |_| held) {
            Ok(sweep) if passes == most || sweep.is_worthwhile() => {
                return Ok((sweep, digits.into_iter().map(|bits| vec![bits]).collect()));
            }
            Ok(_) => {}
            Err(cost) => cheapest = cost,
        }
    }
    Err(cheapest)
}

/// So many digits of nearly the same length.
fn even(bits: u32, digits: u32) -> Vec<u32> {
    (0..digits)
        .map(|digit| (bits * (digit + 1)).div_ceil(digits) - (bits * digit).div_ceil(digits))
        .collect()
}

impl<T: Ordered, D: Dimension> QuantilePlan<T, D> {
    /// The passes and their cost: exact, but that a NaN ends the run with the first pass.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Finds the quantiles, in the order in which they were asked for.
    ///
    /// # Errors
    ///
    /// If the shape differs from the plan's, reading fails, or the caller cancels.
    pub fn run(
        &self,
        source: &impl Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Vec<Between<T>>, Report)> {
        self.run_dyn(source, control)
    }

    fn run_dyn(
        &self,
        source: &dyn Source<T, D>,
        control: Control<'_>,
    ) -> Result<(Vec<Between<T>>, Report)> {
        check_shape(source.shape().slice(), self.shape.slice())?;
        let mut run = Run::new(&self.plan, control)?;
        let ranks = ranks(&self.places);
        let search = Mutex::new(Search::new(&ranks, self.plan.resources.threads.get()));
        for digits in &self.digits {
            let (first, later) = digits.split_first().expect("a pass counts something");
            search.lock().expect("a panic ends the run").begin(*first);
            self.sweep.run(&mut run, source, &|elements: &[T]| {
                let mut search = search.lock().expect("a panic ends the run");
                search.count(elements);
                // With more digits there is one tile, which is the whole array.
                for &bits in later {
                    search.learn();
                    search.begin(bits);
                    search.count(elements);
                }
            })?;
            let mut search = search.lock().expect("a panic ends the run");
            search.learn();
            if search.has_nan() {
                break;
            }
        }
        let search = search.into_inner().expect("a panic ends the run");
        let element = |rank: usize| {
            let index = ranks.binary_search(&rank).expect("every rank is sought");
            search.element::<T>(index)
        };
        let found = self.places.iter().map(|place| {
            let Place { below, above, part } = *place;
            Between { below: element(below), above: element(above), part }
        });
        Ok((found.collect(), run.finish()))
    }
}

/// An element of which the leading bits are known.
#[derive(Clone, Copy, Debug)]
struct Sought {
    /// The leading bits of its key.
    leading: u64,
    /// How many elements of the same leading bits are below it.
    rank: u64,
}

/// The search for some elements by their ranks.
#[derive(Debug)]
struct Search {
    sought: Vec<Sought>,
    /// The number of leading bits that are known.
    known: u32,
    /// The digit that is being counted: its bits, and a table for each bucket and thread.
    bits: u32,
    buckets: Vec<u64>,
    counts: PerThread<Vec<u64>>,
    threads: usize,
    nan: AtomicBool,
}

impl Search {
    /// For elements of ranks in order.
    fn new(ranks: &[usize], threads: usize) -> Self {
        Self {
            sought: ranks.iter().map(|&rank| Sought { leading: 0, rank: rank as u64 }).collect(),
            known: 0,
            bits: 0,
            buckets: Vec::new(),
            counts: PerThread::new(0, Vec::new),
            threads,
            nan: AtomicBool::new(false),
        }
    }

    fn has_nan(&self) -> bool {
        self.nan.load(Ordering::Relaxed)
    }

    /// Begins to count the next bits.
    fn begin(&mut self, bits: u32) {
        self.bits = bits;
        self.buckets = self.sought.iter().map(|sought| sought.leading).collect();
        self.buckets.dedup();
        let len = self.buckets.len() << bits;
        self.counts = PerThread::new(self.threads, || vec![0; len]);
    }

    /// Counts elements, on all threads of the current pool.
    fn count<T: Ordered>(&self, elements: &[T]) {
        if self.known > 0 && self.has_nan() {
            return;
        }
        // Fewer, larger parts if there is little to count for all threads.
        let chunk = elements.len().div_ceil(self.threads).clamp(1, CHUNK);
        let shift = T::BITS - self.known - self.bits;
        elements.par_chunks(chunk).for_each(|elements| {
            self.counts.with(|counts| {
                if self.known == 0 {
                    let nan = count_leading(elements, shift, counts);
                    self.nan.fetch_or(nan, Ordering::Relaxed);
                } else if let [leading] = self.buckets[..] {
                    count_behind(elements, leading, (shift, self.bits), counts);
                } else {
                    count_in_buckets(elements, &self.buckets, (shift, self.bits), counts);
                }
            });
        });
    }

    /// Ends counting: of every element that is sought more bits are known.
    fn learn(&mut self) {
        let tables = std::mem::replace(&mut self.counts, PerThread::new(0, Vec::new));
        let counts = tables.into_inner().reduce(|mut sum, other| {
            sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
            sum
        });
        let counts = counts.expect("there is a thread");
        self.known += self.bits;
        if self.has_nan() {
            return;
        }
        for sought in &mut self.sought {
            let bucket =
                self.buckets.binary_search(&sought.leading).expect("every bucket is counted");
            let table = &counts[bucket << self.bits..][..1 << self.bits];
            let mut digit = 0;
            while table[digit] <= sought.rank {
                sought.rank -= table[digit];
                digit += 1;
            }
            sought.leading = sought.leading << self.bits | digit as u64;
        }
    }

    /// An element that was sought, when all bits are known; where there is a NaN, that.
    fn element<T: Ordered>(&self, index: usize) -> T {
        if self.has_nan() { T::nan() } else { T::from_key(self.sought[index].leading) }
    }
}

/// A key's part as an index.
#[expect(clippy::cast_possible_truncation, reason = "a digit is far shorter")]
fn digit(part: u64) -> usize {
    part as usize
}

/// Counts the leading bits of all elements. Answers whether any is NaN.
fn count_leading<T: Ordered>(elements: &[T], shift: u32, counts: &mut [u64]) -> bool {
    let mut nan = false;
    for element in elements {
        nan |= element.is_nan();
        counts[digit(element.key() >> shift)] += 1;
    }
    nan
}

/// Counts the next bits of elements with some leading bits.
fn count_behind<T: Ordered>(
    elements: &[T],
    leading: u64,
    (shift, bits): (u32, u32),
    counts: &mut [u64],
) {
    // These keys less the first of them are smaller than any other key less it.
    let first = leading << bits;
    for element in elements {
        let part = (element.key() >> shift).wrapping_sub(first);
        if let Some(count) = usize::try_from(part).ok().and_then(|part| counts.get_mut(part)) {
            *count += 1;
        }
    }
}

/// The same for several buckets, each with a table.
fn count_in_buckets<T: Ordered>(
    elements: &[T],
    buckets: &[u64],
    (shift, bits): (u32, u32),
    counts: &mut [u64],
) {
    let mask = (1 << bits) - 1;
    for element in elements {
        let part = element.key() >> shift;
        if let Ok(bucket) = buckets.binary_search(&(part >> bits)) {
            counts[(bucket << bits) + digit(part & mask)] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_even_and_make_a_whole() {
        assert_eq!(even(64, 3), [22, 21, 21]);
        assert_eq!(even(32, 2), [16, 16]);
        assert_eq!(even(8, 1), [8]);
        for bits in [8, 16, 32, 64] {
            for digits in 1..=bits / 8 {
                let digits = even(bits, digits);
                assert_eq!(digits.iter().sum::<u32>(), bits);
                assert!(digits.iter().max().unwrap() - digits.iter().min().unwrap() <= 1);
            }
        }
    }

    #[test]
    fn any_digits_lead_to_the_elements_of_all_ranks() {
        let scattered = |i: i64| i16::try_from(i * i * 7919 % 65_521 - 32_760).unwrap();
        let elements: Vec<_> = (0..5000).map(scattered).collect();
        let mut sorted = elements.clone();
        sorted.sort_unstable();
        for ranks in [vec![0], vec![4999], vec![2499, 2500], (0..5000).collect()] {
            for digits in [1, 2, 3, 7, 16] {
                let mut search = Search::new(&ranks, 2);
                for bits in even(16, digits) {
                    search.begin(bits);
                    search.count(&elements);
                    search.learn();
                }
                for (index, &rank) in ranks.iter().enumerate() {
                    assert_eq!(search.element::<i16>(index), sorted[rank]);
                }
            }
        }
    }
}
