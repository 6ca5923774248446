//! What a run found, for people and for programs. In: figures. Out: a table, or JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Context;
use serde::Serialize;
use steadfast_loadgen::{Connects, Deliveries, Spread, Usage, WorkerPool};

use super::Wanted;

/// What a run found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    scenario: &'static str,
    links: usize,
    channels: usize,
    processes: usize,
    pub(super) connects: Connects,
    /// Where the server's process is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<Memory>,
    /// Where events were published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deliveries: Option<Deliveries>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Cpu>,
}

/// The server's memory.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Memory {
    before_bytes: u64,
    idle_bytes: u64,
    bytes_per_link: f64,
}

/// The server's CPU time while events were published.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Cpu {
    seconds: f64,
    seconds_per_million_deliveries: f64,
}

impl Memory {
    /// What links cost, by the server's memory without and with them.
    pub(super) fn between(before: Usage, idle: Usage, links: u64) -> Self {
        let (before_bytes, idle_bytes) = (before.memory_bytes, idle.memory_bytes);
        Self { before_bytes, idle_bytes, bytes_per_link: before.memory_per_link(idle, links) }
    }
}

impl Report {
    /// A report that knows the links alone.
    pub(super) fn new(workers: &WorkerPool, wanted: &Wanted, connects: Connects) -> Self {
        Self {
            scenario: wanted.scenario,
            links: wanted.links,
            channels: wanted.channels,
            processes: workers.workers(),
            connects,
            memory: None,
            deliveries: None,
            cpu: None,
        }
    }

    /// Adds what the server spent between two looks.
    pub(super) fn add_cpu(&mut self, before: Usage, after: Usage) {
        let delivered = self.deliveries.as_ref().map_or(0, |found| found.delivered);
        self.cpu = Some(Cpu {
            seconds: after.cpu_seconds - before.cpu_seconds,
            seconds_per_million_deliveries: before.cpu_per_million(after, delivered),
        });
    }

    /// Whether every link came to life and every event arrived once and in order.
    pub(super) fn is_good(&self) -> bool {
        let is_whole = self.deliveries.as_ref().is_none_or(Deliveries::is_whole);
        self.connects.failures() == 0 && is_whole
    }

    /// For programs.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        serde_json::to_string_pretty(self).context("the report cannot be written as JSON")
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let Self { scenario, links, channels, processes, connects, .. } = self;
        let mut out = format!(
            "{scenario}: {links} links, {channels} channels, {processes} processes\n\n\
             links\n"
        );
        row(&mut out, "live", &format!("{} of {links}", connects.live));
        row(&mut out, "connects/s", &format!("{:.0}", connects.per_second));
        row(&mut out, "until followed", &spread(connects.latency));
        counts(&mut out, "failed", &connects.failed);
        if let Some(memory) = self.memory {
            let bytes = format!("{:.0} bytes of the server", memory.bytes_per_link);
            row(&mut out, "memory a link", &bytes);
        }
        if let Some(found) = &self.deliveries {
            out.push_str("\nevents\n");
            events(&mut out, found);
        }
        if let Some(cpu) = self.cpu {
            let Cpu { seconds, seconds_per_million_deliveries: per_million } = cpu;
            let text = format!("{seconds:.2} s, {per_million:.2} s a million deliveries");
            row(&mut out, "server's CPU", &text);
        }
        out.trim_end().to_owned()
    }
}

fn events(out: &mut String, found: &Deliveries) {
    row(out, "published", &format!("{} in {:.2} s", found.published, found.seconds));
    counts(out, "refused", &found.refused);
    if found.unanswered > 0 {
        row(out, "unanswered", &found.unanswered.to_string());
    }
    if found.held_back > 0 {
        let text = format!("{}: too many were on their way", found.held_back);
        row(out, "held back", &text);
    }
    row(out, "delivered", &format!("{} of {}", found.delivered, found.expected));
    row(out, "deliveries/s", &format!("{:.0}", found.per_second));
    row(out, "until delivered", &spread(found.latency));
    let Deliveries { lost, doubled, out_of_order, .. } = found;
    row(out, "lost", &format!("{lost}, doubled {doubled}, out of order {out_of_order}"));
    row(out, "bytes read", &found.bytes.to_string());
    counts(out, "links ended", &found.ended_links);
}

fn row(out: &mut String, name: &str, text: &str) {
    // Writing to memory cannot fail.
    let _ = writeln!(out, "  {name:16} {text}");
}

fn counts(out: &mut String, name: &str, reasons: &BTreeMap<String, u64>) {
    for (reason, count) in reasons {
        row(out, name, &format!("{count}: {reason}"));
    }
}

fn spread(Spread { p50_ms, p99_ms, max_ms }: Spread) -> String {
    format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, max {max_ms:.2} ms")
}

#[cfg(test)]
mod tests {
    use super::{Memory, Report};
    use steadfast_loadgen::{Connects, Deliveries, Spread, Usage};

    fn report() -> Report {
        let latency = Spread { p50_ms: 1.0, p99_ms: 2.0, max_ms: 3.5 };
        let connects = Connects { live: 10, latency, ..Connects::default() };
        let delivered =
            Deliveries { expected: 2_000_000, delivered: 2_000_000, ..Deliveries::default() };
        let deliveries = Some(delivered);
        Report {
            scenario: "fan-out",
            links: 10,
            channels: 1,
            processes: 1,
            connects,
            memory: None,
            deliveries,
            cpu: None,
        }
    }

    fn usage(cpu_seconds: f64, memory_bytes: u64) -> Usage {
        Usage { cpu_seconds, memory_bytes }
    }

    #[test]
    fn costs_are_told_for_each_link_and_each_million_deliveries() {
        let memory = Memory::between(usage(0.0, 1000), usage(0.0, 21_000), 10);
        assert!((memory.bytes_per_link - 2000.0).abs() < 1e-9);
        let mut report = report();
        report.add_cpu(usage(1.0, 0), usage(5.0, 0));
        let cpu = report.cpu.unwrap();
        assert!((cpu.seconds - 4.0).abs() < 1e-9);
        assert!((cpu.seconds_per_million_deliveries - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_table_and_json_say_the_same() {
        let mut report = report();
        report.memory = Some(Memory::between(usage(0.0, 0), usage(0.0, 20_480), 10));
        report.add_cpu(usage(1.0, 0), usage(5.0, 0));
        let table = report.table();
        for part in [
            "live             10 of 10",
            "p50 1.00 ms, p99 2.00 ms, max 3.50 ms",
            "2048 bytes",
            "4.00 s, 2.00 s a million deliveries",
            "delivered        2000000 of 2000000",
        ] {
            assert!(table.contains(part), "{part}: {table}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["deliveries"]["delivered"], 2_000_000);
        assert_eq!(json["memory"]["bytes_per_link"], 2048.0);
        assert_eq!(json["connects"]["latency"]["max_ms"], 3.5);
    }

    #[test]
    fn a_run_is_good_when_every_link_lives_and_nothing_is_missing() {
        assert!(report().is_good());
        let mut failed = report();
        failed.connects.failed.insert("no".into(), 1);
        assert!(!failed.is_good());
        let mut lost = report();
        lost.deliveries.as_mut().unwrap().lost = 1;
        assert!(!lost.is_good());
        assert!(lost.table().contains("lost             1, doubled 0"), "{}", lost.table());
    }
}
