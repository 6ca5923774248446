//! Metrics of the process, under the names that Prometheus' own libraries give them. In: what the
//! kernel says. Out: metrics; none where it says nothing.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::node::Node;

/// Adds what is known of the process.
pub(super) fn register(registry: &mut Registry, node: &Node) {
    let Some(process) = ProcessStats::read() else { return };
    let about = "Processor time, user and system";
    let cpu = ConstCounter::new(process.cpu_seconds);
    registry.register_with_unit("process_cpu", about, Unit::Seconds, cpu);
    for (name, about, bytes) in [
        ("process_resident_memory", "Memory in use", process.resident_bytes),
        ("process_virtual_memory", "Address space in use", process.virtual_bytes),
    ] {
        registry.register_with_unit(name, about, Unit::Bytes, ConstGauge::new(bytes));
    }
    for (name, about, count) in [
        ("process_open_fds", "Open file descriptors", process.open_fds),
        ("process_max_fds", "The most open file descriptors", process.max_fds),
        ("process_threads", "Threads", process.threads),
    ] {
        registry.register(name, about, ConstGauge::new(count));
    }
    let started = ConstGauge::new(node.started.0 / 1000);
    let about = "When the process started, since 1970";
    registry.register_with_unit("process_start_time", about, Unit::Seconds, started);
}

/// What the kernel says of the process.
#[derive(Debug)]
struct ProcessStats {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_fds: u64,
    max_fds: u64,
    threads: u64,
}

impl ProcessStats {
    #[cfg(target_os = "linux")]
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    fn read() -> Option<Self> {
        use procfs::process::{LimitValue, Process};
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Value(most) => most,
            LimitValue::Unlimited => u64::MAX,
        };
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            resident_bytes: stat.rss * procfs::page_size(),
            virtual_bytes: stat.vsize,
            open_fds: process.fd_count().ok()? as u64,
            max_fds,
            threads: u64::try_from(stat.num_threads).ok()?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    const fn read() -> Option<Self> {
        None
    }
}
