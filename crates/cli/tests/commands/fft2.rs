//! `outcore fft2` gives what the library gives, and tells what it did in the form that was asked for.

use crate::support::{
    Ran, field, folder, outcore, read, run_line, skipped, snapshot, write, write_raw,
};
use ndarray::{Array2, Ix2};
use num_complex::Complex;
use outcore_ops::{
    Budget, Control, Direction, Fft, Norm, Resources, TileFft2, ToComplex, fft2, ifft2, map_tiles,
};
use outcore_storage::{ByteOrder, FileInfo, Order, Source, Stored};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

type C32 = Complex<f32>;

const SHAPE: (usize, usize) = (90, 128);

/// A folder with complex numbers, `in.npy`, in an order.
fn with_input(order: Order) -> tempfile::TempDir {
    let folder = folder().unwrap();
    write(&folder.path().join("in.npy"), &field(SHAPE), order);
    folder
}

fn output<T: outcore_storage::Element>(folder: &Path) -> Array2<T> {
    read(&folder.join("out.npy"))
}

/// The library's transform of an array in memory.
fn transformed(source: &impl Source<C32, Ix2>, request: &Fft<'_, Ix2>) -> Array2<C32> {
    let mut spectrum = Array2::zeros(Stored::shape(source));
    let plan = request.plan::<f32>(Budget::new(1 << 30)).unwrap();
    plan.run(source, &mut spectrum, Control::new()).unwrap();
    spectrum
}

#[test]
fn the_result_is_the_librarys_in_every_direction_norm_and_order() {
    let norms = [("backward", Norm::Backward), ("ortho", Norm::Ortho), ("forward", Norm::Forward)];
    for order in [Order::C, Order::F] {
        let folder = with_input(order);
        let path = folder.path().join("in.npy");
        let source = outcore_storage::FileArray::<C32, Ix2>::open(path).unwrap();
        for (name, norm) in norms {
            for inverse in [false, true] {
                let request = if inverse { ifft2(&source) } else { fft2(&source) };
                let expected = transformed(&source, &request.norm(norm));
                let inverse = if inverse { "--inverse" } else { "" };
                for memory in ["64MiB", "150kB"] {
                    let line = format!(
                        "fft2 in.npy out.npy --force --norm {name} {inverse} --memory {memory}"
                    );
                    run_line(folder.path(), &line).ok();
                    assert_eq!(output::<C32>(folder.path()), expected, "{line}");
                    run_line(folder.path(), &format!("{line} --real --threads 1")).ok();
                    assert_eq!(output::<f32>(folder.path()), expected.map(|x| x.re), "{line}");
                }
            }
        }
        assert_eq!(FileInfo::of_npy(folder.path().join("out.npy")).unwrap().order, order);
    }
}

#[test]
fn a_budget_smaller_than_the_array_takes_two_passes() {
    let folder = with_input(Order::C);
    for (memory, passes) in [("64MiB", 1), ("150kB", 2)] {
        let line = format!("fft2 in.npy out.npy --force --quiet --json --memory {memory}");
        assert_eq!(run_line(folder.path(), &line).ok().json()["passes"], passes);
    }
}

#[test]
fn every_tile_is_transformed_by_itself() {
    let folder = with_input(Order::C);
    let source = field(SHAPE);
    for (rows, columns) in [(32, 50), (90, 128), (1, 128), (7, 1), (200, 200), (13, 64)] {
        let resources = Resources::from(Budget::new(64 << 20));
        let (tile, direction) = ((rows, columns), Direction::Forward);
        let fft = TileFft2::<f32>::new(SHAPE, tile, direction, Norm::Backward, resources);
        let plan = map_tiles(&source, tile).kernel_bytes(fft.bytes()).plan(resources).unwrap();
        let mut expected = Array2::<C32>::zeros(SHAPE);
        plan.run(&source, &mut expected, |_, x, y| fft.apply(x, y, |x| x, |x| x), Control::new())
            .unwrap();
        for memory in ["64MiB", "1MiB"] {
            let line =
                format!("fft2 in.npy out.npy --force --tile {rows},{columns} --memory {memory}");
            run_line(folder.path(), &line).ok();
            assert_eq!(output::<C32>(folder.path()), expected, "{line}");
            run_line(folder.path(), &format!("{line} --real")).ok();
            assert_eq!(output::<f32>(folder.path()), expected.map(|x| x.re), "{line}");
        }
    }
}

