//! A terrain has the same bits everywhere and however it is cut.

use ndarray::{Array2, ShapeBuilder};
use outcore_datasets::{Terrain, elevation};
use outcore_storage::{Source, Stored, Window};

fn whole(rows: usize, columns: usize) -> Array2<f32> {
    let terrain = Terrain::new(rows, columns).unwrap();
    let mut tile = Array2::from_elem((rows, columns), f32::NAN);
    terrain.read_tile(&Window::whole(tile.raw_dim()), tile.view_mut()).unwrap();
    tile
}

/// The FNV-1a hash of the elements' bytes in little-endian order.
fn fnv1a(heights: &Array2<f32>) -> u64 {
    let bytes = heights.iter().flat_map(|height| height.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn bits_are_pinned() {
    let heights = whole(512, 768);
    assert_eq!(fnv1a(&heights), 0xf5da_0c53_fe26_11ab, "the terrain changed");
    let pinned = [(0, 0), (256, 384), (511, 767)].map(|index| heights[index].to_bits());
    assert_eq!(pinned, [0x43d5_83da, 0x4411_bf5b, 0x43ab_7bfb]);
}

#[test]
fn at_its_own_shape_it_is_the_elevation_model() {
    assert_eq!(whole(344, 403), elevation().mapv(f32::from));
}

#[test]
fn smaller_than_the_data_it_is_their_middle() {
    let heights = whole(10, 3);
    let middle = elevation().slice(ndarray::s![167..177, 200..203]).mapv(f32::from);
    assert_eq!(heights, middle);
}

#[test]
fn twice_the_shape_shows_the_same_land() {
    let coarse = whole(600, 500);
    let fine = whole(1200, 1000);
    let far = coarse
        .indexed_iter()
        .map(|((row, column), height)| (height - fine[(2 * row, 2 * column)]).abs());
    assert!(far.fold(0.0, f32::max) < 30.0);
}

#[test]
fn any_tiling_gives_the_same_bits() {
    let (rows, columns) = (701, 1303);
    let expected = whole(rows, columns);
    let terrain = Terrain::new(rows, columns).unwrap();
    for (height, width) in [(1, 1303), (701, 1), (64, 64), (129, 513), (97, 31), (500, 1000)] {
        for top in (0..rows).step_by(height) {
            for left in (0..columns).step_by(width) {
                let (bottom, right) = (rows.min(top + height), columns.min(left + width));
                let window = Window::from([top..bottom, left..right]);
                let mut tile = Array2::from_elem(window.shape, f32::NAN);
                terrain.read_tile(&window, tile.view_mut()).unwrap();
                assert_eq!(tile, expected.slice_each_axis(|axis| window.slice(axis.axis.index())));
            }
        }
    }
}

#[test]
fn tiles_of_any_strides_are_filled() {
    let expected = whole(400, 300);
    let terrain = Terrain::new(400, 300).unwrap();
    let window = Window::from([3..203, 5..300]);
    let mut tile = Array2::from_elem((200, 295).f(), f32::NAN);
    terrain.read_tile(&window, tile.view_mut()).unwrap();
    assert_eq!(tile, expected.slice(ndarray::s![3..203, 5..300]));
    let mut tile = Array2::from_elem((200, 295), f32::NAN);
    terrain.read_tile(&window, tile.slice_mut(ndarray::s![..;-1, ..;-1])).unwrap();
    assert_eq!(tile.slice(ndarray::s![..;-1, ..;-1]), expected.slice(ndarray::s![3..203, 5..300]));
}

#[test]
fn threads_may_read_at_a_time() {
    let expected = whole(512, 512);
    let terrain = Terrain::new(512, 512).unwrap();
    std::thread::scope(|scope| {
        for left in [0, 100, 200, 300] {
            let (terrain, expected) = (&terrain, &expected);
            scope.spawn(move || {
                let mut tile = Array2::zeros((512, 200));
                let window = Window::from([0..512, left..left + 200]);
                terrain.read_tile(&window, tile.view_mut()).unwrap();
                assert_eq!(tile, expected.slice(ndarray::s![.., left..left + 200]));
            });
        }
    });
}

#[test]
fn thin_and_empty_terrains_work() {
    for (rows, columns) in [(1, 1), (1, 5000), (5000, 1), (2, 999), (0, 7), (7, 0), (0, 0)] {
        let heights = whole(rows, columns);
        assert_eq!(Terrain::new(rows, columns).unwrap().shape(), heights.raw_dim());
        assert!(heights.iter().all(|height| (200.0..1100.0).contains(height)));
    }
}

#[test]
fn the_far_end_of_a_vast_terrain_works() {
    let len = 1 << 30;
    let terrain = Terrain::new(len, len).unwrap();
    let mut tile = Array2::zeros((3, 5));
    terrain.read_tile(&Window::from([len - 3..len, len - 5..len]), tile.view_mut()).unwrap();
    assert!(tile.iter().all(|height| (200.0..1100.0).contains(height)));
    assert!(Terrain::new(1, isize::MAX as usize / 4).is_ok());
}

#[test]
fn what_does_not_fit_is_refused() {
    let error = Terrain::new(usize::MAX, 2).unwrap_err();
    assert!(error.to_string().contains("too large to address"), "{error}");
    let terrain = Terrain::new(10, 10).unwrap();
    let mut tile = Array2::zeros((2, 2));
    let error = terrain.read_tile(&Window::from([9..11, 0..2]), tile.view_mut()).unwrap_err();
    assert_eq!(error.to_string(), "window [9..11, 0..2] reaches outside shape [10, 10]");
    let error = terrain.read_tile(&Window::from([0..3, 0..2]), tile.view_mut()).unwrap_err();
    assert!(error.to_string().contains("does not fit"), "{error}");
}
