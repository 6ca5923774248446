//! One WebSocket of a link, from dial to end: a task of its own. In: frames to send, a close.
//! Out: the link's inputs about it, in order; while nobody takes them it reads no further, and
//! the network's own flow control holds the server back. Never says anything of itself.

use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use steadfast_link::{Input, SocketId};
use steadfast_protocol::codec::json;
use steadfast_protocol::{ClientFrame, CloseCode};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::transport::{self, Socket};

/// How many frames may wait to be written. A link says little; more than this is a dead socket.
pub(crate) const OUTBOX_FRAMES_MAX: usize = 64;
/// How long a peer may take to answer a close.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What a socket is told to do.
#[derive(Debug)]
pub(crate) enum Outbound {
    /// Send this.
    Frame(Box<ClientFrame>),
    /// Say goodbye and end; nothing is wanted of it any more.
    Close(CloseCode),
}

/// Where a socket goes and what it may carry.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The server.
    pub endpoint: Endpoint,
    /// The way there.
    pub connector: Connector,
    /// The largest message, in bytes.
    pub message_bytes_max: usize,
}

/// Runs a socket to its end. Dropping the sender of `outbox` ends it without a goodbye.
pub(crate) async fn run(
    id: SocketId,
    target: Target,
    mut outbox: mpsc::Receiver<Outbound>,
    inputs: mpsc::Sender<Input>,
) {
    let dialed = tokio::select! {
        dialed = transport::dial(&target.connector, &target.endpoint, target.message_bytes_max) => {
            dialed
        }
        // The first thing a link says of a socket that is not open is that it gives it up.
        _ = outbox.recv() => return,
    };
    let last = match dialed {
        Ok(socket) => {
            target.connector.note(None);
            converse(id, &target, socket, &mut outbox, &inputs).await
        }
        Err(error) => {
            let failure = error.failure();
            target.connector.note(Some(error));
            Some(Input::SocketFailed { socket: id, failure })
        }
    };
    if let Some(last) = last {
        // Nobody listens once the client is gone.
        let _ = inputs.send(last).await;
    }
}

/// The end of a conversation as it was noticed.
struct End {
    /// What the link is told.
    code: CloseCode,
    /// What the server is told, where the fault is its own.
    goodbye: Option<CloseCode>,
    /// The server's own words, where it said a code.
    reason: Option<String>,
}

async fn converse(
    id: SocketId,
    target: &Target,
    socket: Socket,
    outbox: &mut mpsc::Receiver<Outbound>,
    inputs: &mpsc::Sender<Input>,
) -> Option<Input> {
    let (mut sink, mut stream) = socket.split();
    let lost = Some(Input::SocketClosed { socket: id, code: CloseCode::ABNORMAL });
    let written = tokio::select! {
        end = read(id, &mut stream, inputs) => {
            let end = end?;
            if let Some(reason) = end.reason {
                let place = target.endpoint.place();
                target.connector.note(Some(DialError::Closed { place, code: end.code.0, reason }));
            }
            if let Some(code) = end.goodbye {
                say_goodbye(&mut sink, &mut stream, code).await;
            }
            return Some(Input::SocketClosed { socket: id, code: end.code });
        }
        written = write(&mut sink, outbox) => written,
    };
    match written {
        Written::Failed => lost,
        Written::Dropped => None,
        Written::Closing(code) => {
            say_goodbye(&mut sink, &mut stream, code).await;
            None
        }
    }
}

/// Hands every frame on; `None` when nobody wants them any more.
async fn read(
    id: SocketId,
    stream: &mut SplitStream<Socket>,
    inputs: &mpsc::Sender<Input>,
) -> Option<End> {
    inputs.send(Input::SocketOpened { socket: id }).await.ok()?;
    loop {
        match heard(id, stream.next().await) {
            Ok(input) => inputs.send(input).await.ok()?,
            Err(end) => return Some(end),
        }
    }
}

fn heard(id: SocketId, message: Option<Result<Message, Error>>) -> Result<Input, End> {
    let alive = Input::SocketAlive { socket: id };
    match message {
        Some(Ok(Message::Text(text))) => match json::server_frame(&text) {
            Ok(Some(frame)) => Ok(Input::SocketFrame { socket: id, frame: Box::new(frame) }),
            Ok(None) => Ok(alive),
            Err(_) => Err(End::fault(CloseCode::PROTOCOL)),
        },
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(alive),
        Some(Ok(Message::Binary(_))) => Err(End::fault(CloseCode::UNSUPPORTED)),
        Some(Ok(Message::Close(frame))) => {
            let code = frame.as_ref().map_or(CloseCode(1005), |frame| CloseCode(frame.code.into()));
            let reason = frame.map(|frame| frame.reason.as_str().to_owned());
            Err(End { code, goodbye: None, reason })
        }
        // The same message would come again on the next socket: the link has to know.
        Some(Err(Error::Capacity(_))) => {
            let code = CloseCode::TOO_BIG;
            Err(End { code, goodbye: Some(code), reason: None })
        }
        Some(Err(_)) | None => Err(End { code: CloseCode::ABNORMAL, goodbye: None, reason: None }),
    }
}

impl End {
    /// The server broke the rules; the link may try again.
    const fn fault(code: CloseCode) -> Self {
        Self { code: CloseCode::ABNORMAL, goodbye: Some(code), reason: None }
    }
}

enum Written {
    Closing(CloseCode),
    Dropped,
    Failed,
}

async fn write(
    sink: &mut SplitSink<Socket, Message>,
    outbox: &mut mpsc::Receiver<Outbound>,
) -> Written {
    loop {
        match outbox.recv().await {
            Some(Outbound::Frame(frame)) => {
                let text = json::encode_client(&frame);
                if sink.send(Message::text(text)).await.is_err() {
                    return Written::Failed;
                }
            }
            Some(Outbound::Close(code)) => return Written::Closing(code),
            None => return Written::Dropped,
        }
    }
}

/// Sends a close frame and reads, unheard, to the answer; gives up after [`CLOSE_TIMEOUT`].
async fn say_goodbye(
    sink: &mut SplitSink<Socket, Message>,
    stream: &mut SplitStream<Socket>,
    code: CloseCode,
) {
    let frame = CloseFrame { code: code.0.into(), reason: "".into() };
    let goodbye = async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(message)) = stream.next().await {
                if message.is_close() {
                    return;
                }
            }
        }
    };
    // A peer that does not answer is left to notice by itself.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}

#[cfg(test)]
mod tests;
