//! No content of a file makes opening it panic, or take memory before its length is checked.

#![expect(unsafe_code, reason = "a counting allocator implements an unsafe trait")]

mod support;

use ndarray::{Ix1, Ix2, IxDyn, array};
use outcore_storage::npy::{Header, MAX_HEADER_BYTES};
use outcore_storage::{ErrorKind, FileArray, FileArrayMut, FileInfo, Options, Order};
use proptest::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use support::{folder, maps, raw_header, refused};

/// What opening a file may take: its header, parsed. A parsed value is larger than its text.
const OPENING_BYTES: usize = 80 * MAX_HEADER_BYTES;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// Counts the bytes that this thread holds.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that a function held at a time, besides what was held before.
fn peak_of<R>(function: impl FnOnce() -> R) -> (R, usize) {
    let before = LIVE.get();
    PEAK.set(before);
    let result = function();
    (result, PEAK.get() - before)
}

/// Opens a file in every way, and gives back the most memory that it took.
fn open_in_every_way(path: &Path) -> usize {
    let (_, info) = peak_of(|| FileInfo::of_npy(path).map(drop));
    let (_, fixed) = peak_of(|| FileArray::<f32, Ix2>::open(path).map(drop));
    let (_, dynamic) = peak_of(|| FileArray::<f32, IxDyn>::open(path).map(drop));
    info.max(fixed).max(dynamic)
}

fn dictionary(descr: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}")
}

/// The good header, with some bytes of it changed, cut out or doubled.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let good = [raw_header(1, &dictionary("'<f4'", "(3, 4)")), vec![0; 48]].concat();
    let len = good.len();
    let change = prop_oneof![
        (0..len, any::<u8>()).prop_map(|(at, byte)| (at..at + 1, vec![byte])),
        (0..len, 0_usize..9).prop_map(move |(at, n)| (at..(at + n).min(len), vec![])),
        (0..len, prop::sample::select(&b"(){}[]',:-+0123456789LTFN\\ "[..]), 1_usize..40)
            .prop_map(|(at, byte, n)| (at..at, vec![byte; n])),
    ];
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut bytes = good.clone();
        for (range, replacement) in changes {
            let range = range.start.min(bytes.len())..range.end.min(bytes.len());
            bytes.splice(range, replacement);
        }
        bytes
    })
}

/// A length of an axis: short ones, and those at which products overflow.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0_usize..4,
        1 => prop::sample::select(vec![usize::MAX, 1 << 31, 1 << 32, 1 << 62, 1 << 63]),
        1 => any::<usize>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        fs::write(&path, &bytes).unwrap();
        prop_assert!(open_in_every_way(&path) < OPENING_BYTES);
        let error = FileInfo::of_npy(&path).unwrap_err();
        prop_assert!(matches!(error.kind(), ErrorKind::NotNpy(_)), "{}", error);
    }

    #[test]
    fn arbitrary_dictionaries_do_not_panic(
        text in "[{(\\['a-z\"0-9LTF,:)\\]}\\\\ é-]{0,200}",
        version in 1_u8..4,
    ) {
        let bytes = raw_header(version, &text);
        let (result, peak) = peak_of(|| Header::read(&mut &bytes[..]));
        prop_assert!(peak < OPENING_BYTES);
        if let Ok((header, ..)) = result {
            prop_assert!(text.contains(&header.dtype.code()));
        }
    }

    #[test]
    fn arbitrary_raw_options_are_opened_or_refused(
        lengths in prop::collection::vec(length(), 0..40),
        offset in prop_oneof![0_u64..200, Just(u64::MAX), Just(i64::MAX as u64), any::<u64>()],
        fortran: bool,
    ) {
        const FILE_BYTES: usize = 100;
        let folder = folder().unwrap();
        let path = folder.path().join("array.dat");
        fs::write(&path, [0; FILE_BYTES]).unwrap();
        let order = if fortran { Order::F } else { Order::C };
        let options = Options::new().offset(offset).order(order);
        let open = || options.open_raw::<f32, _>(&path, IxDyn(&lengths)).and_then(|file| file.read());
        let (opened, peak) = peak_of(open);
        // As many lengths as there may be are little, too.
        prop_assert!(peak < MAX_HEADER_BYTES, "{} bytes", peak);
        let counted = |least: usize| {
            let lengths = lengths.iter().map(|&len| len.max(least) as u128);
            lengths.fold(4_u128, u128::saturating_mul)
        };
        let countable = counted(1) <= isize::MAX as u128;
        let bytes = if lengths.contains(&0) { 0 } else { counted(0) };
        let fits = countable && bytes.saturating_add(offset.into()) <= FILE_BYTES as u128;
        prop_assert_eq!(opened.is_ok(), fits, "{:?}", opened.map(drop));
    }

    #[test]
    fn mutated_headers_are_read_or_refused(bytes in mutated()) {
        let folder = folder().unwrap();
        let path = folder.path().join("array.npy");
        fs::write(&path, &bytes).unwrap();
        prop_assert!(open_in_every_way(&path) < OPENING_BYTES);
        // What is accepted can be read: its elements are all there.
        if let Ok(file) = FileArray::<f32, IxDyn>::open(&path) {
            prop_assert!(file.offset() + 4 * file.len() as u64 <= bytes.len() as u64);
            let array = file.read().unwrap();
            prop_assert_eq!(array.shape(), file.shape());
        }
    }
}

