//! Text to frames. In: one text message. Out: a frame, or a typed error that says what was wrong.
//! Two readings: one for the `type` (which proves the whole text to be JSON), one for the fields.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    ChannelName, ChannelRequest, ClientFrame, DecodeError, Epoch, ErrorCode, Hello, Limits,
    PayloadError, Scalar, ServerFrame, Token,
};

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
}

/// Reads what a client said.
pub fn client_frame(text: &str, limits: &Limits) -> Result<ClientFrame, DecodeError> {
    let head = read_head(text)?;
    let kind = head.kind()?;
    let frame = match &*kind {
        "hello" => ClientFrame::Hello(hello(&head, text)?),
        "subscribe" => ClientFrame::Subscribe(head.read(text)?),
        "unsubscribe" => {
            let request: ChannelOnly = head.read(text)?;
            ClientFrame::Unsubscribe { id: request.id, channel: request.channel }
        }
        "publish" => ClientFrame::Publish(head.read(text)?),
        "refresh" => {
            let NewToken { id, token } = head.read(text)?;
            ClientFrame::Refresh { id, token }
        }
        "heartbeat" => ClientFrame::Heartbeat(head.read(text)?),
        "ping" => ClientFrame::Ping { id: head.read::<IdOnly>(text)?.id },
        "pong" => ClientFrame::Pong { id: head.read::<IdOnly>(text)?.id },
        other => return Err(head.unknown(other)),
    };
    check_depth(&frame, limits).map_err(|error| head.error(ErrorCode::TooDeep, &error))?;
    Ok(frame)
}

/// Reads the token of a first frame, which must be `hello`, and nothing else of it: what a stranger
/// sends costs no more than that. P-17
pub fn hello_token(text: &str) -> Result<Option<Token>, DecodeError> {
    let head = read_head(text)?;
    if head.kind()? != "hello" {
        let message = "the first frame of a session is `hello`";
        return Err(head.error(ErrorCode::BadFrame, &message));
    }
    Ok(head.read::<TokenOnly>(text)?.token)
}

/// Reads what a server said; `None` for a type this client does not know, which it ignores.
pub fn server_frame(text: &str) -> Result<Option<ServerFrame>, DecodeError> {
    let head = read_head(text)?;
    let kind = head.kind()?;
    Ok(Some(match &*kind {
        "welcome" => ServerFrame::Welcome(head.read(text)?),
        "subscribed" => ServerFrame::Subscribed(head.read(text)?),
        "event" => ServerFrame::Event(head.read(text)?),
        "superseded" => ServerFrame::Superseded(head.read(text)?),
        "finished" => {
            let finished: ChannelOnly = head.read(text)?;
            ServerFrame::Finished { channel: finished.channel }
        }
        "published" => {
            let Place { epoch, offset, repeated } = head.read(text)?;
            ServerFrame::Published { id: head.echo(), epoch, offset, repeated }
        }
        "refreshed" => {
            let Expiry { expires_in_ms } = head.read(text)?;
            ServerFrame::Refreshed { id: head.echo(), expires_in_ms }
        }
        "heartbeat_ack" => {
            let ack: Ack = head.read(text)?;
            ServerFrame::HeartbeatAck {
                id: head.echo(),
                timestamp: ack.timestamp,
                server_time: ack.server_time,
            }
        }
        "pong" => ServerFrame::Pong { id: head.echo() },
        "ping" => ServerFrame::Ping { id: head.echo() },
        "go_away" => ServerFrame::GoAway(head.read(text)?),
        "error" => ServerFrame::Error(head.read(text)?),
        _ => return Ok(None),
    }))
}

/// An entry of `channels` that cannot be followed is no reason to refuse the others. P-14
fn hello(head: &Head<'_>, text: &str) -> Result<Box<Hello>, DecodeError> {
    let mut hello: Box<Hello> = head.read(text)?;
    let entries: Entries<'_> = head.read(text)?;
    for (at, entry) in entries.channels.unwrap_or_default().into_iter().enumerate() {
        match channel_request(entry.get()) {
            Ok(request) => hello.channels.push(request),
            Err(error) => {
                let message = format!("channels[{at}]: {}", error.message);
                hello.bad_channels.push(DecodeError { message, ..error });
            }
        }
    }
    Ok(hello)
}

