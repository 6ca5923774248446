//! One WebSocket of a link, from dial to end: a task of its own. In: frames to send, a close.
//! Out: the link's inputs about it, in order; while nobody takes them it reads no further, and
//! the network's own flow control holds the server back. Never says anything of itself.

use std::time::Duration;

use steadfast_link::{Input, SocketId};
use steadfast_protocol::codec::json;
use steadfast_protocol::{ClientFrame, CloseCode};
use steadfast_websocket::InboundError;
use tokio::sync::mpsc;

use crate::connector::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::transport::{self, Socket, SocketOptions};
use crate::websocket::{ReadError, Received, SocketReader, SocketWriter};

/// How many frames may wait to be written. A link says little; more than this is a dead socket.
pub(crate) const OUTBOX_FRAMES_MAX: usize = 64;
/// How many answers to pings may wait to be written; the next is dropped.
const PONGS_MAX: usize = 4;
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
    /// What its sockets may carry.
    pub options: SocketOptions,
}

/// Runs a socket to its end. Dropping the sender of `outbox` ends it without a goodbye.
pub(crate) async fn run(
    id: SocketId,
    target: Target,
    mut outbox: mpsc::Receiver<Outbound>,
    inputs: mpsc::Sender<Input>,
) {
    let dialed = tokio::select! {
        dialed = transport::dial(&target.connector, &target.endpoint, target.options) => dialed,
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
    /// What the server is told.
    goodbye: Goodbye,
    /// The server's own words, where it said a code.
    reason: Option<String>,
}

/// The close frame that ends a socket.
enum Goodbye {
    /// Ours: the fault is the server's.
    Ours(CloseCode),
    /// The answer to the server's.
    Theirs(Option<u16>),
    /// There is nobody to say it to.
    None,
}

async fn converse(
    id: SocketId,
    target: &Target,
    socket: Socket,
    outbox: &mut mpsc::Receiver<Outbound>,
    inputs: &mpsc::Sender<Input>,
) -> Option<Input> {
    let (mut reader, mut writer) = socket;
    let (pongs_in, mut pongs) = mpsc::channel(PONGS_MAX);
    let lost = Some(Input::SocketClosed { socket: id, code: CloseCode::ABNORMAL });
    let written = tokio::select! {
        end = read(id, &mut reader, inputs, &pongs_in) => {
            let end = end?;
            if let Some(reason) = end.reason {
                let place = target.endpoint.place();
                target.connector.note(Some(DialError::Closed { place, code: end.code.0, reason }));
            }
            match end.goodbye {
                Goodbye::Ours(code) => say_goodbye(&mut reader, &mut writer, code).await,
                Goodbye::Theirs(code) => answer_goodbye(&mut writer, code).await,
                Goodbye::None => {}
            }
            return Some(Input::SocketClosed { socket: id, code: end.code });
        }
        written = write(&mut writer, outbox, &mut pongs) => written,
    };
    match written {
        Written::Failed => lost,
        Written::Dropped => None,
        Written::Closing(code) => {
            say_goodbye(&mut reader, &mut writer, code).await;
            None
        }
    }
}

/// Hands every frame on; `None` when nobody wants them any more.
async fn read(
    id: SocketId,
    reader: &mut SocketReader,
    inputs: &mpsc::Sender<Input>,
    pongs: &mpsc::Sender<Vec<u8>>,
) -> Option<End> {
    inputs.send(Input::SocketOpened { socket: id }).await.ok()?;
    loop {
        let received = reader.next().await;
        if let Ok(Received::Ping(payload)) = &received {
            // So many that wait show that we live.
            let _ = pongs.try_send(payload.clone());
        }
        match heard(id, received) {
            Ok(input) => inputs.send(input).await.ok()?,
            Err(end) => return Some(end),
        }
    }
}

fn heard(id: SocketId, received: Result<Received, ReadError>) -> Result<Input, End> {
    let alive = Input::SocketAlive { socket: id };
    match received {
        Ok(Received::Text(text)) => match json::server_frame(&text) {
            Ok(Some(frame)) => Ok(Input::SocketFrame { socket: id, frame: Box::new(frame) }),
            Ok(None) => Ok(alive),
            Err(_) => Err(End::fault(CloseCode::PROTOCOL)),
        },
        Ok(Received::Ping(_) | Received::Pong) => Ok(alive),
        Ok(Received::Close { code, reason }) => Err(End {
            code: CloseCode(code.unwrap_or(1005)),
            goodbye: Goodbye::Theirs(code),
            reason: code.map(|_| reason),
        }),
        // The same message would come again on the next socket: the link has to know.
        Err(ReadError::Broken(
            InboundError::MessageTooLong { .. } | InboundError::InflatedTooLong { .. },
        )) => {
            let code = CloseCode::TOO_BIG;
            Err(End { code, goodbye: Goodbye::Ours(code), reason: None })
        }
        Err(ReadError::Broken(error)) => Err(End::fault(CloseCode(error.close_code()))),
        Err(ReadError::Lost) => {
            Err(End { code: CloseCode::ABNORMAL, goodbye: Goodbye::None, reason: None })
        }
    }
}

impl End {
    /// The server broke the rules; the link may try again.
    const fn fault(code: CloseCode) -> Self {
        Self { code: CloseCode::ABNORMAL, goodbye: Goodbye::Ours(code), reason: None }
    }
}

enum Written {
    Closing(CloseCode),
    Dropped,
    Failed,
}

async fn write(
    writer: &mut SocketWriter,
    outbox: &mut mpsc::Receiver<Outbound>,
    pongs: &mut mpsc::Receiver<Vec<u8>>,
) -> Written {
    loop {
        let written = tokio::select! {
            next = outbox.recv() => match next {
                Some(Outbound::Frame(frame)) => writer.text(&json::encode_client(&frame)).await,
                Some(Outbound::Close(code)) => return Written::Closing(code),
                None => return Written::Dropped,
            },
            Some(payload) = pongs.recv() => writer.pong(&payload).await,
        };
        if written.is_err() {
            return Written::Failed;
        }
    }
}

/// Sends a close frame and reads, unheard, to the answer; gives up after [`CLOSE_TIMEOUT`].
async fn say_goodbye(reader: &mut SocketReader, writer: &mut SocketWriter, code: CloseCode) {
    let goodbye = async {
        if writer.close(Some(code.0)).await.is_ok() {
            while let Ok(message) = reader.next().await {
                if matches!(message, Received::Close { .. }) {
                    return;
                }
            }
        }
    };
    // A peer that does not answer is left to notice by itself.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}

/// Answers the server's close frame; gives up after [`CLOSE_TIMEOUT`].
async fn answer_goodbye(writer: &mut SocketWriter, code: Option<u16>) {
    let goodbye = async {
        writer.close(code).await?;
        writer.shutdown().await
    };
    // A peer that is gone needs no answer.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
}

#[cfg(test)]
mod tests;
