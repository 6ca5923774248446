//! Structured log lines with fixed names.
//! No payload, no token and no secret is ever among the fields.

use steadfast_hub::SessionReport;
use steadfast_protocol::{CloseCode, UserId};

/// One line for every session that ends. The id of its link is a secret of the client, more or
/// less, so it is in a line of its own that is not written at the usual level.
pub(crate) fn session_ended(connection: &str, report: &SessionReport) {
    tracing::debug!(connection, link = %report.link, "link of a closed connection");
    tracing::info!(
        connection,
        user = report.user.as_ref().map(UserId::as_str),
        generation = report.generation,
        transport = report.transport.as_str(),
        duration_ms = report.duration.0,
        message_count = report.message_count,
        event_count = report.event_count,
        bytes_sent = report.bytes_sent,
        bytes_received = report.bytes_received,
        close_code = report.code.0,
        close_reason = &*report.reason,
        "connection closed"
    );
}

/// One line for every WebSocket whose handshake failed.
pub(crate) fn handshake_failed(code: CloseCode, reason: &str) {
    tracing::info!(close_code = code.0, close_reason = reason, "handshake failed");
}

/// One line for what an operator does or tries to do on the internal port: `action` is the method
/// and the route, `target` the path. `key` is the name of a key, never the key.
pub(crate) fn audit(key: Option<&str>, action: &str, target: &str, status: u16) {
    tracing::info!(key, action, target, status, "audit");
}
