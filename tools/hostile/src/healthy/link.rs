//! One healthy link: a WebSocket of JSON that follows channels and checks every event. In: frames.
//! Out: how late events are, and what is wrong with them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{FOLLOWED, Shared, channel, followed_by};
use crate::frame::{self, Received};
use crate::token;
use crate::wire::{Wire, connect};

/// How long the token of a link lasts, in seconds: longer than any run.
const TOKEN_LASTS: u64 = 24 * 3600;

/// How to come to the server.
pub(super) struct Dialer {
    address: SocketAddr,
    connector: Option<TlsConnector>,
}

impl Dialer {
    pub(super) fn new(address: SocketAddr, certificate: Option<&Path>) -> anyhow::Result<Self> {
        let connector = certificate.map(trusting).transpose()?;
        Ok(Self { address, connector })
    }

    async fn dial(&self) -> anyhow::Result<Wire> {
        let stream = connect(self.address, None, None).await?;
        let Some(connector) = &self.connector else { return Ok(Wire::over(stream)) };
        let name = ServerName::try_from("localhost")?;
        Ok(Wire::over(connector.connect(name, stream).await?))
    }
}

/// TLS that trusts one certificate.
fn trusting(certificate: &Path) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Follows its channels until the task is dropped.
pub(super) async fn follow(shared: Arc<Shared>, dialer: Arc<Dialer>, number: usize) {
    let error = listen(&shared, &dialer, number).await.err();
    shared.broken(format!("link {number} has ended: {error:?}"));
}

async fn listen(shared: &Shared, dialer: &Dialer, number: usize) -> anyhow::Result<()> {
    let mut wire = dialer.dial().await?;
    let answer = wire.upgrade("/v1/ws", "").await?;
    if answer.status != 101 {
        bail!("the upgrade was answered with {}", answer.status);
    }
    let names: Vec<String> = followed_by(number).map(channel).collect();
    let channels: Vec<Value> =
        names.iter().map(|name| json!({"channel": name, "since": "now"})).collect();
    let hello = json!({"type": "hello", "link": format!("healthy-link-{number}"), "generation": 1,
        "token": token::good("healthy", TOKEN_LASTS), "channels": channels});
    wire.send(frame::text(&hello.to_string()).as_slice()).await;
    loop {
        match wire.frame().await? {
            Some(Received::Text(text)) => {
                if text.starts_with(r#"{"type":"event""#) {
                    on_event(shared, number, &names, &text)?;
                } else {
                    on_frame(shared, &mut wire, &text).await?;
                }
            }
            Some(Received::Ping(payload)) => {
                wire.send(&frame::masked(frame::PONG, &payload)).await;
            }
            Some(Received::Pong) => {}
            Some(Received::Close(code, reason)) => bail!("closed with {code}: {reason}"),
            None => bail!("the connection has ended"),
        }
    }
}

async fn on_frame(shared: &Shared, wire: &mut Wire, text: &str) -> anyhow::Result<()> {
    let value: Value = serde_json::from_str(text)?;
    match value["type"].as_str() {
        Some("ping") => {
            wire.send(&frame::text(r#"{"type":"pong"}"#)).await;
        }
        Some("subscribed") if value["recovered"] == true => {
            shared.followed.fetch_add(1, Ordering::Relaxed);
        }
        Some("welcome") => {}
        _ => shared.broken(text.to_owned()),
    }
    Ok(())
}

fn on_event(shared: &Shared, number: usize, names: &[String], text: &str) -> anyhow::Result<()> {
    let now = shared.micros();
    let name = between(text, r#""channel":""#, '"').context("an event without a channel")?;
    let at = names.iter().position(|one| one == name).context("an event of another channel")?;
    let offset: u64 = number_behind(text, r#""offset":"#).context("an event without an offset")?;
    let stamp: u64 = number_behind(text, r#"{"at":"#).context("an event without its time")?;
    let position = &shared.positions[number * FOLLOWED + at];
    let before = position.load(Ordering::Relaxed);
    // The first that comes says where it begins: nothing was published before.
    match offset {
        next if next == before + 1 => {}
        early if early <= before => shared.missed(0, 1),
        late => shared.missed(late - before - 1, 0),
    }
    position.store(offset.max(before), Ordering::Release);
    let late = u32::try_from(now.saturating_sub(stamp)).unwrap_or(u32::MAX);
    shared.samples.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(late);
    Ok(())
}

fn between<'a>(text: &'a str, before: &str, end: char) -> Option<&'a str> {
    text.split_once(before)?.1.split(end).next()
}

fn number_behind(text: &str, before: &str) -> Option<u64> {
    between(text, before, ',')?.trim_end_matches('}').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{between, number_behind};

    #[test]
    fn an_event_says_where_it_belongs_and_when_it_was_published() {
        let text = concat!(
            r#"{"type":"event","channel":"healthy:7","offset":12,"event":"e","#,
            r#""data":{"at":345,"pad":""},"time":"t"}"#
        );
        assert_eq!(between(text, r#""channel":""#, '"'), Some("healthy:7"));
        assert_eq!(number_behind(text, r#""offset":"#), Some(12));
        assert_eq!(number_behind(text, r#"{"at":"#), Some(345));
        assert_eq!(number_behind(text, "nothing"), None);
    }
}
