//! The protocol's JSON text frames, both ways. Payloads pass through as the text they came in.

mod decode;
mod encode;
mod stats;

pub use decode::{client_frame, hello_token, server_frame};
pub use encode::{encode_client, encode_event, encode_kept_event, encode_server, is_event};
pub use stats::{LinkGrade, LinkStats, link_stats};
