//! Single requests: plain HTTP, the clock, an origin, the upgrade to WebSocket, an event stream, a
//! poll. In: a server. Out: findings, and who stands before it. Opens a connection for each, so
//! that one that a proxy damages spoils no other.

use std::time::{Duration, UNIX_EPOCH};

use steadfast_client::{PathAnswer, PathError, PathProbe, PathRequest};

use super::Subject;
use super::finding::Finding;
use super::intermediary::{Intermediary, PathProblem};
use crate::clock;
use crate::error_text::causes;

/// The check whose failure leaves no session to try.
pub(super) const UPGRADE: &str = "upgrade";
/// How long clients have the server wait for an event, in seconds.
const POLL_WAIT_S: u64 = 25;
/// How much longer the answer to a poll may take.
const POLL_GRACE: Duration = Duration::from_secs(5);
/// The header that every answer of a node has.
const NODE: &str = "steadfast-node";
/// How long the first bytes of an event stream may take. The server sends them at once.
const STREAM_WAIT: Duration = Duration::from_secs(5);
/// A difference of clocks that is no matter, in seconds: `Date` has whole ones.
const SKEW_S_MAX: u64 = 5;
/// The key of the upgrade, "steadfast doctor" in base64: 16 bytes, as any.
const UPGRADE_KEY: &str = "c3RlYWRmYXN0IGRvY3Rvcg==";

/// Whether plain HTTP reaches the server, and whether clocks agree.
pub(super) async fn check_http(
    subject: &Subject,
    probe: &PathProbe,
) -> anyhow::Result<(Intermediary, Vec<Finding>)> {
    let request = PathRequest { path: &["v1", "probe"], ..PathRequest::default() };
    let answer = match probe.ask(&request).await {
        Ok(answer) => answer,
        Err(error) => {
            let remedy = "the client gives up here, too; later checks would only repeat it";
            let finding = Finding::failed("http", causes(&error), vec![remedy.to_owned()]);
            return Ok((Intermediary::Unnamed, vec![finding]));
        }
    };
    let intermediary = seen_in(&answer);
    let Some(node) = answer.header(NODE) else {
        return Ok((intermediary, vec![answered_by_another(subject, &answer, intermediary)]));
    };
    let by = intermediary.name().map(|name| format!(" through {name}")).unwrap_or_default();
    let secure = if probe.is_tls() { ", TLS included" } else { "" };
    let text = format!(
        "{} from {node}{by} in {} ms, connected in {} ms{secure}",
        answer.status,
        answer.answered_after.as_millis(),
        answer.connected_after.as_millis(),
    );
    let http = if answer.status == 204 {
        Finding::passed("http", text)
    } else {
        let remedy = "the server refuses requests for now: see its log and `GET /readyz`";
        Finding::warning("http", text, vec![remedy.to_owned()])
    };
    let clock = check_clock(answer.header("date"), clock::unix_s()?);
    Ok((intermediary, vec![http, clock]))
}

fn seen_in(answer: &PathAnswer) -> Intermediary {
    Intermediary::of(|name| answer.header(name).map(str::to_owned))
}

fn answered_by_another(
    subject: &Subject,
    answer: &PathAnswer,
    intermediary: Intermediary,
) -> Finding {
    let by = intermediary.name().unwrap_or("something else");
    let text =
        format!("GET /v1/probe was answered with {} by {by}, not by Steadfast", answer.status);
    let remedy = match answer.status {
        502..=504 => "the proxy does not reach the server: see its upstream address, and that the \
                      server runs"
            .to_owned(),
        301 | 302 | 307 | 308 => {
            format!(
                "it is redirected, which clients do not follow: use the address behind it, {}",
                answer.header("location").unwrap_or("which it does not name")
            )
        }
        _ => format!(
            "see that {} is the port for clients (`public.listen`), and that the proxy passes all \
             of `/v1/` on, with the path unchanged",
            subject.server
        ),
    };
    Finding::failed("http", text, vec![remedy])
}

