//! `outcore view` shows arrays and slices of them, as text and as a PNG.

use crate::support::{folder, run_line, snapshot, write, write_raw};
use half::f16;
use ndarray::{Array2, Array3, ArrayView2, Ix3, array, s};
use num_complex::Complex;
use outcore_storage::{ByteOrder, Element, FileArrayMut, Options, Order, Window};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const ORDERS: [Order; 2] = [Order::C, Order::F];

/// What a run with `--json` gives as its result.
fn result(folder: &Path, line: &str) -> Value {
    run_line(folder, &format!("view {line} --json --quiet")).ok().json()["result"].clone()
}

/// The lines of characters of a picture that has so many across, without what is around them.
fn picture(text: &str, width: usize, lines: usize) -> Vec<String> {
    let rows = text.lines().filter(|line| line.chars().count() > width);
    let rows = rows.skip_while(|line| line.contains("npy")).take(lines);
    rows.map(|line| line.chars().skip(line.chars().count() - width).collect()).collect()
}

/// Numbers whose sums are exact, so that means are the same in any order.
fn numbers(shape: (usize, usize, usize)) -> Array3<i32> {
    Array3::from_shape_fn(shape, |(i, j, k)| {
        i32::try_from((i * 7919 + j * 104_729 + k * 1_299_709) % 1000).unwrap()
    })
}

fn write_cube(path: &Path, cube: &Array3<i32>, order: Order) {
    let options = Options::new().order(order);
    let mut file: FileArrayMut<i32, Ix3> = options.create(path, cube.dim()).unwrap();
    file.write_window(Window::<Ix3>::whole(cube.raw_dim()), cube).unwrap();
    file.close().unwrap();
}

/// Width and height of a PNG, and its pixels.
fn decode(path: &Path) -> (u32, u32, Vec<[u8; 3]>) {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    (info.width, info.height, bytes.as_chunks::<3>().0.to_vec())
}

#[test]
fn a_picture_is_printed_in_plain_characters_where_there_is_no_terminal() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &array![[0.0_f32, 1.0], [2.0, 3.0]], Order::C);
    let ran = run_line(folder.path(), "view in.npy --width 16 --quiet").ok();
    let (above, below) = ("        --------", "********@@@@@@@@");
    let expected = [
        "in.npy of [2, 2] float32",
        "axis 0",
        &format!("0 {above}"),
        &format!("  {above}"),
        &format!("  {above}"),
        &format!("  {above}"),
        &format!("1 {below}"),
        &format!("  {below}"),
        &format!("  {below}"),
        &format!("2 {below}"),
        "  0       1      2",
        "  axis 1",
        "   ..::---==++**##%@",
        "  0    1    2    3",
        "  value",
    ];
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines[..12], expected[..12], "{}", ran.stdout);
    assert_eq!((lines[13..].to_vec(), ran.stderr.as_str()), (expected[13..].to_vec(), ""));
    assert_eq!(lines[12].len(), 18);
    let wide = run_line(folder.path(), "view in.npy --quiet").ok().stdout;
    assert!(
        wide.lines().all(|line| line.chars().count() <= 80) && !wide.contains('\x1b'),
        "{wide}"
    );
}

#[test]
fn each_cell_is_the_mean_of_its_elements() {
    let folder = folder().unwrap();
    let field = Array2::from_shape_fn((32, 33), |(row, column)| {
        f64::from(u32::try_from(row * 33 + column).unwrap())
    });
    for order in ORDERS {
        write(&folder.path().join("in.npy"), &field.slice(s![.., ..32]).to_owned(), order);
        // Cells of 4 x 2 elements.
        let (first, last) = (1.5 * 33.0 + 0.5, 29.5 * 33.0 + 30.5);
        let found = result(folder.path(), "in.npy --width 16");
        assert_eq!(found, json!({ "shape": [8, 16], "limits": [first, last] }));
        // The first of 16 cells in 33 columns has three of them.
        write(&folder.path().join("in.npy"), &field, order);
        let found = result(folder.path(), "in.npy --width 16");
        let (first, last) = (1.5 * 33.0 + 1.0, 29.5 * 33.0 + 31.5);
        assert_eq!(found, json!({ "shape": [8, 16], "limits": [first, last] }));
    }
}

