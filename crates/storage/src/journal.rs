//! A journal: how far a run has come, kept beside its output, so that a later run can go on from there.
//!
//! ```text
//!   spectrum.npy.partial           ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░   elements
//!                                         ▲      ▲
//!   spectrum.npy.partial.journal   ───────┘      │           a mark that the disk holds
//!   spectrum.npy.partial.latest    ──────────────┘           a mark that the operating system holds
//! ```
//!
//! What is written before a mark is recorded is part of the output. A durable mark is recorded after
//! the elements have been synced, and holds after a power cut. Syncing takes time, so between durable
//! marks others are recorded that cost next to nothing: they hold when the process alone has died, since
//! the operating system has all that was written, and are believed only until the machine starts anew,
//! or a sync fails: after that nobody knows what the operating system has.
//!
//! A file of either kind is some lines of text, an empty one, then the bytes that the pass carries from
//! tile to tile. It is written anew for each mark and renamed into place, so there is a whole one at any
//! time.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::options::absolute;
use crate::output::follow;
use crate::{Error, ErrorKind, Result, Work};

/// Between two marks at least this much time goes by.
const EVERY: Duration = Duration::from_secs(1);
/// Between two durable marks.
const DURABLE_EVERY: Duration = Duration::from_secs(30);
/// Recording takes at most one part in so many of the time of a run.
const SHARE: u32 = 50;
/// Longer than any run.
const NEVER: Duration = Duration::from_secs(1 << 32);
/// The most that the lines take: a hostile file cannot make a run hold more.
const TEXT_BYTES: u64 = 1 << 20;

/// How far a run has come: what an earlier run has done, and a later one need not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The pass under way, counted from 0; all before it are done.
    pub pass: usize,
    /// The tiles of that pass that are done.
    pub tiles: usize,
    /// The tiles of the pass after it that are done, where a pass had to be repeated.
    pub ahead: usize,
    /// Whether the run stopped here of itself, so that nothing was under way.
    pub at_rest: bool,
}

/// The journal of an [`Output`](crate::Output), which makes it: see
/// [`Output::journal`](crate::Output::journal).
///
/// Cost: recording takes at most a fiftieth of the time of a run of more than half a minute.
#[derive(Debug)]
pub struct Journal {
    durable: PathBuf,
    latest: PathBuf,
    work: Work,
    /// Where an earlier run stopped, and the file that says so.
    found: Option<(Mark, PathBuf)>,
    /// Whether there is a mark, and a durable one.
    kind: Option<bool>,
    every: [Pace; 2],
}

/// When a mark of a kind is due.
#[derive(Clone, Copy, Debug)]
struct Pace {
    least: Duration,
    last: Instant,
    cost: Duration,
}

impl Pace {
    fn new(least: Duration) -> Self {
        Self { least, last: Instant::now(), cost: Duration::ZERO }
    }

    fn due(&self) -> Instant {
        if self.least.is_zero() {
            return self.last;
        }
        self.last + self.least.max(self.cost.saturating_mul(SHARE)).min(NEVER)
    }

    fn took(&mut self, since: Instant) {
        self.last = Instant::now();
        self.cost = since.elapsed();
    }
}

/// What is in a file of a journal.
struct Entry {
    version: String,
    work: Work,
    mark: Mark,
    boot: String,
}

impl Journal {
    /// A journal of work that begins.
    pub(crate) fn new(target: &Path, work: Work) -> Self {
        let [durable, latest] = paths(target);
        let every = [Pace::new(EVERY), Pace::new(DURABLE_EVERY)];
        Self { durable, latest, work, found: None, kind: None, every }
    }

