//! Inputs of scenarios, told apart by `kind`. In: the JSON of an input. Out: the input.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use steadfast_link::{DialFailure, Input, NetworkKey, NetworkKind, PollFailure, PollId, SocketId};
use steadfast_protocol::codec::json::server_frame;
use steadfast_protocol::{
    ChannelName, CloseCode, EventName, Payload, PollAnswer, ReplaceKey, Since, Token,
};

/// Reads an input, or says what is wrong with it.
pub(crate) fn read_input(json: &str) -> Result<Input, String> {
    let Kind { kind } = read(json)?;
    Ok(match &*kind {
        "connect" => Input::Connect,
        "retry" => Input::Retry,
        "subscribe" => {
            let Follow { channel, since } = read(json)?;
            Input::Subscribe { channel, since }
        }
        "unsubscribe" => Input::Unsubscribe { channel: read::<Channel>(json)?.channel },
        "publish" => {
            let Published { ticket, channel, event, data, is_final, replace } = read(json)?;
            Input::Publish { ticket, channel, event, data, is_final, replace }
        }
        "token" => Input::Token(read::<Given>(json)?.token),
        "token_unavailable" => Input::TokenUnavailable,
        "close" => Input::Close,
        "online" => Input::Online,
        "offline" => Input::Offline,
        "network_changed" => {
            let Changed { network, key } = read(json)?;
            Input::NetworkChanged { kind: network, key }
        }
        "weak_network" => Input::WeakNetwork(read::<Weak>(json)?.is_weak),
        "resumed" => Input::Resumed,
        "foreground" => Input::Foreground,
        "background" => Input::Background,
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
#[serde(rename_all = "camelCase")]
struct Published {
    ticket: u64,
    channel: ChannelName,
    event: EventName,
    data: Payload,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    replace: Option<ReplaceKey>,
}

#[derive(Deserialize)]
struct Given {
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(default)]
    network: NetworkKind,
    #[serde(default)]
    key: Option<NetworkKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Weak {
    is_weak: bool,
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