#[test]
fn every_type_is_shown() {
    fn shows<T: Element>(zero: T, one: T, name: &str) {
        let folder = folder().unwrap();
        write(&folder.path().join("in.npy"), &array![[zero, one], [one, zero]], Order::C);
        let found = result(folder.path(), "in.npy");
        assert_eq!(found, json!({ "shape": [2, 2], "limits": [0.0, 1.0] }), "{name}");
        let text = run_line(folder.path(), "view in.npy --width 16 --quiet").ok().stdout;
        assert!(text.starts_with(&format!("in.npy of [2, 2] {name}\n")), "{text}");
        let rows = picture(&text, 16, 8);
        assert_eq!((rows[0].as_str(), rows[7].as_str()), ("        @@@@@@@@", "@@@@@@@@        "));
    }
    shows(false, true, "bool");
    shows(0_i8, 1, "int8");
    shows(0_i16, 1, "int16");
    shows(0_i32, 1, "int32");
    shows(0_i64, 1, "int64");
    shows(0_u8, 1, "uint8");
    shows(0_u16, 1, "uint16");
    shows(0_u32, 1, "uint32");
    shows(0_u64, 1, "uint64");
    shows(f16::ZERO, f16::ONE, "float16");
    shows(0.0_f32, 1.0, "float32");
    shows(0.0_f64, 1.0, "float64");
    shows(Complex::new(0.0_f32, 0.0), Complex::new(0.0, -1.0), "complex64");
    shows(Complex::new(0.0_f64, 0.0), Complex::new(-0.6, 0.8), "complex128");
}

#[test]
fn a_file_without_a_header_is_shown() {
    let folder = folder().unwrap();
    let field = numbers((1, 30, 40))
        .index_axis_move(ndarray::Axis(0), 0)
        .mapv(|x| i16::try_from(x).unwrap());
    write(&folder.path().join("in.npy"), &field, Order::C);
    let expected = run_line(folder.path(), "view in.npy --quiet").ok().stdout;
    for order in ORDERS {
        write_raw(&folder.path().join("in.npy.raw"), &field, 5, order, ByteOrder::Big);
        let line =
            format!("view in.npy.raw --quiet --dtype >i2 --shape 30,40 --offset 5 --order {order}");
        let found = run_line(folder.path(), &line).ok().stdout;
        assert_eq!(found.replace("in.npy.raw", "in.npy"), expected);
    }
}

#[test]
fn slices_are_those_of_numpy() {
    let folder = folder().unwrap();
    let cube = numbers((5, 40, 60));
    for order in ORDERS {
        write_cube(&folder.path().join("cube.npy"), &cube, order);
        let check = |slices: &str, expected: ArrayView2<'_, i32>| {
            write(&folder.path().join("part.npy"), &expected.to_owned(), Order::C);
            let shown = |line: &str| {
                let text = run_line(folder.path(), &format!("view {line} --width 16 --quiet"));
                let lines = result(folder.path(), &format!("{line} --width 16"));
                (picture(&text.ok().stdout, 16, 16), lines)
            };
            let (found, expected) =
                (shown(&format!("cube.npy --slice {slices}")), shown("part.npy"));
            let height = usize::try_from(expected.1["shape"][0].as_u64().unwrap()).unwrap();
            assert_eq!(found.1, expected.1, "{slices}");
            assert_eq!(found.0[..height], expected.0[..height], "{slices}");
        };
        check("3", cube.slice(s![3, .., ..]));
        check("-1,...", cube.slice(s![4, .., ..]));
        check(":,7", cube.slice(s![.., 7, ..]));
        check("...,-5", cube.slice(s![.., .., 55]));
        check("1,::-1,10:50:2", cube.slice(s![1, ..;-1, 10..50;2]));
        // ndarray counts from the end of a range where the step is negative.
        check("2,30:3:-2,::-3", cube.slice(s![2, 4..31;-2, ..;-3]));
        check("2,3:100,-20:", cube.slice(s![2, 3.., 40..]));
        check("1,2", cube.slice(s![1, 2..3, ..]));
        check("::2,-1,4", cube.slice(s![..;2, 39, 4..5]).t());
    }
    let ran = run_line(folder.path(), "view cube.npy --slice 1,::-1,10:50:2 --quiet").ok();
    assert!(ran.stdout.starts_with("cube.npy[1,::-1,10:50:2] of [5, 40, 60] int32\naxis 1\n40 "));
    assert!(ran.stdout.contains("axis 2") && ran.stdout.contains("\n 0 "), "{}", ran.stdout);
}

