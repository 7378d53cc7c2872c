//! `outcore convert`, `transpose`, `reduce` and `scan`: what arrives, what is printed, what is refused.

use crate::support::{Ran, folder, read, run_line, snapshot, write};
use ndarray::{Array2, Axis};
use outcore_storage::{ByteOrder, DType, FileArray, FileInfo, Options, Order};
use std::fs;
use std::path::Path;

const SHAPE: (usize, usize) = (301, 203);

fn field() -> Array2<f32> {
    crate::support::field(SHAPE).map(|z| z.re * 200.0)
}

fn with_field(order: Order) -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("a.npy"), &field(), order);
    folder
}

fn refused(folder: &Path, line: &str, words: &[&str]) {
    let before = snapshot(folder);
    let Ran { code, stdout, stderr } = run_line(folder, line);
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{line}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(words.iter().all(|word| stderr.contains(word)), "{line}: {stderr}");
    assert_eq!(snapshot(folder), before, "{line} has left something");
}

#[test]
fn converting_changes_type_order_and_byte_order() {
    for order in [Order::C, Order::F] {
        let folder = with_field(order);
        let to = |line: &str| {
            run_line(folder.path(), &format!("convert a.npy o.npy --force --memory 400KiB {line}"))
                .ok()
        };
        to("--dtype i2 --order F --byte-order big");
        let info = FileInfo::of_npy(folder.path().join("o.npy")).unwrap();
        assert_eq!(
            (info.dtype, info.order, info.byte_order),
            (DType::I16, Order::F, ByteOrder::Big)
        );
        #[expect(clippy::cast_possible_truncation)]
        let cut = field().map(|&x| x as i16);
        assert_eq!(read::<i16>(&folder.path().join("o.npy")), cut);
        to("--order C");
        assert_eq!(read::<f32>(&folder.path().join("o.npy")), field());
        to("--dtype c16");
        assert_eq!(
            read::<num_complex::Complex<f64>>(&folder.path().join("o.npy")),
            field().map(|&x| f64::from(x).into())
        );
    }
}

#[test]
fn a_raw_output_has_no_header_and_is_read_back() {
    let folder = with_field(Order::C);
    run_line(folder.path(), "convert a.npy o.raw --raw --order F --byte-order big").ok();
    let bytes = fs::read(folder.path().join("o.raw")).unwrap();
    assert_eq!(bytes.len(), SHAPE.0 * SHAPE.1 * 4);
    assert_eq!(bytes[..4], field()[[0, 0]].to_be_bytes());
    assert_eq!(bytes[4..8], field()[[1, 0]].to_be_bytes());
    run_line(
        folder.path(),
        "convert o.raw b.npy --from-dtype >f4 --from-shape 301,203 --from-order F --order C",
    )
    .ok();
    assert_eq!(
        fs::read(folder.path().join("b.npy")).unwrap(),
        fs::read(folder.path().join("a.npy")).unwrap()
    );
}

#[test]
fn what_an_integer_cannot_hold_is_an_error_unless_that_is_wanted() {
    let folder = folder().unwrap();
    let mut field = field();
    field[[7, 9]] = f32::NAN;
    write(&folder.path().join("a.npy"), &field, Order::C);
    refused(folder.path(), "convert a.npy o.npy --dtype i4 --quiet", &["[7, 9]", "NaN", "int32"]);
    run_line(folder.path(), "convert a.npy o.npy --dtype i4 --cast unsafe").ok();
    assert_eq!(read::<i32>(&folder.path().join("o.npy"))[[7, 9]], 0);
}

#[test]
fn transposing_reverses_the_axes_or_permutes_them() {
    for order in [Order::C, Order::F] {
        let folder = with_field(order);
        let ran =
            run_line(folder.path(), "transpose a.npy o.npy --memory 300KiB --json --quiet").ok();
        assert_eq!(read::<f32>(&folder.path().join("o.npy")), field().t());
        let (json, bytes) = (ran.json(), (SHAPE.0 * SHAPE.1 * 4) as u64);
        assert_eq!(
            (json["bytes_read"].as_u64(), json["bytes_written"].as_u64()),
            (Some(bytes), Some(bytes))
        );
        run_line(folder.path(), "transpose a.npy same.npy --axes 0,1").ok();
        assert_eq!(read::<f32>(&folder.path().join("same.npy")), field());
        refused(
            folder.path(),
            "transpose a.npy x.npy --axes 0,0 --quiet",
            &["a.npy", "[0, 0]", "2 axes"],
        );
        refused(folder.path(), "transpose a.npy a.npy --force --quiet", &["a.npy", "input"]);
    }
}