/// The longest header there can be, made of the values that take the most memory.
#[test]
fn the_longest_headers_take_little_memory() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    for (open, item, close) in [("(", "1,", ")"), ("(", "(),", ")"), ("{", "'':1,", "}")] {
        let around = dictionary("'<f4'", "").len() + open.len() + close.len();
        let items = item.repeat((MAX_HEADER_BYTES - around) / item.len());
        let text = dictionary("'<f4'", &format!("{open}{items}{close}"));
        assert!(text.len() > MAX_HEADER_BYTES - 8);
        fs::write(&path, raw_header(2, &text)).unwrap();
        let peak = open_in_every_way(&path);
        assert!(peak < OPENING_BYTES, "{item}: {peak} bytes");
    }
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{'a':", "}")] {
        let nested = [open.repeat(5000), "1".into(), close.repeat(5000)].concat();
        let error = Header::read(&mut &raw_header(2, &dictionary("'<f4'", &nested))[..]);
        assert!(error.unwrap_err().to_string().contains("nested too deeply"));
    }
}

#[test]
fn a_short_file_that_promises_800_gigabytes_is_truncated() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    let header = raw_header(1, &dictionary("'<f8'", "(100000000000,)"));
    fs::write(&path, &header).unwrap();
    let (result, peak) = peak_of(|| FileArray::<f64, Ix1>::open(&path));
    let (needed, len) = (800_000_000_000 + header.len() as u64, header.len() as u64);
    let message = refused!(result, Truncated { expected, actual, .. } if (*expected, *actual) == (needed, len));
    assert!(message.contains(&needed.to_string()) && message.contains(&len.to_string()));
    assert!(peak < MAX_HEADER_BYTES, "{peak} bytes");
    refused!(FileInfo::of_npy(&path), Truncated { .. });
    refused!(maps::open::<f64, Ix1>(&path), Truncated { .. });
}

#[test]
fn lengths_that_no_array_has_are_refused() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    for shape in ["(-1, 3)", "(18446744073709551616, 1)", "(3, 99999999999999999999999999999999)"] {
        fs::write(&path, raw_header(1, &dictionary("'<f4'", shape))).unwrap();
        let message = refused!(FileArray::<f32, Ix2>::open(&path), NotNpy(_));
        assert!(message.contains("out of range"), "{message}");
        refused!(FileInfo::of_npy(&path), NotNpy(_));
    }
    for shape in
        ["(4611686018427387904, 4)", "(9223372036854775807, 1)", "(0, 9223372036854775807)"]
    {
        fs::write(&path, raw_header(1, &dictionary("'<f4'", shape))).unwrap();
        refused!(FileArray::<f32, Ix2>::open(&path), TooLarge { .. });
        refused!(FileInfo::of_npy(&path), TooLarge { .. });
    }
}

#[test]
fn any_number_of_axes_is_read_and_64_are_written() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    // NumPy 1 ends at 32, NumPy 2 at 64, a header at thousands.
    for axes in [33, 64, 65, 20_000] {
        let header = raw_header(2, &dictionary("'|u1'", &format!("({})", "1,".repeat(axes))));
        fs::write(&path, [header, vec![7]].concat()).unwrap();
        assert_eq!(FileInfo::of_npy(&path).unwrap().shape, vec![1; axes]);
        let array = FileArray::<u8, IxDyn>::open(&path).unwrap().read().unwrap();
        assert_eq!((array.ndim(), array.sum()), (axes, 7));
        refused!(FileArray::<u8, Ix2>::open(&path), WrongAxes { expected: 2, .. });
        let created = FileArrayMut::<u8, _>::create(&path, vec![1; axes]);
        match axes {
            33 | 64 => created.unwrap().close().unwrap(),
            _ => assert!(refused!(created, Unsupported(_)).contains(&axes.to_string())),
        }
    }
}

#[test]
fn another_type_or_number_of_axes_is_refused() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    FileArrayMut::<i32, _>::create(&path, (3, 4)).unwrap().close().unwrap();
    let message = refused!(FileArray::<f32, Ix2>::open(&path), WrongType { .. });
    assert!(message.contains("int32") && message.contains("float32"), "{message}");
    let message = refused!(FileArray::<i32, Ix1>::open(&path), WrongAxes { expected: 1, .. });
    assert!(message.contains("[3, 4]"), "{message}");
}

#[test]
fn bytes_after_the_data_are_allowed_and_kept() {
    let folder = folder().unwrap();
    let path = folder.path().join("array.npy");
    FileArrayMut::<u8, _>::create(&path, 2).unwrap().close().unwrap();
    let with_tail = [fs::read(&path).unwrap(), b"tail".to_vec()].concat();
    fs::write(&path, &with_tail).unwrap();
    let mut file = FileArrayMut::<u8, Ix1>::open_mut(&path).unwrap();
    assert_eq!(file.read().unwrap(), array![0, 0]);
    let message = refused!(file.append(&array![7]), Unsupported(_));
    assert!(message.contains("4 bytes after its data"), "{message}");
    file.close().unwrap();
    assert_eq!(fs::read(&path).unwrap(), with_tail);
}

#[test]
fn folders_and_missing_files_are_errors() {
    let folder = folder().unwrap();
    refused!(FileInfo::of_npy(folder.path()), Io { .. });
    refused!(FileArray::<u8, Ix1>::open(folder.path()), Io { .. });
    refused!(FileArray::<u8, Ix1>::open_raw(folder.path()), Io { .. });
    refused!(FileArrayMut::<u8, Ix1>::open_mut(folder.path()), Io { .. });
    refused!(FileArrayMut::<u8, _>::create(folder.path(), 3), Io { .. });
    let missing = folder.path().join("missing.npy");
    let message = refused!(FileArray::<u8, Ix1>::open(&missing), Io { .. });
    assert!(message.contains("missing.npy"), "{message}");
}
