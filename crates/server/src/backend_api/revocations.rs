//! Revocations of tokens. In: which tokens count no more. Out: an entry in the table of every node,
//! and the end of the sessions that such tokens opened. Nodes compare their tables now and then, so
//! that one that missed a message, or has just started, learns what the others have.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Number;
use steadfast_hub::Identity;
use steadfast_protocol::{CloseCode, Timestamp, UserId};

use super::cluster_rpc::NodeRequest;
use super::{body, users};
use crate::auth::revocations::{REVOKED_REASON, Revocation};
use crate::json_object;
use crate::node::Node;
use crate::problem::{Code, Problem};

/// The most bytes of a body.
const BODY_BYTES_MAX: usize = 4 * 1024;
/// The longest `jti`, in bytes, as in tokens.
const JTI_BYTES_MAX: usize = 255;
/// How far `before` may be in the future, for clocks that differ.
const AHEAD_S: u64 = 300;
/// How often a node compares its table with those of the others.
const COMPARE_INTERVAL: Duration = Duration::from_secs(30);
/// How often a node looks whether its broker is there, before the first comparison.
const READY_INTERVAL: Duration = Duration::from_secs(1);

/// What is sent to revoke tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationBody {
    #[serde(default, deserialize_with = "given")]
    sub: Option<UserId>,
    #[serde(default, deserialize_with = "given")]
    jti: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    before: Option<u64>,
}

/// A field that is there has a value: `null` for a user who is not known would revoke the tokens of
/// all users.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A whole number of seconds that is there. Some languages write one as `1764536400.0`, which JSON
/// calls the same number.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Number::deserialize(deserializer)?;
    let text = number.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(Some).map_err(|_| D::Error::custom("`before` is a whole number of seconds"))
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct RevocationReceipt {
    expires_at: Timestamp,
    #[serde(flatten)]
    done: RevocationOutcome,
    /// Nodes that learn of it later; only if nodes share the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<Vec<String>>,
}

/// What a node did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RevocationOutcome {
    /// Sessions that were closed.
    closed: usize,
    /// Whether this node has it after a restart.
    stored: bool,
}

/// Revokes tokens on every node.
pub(super) async fn revoke(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Json<RevocationReceipt>, Problem> {
    let bytes = body::read(request, BODY_BYTES_MAX).await?;
    let wish = json_object::read(body::text(&bytes)?, "a revocation")?;
    let now_s = node.clock.date().0 / 1000;
    let one = checked(wish, now_s, node.config.auth.revocation_kept_s)?;
    let expires_at = Timestamp(one.expires.saturating_mul(1000));
    add(&node, one.clone())?;
    let mut done = enforce(&node).await;
    if node.broker.node_id().is_none() {
        return Ok(Json(RevocationReceipt { expires_at, done, unanswered: None }));
    }
    let request = NodeRequest::Revoke(one).to_string();
    let mut responses = node.broker.request(&request, None).await;
    for (id, body) in std::mem::take(&mut responses.received) {
        match serde_json::from_str::<RevocationOutcome>(&body) {
            Ok(there) => done.closed += there.closed,
            Err(_) => responses.silent.push(id),
        }
    }
    let unanswered = Some(responses.silent_names());
    Ok(Json(RevocationReceipt { expires_at, done, unanswered }))
}

/// The revocation that a body means.
fn checked(wish: RevocationBody, now_s: u64, kept_s: u64) -> Result<Revocation, Problem> {
    let bad = |detail: &str| Err(Problem::new(Code::BadBody, detail));
    let RevocationBody { sub, jti, before } = wish;
    if jti.as_ref().is_some_and(|jti| !(1..=JTI_BYTES_MAX).contains(&jti.len())) {
        return bad("`jti` is text of 1 to 255 bytes");
    }
    if before.is_some_and(|before| before > now_s.saturating_add(AHEAD_S)) {
        return bad("`before` is in the future: it is in seconds since 1970");
    }
    let before = match (&sub, &jti, before) {
        (None, None, None) => return bad("say which tokens: `sub`, `jti` or `before`"),
        (_, Some(_), Some(_)) => return bad("`before` has no place beside `jti`"),
        // A token of this very second may have been made before.
        (Some(_), None, None) => Some(now_s + 1),
        (_, _, before) => before,
    };
    Ok(Revocation { sub, jti: jti.map(Into::into), before, expires: now_s + kept_s })
}

/// Does what another node was asked for; `None` if this node cannot.
pub(super) async fn receive(node: &Arc<Node>, one: Revocation) -> Option<String> {
    add(node, one).inspect_err(|problem| tracing::warn!(%problem, "ignored a revocation")).ok()?;
    serde_json::to_string(&enforce(node).await).ok()
}

/// Puts a revocation into the table of this node. False if that had it.
fn add(node: &Node, one: Revocation) -> Result<bool, Problem> {
    let added = node.revocations.add(one, node.clock.date().0 / 1000);
    added.map_err(|error| Problem::new(Code::RevocationsFull, error.to_string()))
}

/// Ends the sessions that the table is about, and stores it. Whoever opens a session later looks at
/// the table itself.
async fn enforce(node: &Arc<Node>) -> RevocationOutcome {
    let is_revoked = |identity: Option<&Identity>| node.is_revoked(identity);
    let end = (CloseCode::TOKEN_REJECTED, REVOKED_REASON);
    let closed = users::close_where(node, is_revoked, end).await;
    RevocationOutcome { closed, stored: store(node).await }
}

async fn store(node: &Arc<Node>) -> bool {
    let node = Arc::clone(node);
    let written = tokio::task::spawn_blocking(move || node.revocations.store()).await;
    match written {
        Ok(Ok(is_stored)) => is_stored,
        Ok(Err(error)) => {
            tracing::error!(%error, "the revocations cannot be written to their file");
            false
        }
        Err(_) => false,
    }
}

/// The revocations of this node that fit into a response, for a node whose table has another
/// digest.
pub(super) fn list(node: &Node, digest: u64) -> String {
    if node.revocations.digest() == digest {
        return "[]".into();
    }
    let room = node.broker.response_bytes_max().saturating_sub(2);
    let (mut text, mut is_first) = (String::from("["), true);
    for one in node.revocations.all() {
        let Ok(entry) = serde_json::to_string(&one) else { continue };
        if text.len() + entry.len() + 1 > room {
            break;
        }
        text.push_str(if is_first { "" } else { "," });
        text.push_str(&entry);
        is_first = false;
    }
    text.push(']');
    text
}

/// Learns what other nodes have, without end. A node that is alone has nobody to ask.
pub(crate) async fn compare_tables(node: Arc<Node>) {
    if node.broker.node_id().is_none() {
        return;
    }
    let mut ready = tokio::time::interval(READY_INTERVAL);
    while !node.broker.is_ready().await {
        ready.tick().await;
    }
    let mut interval = tokio::time::interval(COMPARE_INTERVAL);
    loop {
        interval.tick().await;
        let request = NodeRequest::Revocations(node.revocations.digest()).to_string();
        let responses = node.broker.request(&request, None).await;
        let mut has_news = false;
        for (_, body) in responses.received {
            let all = serde_json::from_str::<Vec<Revocation>>(&body).unwrap_or_default();
            // One that does not fit stays with the other node, which will be asked again.
            has_news |=
                all.into_iter().filter(|one| add(&node, one.clone()).unwrap_or(false)).count() > 0;
        }
        if has_news {
            enforce(&node).await;
        }
    }
}
