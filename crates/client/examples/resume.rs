//! Follows one channel over any number of runs, and prints each event once:
//! `cargo run -p steadfast-client --example resume -- demo positions.json`.

use std::error::Error;
use std::fs;
use std::io::{ErrorKind, Write};

use steadfast_client::{ChannelName, ChannelNotice, Client, SavedPositions, Since};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut typed = std::env::args().skip(1);
    let channel = ChannelName::new(&typed.next().unwrap_or_else(|| "demo".into()))?;
    let file = typed.next().unwrap_or_else(|| "positions.json".into());
    let server = typed.next().unwrap_or_else(|| "http://127.0.0.1:8080".into());

    let saved = match fs::read_to_string(&file) {
        Ok(text) => SavedPositions::from_json(&text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => SavedPositions::default(),
        Err(error) => return Err(error.into()),
    };
    let since = saved.since(&channel, Since::Start);
    let client = Client::builder(&server).resume(saved).connect().await?;
    let mut stream = client.channel(channel, since).await?;

    let mut out = std::io::stdout().lock();
    while let Some(notice) = stream.next().await {
        match notice {
            ChannelNotice::Event(event) => {
                writeln!(out, "{} {}: {}", event.offset, event.event, event.data.as_str())?;
            }
            ChannelNotice::Gap(gap) => writeln!(out, "some events are gone: {gap:?}")?,
            ChannelNotice::Subscribed { position, .. } => {
                writeln!(out, "following from {}", position.offset)?;
            }
            ChannelNotice::Finished => writeln!(out, "the channel has ended")?,
            ChannelNotice::Refused { message, .. } => writeln!(out, "{message}")?,
        }
        // Behind what was done, so that a crash repeats an event and loses none.
        let beside = format!("{file}.new");
        fs::write(&beside, client.positions().to_json())?;
        fs::rename(&beside, &file)?;
    }
    Ok(())
}
