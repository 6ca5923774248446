//! How a WebSocket ends: which side closes it, what the peer is told, and how long that may take.

use std::borrow::Cow;
use std::time::Duration;

use steadfast_protocol::CloseCode;
use steadfast_websocket::outbound;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::SocketIo;
use super::reader::ReadEvent;

/// How long the close frame, and the peer's answer to it, may take.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(crate) enum CloseCause {
    /// This server closes it.
    Ours { code: CloseCode, reason: Cow<'static, str> },
    /// The peer closed it.
    Theirs { code: u16, reason: Box<str> },
    /// The socket is gone, or could never be used.
    Lost { reason: Cow<'static, str> },
    /// The peer reads nothing, not even a close frame.
    Stuck,
}

impl CloseCause {
    pub(super) fn lost(error: &std::io::Error) -> Self {
        Self::Lost { reason: error.to_string().into() }
    }

    /// Whether to discard the bytes that wait in the kernel.
    pub(super) const fn is_abrupt(&self) -> bool {
        matches!(self, Self::Stuck)
    }

    /// Whether the peer closed the session, and so has read what was sent before its close frame.
    pub(super) const fn is_theirs(&self) -> bool {
        matches!(self, Self::Theirs { .. })
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

/// Writes the close frame, or answers the peer's, and waits for the connection to end.
pub(super) async fn say_goodbye<S>(wire: &mut SocketIo<S>, ending: &CloseCause)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = match ending {
        CloseCause::Ours { code, reason } => outbound::close_frame(code.0, reason),
        CloseCause::Theirs { code: 1005, .. } => outbound::close_frame(1000, ""),
        CloseCause::Theirs { code, .. } => outbound::close_frame(*code, ""),
        CloseCause::Lost { .. } | CloseCause::Stuck => return,
    };
    let goodbye = async {
        if wire.batch.push_frame(frame.clone()).is_err() {
            wire.batch.write(&mut wire.stream).await?;
            drop(wire.batch.push_frame(frame));
        }
        wire.batch.write(&mut wire.stream).await?;
        if matches!(ending, CloseCause::Ours { .. }) {
            wait_for_close(wire).await;
        }
        wire.stream.shutdown().await
    };
    // What is not written by then is not sent.
    drop(tokio::time::timeout(GRACE, goodbye).await);
}

/// Reads until the peer's close frame. Closing the socket before could cause a reset, and the peer
/// would lose this server's close frame.
async fn wait_for_close<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut SocketIo<S>) {
    while !wire.reader.has_closed() {
        for heard in wire.heard().await {
            match heard {
                ReadEvent::Lost(_) => return,
                // A close frame may follow a frame that breaks the rules.
                ReadEvent::Broken(_)
                | ReadEvent::Close { .. }
                | ReadEvent::Text(_)
                | ReadEvent::Ping(_)
                | ReadEvent::Pong => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCause, GRACE, say_goodbye};
    use crate::session::SocketIo;
    use crate::session::reader::{ReadEvent, Reader};
    use bytes::Bytes;
    use std::time::Duration;
    use steadfast_protocol::CloseCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    /// A close frame of a client, with a mask of zeros.
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xEA];

    /// How long the goodbye takes, in virtual time. The peer sends `before`, and `after` once it
    /// has read the close frame.
    async fn goodbye(before: &[u8], after: &[u8]) -> Duration {
        let (ours, mut peer) = tokio::io::duplex(64 * 1024);
        let mut wire = SocketIo::new(ours, Reader::new(Bytes::new(), 100, 100));
        peer.write_all(before).await.unwrap();
        let heard = wire.heard().await;
        let Some(ReadEvent::Broken(error)) = heard.first() else { panic!("{before:?}: {heard:?}") };
        let code = CloseCode(error.close_code());
        let ending = CloseCause::Ours { code, reason: error.to_string().into() };
        let begun = Instant::now();
        let answer = async {
            assert_eq!(peer.read_u8().await.unwrap(), 0x88);
            peer.write_all(after).await.unwrap();
            peer
        };
        let ((), _peer) = tokio::join!(say_goodbye(&mut wire, &ending), answer);
        begun.elapsed()
    }

    /// P-57
    #[tokio::test(start_paused = true)]
    async fn tcp_ends_as_soon_as_both_closes_have_passed_whatever_was_broken() {
        let long = [&[0x81, 0xFE, 0x01, 0x00, 0, 0, 0, 0][..], &[b'x'; 256]].concat();
        let breaches: [&[u8]; 6] = [
            &[0x81, 2, b'{', b'}'],
            &[0xC1, 0x81, 0, 0, 0, 0, b'x'],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x82, 0x81, 0, 0, 0, 0, b'x'],
            &[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
            &long,
        ];
        for breach in breaches {
            assert_eq!(goodbye(breach, &CLOSE).await, Duration::ZERO, "{breach:?}");
            let both = [breach, &CLOSE].concat();
            assert_eq!(goodbye(&both, &[]).await, Duration::ZERO, "{breach:?}");
            assert_eq!(goodbye(breach, &[0x81, 0x80, 0, 0, 0, 0]).await, GRACE, "{breach:?}");
        }
    }
}