#[test]
fn raw_input_of_any_order_and_place_gives_the_same() {
    let folder = folder().unwrap();
    let path = folder.path().join("raw.bin");
    let numbers = field(SHAPE).map(|x| x.re);
    let complex = numbers.map(|&x| x.to_complex());
    let expected = transformed(&complex, &fft2(&complex));
    for order in [Order::C, Order::F] {
        for byte_order in [ByteOrder::Little, ByteOrder::Big] {
            for offset in [0, 1, 77] {
                write_raw(&path, &numbers, offset, order, byte_order);
                let line = format!(
                    "fft2 raw.bin out.npy --force --quiet --dtype f4 --shape 90,128 \
                     --offset {offset} --order {order} --byte-order {byte_order}"
                );
                run_line(folder.path(), &line).ok();
                let info = FileInfo::of_npy(folder.path().join("out.npy")).unwrap();
                assert_eq!(info.order, order);
                // The order in which the axes are transformed follows the file's.
                let far = (&output::<C32>(folder.path()) - &expected).map(Complex::norm_sqr).sum();
                let size = expected.map(Complex::norm_sqr).sum();
                assert!((far / size).sqrt() < 1e-6_f32, "{line}");
                if order == Order::C {
                    assert_eq!(output::<C32>(folder.path()), expected, "{line}");
                }
            }
        }
    }
}

#[test]
fn real_numbers_of_every_type_become_complex_ones_of_the_right_width() {
    let folder = folder().unwrap();
    fs::write(folder.path().join("raw.bin"), [1; 6 * 4 * 16]).unwrap();
    let single = ["b1", "i1", "u1", "i2", "u2", "f2", "f4", "c8"];
    let double = ["i4", "u4", "i8", "u8", "f8", "c16"];
    for (types, name) in [(&single[..], "complex64"), (&double[..], "complex128")] {
        for dtype in types {
            let line = format!("fft2 raw.bin out.npy --force --quiet --dtype {dtype} --shape 6,4");
            run_line(folder.path(), &line).ok();
            let info = FileInfo::of_npy(folder.path().join("out.npy")).unwrap();
            assert_eq!((info.dtype.to_string().as_str(), &info.shape[..]), (name, &[6, 4][..]));
        }
    }
}

#[test]
fn the_final_object_says_what_was_done() {
    let folder = with_input(Order::C);
    let bytes = 90 * 128 * 8_u64;
    for (options, passes, written) in [
        ("--memory 64MiB", 1, bytes),
        ("--memory 150kB", 2, 2 * bytes),
        ("--memory 64MiB --real", 1, bytes / 2),
        ("--memory 150kB --real", 2, bytes + bytes / 2),
        ("--memory 64MiB --tile 16,16", 1, bytes),
    ] {
        for quiet in ["", "--quiet"] {
            let line = format!("fft2 in.npy out.npy --force --json {quiet} {options}");
            let ran = run_line(folder.path(), &line).ok();
            let object = ran.json();
            assert_eq!(object["command"], "fft2");
            assert_eq!(object["passes"], passes, "{line}");
            assert_eq!(object["bytes_read"], bytes * passes, "{line}");
            assert_eq!(object["bytes_written"], written, "{line}");
            assert!(object["seconds"].as_f64().unwrap() > 0.0);
            let peak = object["peak_memory_bytes"].as_u64().unwrap();
            assert!((1 << 20..200 << 20).contains(&peak), "{peak}");
            assert_eq!(ran.stderr.is_empty(), !quiet.is_empty(), "{ran:?}");
        }
    }
}

#[test]
fn without_json_standard_output_is_empty_and_standard_error_tells_the_plan() {
    let folder = with_input(Order::C);
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --memory 150kB").ok();
    assert_eq!(ran.stdout, "");
    for words in ["fft2 of [90, 128] as complex64", "pass 1  columns", "pass 2  rows", "done in"] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\r') && !ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
    let ran = run_line(folder.path(), "fft2 in.npy out.npy --force --quiet").ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let folder = with_input(Order::C);
    let before = snapshot(folder.path());
    for options in ["", "--quiet", "--tile 20,20", "--real --memory 150kB", "--memory 150kB"] {
        let line = format!("fft2 in.npy out.npy --dry-run {options}");
        let ran = run_line(folder.path(), &line).ok();
        assert_eq!(ran.stderr, "");
        for words in ["of [90, 128]", "pass 1", "reads", "writes", "of disk"] {
            assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
        }
        let ran = run_line(folder.path(), &format!("{line} --json")).ok();
        let object = ran.json();
        assert_eq!((&object["dry_run"], &object["seconds"]), (&true.into(), &().into()));
        assert!(object["bytes_read"].as_u64().unwrap() >= 90 * 128 * 8);
        assert!(snapshot(folder.path()) == before, "{line}");
    }
}

#[test]
fn force_replaces_the_output_at_once() {
    let folder = with_input(Order::C);
    let path = folder.path().join("out.npy");
    fs::write(&path, "old").unwrap();
    let mut old = fs::File::open(&path).unwrap();
    run_line(folder.path(), "fft2 in.npy out.npy --force --quiet").ok();
    // Whoever has the old file open still has all of it: it was replaced, not written over.
    let mut contents = String::new();
    std::io::Read::read_to_string(&mut old, &mut contents).unwrap();
    assert_eq!(contents, "old");
    assert_eq!(output::<C32>(folder.path()).dim(), SHAPE);
    assert_eq!(snapshot(folder.path()).len(), 2);
}

