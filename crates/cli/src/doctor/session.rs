//! A whole session, as an app has it: connects, and measures a heartbeat's answer. In: a server and
//! a token. Out: findings, and whether there was a session over WebSocket.

use std::time::Duration;

use steadfast_client::{Client, LinkState, Notice, Reason, Span};
use tokio::time::timeout;

use super::Subject;
use super::finding::Finding;
use crate::clock;
use crate::error_text::causes;

/// How long the link may take to come to a state.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the answer to the first heartbeat may take, its interval included.
const ECHO_TIMEOUT: Duration = Duration::from_secs(15);
/// How often is looked whether it has come.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// The interval of heartbeats: the shortest that servers agree to.
const HEARTBEAT: Span = Span(1_000);

/// How an attempt to get a session ended.
pub(super) enum Opened {
    /// Connected, over WebSocket.
    Live,
    /// Otherwise, for this reason.
    Not(LinkState, Reason),
    /// Nothing came of it in time.
    TimedOut,
}

/// Connects as an app does.
pub(super) async fn check(subject: &Subject) -> anyhow::Result<(bool, Vec<Finding>)> {
    let begun = clock::now();
    let builder = subject.client().adjust(|config| config.heartbeat_interval = HEARTBEAT);
    let mut client = builder.connect().await?;
    let opened = open(&mut client).await;
    let took = begun.elapsed();
    let cause = client.last_dial_error().map(|error| causes(&*error));
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let findings = match opened {
        Opened::Live => {
            let text = format!("connected in {} ms", took.as_millis());
            vec![Finding::passed("session", text), echo(&client).await?]
        }
        Opened::Not(_, Reason::Rejected) if subject.token.is_none() => {
            let text = format!("give --token-file, the server wants a token{cause}");
            vec![Finding::skipped("session", text)]
        }
        Opened::Not(state, reason) => {
            let text = format!("{} ({}){cause}", state.as_str(), reason.as_str());
            vec![Finding::failed("session", text, Vec::new())]
        }
        Opened::TimedOut => {
            let text = format!("no session in {} s{cause}", CONNECT_TIMEOUT.as_secs());
            vec![Finding::failed("session", text, Vec::new())]
        }
    };
    let is_live = client.state().borrow().eq(&LinkState::Connected);
    client.close().await;
    Ok((is_live, findings))
}

/// Waits until the link is connected, polls, or is refused.
pub(super) async fn open(client: &mut Client) -> Opened {
    let opened = async {
        while let Some(notice) = client.next().await {
            let Notice::State { new, reason, .. } = notice else { continue };
            match new {
                LinkState::Connected => return Opened::Live,
                LinkState::Fallback | LinkState::Disconnected => return Opened::Not(new, reason),
                LinkState::Connecting | LinkState::Reconnecting => {}
            }
        }
        Opened::TimedOut
    };
    timeout(CONNECT_TIMEOUT, opened).await.unwrap_or(Opened::TimedOut)
}

/// Waits for the answer to a heartbeat.
async fn echo(client: &Client) -> anyhow::Result<Finding> {
    let answered = timeout(ECHO_TIMEOUT, async {
        loop {
            if let Some(rtt) = client.statistics().await?.last_answer_rtt {
                return anyhow::Ok(rtt);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    });
    if let Ok(rtt) = answered.await {
        return Ok(Finding::passed("echo", format!("a heartbeat is answered in {} ms", rtt?.0)));
    }
    let text = format!("no answer to a heartbeat in {} s", ECHO_TIMEOUT.as_secs());
    let remedy = "the socket opens, but frames do not pass: a proxy answers the upgrade itself, or \
                  scans what is sent";
    Ok(Finding::failed("echo", text, vec![remedy.to_owned()]))
}