    /// The journal of an earlier run, to go on with its work.
    ///
    /// # Errors
    ///
    /// If a journal cannot be read, or is of other work.
    pub(crate) fn found(target: &Path, work: Work) -> Result<Self> {
        let mut journal = Self::new(target, work);
        // The latest may have been cut short with the power.
        let latest = read(&journal.latest).ok().flatten();
        let latest = latest.filter(|(entry, _)| !entry.boot.is_empty() && entry.boot == boot());
        let found = match latest {
            Some((entry, _)) => Some((entry, journal.latest.clone())),
            None => read(&journal.durable)?.map(|(entry, _)| (entry, journal.durable.clone())),
        };
        let Some((entry, path)) = found else { return Ok(journal) };
        if let Some(reason) = journal.work.refusal(&entry.version, &entry.work) {
            return Err(Error::new(&path, ErrorKind::OtherWork(reason)));
        }
        journal.kind = Some(journal.durable.exists());
        journal.found = Some((entry.mark, path));
        Ok(journal)
    }

    /// The memory and threads of the run that left a journal beside a target, if one did.
    pub fn resources(target: impl AsRef<Path>) -> Option<(u64, u64)> {
        let target = follow(absolute(target.as_ref()).ok()?);
        let mut entries = paths(&target).into_iter().filter_map(|path| read(&path).ok()?);
        entries.next().map(|(entry, _)| (entry.work.memory, entry.work.threads))
    }

    /// Records marks no more often than this, and durable ones: by default each second, and each half
    /// minute. With zero there is one after each tile, whatever it costs.
    #[must_use]
    pub fn every(mut self, least: Duration, durable: Duration) -> Self {
        self.every = [Pace::new(least), Pace::new(durable)];
        self
    }

    /// Where an earlier run stopped, if one did.
    pub fn mark(&self) -> Option<Mark> {
        self.found.as_ref().map(|(mark, _)| *mark)
    }

