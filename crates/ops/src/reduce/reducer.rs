//! What a reduction does with elements, apart from where they are.
//!
//! ```text
//!     elements   ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒▒▒▒▒ ▒▒▒▒
//!                   │        │        │      │     leaves of a fixed length, in any thread
//!                   ▼        ▼        ▼      ▼
//!     state   ○ ──▶ ○ ─────▶ ○ ─────▶ ○ ───▶ ○     merged in the order of the array
//! ```
//!
//! Leaves are cut at multiples of their length, counted from the beginning of the array and not of a
//! tile, and merged one after another. So a result does not depend on tiles or threads.

use crate::Result;
use crate::carried::Carried;

/// The elements of a leaf, along an axis whose neighbours are contiguous.
pub(crate) const LEAF: usize = 512;
/// The rows of a leaf, where neighbours in memory belong to different elements of the result. As many
/// are added one after another as in each of the eight lanes of a leaf of neighbours.
pub(crate) const LEAF_ROWS: usize = 64;

/// A way to put elements of type `A` together.
pub trait Reducer<A>: Sync {
    /// What is known of a leaf.
    type Leaf: Clone + Send + Sync;
    /// What is known of all leaves so far.
    type State: Clone + Send + Sync + Carried;
    /// The result.
    type Out: outcore_storage::Element;

    /// What the operation is called.
    fn name(&self) -> &'static str;

    /// Whether there is a result of no elements.
    fn has_identity(&self) -> bool {
        true
    }

    /// Whether the result depends on where elements are.
    fn needs_index(&self) -> bool {
        false
    }

    /// A leaf without elements.
    fn leaf(&self) -> Self::Leaf;

    /// A state without leaves.
    fn state(&self) -> Self::State;

    /// Adds an element, with its index along the axes that are reduced, to a leaf.
    fn push(&self, leaf: &mut Self::Leaf, element: A, index: u64);

    /// Adds a row of elements, each to the leaf of its column; all have one index.
    fn push_row(&self, leaves: &mut [Self::Leaf], row: &[A], index: u64)
    where
        A: Copy,
    {
        for (leaf, &element) in leaves.iter_mut().zip(row) {
            self.push(leaf, element, index);
        }
    }

    /// The leaf of neighbouring elements, the first of which has an index, the next that and a step.
    fn fold(&self, elements: &[A], index: u64, step: u64) -> Self::Leaf;

    /// Adds the next leaf to a state.
    fn merge(&self, state: &mut Self::State, leaf: &Self::Leaf);

    /// The result.
    ///
    /// # Errors
    ///
    /// If there is none, of these elements.
    fn finish(&self, state: &Self::State) -> Result<Self::Out>;
}
