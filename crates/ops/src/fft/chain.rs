//! Lanes that are longer than memory, and other axes: stages, each of which reads what the one before it
//! has written.
//!
//! ```text
//!     axes 0, 1, 2, of which 1 is long
//!
//!     source ──▶ sink              axis 0: tiles
//!     sink ──▶ scratch ──▶ sink    axis 1: the four steps
//!     sink ──▶ sink                axis 2: tiles, in place
//! ```
//!
//! Axes are transformed in the same order as in tiles and blocks, so the bits are the same.

use num_complex::Complex;
use outcore_storage::{Element, Mark, Stored};

use super::Home;
use super::axes::Axes;
use super::long::{Long, LongRequest};
use super::sizes::{Sizes, TilePass};
use super::tiles::TileRequest;
use crate::Resources;
use crate::fourier::Real;
use crate::plan::PassPlan;

/// A part of the work. The first one reads the source, all others the sink, and all write the sink.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// One pass.
    Tiles(TilePass),
    /// Two passes along a place that is cut in two: through a scratch array, unless they are the first.
    Long(Box<LongStage>),
}

/// The stage of a lane that is longer than memory.
#[derive(Clone, Debug)]
pub(crate) struct LongStage {
    pub(super) place: usize,
    pub(super) long: Long,
    plans: Vec<PassPlan>,
}

/// What may be done with each of the transformed places, where it is too long for a tile.
pub(super) fn requests<T: Real>(
    axes: &Axes,
    source: &dyn Stored<ndarray::IxDyn>,
    resources: Resources,
) -> Vec<Option<LongRequest>>
where
    Complex<T>: Element,
{
    let request = |index| LongRequest::new::<T>(axes, index, source, resources);
    (0..axes.transformed().len()).map(request).collect()
}

impl Stage {
    fn passes(&self) -> usize {
        match self {
            Self::Tiles(_) => 1,
            Self::Long(_) => 2,
        }
    }

    fn duration(&self) -> f64 {
        match self {
            Self::Tiles(pass) => pass.tiles.duration,
            Self::Long(stage) => stage.plans.iter().map(PassPlan::duration).sum(),
        }
    }

    /// Where a run goes on from a mark within this stage, which begins with a pass.
    fn resumed(&self, mark: Mark, first: usize, home: Home) -> Mark {
        match self {
            // The source is as it was.
            Self::Tiles(_) if first == 0 => mark,
            Self::Long(stage) if first == 0 => stage.long.resumed(mark, home),
            // What works in place cannot be done again.
            Self::Tiles(_) if !mark.at_rest => Mark::default(),
            Self::Tiles(_) | Self::Long(_) => mark,
        }
    }
}

/// Where a run of stages goes on from the mark of an earlier one; the first of them leaves what lies between
/// its passes in the sink or in the scratch array.
pub(super) fn resumed(mark: Mark, stages: &[Stage], home: Home) -> Mark {
    let mut first = 0;
    for stage in stages {
        let end = first + stage.passes();
        if mark.pass < end {
            return stage.resumed(mark, first, home);
        }
        first = end;
    }
    mark
}

/// Whether a chain takes fewer passes than another, or as many and less time.
fn order(one: &[Stage], other: &[Stage]) -> std::cmp::Ordering {
    let passes = |stages: &[Stage]| stages.iter().map(Stage::passes).sum::<usize>();
    let duration = |stages: &[Stage]| stages.iter().map(Stage::duration).sum::<f64>();
    passes(one).cmp(&passes(other)).then(duration(one).total_cmp(&duration(other)))
}

impl Sizes<'_> {
    /// The least number of passes where a lane may be cut in two; of these, the ones that take the least
    /// time.
    pub(super) fn chain(&self, limit: u64) -> Option<Vec<Stage>> {
        self.long.iter().flatten().next()?;
        let count = self.axes.transformed().len();
        // The best ones from each place on.
        let mut best: Vec<Option<Vec<Stage>>> = vec![None; count];
        best.push(Some(Vec::new()));
        for from in (0..count).rev() {
            let ways = self.stages(from, limit).into_iter();
            let chains = ways.filter_map(|(stage, end)| {
                let rest = best[end].as_ref()?;
                Some([&[stage], &rest[..]].concat())
            });
            best[from] = chains.min_by(|one, other| order(one, other));
        }
        best.swap_remove(0)
    }

    /// The stages that may begin with one of the transformed places, each with the one that is next.
    fn stages(&self, from: usize, limit: u64) -> Vec<(Stage, usize)> {
        let places = self.axes.transformed();
        let tiles = (from + 1..=places.len()).filter_map(|end| {
            let pass = self.tile_pass(&places[from..end], from == 0, true, limit)?;
            Some((Stage::Tiles(pass), end))
        });
        let long = self.long[from].as_ref().and_then(|request| request.best(limit));
        let long = long.map(|(long, plans)| {
            let stage = LongStage { place: places[from], long, plans };
            (Stage::Long(Box::new(stage)), from + 1)
        });
        tiles.chain(long).collect()
    }

    /// The smallest cost of a chain: that of every place by itself.
    pub(super) fn least_chain(&self) -> u64 {
        let places = self.axes.transformed().iter().zip(&self.long);
        let each = places.map(|(&place, long)| {
            let long = long.as_ref().map_or(u64::MAX, LongRequest::least);
            long.min(self.least_of(&[place]))
        });
        each.max().unwrap_or(u64::MAX)
    }

    /// The passes of all stages, and what each costs.
    pub(super) fn chain_plans(&self, stages: &[Stage]) -> Vec<PassPlan> {
        let mut plans = Vec::new();
        for (index, stage) in stages.iter().enumerate() {
            match stage {
                Stage::Tiles(pass) => {
                    let name = self.axes.name(&pass.places);
                    let plan = |request: &TileRequest<'_>| request.plan(name, &pass.tiles);
                    plans.push(self.tile_request(&pass.places, index == 0, true, plan));
                }
                Stage::Long(stage) => {
                    let of_axis = self.axes.axis(stage.place).filter(|_| stages.len() > 1);
                    let of_axis =
                        of_axis.map_or_else(String::new, |axis| format!(" of axis {axis}"));
                    plans.extend(stage.plans.iter().map(|plan| PassPlan {
                        name: format!("{}{of_axis}", plan.name),
                        ..plan.clone()
                    }));
                }
            }
        }
        plans
    }
}