    /// Reads what the pass carried at the mark of the earlier run.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or `read` fails.
    pub fn restore(&self, read: &mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> Result<()> {
        let Some((_, path)) = &self.found else { return Ok(()) };
        let (_, mut rest) = self::read(path)?.ok_or_else(|| gone(path))?;
        read(&mut rest).map_err(|error| Error::io(path, "failed to read what was carried", error))
    }

    /// When it is time for a mark.
    pub fn due(&self) -> Instant {
        let [latest, durable] = &self.every;
        latest.due().min(durable.due())
    }

    /// Whether it is time for a durable mark.
    pub fn is_durable_due(&self) -> bool {
        self.every[1].due() <= Instant::now()
    }

    /// Whether there is a mark, of this run or the earlier one: then the output is kept.
    pub fn is_kept(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether one of the marks is durable.
    pub fn is_durable(&self) -> bool {
        self.kind == Some(true)
    }

    /// Records a mark, whose elements have been written; for a durable one, synced as well. `since` is
    /// when that began to take time of the run.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn record(
        &mut self,
        mark: Mark,
        durable: bool,
        since: Instant,
        carry: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let path = if durable { &self.durable } else { &self.latest };
        let new = beside(path, "new");
        let failed = |error| Error::io(path, "failed to record how far the run has come", error);
        let written = write(&new, &self.text(mark), durable, carry);
        let renamed = written.and_then(|()| fs::rename(&new, path));
        renamed.map_err(|error| {
            // On a full disk nothing else makes room.
            let _ = fs::remove_file(&new);
            failed(error)
        })?;
        if durable {
            let folder = path.parent().unwrap_or(Path::new("/"));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
            // It says less than the durable one from here on.
            remove(&self.latest)?;
        }
        let Mark { pass, tiles, .. } = mark;
        tracing::debug!(pass = pass + 1, tiles, durable, "mark");
        self.kind = Some(durable || self.kind == Some(true));
        self.every[0].took(since);
        if durable {
            self.every[1].took(since);
        }
        Ok(())
    }

    /// Takes back the mark that holds only as long as the operating system has what was written: once
    /// a sync has failed, it may have dropped that. What an earlier sync made durable still holds.
    ///
    /// # Errors
    ///
    /// If the mark cannot be removed.
    pub fn sync_failed(&mut self) -> Result<()> {
        remove(&self.latest)?;
        self.kind = self.durable.exists().then_some(true);
        Ok(())
    }

    /// Tries again later, and each time later.
    pub fn put_off(&mut self) {
        for pace in &mut self.every {
            pace.last = Instant::now();
            pace.least = pace.least.saturating_mul(2).max(EVERY);
        }
    }

    /// Takes back all marks: nothing can be resumed until the next one.
    ///
    /// # Errors
    ///
    /// If the files cannot be removed.
    pub fn forget(&mut self) -> Result<()> {
        self.kind = None;
        remove(&self.latest)?;
        remove(&self.durable)
    }

    fn text(&self, mark: Mark) -> String {
        let Work { text, memory, threads, inputs } = &self.work;
        let Mark { pass, tiles, ahead, at_rest } = mark;
        let (version, boot) = (env!("CARGO_PKG_VERSION"), boot());
        let mut lines = vec![
            format!("outcore {version}"),
            format!("boot {boot}"),
            format!("memory {memory}"),
            format!("threads {threads}"),
            format!("mark {pass} {tiles} {ahead} {at_rest}"),
        ];
        lines.extend(inputs.iter().map(|input| format!("input {input}")));
        lines.extend(text.lines().map(|line| format!("work {line}")));
        lines.join("\n") + "\n\n"
    }
}

/// The two files of the journal of a target.
fn paths(target: &Path) -> [PathBuf; 2] {
    ["partial.journal", "partial.latest"].map(|kind| beside(target, kind))
}

/// The most bytes of a name.
const NAME_BYTES: usize = 255;

/// A path with something added to its name. Of a name that is too long for that, only the beginning is
/// used, and a number that stands for all of it.
pub(crate) fn beside(path: &Path, kind: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    // Room for `.new`, too.
    let suffix = format!(".{kind}");
    let most = NAME_BYTES - suffix.len() - 4;
    let mut new = OsString::new();
    if name.len() <= most {
        new.push(OsStr::from_bytes(name));
    } else {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        new.push(OsStr::from_bytes(&name[..most - 17]));
        new.push(format!("~{:016x}", hasher.finish()));
    }
    new.push(suffix);
    path.with_file_name(new)
}

/// Whether there is a journal of a target.
pub(crate) fn exists(target: &Path) -> bool {
    paths(target).iter().any(|path| path.symlink_metadata().is_ok())
}

/// Removes the journal of a target.
pub(crate) fn forget(target: &Path) -> Result<()> {
    paths(target).iter().try_for_each(|path| {
        remove(path)?;
        // A process that died while it recorded a mark has left that.
        remove(&beside(path, "new"))
    })
}

/// Removes the mark that is not durable.
pub(crate) fn forget_latest(target: &Path) -> Result<()> {
    let [_, latest] = paths(target);
    remove(&latest)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io(path, "failed to remove", error))
        }
        _ => Ok(()),
    }
}

fn gone(path: &Path) -> Error {
    Error::io(path, "failed to read", io::ErrorKind::NotFound.into())
}

