//! What must come back, and how to see that it does. In: a connection. Out: an error that says what
//! came instead.

use anyhow::{bail, ensure};
use serde_json::Value;

use crate::frame::{self, Received};
use crate::wire::{HttpAnswer, Wire};

/// What must come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// An answer with this status, whose problem has this code where one is named.
    Answer(u16, &'static str),
    /// The same, and then the end of the connection.
    Last(u16, &'static str),
    /// The end of the connection without an answer.
    End,
    /// A close frame with this code.
    Close(u16),
    /// So many `error` frames with this code; the session goes on.
    Errors(usize, &'static str),
    /// An `error` frame with this code, then a close frame with that one.
    ErrorThenClose(&'static str, u16),
    /// A frame of this type; the session goes on.
    Frame(&'static str),
    /// The end of the WebSocket, in whatever way.
    Gone,
    /// Nothing is waited for: the connection is closed on our side.
    Unread,
    /// The end of the connection, with an answer or without, once we have ended our half of it.
    Finished,
    /// The session goes on as if nothing had come.
    Nothing,
    /// One of these.
    Either(Vec<Expect>),
}

/// That an upgrade was granted.
pub fn expect_upgrade(answer: &HttpAnswer) -> anyhow::Result<()> {
    ensure!(answer.status == 101, "the upgrade: {} {}", answer.status, answer.code());
    Ok(())
}

/// The next frame of this type. Before it only frames that tell of no mistake may come.
pub async fn expect_frame(wire: &mut Wire, kind: &str) -> anyhow::Result<Value> {
    loop {
        match wire.frame().await? {
            Some(Received::Text(text)) => {
                let value: Value = serde_json::from_str(&text)?;
                if value["type"] == kind {
                    return Ok(value);
                }
                let shown: String = text.chars().take(300).collect();
                ensure!(value["type"] != "error", "{kind} was expected, not {shown}");
            }
            Some(Received::Ping(_) | Received::Pong) => {}
            Some(Received::Close(code, why)) => bail!("{kind} was expected, not {code}: {why}"),
            None => bail!("{kind} was expected, not the end"),
        }
    }
}

/// Reads on to the close frame; its code.
pub async fn closed(wire: &mut Wire) -> anyhow::Result<u16> {
    loop {
        match wire.frame().await? {
            Some(Received::Close(code, _)) => return Ok(code),
            Some(_) => {}
            None => bail!("the connection ended without a close frame"),
        }
    }
}

/// That a session answers.
pub async fn is_alive(wire: &mut Wire) -> anyhow::Result<()> {
    ensure!(wire.send(&frame::text(r#"{"type":"ping","id":"alive"}"#)).await, "it has ended");
    let pong = expect_frame(wire, "pong").await?;
    ensure!(pong["id"] == "alive", "another pong: {pong}");
    Ok(())
}

impl Expect {
    /// Reads what comes, and compares.
    pub async fn check(&self, wire: &mut Wire) -> anyhow::Result<()> {
        match self {
            Self::Answer(status, code) => answers(wire, *status, code).await,
            Self::Last(status, code) => {
                answers(wire, *status, code).await?;
                let rest = wire.rest().await?;
                ensure!(rest.is_empty(), "more came: {:?}", String::from_utf8_lossy(&rest));
                Ok(())
            }
            Self::End => {
                let rest = wire.rest().await?;
                ensure!(rest.is_empty(), "something came: {:?}", String::from_utf8_lossy(&rest));
                Ok(())
            }
            Self::Close(code) => {
                let other = closed(wire).await?;
                ensure!(other == *code, "closed with {other}, not {code}");
                Ok(())
            }
            Self::Errors(count, code) => {
                for _ in 0..*count {
                    let error = expect_frame(wire, "error").await?;
                    ensure!(error["code"] == *code, "{code} was expected, not {error}");
                }
                is_alive(wire).await
            }
            Self::ErrorThenClose(code, close) => {
                let error = expect_frame(wire, "error").await?;
                ensure!(error["code"] == *code, "{code} was expected, not {error}");
                let other = closed(wire).await?;
                ensure!(other == *close, "closed with {other}, not {close}");
                Ok(())
            }
            Self::Frame(kind) => {
                expect_frame(wire, kind).await?;
                is_alive(wire).await
            }
            Self::Gone => {
                // Whatever comes is answered to noise.
                drop(wire.rest().await?);
                Ok(())
            }
            Self::Unread => Ok(()),
            Self::Finished => {
                wire.finish().await;
                drop(wire.rest().await?);
                Ok(())
            }
            Self::Nothing => is_alive(wire).await,
            Self::Either(ways) => either(ways, wire).await,
        }
    }
}

async fn answers(wire: &mut Wire, status: u16, code: &str) -> anyhow::Result<()> {
    let answer = wire.answer().await?;
    let other = answer.code();
    let fits = answer.status == status && (code.is_empty() || other == code);
    ensure!(fits, "answered {} {other:?}, not {status} {code:?}", answer.status);
    Ok(())
}

/// Answers of HTTP and ends alone: they can be told apart by one look.
async fn either(ways: &[Expect], wire: &mut Wire) -> anyhow::Result<()> {
    let came = match wire.answer().await {
        Ok(answer) => Some((answer.status, answer.code())),
        Err(_) => None,
    };
    ensure!(ways.iter().any(|way| is_met(way, came.as_ref())), "{came:?} is none of {ways:?}");
    Ok(())
}

/// Whether this answer, or the end without one, is what must come.
fn is_met(way: &Expect, came: Option<&(u16, String)>) -> bool {
    match (way, came) {
        (Expect::Answer(status, code) | Expect::Last(status, code), Some(came)) => {
            came.0 == *status && (code.is_empty() || came.1 == *code)
        }
        (Expect::End, None) => true,
        (Expect::Either(ways), _) => ways.iter().any(|way| is_met(way, came)),
        _ => false,
    }
}
