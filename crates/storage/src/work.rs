//! What makes two runs the same work: their plan, and their inputs.

use crate::{FileInfo, FileState};

/// What a run computes, of which inputs, with which resources: a journal is of use to a run of the same
/// work alone.
///
/// ```
/// use outcore_storage::{FileArrayMut, FileInfo, Work};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("field.npy");
/// FileArrayMut::<f32, _>::create(&path, 100)?.close()?;
/// let work = Work::new("sum of a field").input(&FileInfo::of_npy(&path)?);
/// assert_eq!(work, Work::new("sum of a field").input(&FileInfo::of_npy(&path)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub(crate) text: String,
    pub(crate) memory: u64,
    pub(crate) threads: u64,
    pub(crate) inputs: Vec<String>,
}

impl Work {
    /// Names the work: everything that the result depends on, and the plan.
    pub fn new(text: impl AsRef<str>) -> Self {
        // As it is read again: without what ends its lines.
        let lines: Vec<_> = text.as_ref().lines().collect();
        Self { text: lines.join("\n"), memory: 0, threads: 0, inputs: Vec::new() }
    }

    /// The memory and threads that the plan was made for. They are kept for whoever goes on, and make
    /// no difference.
    #[must_use]
    pub fn resources(mut self, memory: u64, threads: usize) -> Self {
        self.memory = memory;
        self.threads = threads as u64;
        self
    }

    /// Adds an input: its elements' type, shape, order and place, the length of its file and when that
    /// was modified last. Where the file is makes no difference.
    #[must_use]
    pub fn input(mut self, info: &FileInfo) -> Self {
        let FileInfo { dtype, byte_order, shape, order, offset, .. } = info;
        let state = FileState { bytes: info.file_bytes, modified: info.modified };
        let name = info.path.file_name().unwrap_or_default().to_string_lossy();
        self.inputs.push(format!(
            "{} of {state}: {dtype} {shape:?}, order {order}, {byte_order}-endian, from byte {offset}",
            name.escape_debug(),
        ));
        self
    }

    /// Why a journal of other work is of no use to this.
    pub(crate) fn refusal(&self, version: &str, before: &Self) -> Option<String> {
        if version != env!("CARGO_PKG_VERSION") {
            let own = env!("CARGO_PKG_VERSION");
            return Some(format!("it was begun by version {version}, and this is {own}"));
        }
        for (index, now) in self.inputs.iter().enumerate() {
            match before.inputs.get(index) {
                Some(then) if then == now => {}
                Some(then) => return Some(format!("its input was {then}, and is {now}")),
                None => return Some(format!("it was begun without the input {now}")),
            }
        }
        if let Some(more) = before.inputs.get(self.inputs.len()) {
            return Some(format!("it was begun with the input {more}"));
        }
        if before.text == self.text {
            return None;
        }
        // The first line that differs says enough.
        let mut lines = before.text.lines().zip(self.text.lines());
        let (then, now) =
            lines.find(|(then, now)| then != now).unwrap_or((&before.text, &self.text));
        Some(format!("its work was \"{}\", and is \"{}\"", then.trim(), now.trim()))
    }
}
