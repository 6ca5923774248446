//! The words of scenarios and traces: the `kind` of every input and output. Outputs write
//! themselves by serde; frames are the wire's own JSON. Must not know any format.

use serde::Serializer;
use steadfast_protocol::CloseCode;

use crate::Input;

/// The `kind` of every input, in the order of [`Input`].
pub const INPUT_KINDS: [&str; 23] = [
    "connect",
    "retry",
    "subscribe",
    "unsubscribe",
    "publish",
    "token",
    "token_unavailable",
    "close",
    "online",
    "offline",
    "network_changed",
    "weak_network",
    "resumed",
    "foreground",
    "background",
    "socket_opened",
    "socket_failed",
    "socket_frame",
    "socket_alive",
    "socket_closed",
    "polled",
    "probed",
    "tick",
];

/// The `kind` of every output, in the order of [`crate::Output`] and then of [`crate::Notice`].
pub const OUTPUT_KINDS: [&str; 17] = [
    "open_socket",
    "send",
    "close_socket",
    "poll",
    "cancel_poll",
    "probe",
    "want_token",
    "state",
    "subscribed",
    "event",
    "gap",
    "finished",
    "quality",
    "refused",
    "message",
    "published",
    "publish_failed",
];

/// The `kind` of an input.
pub const fn input_kind(input: &Input) -> &'static str {
    match input {
        Input::Connect => "connect",
        Input::Retry => "retry",
        Input::Subscribe { .. } => "subscribe",
        Input::Unsubscribe { .. } => "unsubscribe",
        Input::Publish { .. } => "publish",
        Input::Token(_) => "token",
        Input::TokenUnavailable => "token_unavailable",
        Input::Close => "close",
        Input::Online => "online",
        Input::Offline => "offline",
        Input::NetworkChanged { .. } => "network_changed",
        Input::WeakNetwork(_) => "weak_network",
        Input::Resumed => "resumed",
        Input::Foreground => "foreground",
        Input::Background => "background",
        Input::SocketOpened { .. } => "socket_opened",
        Input::SocketFailed { .. } => "socket_failed",
        Input::SocketFrame { .. } => "socket_frame",
        Input::SocketAlive { .. } => "socket_alive",
        Input::SocketClosed { .. } => "socket_closed",
        Input::Polled { .. } => "polled",
        Input::Probed { .. } => "probed",
        Input::Tick => "tick",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
pub(crate) fn close_code<S: Serializer>(code: &CloseCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(code.0)
}
