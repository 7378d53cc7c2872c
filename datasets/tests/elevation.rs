//! The real data are what they were when they were converted.

use outcore_datasets::elevation;

#[test]
fn extremes_and_sum_are_those_of_numpy() {
    let heights = elevation();
    assert_eq!(heights.dim(), (344, 403));
    assert_eq!(heights.iter().min(), Some(&236));
    assert_eq!(heights.iter().max(), Some(&1076));
    assert_eq!(heights.iter().map(|&height| i64::from(height)).sum::<i64>(), 73_617_913);
}

#[test]
fn corners_are_those_of_numpy() {
    let heights = elevation();
    let corners = [(0, 0), (0, 402), (343, 0), (343, 402)].map(|index| heights[index]);
    assert_eq!(corners, [483, 444, 545, 272]);
}
