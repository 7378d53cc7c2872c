//! `outcore fft`: files larger than the memory it may use, what it refuses, what it leaves.

use crate::support::{Ran, folder, read, run_line, snapshot, write};
use ndarray::{Array1, Axis, Ix1};
use num_complex::Complex;
use outcore_ops::{Budget, Control, fft, rfft, rfftn};
use outcore_storage::{FileArray, FileArrayMut, Order};
use std::path::Path;

type C32 = Complex<f32>;

fn lane(path: &Path, len: usize) -> Array1<C32> {
    let field = crate::support::field((1, len)).row(0).to_owned();
    let mut file = FileArrayMut::<C32, Ix1>::create(path, len).unwrap();
    file.write_window(0..len, &field).unwrap();
    file.close().unwrap();
    field
}

#[test]
fn a_lane_longer_than_the_budget_is_transformed_in_its_output() {
    let folder = folder().unwrap();
    let len = 3 << 19;
    let field = lane(&folder.path().join("a.npy"), len);
    let mut expected = field.clone();
    let plan = fft(&field, 0).plan::<f32>(Budget::new(1 << 30)).unwrap();
    plan.run(&field, &mut expected, Control::new()).unwrap();
    for memory in ["1GiB", "4MiB", "1MiB"] {
        let line = format!("fft a.npy o.npy --force --json --memory {memory}");
        let ran = run_line(folder.path(), &line).ok();
        assert_eq!(ran.json()["passes"], if memory == "1GiB" { 1 } else { 2 }, "{}", ran.stderr);
        let found = FileArray::<C32, Ix1>::open(folder.path().join("o.npy")).unwrap();
        assert!(found.read().unwrap() == expected, "within {memory}");
        let left: Vec<_> = snapshot(folder.path()).into_keys().collect();
        assert_eq!(left, ["a.npy", "o.npy"]);
    }
    // As an array of one row, by the command for two axes.
    write(&folder.path().join("b.npy"), &field.insert_axis(Axis(0)), Order::C);
    let ran = run_line(folder.path(), "fft2 b.npy o2.npy --json --memory 1MiB").ok();
    assert_eq!(ran.json()["passes"], 2, "{}", ran.stderr);
    assert!(read::<C32>(&folder.path().join("o2.npy")).row(0) == expected);
    let dry = run_line(folder.path(), "fft a.npy x.npy --memory 1MiB --dry-run").ok().stdout;
    assert!(dry.contains("needs 12.0 MiB of disk") && !dry.contains("for a while"), "{dry}");
}

#[test]
fn a_real_lane_longer_than_the_budget_goes_through_a_scratch_file() {
    let folder = folder().unwrap();
    let len = 3 << 20;
    let field = crate::support::field((1, len)).row(0).map(|z| z.re);
    let mut file = FileArrayMut::<f32, Ix1>::create(folder.path().join("a.npy"), len).unwrap();
    file.write_window(0..len, &field).unwrap();
    file.close().unwrap();
    let plan = rfft(&field, 0).plan::<f32>(Budget::new(1 << 30)).unwrap();
    let mut expected = Array1::zeros(len / 2 + 1);
    plan.run(&field, &mut expected, Control::new()).unwrap();
    for memory in ["1GiB", "4MiB", "1MiB"] {
        let line = format!("fft a.npy s.npy --real --force --json --memory {memory}");
        let ran = run_line(folder.path(), &line).ok();
        assert_eq!(ran.json()["passes"], if memory == "1GiB" { 1 } else { 2 }, "{}", ran.stderr);
        let found = FileArray::<C32, Ix1>::open(folder.path().join("s.npy")).unwrap();
        assert!(found.read().unwrap() == expected, "within {memory}");
        let left: Vec<_> = snapshot(folder.path()).into_keys().collect();
        assert_eq!(left, ["a.npy", "s.npy"]);
    }
    let mut back = None;
    for memory in ["1GiB", "4MiB", "1MiB"] {
        let line = format!("fft s.npy b.npy --real --inverse --force --json --memory {memory}");
        let ran = run_line(folder.path(), &line).ok();
        assert_eq!(ran.json()["passes"], if memory == "1GiB" { 1 } else { 2 }, "{}", ran.stderr);
        let found = FileArray::<f32, Ix1>::open(folder.path().join("b.npy")).unwrap();
        let found = found.read().unwrap();
        assert!((&found - &field).iter().all(|x| x.abs() < 1e-4));
        assert!(*back.get_or_insert_with(|| found.clone()) == found, "within {memory}");
        let left: Vec<_> = snapshot(folder.path()).into_keys().collect();
        assert_eq!(left, ["a.npy", "b.npy", "s.npy"]);
    }
    let dry = run_line(folder.path(), "fft a.npy x.npy --real --memory 1MiB --dry-run").ok().stdout;
    assert!(dry.contains("needs 24.0 MiB of disk, 12.0 MiB of it for a while"), "{dry}");
}

