//! The one place that asks for the time. In: nothing. Out: an instant, or the date.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::time::Instant;

/// The instant, for measuring how long something takes.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The date, in whole seconds since 1970.
pub(crate) fn unix_s() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(since.context("this machine's clock stands before 1970; set it")?.as_secs())
}
