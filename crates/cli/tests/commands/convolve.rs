//! `outcore convolve`: files of every type, larger than the budget, in both orders, against the definition.

use crate::support::{field, folder, read, run_line, snapshot, write};
use ndarray::{Array2, array};
use num_complex::Complex;
use outcore_storage::{DType, FileInfo, Options, Order};
use std::fs;

/// The part of a convolution that begins at an index.
fn convolution(
    source: &Array2<f64>,
    kernel: &Array2<f64>,
    begin: [usize; 2],
    shape: (usize, usize),
) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(row, column)| {
        let at = [row + begin[0], column + begin[1]];
        let term = |((i, j), h): ((usize, usize), &f64)| {
            let from = (at[0].checked_sub(i)?, at[1].checked_sub(j)?);
            source.get(from).map(|x| x * h)
        };
        kernel.indexed_iter().filter_map(term).sum()
    })
}

fn is_near(one: &Array2<f64>, other: &Array2<f64>) -> bool {
    one.dim() == other.dim() && one.iter().zip(other).all(|(x, y)| (x - y).abs() < 1e-12)
}

#[test]
fn a_file_larger_than_the_budget_is_convolved() {
    let folder = folder().unwrap();
    let source = field((700, 500)).map(|x| f64::from(x.re));
    let mut kernel = Array2::<f64>::zeros((90, 61));
    (kernel[[7, 50]], kernel[[89, 0]]) = (2.0, -0.5);
    for order in [Order::C, Order::F] {
        write(&folder.path().join("in.npy"), &source, order);
        write(&folder.path().join("k.npy"), &kernel, Order::C);
        for (mode, begin, shape) in [
            ("full", [0, 0], (789, 560)),
            ("same", [44, 30], (700, 500)),
            ("valid", [89, 60], (611, 440)),
        ] {
            // The array alone has 2.7 MiB.
            let line = "convolve in.npy k.npy out.npy --force --json --memory";
            let ran = run_line(folder.path(), &format!("{line} 900KiB --mode {mode}")).ok();
            let told = ran.json();
            assert_eq!((&told["passes"], &told["command"]), (&4.into(), &"convolve".into()));
            let found = read::<f64>(&folder.path().join("out.npy"));
            let expected = shifted(&source, 2.0, (7, 50), begin, shape)
                + shifted(&source, -0.5, (89, 0), begin, shape);
            assert!(is_near(&found, &expected), "{order} {mode}");
            let at_once = run_line(folder.path(), &format!("{line} 1GiB --mode {mode}")).ok();
            assert_eq!(at_once.json()["passes"], 2);
            assert_eq!(read::<f64>(&folder.path().join("out.npy")), found, "{order} {mode}");
            let info = FileInfo::of_npy(folder.path().join("out.npy")).unwrap();
            assert_eq!((info.dtype, info.order), (DType::F64, order));
        }
    }
    assert_eq!(snapshot(folder.path()).len(), 3, "nothing stays but input, kernel and output");
}

/// A source times a number, moved by so many indices: the part that begins at an index.
fn shifted(
    source: &Array2<f64>,
    by: f64,
    shift: (usize, usize),
    begin: [usize; 2],
    shape: (usize, usize),
) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(row, column)| {
        let from =
            (row + begin[0]).checked_sub(shift.0).zip((column + begin[1]).checked_sub(shift.1));
        from.and_then(|at| source.get(at)).map_or(0.0, |x| by * x)
    })
}

#[test]
fn numbers_of_any_type_meet_in_one_that_holds_both() {
    let folder = folder().unwrap();
    let (input, kernel) = (folder.path().join("in.npy"), folder.path().join("k.npy"));
    let told = || {
        run_line(folder.path(), "convolve in.npy k.npy out.npy --force --quiet").ok();
        FileInfo::of_npy(folder.path().join("out.npy")).unwrap().dtype
    };
    write(&input, &array![[1_u8, 2], [3, 4]], Order::C);
    write(&kernel, &array![[true, false], [true, true]], Order::F);
    assert_eq!(told(), DType::F32);
    let found = read::<f32>(&folder.path().join("out.npy")).map(|&x| f64::from(x));
    let wide = array![[1.0, 0.0], [1.0, 1.0]];
    let expected = convolution(&array![[1.0, 2.0], [3.0, 4.0]], &wide, [0, 0], (3, 3));
    assert!(found.iter().zip(&expected).all(|(x, y)| (x - y).abs() < 1e-6), "{found}");
    write(&kernel, &array![[1_i32]], Order::C);
    assert_eq!(told(), DType::F64);
    write(&kernel, &array![[Complex::new(0.0_f32, 1.0)]], Order::C);
    assert_eq!(told(), DType::ComplexF32);
    let found = read::<Complex<f32>>(&folder.path().join("out.npy"));
    assert!((found[[1, 1]] - Complex::new(0.0, 4.0)).norm() < 1e-6);
    write(&input, &array![[1_i64, 2], [3, 4]], Order::C);
    assert_eq!(told(), DType::ComplexF64);
}

