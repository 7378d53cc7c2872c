//! `outcore spectrum` writes power spectra and rings of files larger than the budget, and draws them.

use crate::support::{field, folder, read, run_line, snapshot, write};
use ndarray::{Array2, Axis};
use num_complex::Complex;
use outcore_storage::{DType, FileInfo, Options, Order};
use std::fs;

#[test]
fn a_power_spectrum_is_that_of_the_transform() {
    let folder = folder().unwrap();
    let source = field((300, 420)).map(|x| f64::from(x.re));
    for order in [Order::C, Order::F] {
        write(&folder.path().join("in.npy"), &source, order);
        run_line(folder.path(), "fft2 in.npy fft.npy --force --quiet").ok();
        // The array has 1 MiB, its transform twice that.
        let line = "spectrum in.npy out.npy --force --json --memory 500KiB";
        let told = run_line(folder.path(), line).ok().json();
        assert_eq!((&told["passes"], &told["command"]), (&2.into(), &"spectrum".into()));
        let found = read::<f64>(&folder.path().join("out.npy"));
        let transform = read::<Complex<f64>>(&folder.path().join("fft.npy"));
        assert_eq!(found, transform.map(Complex::norm_sqr));
        let info = FileInfo::of_npy(folder.path().join("out.npy")).unwrap();
        assert_eq!((info.dtype, info.order), (DType::F64, order));
        run_line(folder.path(), "spectrum in.npy out.npy --force --quiet").ok();
        assert_eq!(read::<f64>(&folder.path().join("out.npy")), found);
    }
    let names: Vec<_> = snapshot(folder.path()).into_keys().collect();
    assert_eq!(names, ["fft.npy", "in.npy", "out.npy"], "nothing else stays");
}

#[test]
fn rings_are_two_rows_whatever_the_budget() {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field((256, 300)).map(|x| x.re), Order::C);
    let line = "spectrum in.npy out.npy --radial --force --json";
    assert_eq!(run_line(folder.path(), line).ok().json()["passes"], 1);
    let found = read::<f64>(&folder.path().join("out.npy"));
    let told = run_line(folder.path(), &format!("{line} --memory 150KiB")).ok().json();
    assert_eq!(told["passes"], 2);
    assert_eq!(read::<f64>(&folder.path().join("out.npy")), found);
    assert_eq!(found.dim(), (2, 151));
    let frequencies: Vec<f64> = (0..151).map(|ring| f64::from(ring) / 300.0).collect();
    assert_eq!(found.index_axis(Axis(0), 0).to_vec(), frequencies);
    // Noise of variance 1 / 12 has the same power at all frequencies.
    let expected = 256.0 * 300.0 / 12.0;
    assert!(found.row(1).iter().skip(20).all(|power| (power / expected - 1.0).abs() < 0.3));
    assert_eq!(snapshot(folder.path()).len(), 2, "nothing stays but input and output");
}

#[test]
fn other_types_and_numbers_of_axes_have_spectra_too() {
    let folder = folder().unwrap();
    let options = Options::new();
    let mut file = options.create::<i16, _>(folder.path().join("in.npy"), (4, 6, 5)).unwrap();
    file.write_window([0..4, 0..6, 0..5], &ndarray::Array3::from_elem((4, 6, 5), 3)).unwrap();
    file.close().unwrap();
    run_line(folder.path(), "spectrum in.npy out.npy --quiet").ok();
    let info = FileInfo::of_npy(folder.path().join("out.npy")).unwrap();
    assert_eq!((info.dtype, info.shape), (DType::F32, vec![4, 6, 5]));
    run_line(folder.path(), "spectrum in.npy rings.npy --radial --quiet").ok();
    let rings = read::<f64>(&folder.path().join("rings.npy"));
    assert!((rings[[1, 0]] - 360.0 * 360.0).abs() < 1e-6, "{rings}");
    assert!(rings.row(1).iter().skip(1).all(|power| *power < 1e-6), "{rings}");
}

#[test]
fn pictures_are_drawn_where_that_is_asked_for() {
    let folder = folder().unwrap();
    let wave = Array2::from_shape_fn((101, 80), |(row, _)| {
        (f32::from(u16::try_from(row).unwrap()) * 0.5).sin()
    });
    write(&folder.path().join("in.npy"), &wave, Order::C);
    for line in ["--png s.png", "--radial --png r.png"] {
        run_line(folder.path(), &format!("spectrum in.npy out.npy --force --quiet {line}")).ok();
        let png = fs::read(folder.path().join(line.split(' ').next_back().unwrap())).unwrap();
        assert!(png.starts_with(b"\x89PNG\r\n") && png.len() > 1000);
    }
    let before = snapshot(folder.path());
    for (line, part) in [
        ("in.npy new.npy --png in.npy", "in.npy: is the input"),
        ("in.npy new.npy --png new.npy", "new.npy: is the output"),
        ("in.npy new.npy --png ./new.npy", "./new.npy: is the output"),
        ("in.npy out.npy", "out.npy: exists already"),
        ("in.npy new.npy --png s.png --memory 64KiB --threads 1", "in.npy: thumbnail of [101, 80]"),
    ] {
        let ran = run_line(folder.path(), &format!("spectrum {line} --quiet"));
        assert_eq!((ran.code, ran.stderr.lines().count()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains(part), "{ran:?}");
    }
    assert!(snapshot(folder.path()) == before);
    write(&folder.path().join("in.npy"), &Array2::<f32>::zeros((0, 4)), Order::C);
    let ran = run_line(folder.path(), "spectrum in.npy new.npy --quiet");
    assert!(ran.stderr.contains("axis 0 has length 0") && ran.stderr.contains("in.npy"), "{ran:?}");
}
