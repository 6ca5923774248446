//! What a process and its children have cost so far, as the system counts it. In: a process id.
//! Out: CPU seconds and bytes of memory.

use std::fs;
use std::io;

use serde::Serialize;

/// What a process and all of its descendants have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// CPU time so far, in seconds, to a hundredth.
    pub cpu_seconds: f64,
    /// Memory that is the processes' own: what they allocated and what they share among
    /// themselves, without the files that they map.
    pub memory_bytes: u64,
}

impl Usage {
    /// Bytes that each of `links` links added between this look and a later one; 0 without links.
    pub fn memory_per_link(self, later: Self, links: u64) -> f64 {
        part(later.memory_bytes.saturating_sub(self.memory_bytes) as f64, links)
    }

    /// CPU seconds for each million of `deliveries` between this look and a later one.
    pub fn cpu_per_million(self, later: Self, deliveries: u64) -> f64 {
        part((later.cpu_seconds - self.cpu_seconds) * 1e6, deliveries)
    }
}

/// What each of `count` has of `whole`; 0 where there are none.
fn part(whole: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { whole / count as f64 }
}

/// Reads what the process `pid` costs, with its children.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let mut sum = one(pid)?;
    let mut shared = sum.shared_bytes;
    for child in descendants(pid) {
        // One that has just ended costs nothing any more.
        let Ok(cost) = one(child) else { continue };
        sum.cpu_ticks += cost.cpu_ticks;
        sum.private_bytes += cost.private_bytes;
        shared = shared.max(cost.shared_bytes);
    }
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Usage {
        cpu_seconds: sum.cpu_ticks as f64 / per_second as f64,
        memory_bytes: sum.private_bytes + shared,
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    cpu_ticks: u64,
    private_bytes: u64,
    shared_bytes: u64,
}

fn one(pid: u32) -> io::Result<Cost> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    cost(&stat, &status).ok_or_else(|| io::Error::other(format!("/proc/{pid} cannot be read")))
}

fn cost(stat: &str, status: &str) -> Option<Cost> {
    // The name before the last bracket may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Cost {
        cpu_ticks: ticks(11)? + ticks(12)?,
        private_bytes: bytes("RssAnon:")?,
        shared_bytes: bytes("RssShmem:")?,
    })
}

/// The children of a process, their children, and so on.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = text.split_whitespace().filter_map(|child| child.parse().ok());
            for child in children {
                found.push(child);
                parents.push(child);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Cost, Usage, cost, usage};

    #[test]
    fn figures_are_found_behind_whatever_name_a_process_has() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 30 12 5 6 20 0 8 0 99 1000 50 18";
        let status = "Name:\ta\nVmRSS:\t 900 kB\nRssAnon:\t     600 kB\nRssFile:\t 200 kB\n\
                      RssShmem:\t 100 kB\n";
        assert_eq!(
            cost(stat, status),
            Some(Cost { cpu_ticks: 42, private_bytes: 614_400, shared_bytes: 102_400 })
        );
        assert_eq!(cost("7 (a) S 1", status), None);
        assert_eq!(cost(stat, "Name: a"), None);
    }

    #[test]
    fn costs_are_shared_out_to_links_and_deliveries() {
        let before = Usage { cpu_seconds: 1.0, memory_bytes: 1000 };
        let later = Usage { cpu_seconds: 5.0, memory_bytes: 21_000 };
        assert!((before.memory_per_link(later, 10) - 2000.0).abs() < 1e-9);
        assert!((before.cpu_per_million(later, 2_000_000) - 2.0).abs() < 1e-9);
        assert!(later.memory_per_link(before, 10).abs() < 1e-9);
        assert!(before.cpu_per_million(later, 0).abs() < 1e-9);
    }

    #[test]
    fn this_process_costs_something_and_one_that_is_not_there_is_an_error() {
        let own = usage(std::process::id()).unwrap();
        assert!(own.memory_bytes > 100_000, "{own:?}");
        assert!(usage(u32::MAX).is_err());
    }
}
