//! Inputs and outputs as JSON, for scenarios and traces, told apart by `kind`. Frames are the
//! wire's own JSON. In: the text of an input. Out: the input; or an output's text.
//! The only place in this crate that knows JSON.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};

use serde::Deserialize;
use serde::Serializer;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use steadfast_protocol::codec::json::server_frame;
use steadfast_protocol::{ChannelName, CloseCode, PollAnswer, Since, Token};

use crate::{DialFailure, Input, Output, PollFailure, PollId, SocketId};

/// The `kind` of every input, in the order of [`Input`].
pub const INPUT_KINDS: [&str; 17] = [
    "connect",
    "subscribe",
    "unsubscribe",
    "token",
    "close",
    "online",
    "offline",
    "network_changed",
    "resumed",
    "socket_opened",
    "socket_failed",
    "socket_frame",
    "socket_alive",
    "socket_closed",
    "polled",
    "probed",
    "tick",
];

/// The `kind` of every output, in the order of [`Output`] and then of [`crate::Notice`].
pub const OUTPUT_KINDS: [&str; 13] = [
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
    "refused",
];

/// Reads an input, or says what is wrong with it.
pub fn read_input(json: &str) -> Result<Input, String> {
    let Kind { kind } = read(json)?;
    Ok(match &*kind {
        "connect" => Input::Connect,
        "subscribe" => {
            let Follow { channel, since } = read(json)?;
            Input::Subscribe { channel, since }
        }
        "unsubscribe" => Input::Unsubscribe { channel: read::<Channel>(json)?.channel },
        "token" => Input::Token(read::<Given>(json)?.token),
        "close" => Input::Close,
        "online" => Input::Online,
        "offline" => Input::Offline,
        "network_changed" => Input::NetworkChanged,
        "resumed" => Input::Resumed,
        "socket_opened" => Input::SocketOpened { socket: read::<Socket>(json)?.socket },
        "socket_failed" => {
            let Failed { socket, failure } = read(json)?;
            Input::SocketFailed { socket, failure }
        }
        "socket_frame" => {
            let Framed { socket, frame } = read(json)?;
            let frame = server_frame(frame.get()).map_err(|error| error.to_string())?;
            let frame = frame.ok_or("a frame of a type that clients ignore")?;
            Input::SocketFrame { socket, frame: Box::new(frame) }
        }
        "socket_alive" => Input::SocketAlive { socket: read::<Socket>(json)?.socket },
        "socket_closed" => {
            let Closed { socket, code } = read(json)?;
            Input::SocketClosed { socket, code: CloseCode(code) }
        }
        "polled" => {
            let Polled { poll, answer, failure } = read(json)?;
            let outcome = match (answer, failure) {
                (Some(answer), None) => Ok(answer),
                (None, Some(failure)) => Err(failure),
                (Some(_), Some(_)) | (None, None) => {
                    return Err("a poll has either an answer or a failure".into());
                }
            };
            Input::Polled { poll, outcome }
        }
        "probed" => Input::Probed { is_ok: read::<Probed>(json)?.is_ok },
        "tick" => Input::Tick,
        other => return Err(format!("no input has the kind {other:?}")),
    })
}

/// Writes an output.
pub fn write_output(output: &Output) -> Result<String, String> {
    serde_json::to_string(output).map_err(|error| error.to_string())
}

/// The `kind` of an input.
pub const fn input_kind(input: &Input) -> &'static str {
    match input {
        Input::Connect => "connect",
        Input::Subscribe { .. } => "subscribe",
        Input::Unsubscribe { .. } => "unsubscribe",
        Input::Token(_) => "token",
        Input::Close => "close",
        Input::Online => "online",
        Input::Offline => "offline",
        Input::NetworkChanged => "network_changed",
        Input::Resumed => "resumed",
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

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("{error} in {json}"))
}

#[derive(Deserialize)]
struct Kind {
    kind: Box<str>,
}

#[derive(Deserialize)]
struct Follow {
    channel: ChannelName,
    #[serde(default)]
    since: Since,
}

#[derive(Deserialize)]
struct Channel {
    channel: ChannelName,
}

#[derive(Deserialize)]
struct Given {
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Socket {
    socket: SocketId,
}

#[derive(Deserialize)]
struct Failed {
    socket: SocketId,
    failure: DialFailure,
}

#[derive(Deserialize)]
struct Framed {
    socket: SocketId,
    frame: Box<RawValue>,
}

#[derive(Deserialize)]
struct Closed {
    socket: SocketId,
    code: u16,
}

#[derive(Deserialize)]
struct Polled {
    poll: PollId,
    #[serde(default)]
    answer: Option<Box<PollAnswer>>,
    #[serde(default)]
    failure: Option<PollFailure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probed {
    is_ok: bool,
}