#[test]
fn reductions_print_one_number_or_write_many() {
    for order in [Order::C, Order::F] {
        let folder = with_field(order);
        let printed = |line: &str| run_line(folder.path(), line).ok().stdout.trim().to_owned();
        let max = field().iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(
            printed("reduce max a.npy --quiet").parse::<f32>().unwrap().to_bits(),
            max.to_bits()
        );
        let place = field().iter().position(|&x| x.to_bits() == max.to_bits()).unwrap();
        assert_eq!(printed("reduce argmax a.npy --quiet"), place.to_string());
        assert_eq!(
            printed("reduce count-nonzero a.npy -q"),
            field().iter().filter(|&&x| x != 0.0).count().to_string()
        );
        assert_eq!(printed("reduce any a.npy -q"), "True");
        let json = run_line(folder.path(), "reduce argmax a.npy -q --json").ok().json();
        assert_eq!(json["result"].as_u64(), Some(place as u64));
        run_line(
            folder.path(),
            "reduce mean a.npy --axis -1 --keepdims --output m.npy --memory 2MiB",
        )
        .ok();
        let means = read::<f32>(&folder.path().join("m.npy"));
        assert_eq!(means.dim(), (SHAPE.0, 1));
        let expected = field().map(|&x| f64::from(x)).mean_axis(Axis(1)).unwrap();
        // Both are right to single precision: means of at most 100, with a rounding each.
        assert!(means.iter().zip(&expected).all(|(&m, &e)| (f64::from(m) - e).abs() < 1e-5));
        refused(folder.path(), "reduce sum a.npy --axis 0 -q", &["a.npy", "[203]", "--output"]);
        refused(folder.path(), "reduce sum a.npy --axis 2 -q", &["a.npy", "axis 2", "[301, 203]"]);
    }
}

#[test]
fn a_square_is_transposed_in_its_own_file() {
    for order in [Order::C, Order::F] {
        let folder = folder().unwrap();
        let square = crate::support::field((203, 203)).map(|z| z.re);
        write(&folder.path().join("a.npy"), &square, order);
        let line = "transpose a.npy --in-place --memory 100KiB --json --quiet";
        let planned = run_line(folder.path(), &format!("{line} --dry-run")).ok().json();
        assert_eq!(read::<f32>(&folder.path().join("a.npy")), square);
        let json = run_line(folder.path(), line).ok().json();
        assert_eq!(read::<f32>(&folder.path().join("a.npy")), square.t());
        assert_eq!(snapshot(folder.path()).len(), 1);
        for key in ["bytes_read", "bytes_written"] {
            assert_eq!((json[key].as_u64(), &planned[key]), (Some(203 * 203 * 4), &json[key]));
        }
        run_line(folder.path(), "transpose a.npy --in-place -q").ok();
        assert_eq!(read::<f32>(&folder.path().join("a.npy")), square);
        let bytes = fs::read(folder.path().join("a.npy")).unwrap();
        fs::write(folder.path().join("a.raw"), &bytes[128..]).unwrap();
        let raw = format!("--dtype f4 --shape 203,203 --order {order}");
        run_line(folder.path(), &format!("transpose a.raw --in-place -q {raw}")).ok();
        run_line(folder.path(), &format!("transpose a.raw b.npy -q {raw}")).ok();
        assert_eq!(read::<f32>(&folder.path().join("b.npy")), square);
    }
    let folder = with_field(Order::C);
    refused(folder.path(), "transpose a.npy --in-place -q", &["a.npy", "[301, 203]", "not square"]);
    for line in [
        "transpose a.npy",
        "transpose a.npy b.npy --in-place",
        "transpose a.npy --in-place --axes 1,0",
    ] {
        assert_eq!(run_line(folder.path(), line).code, Some(2), "{line}");
    }
}

