//! How a WebSocket ends: whose wish it was, what the peer is told, and how long that may take.

use std::borrow::Cow;
use std::time::Duration;

use steadfast_protocol::CloseCode;
use steadfast_websocket::outbound;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::Wire;
use super::reader::Heard;

/// How long the last frame, and the peer's answer to it, may take.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) enum Ending {
    /// We close.
    Ours { code: CloseCode, reason: Cow<'static, str> },
    /// The peer closed.
    Theirs { code: u16, reason: Box<str> },
    /// The socket is gone, or was never of use.
    Lost { reason: Cow<'static, str> },
    /// The peer takes nothing: not even a close frame.
    Stuck,
}

impl Ending {
    pub(super) fn lost(error: &std::io::Error) -> Self {
        Self::Lost { reason: error.to_string().into() }
    }

    /// Whether bytes that wait in the kernel are to be thrown away.
    pub(super) const fn is_abrupt(&self) -> bool {
        matches!(self, Self::Stuck)
    }

    pub(crate) fn code_and_reason(&self) -> (CloseCode, &str) {
        match self {
            Self::Ours { code, reason } => (*code, reason),
            Self::Theirs { code, reason } => (CloseCode(*code), reason),
            Self::Lost { reason } => (CloseCode::ABNORMAL, reason),
            Self::Stuck => (CloseCode::ABNORMAL, "took nothing, not even a close frame"),
        }
    }
}

/// Writes the close frame, or answers the peer's, and waits a moment for its end.
pub(super) async fn say_goodbye<S>(wire: &mut Wire<S>, ending: &Ending)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = match ending {
        Ending::Ours { code, reason } => outbound::close_frame(code.0, reason),
        Ending::Theirs { code: 1005, .. } => outbound::close_frame(1000, ""),
        Ending::Theirs { code, .. } => outbound::close_frame(*code, ""),
        Ending::Lost { .. } | Ending::Stuck => return,
    };
    let goodbye = async {
        if wire.batch.push_frame(frame.clone()).is_err() {
            wire.batch.write(&mut wire.stream).await?;
            drop(wire.batch.push_frame(frame));
        }
        wire.batch.write(&mut wire.stream).await?;
        if matches!(ending, Ending::Ours { .. }) {
            wait_for_close(wire).await;
        }
        wire.stream.shutdown().await
    };
    // Whatever is not said by then stays unsaid.
    drop(tokio::time::timeout(GRACE, goodbye).await);
}

/// Reads on until the peer's close frame, so that ours is not lost to a reset.
async fn wait_for_close<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) {
    loop {
        for heard in wire.heard().await {
            match heard {
                Heard::Close { .. } | Heard::Lost(_) => return,
                Heard::Broken(_) => return drain(wire).await,
                Heard::Text(_) | Heard::Ping(_) | Heard::Pong => {}
            }
        }
    }
}

/// Reads and throws away what can no longer be understood.
async fn drain<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) {
    // Until the peer ends, or the grace does.
    drop(tokio::io::copy(&mut wire.stream, &mut tokio::io::sink()).await);
}