/// Compares the server's date with this machine's.
fn check_clock(date: Option<&str>, own_s: u64) -> Finding {
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let Some(date) = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()) else {
        return Finding::skipped("clock", "the answer has no date");
    };
    let apart = date.as_secs().abs_diff(own_s);
    let which = if date.as_secs() > own_s { "ahead of" } else { "behind" };
    if apart <= SKEW_S_MAX {
        return Finding::passed("clock", format!("the server's is within {} s", apart.max(1)));
    }
    let text = format!("the server's is {apart} s {which} this machine's");
    let remedy = "tokens made here are judged by the server's clock: run NTP on both, or they are \
                  refused as expired or not valid yet";
    Finding::warning("clock", text, vec![remedy.to_owned()])
}

/// The routes that proxies handle apart: CORS, WebSocket, event streams.
pub(super) async fn check_routes(
    subject: &Subject,
    probe: &PathProbe,
    intermediary: Intermediary,
) -> Vec<Finding> {
    vec![
        check_origin(subject, probe).await,
        check_upgrade(subject, probe, intermediary).await,
        check_stream(subject, probe, intermediary).await,
    ]
}

async fn check_origin(subject: &Subject, probe: &PathProbe) -> Finding {
    let Some(origin) = &subject.origin else {
        return Finding::skipped("origin", "name your page's with --origin https://…");
    };
    let headers = [("origin", origin.as_str())];
    let request =
        PathRequest { path: &["v1", "probe"], headers: &headers, ..PathRequest::default() };
    let answer = match probe.ask(&request).await {
        Ok(answer) => answer,
        Err(error) => return Finding::failed("origin", causes(&error), Vec::new()),
    };
    let allowed = answer.header("access-control-allow-origin");
    match (answer.status, allowed) {
        (204, Some(allowed)) if allowed == origin || allowed == "*" => {
            Finding::passed("origin", format!("pages of {origin} may connect"))
        }
        (403, _) => {
            let remedy = format!("add it on the server: `public.allowed_origins = [\"{origin}\"]`");
            Finding::failed("origin", format!("pages of {origin} are refused"), vec![remedy])
        }
        (status, _) => {
            let text =
                format!("answered {status} without Access-Control-Allow-Origin for {origin}");
            let remedy = "a page of that very address needs none; for any other, see that no proxy \
                          takes the header away or caches answers of /v1/";
            Finding::warning("origin", text, vec![remedy.to_owned()])
        }
    }
}

async fn check_upgrade(
    subject: &Subject,
    probe: &PathProbe,
    intermediary: Intermediary,
) -> Finding {
    let mut headers = vec![
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", UPGRADE_KEY),
    ];
    headers.extend(subject.origin.as_deref().map(|origin| ("origin", origin)));
    let request = PathRequest { path: &["v1", "ws"], headers: &headers, ..PathRequest::default() };
    let remedies = || intermediary.remedies(PathProblem::Upgrade);
    match probe.ask(&request).await {
        Ok(answer) if answer.status == 101 => {
            let took = answer.answered_after.as_millis();
            Finding::passed(UPGRADE, format!("101 in {took} ms"))
        }
        Ok(answer) if answer.header(NODE).is_some() && answer.status == 403 => {
            let remedy = "`public.allowed_origins` of the server lacks it".to_owned();
            Finding::failed(UPGRADE, "403: the origin is refused", vec![remedy])
        }
        Ok(answer) if answer.header(NODE).is_some() && answer.status == 426 => {
            let text = "426: a proxy takes the headers of the upgrade away; links poll instead";
            Finding::failed(UPGRADE, text, remedies())
        }
        Ok(answer) => {
            let text = format!("answered {} in place of 101; links poll instead", answer.status);
            Finding::failed(UPGRADE, text, remedies())
        }
        Err(error) => Finding::failed(UPGRADE, causes(&error), remedies()),
    }
}