fn channel_request(text: &str) -> Result<ChannelRequest, DecodeError> {
    let head = serde_json::from_str::<Head<'_>>(text);
    let head = head.unwrap_or(Head { kind: None, id: None, channel: None });
    if !text.starts_with('{') {
        return Err(head.error(ErrorCode::BadFrame, &"an entry is an object with a `channel`"));
    }
    head.read(text)
}

#[derive(Deserialize)]
struct TokenOnly {
    #[serde(default)]
    token: Option<Token>,
}

#[derive(Deserialize)]
struct NewToken {
    #[serde(default)]
    id: Option<Scalar>,
    token: Token,
}

#[derive(Deserialize)]
struct Expiry {
    #[serde(default)]
    expires_in_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Entries<'a> {
    #[serde(borrow, default)]
    channels: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct ChannelOnly {
    #[serde(default)]
    id: Option<Scalar>,
    channel: ChannelName,
}

#[derive(Deserialize)]
struct IdOnly {
    #[serde(default)]
    id: Option<Scalar>,
}

#[derive(Deserialize)]
struct Place {
    epoch: Epoch,
    offset: u64,
    #[serde(default)]
    repeated: bool,
}

#[derive(Deserialize)]
struct Ack {
    timestamp: Scalar,
    server_time: Box<str>,
}

fn read_head(text: &str) -> Result<Head<'_>, DecodeError> {
    // An array would fill the fields in order: an object is asked for by its first character.
    if !text.trim_start().starts_with('{') {
        let message = match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => "a frame is a JSON object".into(),
            Err(error) => format!("a frame is a JSON object; this is not JSON: {error}"),
        };
        return Err(DecodeError { code: ErrorCode::BadJson, message, id: None, channel: None });
    }
    serde_json::from_str(text).map_err(|error| DecodeError {
        code: ErrorCode::BadJson,
        message: format!("not a JSON object: {error}"),
        id: None,
        channel: None,
    })
}

impl Head<'_> {
    fn kind(&self) -> Result<Cow<'_, str>, DecodeError> {
        let Some(kind) = self.kind else {
            return Err(self.error(ErrorCode::BadFrame, &"the field `type` is missing"));
        };
        serde_json::from_str::<Text<'_>>(kind.get())
            .map(|text| text.0)
            .map_err(|_| self.error(ErrorCode::BadFrame, &"the field `type` is not a string"))
    }

    fn read<'de, T: Deserialize<'de>>(&self, text: &'de str) -> Result<T, DecodeError> {
        serde_json::from_str(text).map_err(|error| match self.bad_channel() {
            Some(why) => self.error(ErrorCode::BadChannel, &why),
            None => self.error(ErrorCode::BadFrame, &error),
        })
    }

    fn bad_channel(&self) -> Option<crate::NameError> {
        let text = serde_json::from_str::<Text<'_>>(self.channel?.get()).ok()?;
        ChannelName::new(&text.0).err()
    }

    fn echo(&self) -> Option<Scalar> {
        self.id.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    fn unknown(&self, kind: &str) -> DecodeError {
        let cut = kind.char_indices().nth(40).map_or(kind.len(), |(at, _)| at);
        let shown = kind.get(..cut).unwrap_or_default();
        self.error(ErrorCode::UnknownType, &format!("no frame has the type {shown:?}"))
    }

    fn error(&self, code: ErrorCode, message: &dyn core::fmt::Display) -> DecodeError {
        let text = self.channel.and_then(|raw| serde_json::from_str::<Text<'_>>(raw.get()).ok());
        let channel = text.and_then(|text| ChannelName::new(&text.0).ok());
        DecodeError { code, message: format!("{message}"), id: self.echo(), channel }
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn check_depth(frame: &ClientFrame, limits: &Limits) -> Result<(), PayloadError> {
    let payload = match frame {
        ClientFrame::Publish(publish) => Some(&publish.data),
        ClientFrame::Heartbeat(heartbeat) => heartbeat.stats.as_ref(),
        ClientFrame::Hello(_)
        | ClientFrame::Subscribe(_)
        | ClientFrame::Unsubscribe { .. }
        | ClientFrame::Refresh { .. }
        | ClientFrame::Ping { .. }
        | ClientFrame::Pong { .. } => None,
    };
    payload.map_or(Ok(()), |payload| payload.check_depth(limits.payload_depth_max))
}

#[cfg(test)]
mod tests;