#[test]
fn integers_are_added_in_64_bits_and_extremes_keep_their_type() {
    let folder = folder().unwrap();
    write(&folder.path().join("a.npy"), &Array2::from_elem((50, 60), 200_u8), Order::C);
    assert_eq!(run_line(folder.path(), "reduce sum a.npy -q").ok().stdout, "600000\n");
    run_line(folder.path(), "reduce max a.npy --axis 0 --keepdims -o m.npy").ok();
    assert_eq!(read::<u8>(&folder.path().join("m.npy")), Array2::from_elem((1, 60), 200));
    run_line(folder.path(), "reduce var a.npy --axis 0 --keepdims -o v.npy").ok();
    assert_eq!(read::<f64>(&folder.path().join("v.npy")), Array2::<f64>::zeros((1, 60)));
}

#[test]
fn scans_go_along_either_axis_within_any_budget() {
    let folder = folder().unwrap();
    let field = field().map(|&x| x.round());
    for order in [Order::C, Order::F] {
        write(&folder.path().join("a.npy"), &field, order);
        for axis in [0, 1] {
            for memory in ["120KiB", "64MiB"] {
                let line =
                    format!("scan cumsum a.npy o.npy --axis {axis} --memory {memory} --force");
                run_line(folder.path(), &line).ok();
                let mut expected = field.clone();
                // Whole numbers below 2^24: without an error in single precision too.
                expected.accumulate_axis_inplace(Axis(axis), |&before, x| *x += before);
                assert_eq!(read::<f32>(&folder.path().join("o.npy")), expected, "{line}");
            }
        }
    }
    refused(
        folder.path(),
        "scan cumsum a.npy x.npy --axis 5 -q",
        &["a.npy", "axis 5", "[301, 203]"],
    );
}

#[test]
fn arrays_without_axes_and_without_elements_are_arrays() {
    let folder = folder().unwrap();
    let path = folder.path().join("a.npy");
    let mut scalar = Options::new().create::<f64, _>(&path, ()).unwrap();
    scalar
        .write_window(outcore_storage::Window::whole(ndarray::Ix0()), &ndarray::arr0(2.5))
        .unwrap();
    scalar.close().unwrap();
    assert_eq!(run_line(folder.path(), "reduce sum a.npy -q").ok().stdout, "2.5\n");
    run_line(folder.path(), "convert a.npy o.npy --dtype i4").ok();
    assert_eq!(
        FileArray::<i32, ndarray::Ix0>::open(folder.path().join("o.npy")).unwrap().read().unwrap(),
        ndarray::arr0(2)
    );
    write(&path, &Array2::<f32>::zeros((0, 3)), Order::C);
    assert_eq!(run_line(folder.path(), "reduce sum a.npy -q").ok().stdout, "0.0\n");
    assert_eq!(run_line(folder.path(), "reduce mean a.npy -q").ok().stdout, "NaN\n");
    refused(folder.path(), "reduce min a.npy -q", &["a.npy", "[0, 3]"]);
    run_line(folder.path(), "transpose a.npy t.npy").ok();
    assert_eq!(read::<f32>(&folder.path().join("t.npy")).dim(), (3, 0));
    run_line(folder.path(), "scan cumsum a.npy s.npy --axis 0").ok();
    assert_eq!(read::<f32>(&folder.path().join("s.npy")).dim(), (0, 3));
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let folder = with_field(Order::C);
    let before = snapshot(folder.path());
    for line in [
        "convert a.npy o.npy",
        "transpose a.npy o.npy",
        "reduce var a.npy",
        "scan cumsum a.npy o.npy --axis 0",
    ] {
        let ran = run_line(folder.path(), &format!("{line} --dry-run --memory 3MiB")).ok();
        assert!(ran.stdout.contains("within 3.0 MiB") && ran.stdout.contains("pass 1"), "{ran:?}");
    }
    assert_eq!(snapshot(folder.path()), before);
}
