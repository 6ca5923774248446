//! The log of a node, on standard error: lines for people while developing, one JSON object a line
//! otherwise, panics and what libraries log included. In: `STEADFAST_LOG`. Must not tell: where the
//! sources lay when this program was built.

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt};

/// The variable that says what is logged: `info`, `debug`, `steadfast_server=debug` …
const LOG_VARIABLE: &str = "STEADFAST_LOG";
/// What the NATS client calls an error is how a session ends, which the broker tells itself.
const USUAL: &str = "info,async_nats=off";
/// What stands for the module of a library's line.
const LIBRARY: &str = "library";

/// Starts to log.
pub(super) fn start(is_dev: bool) -> anyhow::Result<()> {
    let wanted = std::env::var(LOG_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let wanted = wanted.as_deref().unwrap_or(USUAL);
    let filter = filter(wanted).with_context(|| {
        format!(
            "{LOG_VARIABLE}={wanted:?} is no log filter; try info, or info,steadfast_server=debug"
        )
    })?;
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    let of_libraries = levels.iter().rev().find(|level| filter.would_enable(LIBRARY, level));
    log::set_max_level(level_of(of_libraries.copied()));
    // Somebody who embeds this program may have a logger of its own.
    drop(log::set_logger(&Libraries));
    let lines =
        fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
    let lines =
        if is_dev { lines.compact().boxed() } else { lines.json().flatten_event(true).boxed() };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    tracing::subscriber::set_global_default(subscriber).context("there is a log already")?;
    if !is_dev {
        std::panic::set_hook(Box::new(panicked));
    }
    Ok(())
}

/// Levels, and levels of targets. A word that is neither is refused: it would be taken for a
/// target, and everything else be silent.
fn filter(text: &str) -> anyhow::Result<Targets> {
    for part in text.split(',').map(str::trim) {
        match part.split_once('=') {
            Some((target, level)) => {
                ensure!(!target.is_empty(), "a target is missing in front of {part:?}");
                ensure!(is_level(level), "{level:?} is no level");
            }
            None if is_level(part) => {}
            None => bail!(
                "{part:?} is no level: write error, warn, info, debug, trace or off, \
                 or a target and its level, as in steadfast_server=debug"
            ),
        }
    }
    Ok(text.split(',').map(str::trim).collect::<Vec<_>>().join(",").parse()?)
}

/// A word for a level. An empty one would be taken for `error`.
fn is_level(text: &str) -> bool {
    !text.is_empty() && text.parse::<LevelFilter>().is_ok()
}

const fn level_of(level: Option<Level>) -> log::LevelFilter {
    match level {
        None => log::LevelFilter::Off,
        Some(Level::ERROR) => log::LevelFilter::Error,
        Some(Level::WARN) => log::LevelFilter::Warn,
        Some(Level::INFO) => log::LevelFilter::Info,
        Some(Level::DEBUG) => log::LevelFilter::Debug,
        Some(Level::TRACE) => log::LevelFilter::Trace,
    }
}

/// What libraries say by the `log` crate, without where in their sources they say it.
struct Libraries;

impl log::Log for Libraries {
    fn enabled(&self, line: &log::Metadata<'_>) -> bool {
        line.level() <= log::max_level()
    }

    fn log(&self, line: &log::Record<'_>) {
        if !self.enabled(line.metadata()) {
            return;
        }
        let (from, what) = (line.target(), line.args());
        match line.level() {
            log::Level::Error => tracing::error!(target: LIBRARY, from, "{what}"),
            log::Level::Warn => tracing::warn!(target: LIBRARY, from, "{what}"),
            log::Level::Info => tracing::info!(target: LIBRARY, from, "{what}"),
            log::Level::Debug => tracing::debug!(target: LIBRARY, from, "{what}"),
            log::Level::Trace => tracing::trace!(target: LIBRARY, from, "{what}"),
        }
    }

    fn flush(&self) {}
}

fn panicked(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let at = panic.location().map(|at| format!("{}:{}", file_of(at.file()), at.line()));
    tracing::error!(at, "a part of the server stopped: {}", text.unwrap_or("no reason given"));
}

/// The name of a file alone.
fn file_of(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{file_of, filter};

    #[test]
    fn a_filter_is_levels_and_targets_with_levels_and_nothing_else() {
        for good in ["info", "off", "WARN", "info,async_nats=off", "info, steadfast_server=debug"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in
            ["loud", "info,loud", "steadfast_server=loud", "=debug", "", "info,,warn", "ifno"]
        {
            let error = format!("{:#}", filter(bad).unwrap_err());
            assert!(error.contains("level") || error.contains("target"), "{bad}: {error}");
        }
    }

    #[test]
    fn where_sources_lay_is_not_told() {
        assert_eq!(file_of("/home/somebody/build/src/registry/lib.rs"), "lib.rs");
    }
}
