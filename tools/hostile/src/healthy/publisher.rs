//! Publishes at a steady rate over one connection of the internal port, whatever the answers take:
//! what waits for an answer does not delay what comes next. In: channels. Out: newest offsets.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;

use super::{CHANNELS, RATE, Shared, channel};
use crate::token::BACKEND_KEY;

/// Bytes that each event has beside its time.
const PADDING: usize = 100;

/// Publishes until it fails.
pub(super) async fn run(shared: &Shared, internal: SocketAddr) -> anyhow::Result<()> {
    let stream = TcpStream::connect(internal).await?;
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.into_split();
    let asked = Mutex::new(VecDeque::new());
    let publishing = async {
        let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in (0..CHANNELS).cycle() {
            pace.tick().await;
            asked.lock().unwrap_or_else(PoisonError::into_inner).push_back(number);
            writing.write_all(&request(number, shared.micros())).await?;
        }
        anyhow::Ok(())
    };
    let answers = async {
        let mut reading = BufReader::new(reading);
        loop {
            let offset = answer(&mut reading).await?;
            let number = asked.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let number = number.context("an answer to nothing")?;
            let before = shared.acked[number].swap(offset, Ordering::Release);
            if offset != before + 1 {
                bail!("offset {offset} behind {before}");
            }
        }
    };
    tokio::try_join!(publishing, answers).map(|((), ())| ())
}

fn request(number: usize, at: u64) -> Vec<u8> {
    let body = format!(r#"{{"event":"e","data":{{"at":{at},"pad":"{}"}}}}"#, "x".repeat(PADDING));
    format!(
        "POST /v1/channels/{}/events HTTP/1.1\r\nHost: localhost\r\n\
         Authorization: Bearer {BACKEND_KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        channel(number),
        body.len()
    )
    .into_bytes()
}

/// The offset in the next answer.
async fn answer(reading: &mut (impl AsyncBufReadExt + Unpin)) -> anyhow::Result<u64> {
    let (mut status, mut length) = (String::new(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        if reading.read_line(&mut line).await? == 0 {
            bail!("the internal port has hung up");
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if status.is_empty() {
            text.clone_into(&mut status);
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    if !status.contains(" 201 ") {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    let body: serde_json::Value = serde_json::from_slice(&body)?;
    body["offset"].as_u64().context("no offset")
}