#[test]
fn arrays_larger_than_the_budget_are_read_once_and_look_the_same() {
    let folder = folder().unwrap();
    let number = |(row, column)| f32::from(u8::try_from((row * 31 + column * 17) % 251).unwrap());
    let check = |shape: (usize, usize), order: Order, budget: &str| {
        write(&folder.path().join("in.npy"), &Array2::from_shape_fn(shape, number), order);
        let roomy = run_line(folder.path(), "view in.npy --memory 1GiB --quiet").ok().stdout;
        let line = format!("view in.npy --quiet --memory {budget}");
        let tight = run_line(folder.path(), &line).ok().stdout;
        assert_eq!(tight, roomy, "{shape:?} {order}");
        let json = run_line(folder.path(), &format!("{line} --json --threads 1")).ok().json();
        assert_eq!(
            (&json["passes"], &json["bytes_read"]),
            (&json!(1), &json!(shape.0 * shape.1 * 4))
        );
        let pass = &json["pass_list"][0];
        assert!(pass["tiles"].as_u64().unwrap() > 4, "{pass}");
        assert!(pass["run_bytes_read"].as_u64().unwrap() >= 4096, "{pass}");
    };
    for order in ORDERS {
        check((1024, 2048), order, "1MiB");
        check((1, 1_500_000), order, "500kB");
        check((1_500_000, 1), order, "500kB");
        check((3, 500_000), order, "600kB");
    }
    let ran = run_line(folder.path(), "view in.npy --memory 2kB --quiet");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("in.npy: view of [3, 500000]"), "{ran:?}");
    assert!(ran.stderr.contains("needs at least") && ran.stderr.contains("2000"), "{ran:?}");
}

#[test]
fn logarithms_are_those_of_mean_sizes_and_what_is_missing_is_marked() {
    let folder = folder().unwrap();
    let path = folder.path().join("in.npy");
    write(&path, &array![[0.0, -1000.0], [1.0, 0.01]], Order::C);
    assert_eq!(result(folder.path(), "in.npy --log10")["limits"], json!([-2.0, 3.0]));
    let text = run_line(folder.path(), "view in.npy --log10 --width 16 --quiet").ok().stdout;
    let rows = picture(&text, 16, 8);
    assert_eq!((rows[0].as_str(), rows[7].as_str()), ("????????@@@@@@@@", "========        "));
    assert!(text.contains("log10 of |x|"), "{text}");
    // The mean comes first: of 100 and -300 it is 200.
    let pairs = Array2::from_shape_fn((2, 32), |(_, column)| [100_i16, -300][column % 2]);
    write(&path, &pairs, Order::F);
    let limit = 200_f64.log10();
    assert_eq!(result(folder.path(), "in.npy --log10 --width 16")["limits"], json!([limit, limit]));
    write(&path, &array![[f32::NAN, 1.0], [f32::INFINITY, 2.0]], Order::C);
    let text = run_line(folder.path(), "view in.npy --width 16 --quiet").ok().stdout;
    assert_eq!(picture(&text, 16, 8)[0], "????????        ");
    assert_eq!(result(folder.path(), "in.npy")["limits"], json!([1.0, 2.0]));
}