#[test]
fn real_numbers_go_to_half_a_spectrum_and_back() {
    let folder = folder().unwrap();
    for (shape, order) in [((300, 211), Order::C), ((301, 210), Order::F)] {
        let field = crate::support::field(shape).map(|z| z.re);
        write(&folder.path().join("a.npy"), &field, order);
        let line = "fft a.npy s.npy --real --force --memory 256KiB --json";
        let ran = run_line(folder.path(), line).ok();
        assert_eq!(ran.json()["passes"], 2);
        let mut expected = ndarray::Array2::zeros((shape.0, shape.1 / 2 + 1));
        let source = FileArray::<f32, ndarray::Ix2>::open(folder.path().join("a.npy")).unwrap();
        let plan = rfftn(&source, &[0, 1]).plan::<f32>(Budget::new(1 << 30)).unwrap();
        plan.run(&source, &mut expected, Control::new()).unwrap();
        assert!(read::<C32>(&folder.path().join("s.npy")) == expected);

        let line = format!(
            "fft s.npy b.npy --real --inverse --n {},{} --force --memory 256KiB --json",
            shape.0, shape.1
        );
        assert_eq!(run_line(folder.path(), &line).ok().json()["passes"], 2);
        let back = read::<f32>(&folder.path().join("b.npy"));
        assert!((&back - &field).iter().all(|x| x.abs() < 1e-5));
    }
}

#[test]
fn a_shifted_spectrum_comes_back() {
    let folder = folder().unwrap();
    let field = crate::support::field((60, 47));
    write(&folder.path().join("a.npy"), &field, Order::C);
    for memory in ["1GiB", "24KiB"] {
        let within = format!("--shift --force --memory {memory} --threads 1");
        run_line(
            folder.path(),
            &format!("fft a.npy plain.npy --force --memory {memory} --threads 1"),
        )
        .ok();
        run_line(folder.path(), &format!("fft a.npy s.npy {within}")).ok();
        let (plain, shifted) = (
            read::<C32>(&folder.path().join("plain.npy")),
            read::<C32>(&folder.path().join("s.npy")),
        );
        for (index, element) in plain.indexed_iter() {
            assert_eq!(*element, shifted[[(index.0 + 30) % 60, (index.1 + 23) % 47]]);
        }
        run_line(folder.path(), &format!("fft s.npy b.npy --inverse {within}")).ok();
        let back = read::<C32>(&folder.path().join("b.npy"));
        assert!((&back - &field).iter().all(|z| z.norm() < 1e-5));
    }
}

