//! A read-only array notices when its file changes, wherever an operation would read it.

use crate::support::{folder, refused, write_numbered};
use ndarray::{Array2, Ix1, Ix2, Slice};
use outcore_storage::{ErrorKind, FileArray, FileArrayMut, Options, Sliced, Source, Window};
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const BYTES: u64 = 128 + 12 * 4;

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = folder().unwrap();
    let path = folder.path().join("field.npy");
    write_numbered::<i32>(&path, &[3, 4], &Options::new());
    // Long ago, so that any change has a later time.
    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(7));
    open(&path).set_times(times).unwrap();
    (folder, path)
}

fn open(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

fn read(array: &impl Source<i32, Ix2>) -> outcore_storage::Result<Array2<i32>> {
    let mut tile = Array2::zeros(array.shape());
    array.read_tile(&Window::whole(array.shape()), tile.view_mut()).map(|()| tile)
}

#[test]
fn a_shorter_file_is_named_with_both_lengths_and_times() {
    let (_folder, path) = file();
    let array = FileArray::<i32, Ix2>::open(&path).unwrap();
    read(&array).unwrap();
    open(&path).set_len(100).unwrap();
    let message = refused!(read(&array), Changed { opened, now } if (opened.bytes, now.bytes) == (BYTES, 100));
    let before = format!(
        "{}: changed while it was read: it had {BYTES} bytes, modified at 1970-01-01 \
         00:00:07.000000000 UTC, and now has 100 bytes, modified at 20",
        path.display()
    );
    assert!(message.starts_with(&before) && message.ends_with(" UTC"), "{message}");
}

#[test]
fn every_change_is_noticed_through_every_handle() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("shorter", |path| open(path).set_len(BYTES - 1).unwrap()),
        ("longer", |path| open(path).set_len(BYTES + 1).unwrap()),
        ("other elements", |path| {
            let mut array = FileArrayMut::<i32, Ix2>::open_mut(path).unwrap();
            array.write_window([2..3, 0..4], &Array2::zeros((1, 4))).unwrap();
        }),
        ("the same elements", |path| {
            let bytes = fs::read(path).unwrap();
            open(path).write_all(&bytes).unwrap();
        }),
        ("another time", |path| open(path).set_modified(SystemTime::now()).unwrap()),
    ];
    for (what, change) in changes {
        let (_folder, path) = file();
        let options = Options::new().offset(128);
        let npy = FileArray::<i32, Ix2>::open(&path).unwrap();
        let raw = options.open_raw::<i32, _>(&path, (3, 4)).unwrap();
        let flat = options.open_raw_1d::<i32>(&path).unwrap();
        let part = Sliced::new(&npy, &[Slice::from(0..1), Slice::from(0..2)]).unwrap();
        change(&path);
        for array in [&npy, &raw] {
            let error = read(array).expect_err(what);
            assert!(matches!(error.kind(), ErrorKind::Changed { .. }), "{what}: {error}");
            // Tiles of other strides come another way.
            let mut tile = Array2::zeros((4, 3));
            let whole = Window::from([0..3, 0..4]);
            let error = array.read_tile(&whole, tile.view_mut().reversed_axes()).expect_err(what);
            assert!(matches!(error.kind(), ErrorKind::Changed { .. }), "{what}: {error}");
        }
        // Elsewhere in the file than the change.
        assert!(matches!(read(&part).expect_err(what).kind(), ErrorKind::Changed { .. }), "{what}");
        let mut first = ndarray::Array1::zeros(1);
        let error = flat.read_tile(&Window::from(0..1), first.view_mut()).expect_err(what);
        assert!(matches!(error.kind(), ErrorKind::Changed { .. }), "{what}: {error}");
    }
}

#[test]
fn windows_of_a_file_that_others_change_on_purpose_can_be_read() {
    let (_folder, path) = file();
    let array = FileArray::<i32, Ix2>::open(&path).unwrap();
    let mut writer = FileArrayMut::<i32, Ix2>::open_mut(&path).unwrap();
    writer.write_window([0..1, 0..4], &ndarray::array![[1, 2, 3, 4]]).unwrap();
    assert_eq!(array.read_window([0..1, 0..4]).unwrap(), ndarray::array![[1, 2, 3, 4]]);
    // Who writes to an array reads what was written.
    assert_eq!(read(&writer).unwrap().row(0).to_vec(), [1, 2, 3, 4]);
    open(&path).set_len(100).unwrap();
    refused!(array.read(), Truncated { expected: BYTES, actual: 100, .. });
    refused!(read(&writer), Truncated { expected: BYTES, actual: 100, .. });
}

/// Not one of its reads may be answered with elements of before and after.
#[test]
fn a_writer_in_another_thread_is_noticed() {
    let (_folder, path) = file();
    let array = FileArray::<i32, Ix2>::open(&path).unwrap();
    let before = read(&array).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(30));
            let mut writer = FileArrayMut::<i32, Ix2>::open_mut(&path).unwrap();
            writer.write_window([0..3, 0..4], &Array2::ones((3, 4))).unwrap();
        });
        let begin = std::time::Instant::now();
        let error = loop {
            match read(&array) {
                Ok(tile) => assert_eq!(tile, before),
                Err(error) => break error,
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing was noticed");
        };
        assert!(matches!(error.kind(), ErrorKind::Changed { .. }), "{error}");
    });
}

#[test]
fn a_file_that_is_replaced_goes_on_as_it_was() {
    let (folder, path) = file();
    let array = FileArray::<i32, Ix2>::open(&path).unwrap();
    let before = read(&array).unwrap();
    let other = folder.path().join("other.npy");
    FileArrayMut::<i32, Ix1>::create(&other, 5).unwrap().close().unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(read(&array).unwrap(), before);
    fs::remove_file(&path).unwrap();
    assert_eq!(read(&array).unwrap(), before);
}