#[test]
fn what_an_interrupted_run_left_behind_is_no_obstacle() {
    let folder = with_input(Order::C);
    fs::write(folder.path().join("out.npy.partial"), vec![7; 10_000_000]).unwrap();
    run_line(folder.path(), "fft2 in.npy out.npy --quiet").ok();
    let source = field(SHAPE);
    assert_eq!(output::<C32>(folder.path()), transformed(&source, &fft2(&source)));
    assert_eq!(snapshot(folder.path()).len(), 2);
    let len = fs::metadata(folder.path().join("out.npy")).unwrap().len();
    assert_eq!(len, 128 + 90 * 128 * 8);
}

#[test]
fn the_inverse_of_the_transform_is_the_input() {
    let folder = with_input(Order::F);
    run_line(folder.path(), "fft2 in.npy mid.npy --quiet --memory 150kB").ok();
    run_line(folder.path(), "fft2 mid.npy out.npy --quiet --inverse").ok();
    let far = (&output::<C32>(folder.path()) - &field(SHAPE)).map(Complex::norm_sqr).sum();
    assert!((far / field(SHAPE).map(Complex::norm_sqr).sum()).sqrt() < 1e-6);
}

#[test]
fn a_header_of_unusual_length_changes_nothing() {
    let folder = with_input(Order::C);
    let good = fs::read(folder.path().join("in.npy")).unwrap();
    let dictionary = crate::support::dictionary("'<c8'", "(90, 128)");
    let padded = dictionary.replace('\n', &format!("{}\n", " ".repeat(301)));
    let odd = [crate::support::header(&padded), good[128..].to_vec()].concat();
    fs::write(folder.path().join("odd.npy"), odd).unwrap();
    run_line(folder.path(), "fft2 odd.npy out.npy --quiet --memory 150kB").ok();
    let source = field(SHAPE);
    assert_eq!(output::<C32>(folder.path()), transformed(&source, &fft2(&source)));
}

/// Waits until something is so, or panics.
fn wait_until(child: &mut Child, what: &str, mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {what}");
        assert!(begin.elapsed() < Duration::from_secs(30), "no {what} after 30 s");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn control_c_leaves_no_half_written_output() {
    for (force, journal) in [(false, false), (true, false), (false, true), (true, true)] {
        let folder = folder().unwrap();
        let path = |name: &str| folder.path().join(name);
        // A gigabyte of zeros that takes no disk: long enough to be interrupted.
        fs::File::create(path("zeros.bin")).unwrap().set_len(1 << 30).unwrap();
        if force {
            fs::write(path("out.npy"), "old").unwrap();
        }
        let mut command = outcore(folder.path());
        command.args(["fft2", "zeros.bin", "out.npy", "--dtype", "c8", "--shape", "8192,16384"]);
        command.args(["--memory", "32MiB", "--quiet", "--force"]);
        if !journal {
            command.arg("--no-journal");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until(&mut child, "output", || {
            let partial = fs::metadata(path("out.npy.partial"));
            partial.is_ok_and(|partial| partial.len() > 1 << 20)
        });
        sleep(Duration::from_millis(300));
        let begin = Instant::now();
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let ran = Ran::new(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(130), "{ran:?}");
        assert!(begin.elapsed() < Duration::from_secs(10), "it took {:?}", begin.elapsed());
        assert_eq!(path("out.npy.partial").exists(), journal);
        if journal {
            assert!(ran.stderr.contains("out.npy.partial"), "{ran:?}");
            assert!(ran.stderr.contains("--resume"), "{ran:?}");
        } else {
            assert_eq!(ran.stderr, "outcore: interrupted\n");
        }
        let old = fs::read(path("out.npy")).ok();
        assert_eq!(old, force.then(|| b"old".to_vec()));
    }
}

/// Whether this process, and so those that it starts, ignores Ctrl-C, as a shell's background jobs do: then
/// a signal is lost that comes before the program asks for it.
fn ignores_control_c() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> 1 & 1 == 1)
}

#[test]
fn control_c_at_once_leaves_nothing_or_what_can_be_resumed() {
    if ignores_control_c() {
        let name = "control_c_at_once_leaves_nothing_or_what_can_be_resumed";
        return skipped(name, "this process ignores Ctrl-C");
    }
    // The signal meets every stage, from the start of the program on.
    for milliseconds in [0, 1, 2, 3, 5, 8, 12, 20] {
        let folder = folder().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::File::create(path("zeros.bin")).unwrap().set_len(1 << 30).unwrap();
        let mut command = outcore(folder.path());
        command.args(["fft2", "zeros.bin", "out.npy", "--dtype", "c8", "--shape", "8192,16384"]);
        command.args(["--memory", "16MiB", "--quiet"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        sleep(Duration::from_millis(milliseconds));
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let ran = Ran::new(child.wait_with_output().unwrap());
        // Before the program is up, the signal ends it as it ends any other.
        assert!(matches!(ran.code, Some(130) | None), "{ran:?}");
        assert!(!path("out.npy").exists());
        let resumable = path("out.npy.partial.journal").exists();
        assert_eq!(path("out.npy.partial").exists(), resumable, "after {milliseconds} ms");
        assert_eq!(ran.stderr.contains("--resume"), resumable, "{ran:?}");
    }
}
