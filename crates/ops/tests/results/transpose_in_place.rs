//! A square is transposed in its own place: each element is read once and written once, within every
//! budget; what is not square is refused before anything is moved.

use crate::support::watch::{Counting, FAULT, Faulty};
use crate::support::{ORDERS, folder, in_order, needed, resources};
use ndarray::{Array2, Array3, Ix2, IxDyn};
use outcore_ops::{Control, Error, transpose_in_place};
use outcore_storage::{Cache, Element, FileArrayMut, Options, Stored, Window};

fn numbered<T: Element>(side: usize, of: impl Fn(u16) -> T) -> Array2<T> {
    Array2::from_shape_fn(
        (side, side),
        |(i, j)| of(u16::try_from((i * side + j) % 65_536).unwrap()),
    )
}

#[test]
fn squares_of_every_size_are_transposed_within_every_budget() {
    for side in [0, 1, 2, 31, 32, 33, 97, 128, 257] {
        for order in ORDERS {
            let field = numbered(side, i32::from);
            let request = transpose_in_place(&field);
            let least = needed(|bytes| request.plan::<i32>(resources(bytes, 2)));
            assert!(request.plan::<i32>(resources(least - 1, 2)).is_err());
            for budget in [least, 700, 20 << 10, 200 << 10, 4 << 20] {
                let mut array = Counting::new(in_order(&field, order));
                let Ok(plan) = transpose_in_place(&array).plan::<i32>(resources(budget, 2)) else {
                    continue;
                };
                assert!(plan.plan().memory() <= budget);
                let mut seen = None;
                let control = Control::new().on_progress(|progress| seen = Some(progress));
                let report = plan.run(&mut array, control).unwrap();
                assert_eq!(array.inner, field.t());
                let bytes = (side * side * 4) as u64;
                assert_eq!(array.bytes(), (bytes, bytes));
                assert_eq!((report.bytes_read(), report.bytes_written()), (bytes, bytes));
                assert_eq!((plan.plan().bytes_read(), plan.plan().bytes_written()), (bytes, bytes));
                let once = Some(u32::from(side > 0));
                assert_eq!(array.times(), (once, once));
                assert_eq!(seen.map(|seen| seen.bytes_done), (side > 0).then_some(2 * bytes));
            }
        }
    }
}

fn file_is_transposed<T: Element>(field: &Array2<T>) {
    let folder = folder().unwrap();
    for (number, order) in ORDERS.into_iter().enumerate() {
        for cache in [Cache::Use, Cache::Bypass] {
            let options = Options::new().order(order).cache(cache);
            let path = folder.path().join(format!("{number}-{cache:?}.npy"));
            let mut file: FileArrayMut<T, Ix2> = options.create(path, field.dim()).unwrap();
            let whole = || Window::whole(field.raw_dim());
            file.write_window(whole(), field).unwrap();
            for (times, budget) in [(1, 1 << 20), (2, 3 << 20), (3, 64 << 20)] {
                let plan = transpose_in_place(&file).plan::<T>(resources(budget, 2)).unwrap();
                assert!(budget > 3 << 20 || plan.plan().passes[0].tiles > 1, "{plan}");
                plan.run(&mut file, Control::new()).unwrap();
                let found = file.read().unwrap();
                let expected = if times % 2 == 1 { field.t() } else { field.view() };
                assert!(found == expected, "{order} {cache:?} {budget}");
            }
        }
    }
}

#[test]
fn files_are_transposed_where_rows_are_pages_and_where_they_are_not() {
    file_is_transposed(&numbered(1024, f32::from));
    file_is_transposed(&numbered(1009, f64::from));
    file_is_transposed(&numbered(2048, |n| n.to_le_bytes()[0]));
}

#[test]
fn what_is_not_square_is_refused() {
    let refused = |error: Error| assert!(error.to_string().contains("is not square"), "{error}");
    let budget = || resources(1 << 20, 1);
    refused(transpose_in_place(&Array2::<f32>::zeros((3, 4))).plan::<f32>(budget()).unwrap_err());
    refused(
        transpose_in_place(&Array3::<f32>::zeros((3, 3, 3))).plan::<f32>(budget()).unwrap_err(),
    );
    let line = ndarray::ArrayD::<f32>::zeros(IxDyn(&[9]));
    refused(transpose_in_place(&line).plan::<f32>(budget()).unwrap_err());
    let plan = transpose_in_place(&Array2::<f32>::zeros((3, 3))).plan::<f32>(budget()).unwrap();
    let error = plan.run(&mut Array2::<f32>::zeros((4, 4)), Control::new()).unwrap_err();
    assert!(error.to_string().contains("[4, 4]"), "{error}");
}

#[test]
fn a_failing_disk_ends_the_run_with_its_error() {
    for read in [true, false] {
        let mut array = Faulty::new(numbered(64, i32::from));
        let plan = transpose_in_place(&array).plan::<i32>(resources(10 << 10, 1)).unwrap();
        assert!(plan.plan().passes[0].tiles > 3, "{plan}");
        assert_eq!(array.shape(), Ix2(64, 64));
        if read {
            array.fail_read = Some(2);
        } else {
            array.fail_write = Some(2);
        }
        let error = plan.run(&mut array, Control::new()).unwrap_err();
        assert_eq!(error.to_string(), FAULT);
    }
}