/// A long poll of a channel, as long as clients' are, or shorter where `most_s` is.
pub(super) async fn check_poll(
    subject: &Subject,
    probe: &PathProbe,
    intermediary: Intermediary,
    most_s: u64,
) -> Finding {
    let wait_s = most_s.min(POLL_WAIT_S);
    let authorization = subject.authorization();
    let headers: Vec<_> =
        authorization.as_deref().map(|value| ("authorization", value)).into_iter().collect();
    let query = format!("offset=latest&wait={wait_s}");
    let request = PathRequest {
        path: &["v1", "channels", subject.channel.as_str(), "events"],
        query: Some(&query),
        headers: &headers,
        answer_wait: Some(Duration::from_secs(wait_s) + POLL_GRACE),
        ..PathRequest::default()
    };
    let remedies = || intermediary.remedies(PathProblem::IdleCut);
    match probe.ask(&request).await {
        Ok(answer) if answer.status == 200 => {
            let seconds = answer.answered_after.as_secs();
            Finding::passed("poll", format!("a poll that waits is answered after {seconds} s"))
        }
        Ok(answer) if matches!(answer.status, 401 | 403) => {
            Finding::skipped("poll", no_access(&answer))
        }
        Ok(answer) if answer.header(NODE).is_some() => {
            Finding::warning("poll", format!("answered {}", answer.status), Vec::new())
        }
        Ok(answer) => {
            let (status, seconds) = (answer.status, answer.answered_after.as_secs());
            let text =
                format!("a poll that waits {wait_s} s was answered {status} after {seconds} s");
            Finding::failed("poll", text, remedies())
        }
        Err(error) => {
            let text = format!("a poll that waits {wait_s} s was cut: {}", causes(&error));
            Finding::failed("poll", text, remedies())
        }
    }
}

/// What is lacking where a channel may not be read.
fn no_access(answer: &PathAnswer) -> String {
    format!(
        "answered {}: give --token-file and --channel with a token that may follow it",
        answer.status
    )
}

async fn check_stream(subject: &Subject, probe: &PathProbe, intermediary: Intermediary) -> Finding {
    let authorization = subject.authorization();
    let mut headers = vec![("accept", "text/event-stream")];
    headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
    let request = PathRequest {
        path: &["v1", "channels", subject.channel.as_str(), "stream"],
        headers: &headers,
        body_wait: STREAM_WAIT,
        ..PathRequest::default()
    };
    let remedies = || intermediary.remedies(PathProblem::Buffering);
    match probe.ask(&request).await {
        Ok(PathAnswer { status: 200, body: Some((after, _)), .. }) => {
            Finding::passed("stream", format!("first bytes after {} ms", after.as_millis()))
        }
        Ok(PathAnswer { status: 200, body: None, .. }) => {
            let text = format!(
                "nothing of an event stream in {} s: it is held back on the way",
                STREAM_WAIT.as_secs()
            );
            Finding::failed("stream", text, remedies())
        }
        Ok(answer) if matches!(answer.status, 401 | 403) => {
            Finding::skipped("stream", no_access(&answer))
        }
        Ok(answer) => Finding::warning("stream", format!("answered {}", answer.status), Vec::new()),
        // Whoever holds back all of an answer holds back its head, too.
        Err(error @ PathError::TimedOut { .. }) => {
            Finding::failed("stream", causes(&error), remedies())
        }
        Err(error) => Finding::failed("stream", causes(&error), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_clock;
    use crate::doctor::finding::CheckOutcome;

    #[test]
    fn clocks_may_be_five_seconds_apart() {
        let check = |own_s| check_clock(Some("Thu, 01 Jan 1970 01:00:00 GMT"), own_s);
        for own_s in [3_595, 3_600, 3_605] {
            assert_eq!(check(own_s).outcome, CheckOutcome::Passed, "{own_s}");
        }
        let behind = check(3_606);
        assert!(behind.outcome == CheckOutcome::Warning && behind.text.contains("6 s behind"));
        assert!(check(3_594).text.contains("6 s ahead"));
        assert_eq!(check_clock(None, 0).outcome, CheckOutcome::Skipped);
        assert_eq!(check_clock(Some("yesterday"), 0).outcome, CheckOutcome::Skipped);
    }
}