fn write(
    path: &Path,
    text: &str,
    durable: bool,
    carry: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    carry(&mut file)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// What a file holds, and what follows its lines; `None` if there is none.
fn read(path: &Path) -> Result<Option<(Entry, BufReader<File>)>> {
    let failed = |error| Error::io(path, "failed to read", error);
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let (mut text, mut left) = (Vec::new(), TEXT_BYTES);
    loop {
        let read = file.by_ref().take(left).read_until(b'\n', &mut text).map_err(failed)?;
        left -= read as u64;
        if read == 0 || text.ends_with(b"\n\n") {
            break;
        }
    }
    let entry = parse(&text).ok_or_else(|| Error::new(path, ErrorKind::NotJournal))?;
    Ok(Some((entry, file)))
}

/// Reads the lines of a journal; any bytes are safe to read.
fn parse(text: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(text.strip_suffix(b"\n\n")?).ok()?;
    let mut lines = text.split('\n');
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let version = field("outcore")?.to_owned();
    let boot = field("boot")?.to_owned();
    let (memory, threads) = (field("memory")?.parse().ok()?, field("threads")?.parse().ok()?);
    let mut mark = field("mark")?.split(' ');
    let mut number = || mark.next()?.parse().ok();
    let (pass, tiles, ahead) = (number()?, number()?, number()?);
    let at_rest = mark.next()?.parse().ok().filter(|_| mark.next().is_none())?;
    let (mut inputs, mut work) = (Vec::new(), Vec::new());
    for line in lines {
        match line.split_once(' ')? {
            ("input", input) if work.is_empty() => inputs.push(input.to_owned()),
            ("work", line) => work.push(line),
            _ => return None,
        }
    }
    let work = Work { text: work.join("\n"), memory, threads, inputs };
    Some(Entry { version, work, mark: Mark { pass, tiles, ahead, at_rest }, boot })
}

/// What names this start of the machine; empty where nothing does.
fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn journal(folder: &Path, text: &str) -> Journal {
        let work = Work::new(text).resources(1 << 20, 2);
        Journal::new(&folder.join("out.npy"), work)
    }

    fn mark(tiles: usize) -> Mark {
        Mark { pass: 1, tiles, ahead: 3, at_rest: true }
    }

    #[test]
    fn what_is_recorded_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path(), "two\nlines, and a third\n");
        let (target, now) = (folder.path().join("out.npy"), Instant::now());
        assert_eq!(Journal::resources(&target), None);
        journal.record(mark(7), true, now, &mut |to| to.write_all(b"\n\ncarried")).unwrap();
        assert_eq!(Journal::resources(&target), Some((1 << 20, 2)));
        let found = Journal::found(&target, journal.work.clone()).unwrap();
        assert_eq!(found.mark(), Some(mark(7)));
        let mut carried = Vec::new();
        found.restore(&mut |from| from.read_to_end(&mut carried).map(|_| ())).unwrap();
        assert_eq!(carried, b"\n\ncarried");
    }

    #[test]
    fn the_latest_mark_is_believed_until_the_machine_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = journal(folder.path(), "work");
        let (target, now) = (folder.path().join("out.npy"), Instant::now());
        journal.record(mark(1), true, now, &mut |_| Ok(())).unwrap();
        journal.record(mark(2), false, now, &mut |_| Ok(())).unwrap();
        let found = || Journal::found(&target, Work::new("work")).unwrap().mark();
        assert_eq!(found(), Some(mark(2)));
        let text = fs::read_to_string(&journal.latest).unwrap();
        for other in [text.replace(&boot(), "another start"), text[..30].to_owned(), String::new()]
        {
            fs::write(&journal.latest, other).unwrap();
            assert_eq!(found(), Some(mark(1)));
        }
        fs::write(&journal.latest, &text).unwrap();
        // A durable mark takes the place of both.
        journal.record(mark(3), true, now, &mut |_| Ok(())).unwrap();
        assert_eq!(found(), Some(mark(3)));
    }

    fn ago(seconds: u64) -> Instant {
        let long = Duration::from_secs(seconds);
        Instant::now().checked_sub(long).expect("the machine has run for longer")
    }

    #[test]
    fn marks_wait_until_they_cost_less_than_a_fiftieth() {
        let mut pace = Pace::new(Duration::from_millis(1));
        pace.took(ago(2));
        let wait = pace.due().saturating_duration_since(Instant::now());
        assert!(wait > Duration::from_secs(99) && wait < Duration::from_secs(101), "{wait:?}");
        let mut always = Pace::new(Duration::ZERO);
        always.took(ago(2));
        assert!(always.due() <= Instant::now());
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_journal_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_line_of_a_journal_panics(
            lines in prop::collection::vec(prop_oneof![
                Just("outcore 0.1.0"), Just("boot x"), Just("memory 1"), Just("threads -1"),
                Just("threads 1"), Just("mark 0 1 2 true"), Just("mark 0 99999999999999999999 2 true"),
                Just("mark"), Just("input a"), Just("work b"), Just(""), Just("work"),
            ], 0..12),
        ) {
            let _ = parse((lines.join("\n") + "\n\n").as_bytes());
        }
    }
}
