//! Follows one channel and prints what happens: `cargo run --example follow -- demo`.

use std::error::Error;
use std::io::Write;

use steadfast_client::{Catalogue, ChannelName, Client, Language, LinkState, Notice, Since};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut typed = std::env::args().skip(1);
    let channel = ChannelName::new(&typed.next().unwrap_or_else(|| "demo".into()))?;
    let server = typed.next().unwrap_or_else(|| "http://127.0.0.1:8080".into());

    let mut client = Client::builder(&server).subscribe(channel, Since::Start).connect().await?;
    let mut out = std::io::stdout().lock();
    while let Some(notice) = client.next().await {
        match notice {
            Notice::Event(event) => {
                writeln!(out, "{} {}: {}", event.offset, event.event, event.data.as_str())?;
            }
            Notice::Gap { gap, .. } => {
                let (from, to) = (gap.from.offset, gap.to.offset);
                writeln!(out, "events after {from} up to {to} are gone: {:?}", gap.cause)?;
            }
            Notice::State { new, reason, .. } => {
                writeln!(out, "{}, since {}", new.as_str(), reason.as_str())?;
                if new == LinkState::Disconnected {
                    break;
                }
            }
            Notice::Subscribed { position, .. } => {
                writeln!(out, "following from {}", position.offset)?;
            }
            Notice::Quality(report) => writeln!(out, "the link is {}", report.grade.as_str())?,
            Notice::Message { message } => {
                if let Some(message) = message {
                    writeln!(out, "{}", Catalogue::say(&message, Language::En).title)?;
                }
            }
            Notice::Finished { channel } => writeln!(out, "{channel} has ended")?,
            Notice::Refused { channel, message, .. } => writeln!(out, "{channel}: {message}")?,
            // These go to whoever publishes.
            Notice::Published { .. } | Notice::PublishFailed { .. } => {}
        }
    }
    client.close().await;
    Ok(())
}
