//! What the machine leaves to this process: memory and disk space.

use std::fs;
use std::path::{Path, PathBuf};

/// The bytes of memory that this process may still take, as the tightest of: what its control
/// groups (version 1 and 2, with all their parents) leave, `RLIMIT_AS`, and what the machine has
/// available. `None` where none of them can be read.
pub fn available_memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = cgroup_left(Path::new("/sys/fs/cgroup"), &groups);
    [groups, address_space_left(), memory_available()].into_iter().flatten().min()
}

/// The most resident memory that this process has had, in bytes (Linux: `VmHWM`).
pub fn peak_memory() -> Option<u64> {
    proc_field("/proc/self/status", "VmHWM:")
}

/// The bytes that an ordinary user may still write to the file system of `path`.
pub fn free_space(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(existing).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The least that the control groups of `/proc/self/cgroup` leave, below the folder `root`.
fn cgroup_left(root: &Path, groups: &str) -> Option<u64> {
    let left = |line: &str| {
        // `7:memory:/a/b` is version 1, `0::/a/b` is version 2.
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let (folders, limit, usage) = match controllers {
            "" => {
                ([root.join(path), root.join("unified").join(path)], "memory.max", "memory.current")
            }
            _ if controllers.split(',').any(|name| name == "memory") => (
                // Inside a container the group's own folder is the root of the mount.
                [root.join("memory").join(path), root.join("memory")],
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
            ),
            _ => return None,
        };
        let of_folder = |folder: PathBuf| {
            let parents = folder.ancestors().take_while(|parent| parent.starts_with(root));
            parents.filter_map(|parent| group_left(parent, limit, usage)).min()
        };
        folders.into_iter().filter_map(of_folder).min()
    };
    groups.lines().filter_map(left).min()
}

/// What one control group leaves. Its page cache counts as free, because the kernel gives it up.
fn group_left(folder: &Path, limit: &str, usage: &str) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok();
    let limit: u64 = number(limit)?;
    let used = number(usage).unwrap_or(0);
    let stat = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let cached: u64 = stat
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(name, _)| matches!(*name, "inactive_file" | "active_file"))
        .filter_map(|(_, bytes)| bytes.parse::<u64>().ok())
        .sum();
    Some(limit.saturating_sub(used.saturating_sub(cached)))
}

fn address_space_left() -> Option<u64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::As).current?;
    Some(limit.saturating_sub(proc_field("/proc/self/status", "VmSize:").unwrap_or(0)))
}

fn memory_available() -> Option<u64> {
    proc_field("/proc/meminfo", "MemAvailable:")
}

/// A field such as `VmHWM:   1234 kB`, in bytes.
fn proc_field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(root: &Path, path: &str, files: &[(&str, &str)]) {
        let folder = root.join(path);
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
    }

    #[test]
    fn version_1_counts_the_tightest_parent_and_forgives_page_cache() {
        let root = tempfile::tempdir().unwrap();
        let limits =
            |limit, usage| [("memory.limit_in_bytes", limit), ("memory.usage_in_bytes", usage)];
        group(root.path(), "memory", &limits("9223372036854771712", "0"));
        group(root.path(), "memory/job", &limits("1000", "700"));
        group(root.path(), "memory/job", &[("memory.stat", "inactive_file 300\nrss 400\n")]);
        group(root.path(), "memory/job/step", &limits("5000", "0"));
        let groups = "8:cpu:/other\n7:memory:/job/step\n";
        assert_eq!(cgroup_left(root.path(), groups), Some(600));
    }

    #[test]
    fn version_2_ignores_groups_without_a_limit() {
        let root = tempfile::tempdir().unwrap();
        group(root.path(), "job", &[("memory.max", "4096\n"), ("memory.current", "96\n")]);
        group(root.path(), "job/step", &[("memory.max", "max\n"), ("memory.current", "96\n")]);
        assert_eq!(cgroup_left(root.path(), "0::/job/step\n"), Some(4000));
        assert_eq!(cgroup_left(root.path(), "0::/elsewhere\n"), None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri is another machine")]
    fn this_machine_has_memory_and_disk() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
        assert!(peak_memory().is_some_and(|bytes| bytes > 1 << 16));
        assert!(free_space(Path::new("not/there/yet.npy")).is_some_and(|bytes| bytes > 0));
    }
}