#[test]
fn a_correlation_has_its_peak_where_the_pattern_is() {
    let folder = folder().unwrap();
    let source = field((60, 70));
    let pattern = source.slice(ndarray::s![20..31, 40..55]).to_owned();
    write(&folder.path().join("in.npy"), &source, Order::C);
    write(&folder.path().join("k.npy"), &pattern, Order::C);
    let line = "convolve in.npy k.npy out.npy --correlate --mode valid --quiet";
    run_line(folder.path(), line).ok();
    let found = read::<Complex<f32>>(&folder.path().join("out.npy"));
    let peak = found.indexed_iter().max_by(|(_, x), (_, y)| x.norm().total_cmp(&y.norm()));
    assert_eq!(peak.unwrap().0, (20, 40));
}

#[test]
fn a_dry_run_tells_the_passes_and_writes_nothing() {
    let folder = folder().unwrap();
    let options = Options::new().sparse(true);
    for (name, shape) in
        [("in.npy", (20_000, 20_000)), ("k.npy", (5000, 5000)), ("small.npy", (50, 50))]
    {
        options.create::<f32, _>(folder.path().join(name), shape).unwrap().close().unwrap();
    }
    let before: Vec<_> = snapshot_names(folder.path());
    for (kernel, parts) in [
        ("k.npy", ["of [20000, 20000] with [5000, 5000] as float32, same", "kernel rows"]),
        ("small.npy", ["of [20000, 20000] with [50, 50] as float32, same", "blocks"]),
    ] {
        let line = format!("convolve in.npy {kernel} out.npy --mode same --dry-run --memory 64MiB");
        let told = run_line(folder.path(), &line).ok().stdout;
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
    }
    assert_eq!(snapshot_names(folder.path()), before);
}

fn snapshot_names(folder: &std::path::Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_cannot_be_convolved_is_one_line() {
    let folder = folder().unwrap();
    let of =
        |name: &str, shape| write(&folder.path().join(name), &Array2::<f32>::ones(shape), Order::C);
    of("in.npy", (8, 6));
    of("wide.npy", (2, 9));
    of("none.npy", (0, 3));
    let flat: ndarray::Array1<f32> = ndarray::Array1::ones(3);
    let options = Options::new();
    let mut file = options.create::<f32, _>(folder.path().join("flat.npy"), 3).unwrap();
    file.write_window(0..3, &flat).unwrap();
    file.close().unwrap();
    for (line, parts) in [
        ("in.npy wide.npy out.npy --mode valid", vec!["in.npy", "[8, 6]", "[2, 9]", "valid"]),
        ("in.npy none.npy out.npy", vec!["[0, 3]", "axis 0 has length 0"]),
        ("in.npy flat.npy out.npy", vec!["as many axes", "[3]"]),
        ("in.npy gone.npy out.npy", vec!["gone.npy"]),
        ("in.npy wide.npy wide.npy --force", vec!["wide.npy", "is the input"]),
        ("in.npy wide.npy in.npy --force", vec!["in.npy", "is the input"]),
        ("in.npy wide.npy wide.npy", vec!["wide.npy", "exists already"]),
        ("in.npy wide.npy out.npy --memory 1KiB", vec!["needs at least", "(1024 bytes)"]),
    ] {
        let ran = run_line(folder.path(), &format!("convolve {line} --quiet"));
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(parts.iter().all(|part| ran.stderr.contains(part)), "{ran:?}");
        assert!(!folder.path().join("out.npy").exists());
    }
}