#[test]
fn a_png_has_the_size_and_the_colours_of_the_array() {
    let folder = folder().unwrap();
    let field = Array2::from_shape_fn((300, 400), |(row, column)| {
        u8::from(row >= 150) + 2 * u8::from(column >= 200)
    });
    write(&folder.path().join("in.npy"), &field, Order::C);
    let draw = |options: &str| {
        let ran =
            run_line(folder.path(), &format!("view in.npy --png p.png --quiet {options}")).ok();
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
        decode(&folder.path().join("p.png"))
    };
    let (width, height, pixels) = draw("--width 600");
    let count = |colour| pixels.iter().filter(|&&pixel| pixel == colour).count();
    // Quarters of 225 x 300 pixels, and a part of the colour bar.
    for colour in [[68, 1, 84], [253, 231, 37]] {
        assert!((67_500..68_500).contains(&count(colour)), "{colour:?}");
    }
    let (wider, higher, _) = draw("--width 800");
    assert_eq!((wider - width, higher - height), (200, 150));
    let (usual, _, _) = draw("");
    assert!(usual < width);
    let json = run_line(folder.path(), "view in.npy --png p.png --json --quiet").ok().json();
    assert_eq!(json["result"], json!({ "shape": [300, 400], "limits": [0.0, 3.0] }));
}

#[test]
fn a_dry_run_prints_the_plan_alone() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &Array2::<u16>::zeros((50, 60)), Order::C);
    let before = snapshot(folder.path());
    let ran = run_line(folder.path(), "view in.npy --png p.png --dry-run").ok();
    assert!(ran.stdout.starts_with("view of [50, 60] in [50, 60] cells within"), "{ran:?}");
    let json = run_line(folder.path(), "view in.npy --slice :,::2 --dry-run --json").ok().json();
    assert_eq!((&json["dry_run"], &json["command"]), (&json!(true), &json!("view")));
    assert_eq!(snapshot(folder.path()), before);
}

#[test]
fn what_cannot_be_shown_is_one_line() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &array![[1_u8, 2, 3], [4, 5, 6]], Order::C);
    write(&folder.path().join("none.npy"), &Array2::<f32>::zeros((0, 5)), Order::C);
    write_cube(&folder.path().join("cube.npy"), &numbers((2, 3, 4)), Order::C);
    let before = snapshot(folder.path());
    for (line, code, names) in [
        ("cube.npy", 1, ["cube.npy: has shape [2, 3, 4]", "--slice ... leaves 3 axes"]),
        ("in.npy --slice 1,2", 1, ["in.npy: has shape [2, 3]", "--slice 1,2 leaves 0 axes"]),
        ("in.npy --slice 2", 1, ["in.npy: has shape [2, 3]", "axis 0 has no index 2"]),
        ("in.npy --slice ...,-4", 1, ["shape [2, 3]", "axis 1 has no index -4"]),
        ("in.npy --slice 0,0,:", 1, ["shape [2, 3]", "3 indices are too many for 2 axes"]),
        ("in.npy --slice 1:1", 1, ["in.npy: has shape [2, 3]", "--slice 1:1 leaves no element"]),
        ("none.npy", 1, ["none.npy: has shape [0, 5]", "no element"]),
        ("no.npy", 1, ["no.npy", "No such file"]),
        ("in.npy --png no/such.png", 1, ["no/such.png", "No such file"]),
        ("in.npy --png in.npy", 1, ["in.npy", "is the input"]),
        ("in.npy --slice ::0", 2, ["--slice", "not 0"]),
        ("in.npy --slice a", 2, ["--slice", "no index"]),
        ("in.npy --width 3", 2, ["--width", "16 to 10000"]),
        ("in.npy --slice 99999999999999999999", 2, ["--slice", "no index"]),
    ] {
        let ran = run_line(folder.path(), &format!("view {line} --quiet"));
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(code), ""), "{line}: {ran:?}");
        assert!(code == 2 || ran.stderr.trim_end().lines().count() == 1, "{ran:?}");
        assert!(names.iter().all(|name| ran.stderr.contains(name)), "{line}: {ran:?}");
        assert_eq!(snapshot(folder.path()), before, "{line}");
    }
}