#[test]
fn a_lane_longer_than_the_budget_and_other_axes_go_through_a_scratch_file() {
    let folder = folder().unwrap();
    let (rows, len) = (3, 3 << 19);
    for order in [Order::C, Order::F] {
        write(&folder.path().join("a.npy"), &crate::support::field((rows, len)), order);
        let mut results = Vec::new();
        for memory in ["1GiB", "4MiB", "1MiB"] {
            let within = format!("--force --json --memory {memory}");
            let passes = if memory == "1GiB" { 1 } else { 3 };
            for (line, name) in [
                ("fft a.npy s.npy --axes 0,1", "s.npy"),
                ("fft a.npy m.npy --axes 0,1 --shift", "m.npy"),
                ("fft2 a.npy t.npy", "t.npy"),
                ("fft m.npy b.npy --inverse --shift", "b.npy"),
            ] {
                let ran = run_line(folder.path(), &format!("{line} {within}")).ok();
                assert_eq!(ran.json()["passes"], passes, "{line}: {}", ran.stderr);
                results.push(read::<C32>(&folder.path().join(name)));
            }
            let left: Vec<_> = snapshot(folder.path()).into_keys().collect();
            assert_eq!(left, ["a.npy", "b.npy", "m.npy", "s.npy", "t.npy"]);
        }
        for (expected, found) in results[..4].iter().cycle().zip(&results) {
            assert!(expected == found, "{order}");
        }
        assert!(results[0] == results[2]);
        assert_eq!(results[0][[0, 0]], results[1][[rows / 2, len / 2]]);
        for name in snapshot(folder.path()).into_keys() {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

/// Of an even and an odd length: there are the same bits as with memory for all of it.
#[test]
fn a_lane_longer_than_the_budget_is_shifted_on_its_way() {
    let folder = folder().unwrap();
    let read =
        |name| FileArray::<C32, Ix1>::open(folder.path().join(name)).unwrap().read().unwrap();
    for len in [3 << 20, 1025 * 1025] {
        let field = lane(&folder.path().join("a.npy"), len);
        let mut unmoved = field.clone();
        let plan = fft(&field, 0).plan::<f32>(Budget::new(1 << 30)).unwrap();
        plan.run(&field, &mut unmoved, Control::new()).unwrap();
        for memory in ["1GiB", "2MiB"] {
            let within = format!("--shift --force --json --memory {memory}");
            let ran = run_line(folder.path(), &format!("fft a.npy s.npy {within}")).ok();
            assert_eq!(ran.json()["passes"], if memory == "1GiB" { 1 } else { 2 });
            let shifted = read("s.npy");
            let (low, high) = shifted.as_slice().unwrap().split_at(len / 2);
            let unmoved = unmoved.as_slice().unwrap();
            assert!((high, low) == unmoved.split_at(len - len / 2), "{len} within {memory}");
            let line = format!("fft s.npy {memory}.npy --inverse {within}");
            let ran = run_line(folder.path(), &line).ok();
            assert_eq!(ran.json()["passes"], if memory == "1GiB" { 1 } else { 2 });
        }
        let back = read("2MiB.npy");
        assert!(back == read("1GiB.npy"));
        assert!((&back - &field).iter().all(|z| z.norm() < 1e-5));
        std::fs::remove_file(folder.path().join("a.npy")).unwrap();
    }
}

#[test]
fn what_cannot_be_done_is_refused_in_a_sentence() {
    let folder = folder().unwrap();
    write(&folder.path().join("a.npy"), &crate::support::field((6, 5)), Order::C);
    let before = snapshot(folder.path());
    for (line, words) in [
        ("fft a.npy o.npy --axes 2", ["axis 2", "[6, 5]"]),
        ("fft a.npy o.npy --axes 0,0", ["axis 0", "twice"]),
        ("fft a.npy o.npy --real", ["holds complex64", "--real"]),
        ("fft a.npy o.npy --n 4", ["[4]", "[0, 1]"]),
        ("fft a.npy o.npy --n 4,0", ["axis 1", "length 0"]),
        ("fft a.npy o.npy --memory 1", ["needs", "1 B"]),
        ("fft a.npy a.npy", ["a.npy", "is the input"]),
    ] {
        let Ran { code, stdout, stderr } = run_line(folder.path(), line);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{line}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(words.iter().all(|word| stderr.contains(word)), "{line}: {stderr}");
    }
    assert_eq!(snapshot(folder.path()), before);
}
