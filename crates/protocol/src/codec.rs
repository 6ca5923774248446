//! Bytes to frames and back: the only place that knows JSON.
//!
//! `json` speaks the protocol, `legacy` the older one, `sse` writes server-sent events.

pub mod json;
pub mod legacy;
pub mod sse;
