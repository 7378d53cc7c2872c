//! Tiles cover every element once, in the order of the file.

use ndarray::{ArrayD, Dim, IxDyn};
use outcore_ops::Tiling;
use outcore_storage::{Layout, Order, Window};
use proptest::prelude::*;

/// An array of up to four axes, some of length 0, with tiles and a lead along some axis.
#[derive(Clone, Debug)]
struct Cut {
    shape: Vec<usize>,
    tile: Vec<usize>,
    /// The lead of every axis.
    leads: Vec<usize>,
    order: Order,
}

fn cut() -> impl Strategy<Value = Cut> {
    let axis = prop_oneof![
        8 => (1_usize..9, 1_usize..12, 0_usize..12),
        1 => (0_usize..1, 0_usize..3, 0_usize..1),
        1 => (20_usize..60, 1_usize..70, 0_usize..70),
    ];
    let order = prop::sample::select(vec![Order::C, Order::F]);
    (prop::collection::vec(axis, 0..5), order).prop_map(|(axes, order)| {
        let shape: Vec<_> = axes.iter().map(|axis| axis.0).collect();
        let tile: Vec<_> = axes.iter().map(|axis| axis.1).collect();
        let leads = axes.iter().map(|&(len, tile, lead)| lead % tile.min(len).max(1)).collect();
        Cut { shape, tile, leads, order }
    })
}

impl Cut {
    fn tiling(&self) -> Tiling<IxDyn> {
        let tiling = Tiling::new(Dim(&self.shape[..]), Dim(&self.tile[..]), self.order);
        let leads = self.leads.iter().enumerate().filter(|(_, lead)| **lead > 0);
        leads.fold(tiling, |tiling, (axis, &lead)| tiling.with_lead(axis, lead))
    }
}

/// The first element of a window in its file.
fn first(layout: &Layout<IxDyn>, window: &Window<IxDyn>) -> usize {
    layout.runs(window).next().expect("no window is empty").start
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn tiles_cover_every_element_exactly_once(cut in cut()) {
        let tiling = cut.tiling();
        let mut covered = ArrayD::<u32>::zeros(&cut.shape[..]);
        for window in tiling.windows() {
            prop_assert!(window.is_inside(&covered.raw_dim()), "{} of {:?}", window, cut.shape);
            prop_assert!(!window.is_empty(), "{}", window);
            let mut part = covered.slice_each_axis_mut(|axis| window.slice(axis.axis.index()));
            part.map_inplace(|count| *count += 1);
        }
        prop_assert!(covered.iter().all(|&count| count == 1));
        prop_assert_eq!(tiling.windows().len(), tiling.len());
        prop_assert_eq!(tiling.is_empty(), covered.is_empty());
    }

    #[test]
    fn no_tile_is_larger_than_the_largest(cut in cut()) {
        let tiling = cut.tiling();
        for window in tiling.windows() {
            for axis in 0..cut.shape.len() {
                prop_assert!(window.shape[axis] <= tiling.tile()[axis]);
                prop_assert!(tiling.tile()[axis] <= cut.tile[axis]);
            }
        }
    }

    #[test]
    fn all_tiles_but_those_at_the_ends_are_whole(cut in cut()) {
        let tiling = cut.tiling();
        for window in tiling.windows() {
            for axis in 0..cut.shape.len() {
                let end = window.origin[axis] + window.shape[axis];
                let (at_begin, at_end) = (window.origin[axis] == 0, end == cut.shape[axis]);
                if !at_begin && !at_end {
                    prop_assert_eq!(window.shape[axis], tiling.tile()[axis]);
                }
                if at_begin && !at_end {
                    prop_assert_eq!(window.shape[axis], tiling.tile()[axis] - cut.leads[axis]);
                }
            }
        }
    }

    #[test]
    fn tiles_are_numbered_in_the_order_of_the_file(cut in cut()) {
        let layout = Layout::new(Dim(&cut.shape[..]), cut.order, 1, 0).unwrap();
        let windows: Vec<_> = cut.tiling().windows().collect();
        for pair in windows.windows(2) {
            prop_assert!(first(&layout, &pair[0]) < first(&layout, &pair[1]));
        }
    }
}

#[test]
fn a_lead_puts_the_edges_where_it_says() {
    let tiling = Tiling::new(Dim([1, 10]), Dim([1, 4]), Order::C).with_lead(1, 3);
    let edges: Vec<_> = tiling.windows().map(|window| window.to_string()).collect();
    assert_eq!(edges, ["[0..1, 0..1]", "[0..1, 1..5]", "[0..1, 5..9]", "[0..1, 9..10]"]);
}

#[test]
#[should_panic(expected = "leaves nothing")]
fn a_lead_as_long_as_a_tile_is_a_mistake() {
    let _ = Tiling::new(Dim([10]), Dim([4]), Order::C).with_lead(0, 4);
}

#[test]
#[should_panic(expected = "covers nothing")]
fn a_tile_of_length_0_is_a_mistake_where_there_is_something_to_cover() {
    let _ = Tiling::new(Dim([10, 3]), Dim([4, 0]), Order::C);
}

#[test]
#[should_panic(expected = "tile 6 of 6")]
fn there_is_no_window_beyond_the_last() {
    let _ = Tiling::new(Dim([5, 5]), Dim([2, 3]), Order::F).window(6);
}
