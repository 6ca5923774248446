//! Inputs as scenarios have them. In: an input. Out: its JSON, from which the runner of the
//! scenarios reads the same input.

use serde::Serialize;
use steadfast_link::Input;
use steadfast_link::scenario::input_kind;
use steadfast_protocol::Token;
use steadfast_protocol::codec::json;

/// The JSON of an input.
pub(super) fn input(input: &Input) -> String {
    let kind = format!(r#""kind": "{}""#, input_kind(input));
    let fields: Vec<(&str, String)> = match input {
        Input::Connect
        | Input::Close
        | Input::Retry
        | Input::Online
        | Input::Offline
        | Input::Foreground
        | Input::Background
        | Input::TokenUnavailable
        | Input::Resumed
        | Input::Tick => Vec::new(),
        Input::Subscribe { channel, since } => {
            vec![("channel", text(channel)), ("since", text(since))]
        }
        Input::NetworkChanged { kind, key } => {
            vec![("network", text(kind)), ("key", text(key))]
        }
        Input::WeakNetwork(is_weak) => vec![("isWeak", text(is_weak))],
        Input::Unsubscribe { channel } => vec![("channel", text(channel))],
        Input::Publish { ticket, channel, event, data, is_final, replace } => vec![
            ("ticket", text(ticket)),
            ("channel", text(channel)),
            ("event", text(event)),
            ("data", text(data)),
            ("isFinal", text(is_final)),
            ("replace", text(replace)),
        ],
        Input::Token(token) => vec![("token", text(&token.as_ref().map(Token::expose)))],
        Input::SocketOpened { socket } | Input::SocketAlive { socket } => {
            vec![("socket", text(socket))]
        }
        Input::SocketFailed { socket, failure } => {
            vec![("socket", text(socket)), ("failure", text(failure))]
        }
        Input::SocketFrame { socket, frame } => {
            vec![("socket", text(socket)), ("frame", json::encode_server(frame))]
        }
        Input::SocketClosed { socket, code } => {
            vec![("socket", text(socket)), ("code", text(&code.0))]
        }
        Input::Polled { poll, outcome: Ok(answer) } => {
            vec![("poll", text(poll)), ("answer", text(answer))]
        }
        Input::Polled { poll, outcome: Err(failure) } => {
            vec![("poll", text(poll)), ("failure", text(failure))]
        }
        Input::Probed { is_ok } => vec![("isOk", text(is_ok))],
    };
    let fields = fields.iter().map(|(name, value)| format!(r#", "{name}": {value}"#));
    format!("{{{kind}{}}}", fields.collect::<String>())
}

/// The JSON of a value.
pub(super) fn text<T: Serialize + ?Sized>(value: &T) -> String {
    #[expect(clippy::expect_used, reason = "our own values have JSON, and the reader would see")]
    serde_json::to_string(value).expect("a value with JSON")
}
