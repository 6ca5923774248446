//! Tokens that are none, at every place where a token may stand.

use std::sync::Arc;

use anyhow::ensure;
use serde_json::json;

use super::{each, script};
use crate::case::{Attempt, Case, Door, KEY_MARK, Script, Target, request, with_token};
use crate::expect::Expect::{Answer, Close, Errors};
use crate::expect::{closed, expect_frame, expect_upgrade};
use crate::frame::text;
use crate::token::{self, BadToken};
use crate::wire::Wire;

const FORGE: &str = "Forge a token";
const GUESS: &str = "Guess tokens";
const OUTLIVE: &str = "Outlive a token";
const STOLEN: &str = "Go on with a token that was stolen";
const STRANGER: &str = "Take over another user's link";
const BACKEND: &str = "Act without a key";

/// The table.
pub(super) const CASES: &[Case] = &[
    each("tokens that need no signature", FORGE, |n| bad(n, &token::unsigned(n))),
    each("a public key for a secret", FORGE, |n| bad(n, &token::confused(n))),
    each("the secret with another algorithm", FORGE, |n| bad(n, &token::misused(n))),
    each("tokens of other secrets", FORGE, |n| bad(n, &token::forged(n))),
    each("tokens that bring a key", FORGE, |n| bad(n, &token::key_of_its_own(n))),
    each("RS256 tokens with wrong signatures", FORGE, |n| bad(n, &token::forged_for("RS256", n))),
    each("PS256 tokens with wrong signatures", FORGE, |n| bad(n, &token::forged_for("PS256", n))),
    each("ES256 tokens with wrong signatures", FORGE, |n| bad(n, &token::forged_for("ES256", n))),
    each("ES384 tokens with wrong signatures", FORGE, |n| bad(n, &token::forged_for("ES384", n))),
    each("EdDSA tokens with wrong signatures", FORGE, |n| bad(n, &token::forged_for("EdDSA", n))),
    each("tokens that ended", OUTLIVE, |n| bad(n, &token::expired(n))),
    each("tokens whose time has not come", OUTLIVE, |n| bad(n, &token::early(n))),
    each("tokens with odd claims", FORGE, |n| bad(n, &token::odd_claims(n))),
    each("text that is no token", GUESS, |n| bad(n, &token::noise(n))),
    each("tokens that are too long", GUESS, |n| bad(n, &token::huge(n))),
    each("no token", GUESS, |n| {
        let none = BadToken { text: String::new(), close: 4201, code: "token_missing" };
        without(n, &none)
    }),
    each("a good token in a URL", GUESS, |n| {
        let token = token::good(token::MALLORY, 60);
        let path =
            format!("/v1/channels/demo:1/{}?token={token}&access_token={token}", KINDS[n % 2]);
        let send = request("GET", &path, "", "");
        Attempt { door: Door::Public, send, expect: Answer(401, "token_missing") }
    }),
    each("a token as a ticket", GUESS, |n| {
        let token = token::good(token::MALLORY, 60);
        let path = format!("/v1/channels/demo:1/stream?ticket={token}{}", "x".repeat(n % 5));
        let send = request("GET", &path, "", "");
        Attempt { door: Door::Public, send, expect: Answer(401, "ticket_unknown") }
    }),
    each("a token as a subprotocol", GUESS, |_| {
        let token = token::good(token::MALLORY, 60);
        let lines = format!("Sec-WebSocket-Protocol: bearer, {token}\r\n");
        let send = text(r#"{"type":"hello","link":"hostile-link-sub","generation":1}"#);
        Attempt { door: Door::UpgradedAt("/v1/ws", lines), send, expect: Close(4201) }
    }),
    each("authorizations that are none", GUESS, |n| {
        let token = token::good(token::MALLORY, 60);
        let value = [
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            format!("Basic {token}"),
            format!("bearer{token}"),
            format!("{token} Bearer"),
        ];
        let lines = format!("Authorization: {}\r\n", value[n % 5]);
        let send = request("GET", "/v1/channels/demo:1/events", &lines, "");
        Attempt { door: Door::Public, send, expect: Answer(401, "") }
    }),
    each("channels that a token does not permit", FORGE, forbidden_frame),
    each("routes that a token does not permit", FORGE, forbidden_route),
    script("sockets of a token that ends", OUTLIVE, ends),
    script("a token that was revoked", STOLEN, revoked),
    script("a ticket that was used", GUESS, ticket_again),
    script("another user's link id", STRANGER, same_link),
    script("a generation of 2^53", STRANGER, highest_generation),
    script("another user's idempotency key", STRANGER, same_key),
    each("no key on the internal port", BACKEND, |n| backend(n, "", "key_missing")),
    each("wrong keys on the internal port", BACKEND, |n| {
        let huge = "k".repeat(4_096);
        let token = token::good(token::MALLORY, 60);
        let keys = ["x", token.as_str(), &huge, &token::BACKEND_KEY[1..], token::SECRET];
        let line = format!("Authorization: Bearer {}\r\n", keys[n / ROUTES.len() % 5]);
        backend(n, &line, "key_wrong")
    }),
    each("a huge body without a key", BACKEND, |n| {
        let (method, path, _) = ROUTES[[0, 1, 7][n % 3]];
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n"
        );
        let send = [head.into_bytes(), vec![b'x'; 100_000]].concat();
        Attempt { door: Door::Internal, send, expect: Answer(401, "key_missing") }
    }),
    each("the internal port's routes on the public port", BACKEND, |n| {
        let (method, path, body) = ROUTES[n % ROUTES.len()];
        let key = format!("Authorization: Bearer {}\r\n", token::BACKEND_KEY);
        let ways = vec![Answer(404, ""), Answer(405, ""), Answer(400, "")];
        let send = request(method, path, &key, body);
        Attempt { door: Door::Public, send, expect: crate::expect::Expect::Either(ways) }
    }),
];

const KINDS: [&str; 2] = ["events", "stream"];
/// The routes of the internal port that need a key.
const ROUTES: [(&str, &str, &str); 10] = [
    ("POST", "/v1/channels/flood:1/events", r#"{"event":"e"}"#),
    ("POST", "/v1/events", r#"{"events":[]}"#),
    ("GET", "/v1/channels", ""),
    ("DELETE", "/v1/channels/healthy:1", ""),
    ("GET", "/v1/connections", ""),
    ("GET", "/v1/users/healthy", ""),
    ("DELETE", "/v1/users/healthy/connections", ""),
    ("POST", "/v1/revocations", r#"{"sub":"healthy"}"#),
    ("GET", "/v1/stats", ""),
    ("GET", "/metrics", ""),
];

/// A bad token at one place after the other.
fn bad(attempt: usize, bad: &BadToken) -> Attempt {
    let hello = |token: &str| {
        let hello = json!({"type": "hello", "link": "hostile-link-bad", "generation": 1,
            "token": token});
        text(&hello.to_string())
    };
    let bearer = format!("Authorization: Bearer {}\r\n", bad.text);
    let poll = r#"{"channels":[{"channel":"demo:1"}]}"#;
    let (door, send, expect) = match attempt % 8 {
        0 | 1 => (Door::Upgraded, hello(&bad.text), Close(bad.close)),
        2 if bearer.len() < 16_000 => {
            let send = text(r#"{"type":"hello","link":"hostile-link-bad","generation":1}"#);
            (Door::UpgradedAt("/v1/ws", bearer), send, Close(bad.close))
        }
        3 if bearer.len() < 16_000 => {
            (Door::UpgradedAt("/ws/diagnosis/1", bearer), Vec::new(), Close(bad.close))
        }
        4 => {
            let send = with_token("GET", "/v1/channels/demo:1/stream", &bad.text, "");
            (Door::Public, send, Answer(401, bad.code))
        }
        5 => {
            let send = with_token("POST", "/v1/poll", &bad.text, poll);
            (Door::Public, send, Answer(401, bad.code))
        }
        6 => {
            let send = with_token("POST", "/v1/tickets", &bad.text, "");
            (Door::Public, send, Answer(401, bad.code))
        }
        _ => {
            let path = "/v1/channels/demo:1/events?offset=latest&wait=50";
            (Door::Public, with_token("GET", path, &bad.text, ""), Answer(401, bad.code))
        }
    };
    Attempt { door, send, expect }
}

/// No token, at the same places.
fn without(attempt: usize, none: &BadToken) -> Attempt {
    let Attempt { door, send, expect } = bad(attempt, none);
    let plain = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).replace("Authorization: Bearer \r\n", "");
        text.into_bytes()
    };
    match door {
        Door::Public => Attempt { door, send: plain(send), expect },
        Door::UpgradedAt(path, _) => {
            Attempt { door: Door::UpgradedAt(path, String::new()), send, expect }
        }
        Door::Upgraded | Door::Internal | Door::Session | Door::SessionOf(_) => {
            let send = text(r#"{"type":"hello","link":"hostile-link-none","generation":1}"#);
            Attempt { door, send, expect }
        }
    }
}

fn backend(attempt: usize, line: &str, code: &'static str) -> Attempt {
    let (method, path, body) = ROUTES[attempt % ROUTES.len()];
    let send = request(method, path, line, body);
    Attempt { door: Door::Internal, send, expect: Answer(401, code) }
}

fn forbidden_route(attempt: usize) -> Attempt {
    let token = token::reader(token::MALLORY, &["demo:*"]);
    let path = format!("/v1/channels/healthy:{}/{}", attempt % 40, KINDS[attempt % 2]);
    let send = with_token("GET", &path, &token, "");
    Attempt { door: Door::Public, send, expect: Answer(403, "forbidden") }
}

/// A session whose token permits `demo:*` alone.
fn forbidden_frame(attempt: usize) -> Attempt {
    let frame = [
        r#"{"type":"subscribe","channel":"healthy:1"}"#,
        r#"{"type":"publish","channel":"healthy:1","event":"e"}"#,
        r#"{"type":"publish","channel":"demo:1","event":"e"}"#,
        r#"{"type":"subscribe","channel":"demo"}"#,
    ][attempt % 4];
    let door = Door::SessionOf(token::reader(token::MALLORY, &["demo:*"]));
    Attempt { door, send: text(frame), expect: Errors(1, "forbidden") }
}

/// A socket that says hello with a token.
async fn hello(target: &Target, link: &str, generation: u64, token: &str) -> anyhow::Result<Wire> {
    let mut wire = Wire::to(target.public).await?;
    expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?;
    let hello = json!({"type": "hello", "link": link, "generation": generation, "token": token});
    wire.send(&text(&hello.to_string())).await;
    Ok(wire)
}

fn ends(target: Arc<Target>) -> Script {
    Box::pin(async move {
        // The server lets clocks differ by 10 s: a token that ended 8 s ago has 2 s.
        let token = token::ending_in(2 - 10);
        let mut wires = Vec::new();
        for _ in 0..50 {
            let mut wire = hello(&target, &target.link(), 1, &token).await?;
            expect_frame(&mut wire, "welcome").await?;
            wires.push(wire);
        }
        let path = "/v1/channels/flood:end/events?offset=latest&wait=50";
        let mut polls = Vec::new();
        for _ in 0..50 {
            let mut wire = Wire::to(target.public).await?;
            wire.send(&with_token("GET", path, &token, "")).await;
            polls.push(wire);
        }
        for wire in &mut wires {
            let code = closed(wire).await?;
            ensure!(code == 4200, "closed with {code}, not 4200");
            target.count(1);
        }
        for wire in &mut polls {
            Answer(401, "token_expired").check(wire).await?;
            target.count(1);
        }
        Ok(())
    })
}

fn revoked(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let jti = format!("jti-{}", target.number());
        let token = token::named("trent", &jti);
        let mut wires = Vec::new();
        for _ in 0..50 {
            let mut wire = hello(&target, &target.link(), 1, &token).await?;
            expect_frame(&mut wire, "welcome").await?;
            wires.push(wire);
        }
        let body = json!({"jti": jti}).to_string();
        let answer = target.backend("POST", "/v1/revocations", &body).await?;
        ensure!(answer.status == 200, "the revocation: {}", answer.status);
        for wire in &mut wires {
            let code = closed(wire).await?;
            ensure!(code == 4202, "closed with {code}, not 4202");
            target.count(1);
        }
        for attempt in 0..100 {
            let revoked = BadToken { text: token.clone(), close: 4202, code: "token_revoked" };
            bad(attempt, &revoked).run(&target, attempt).await?;
            target.count(1);
        }
        Ok(())
    })
}

fn ticket_again(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for _ in 0..50 {
            let mut wire = Wire::to(target.public).await?;
            wire.send(&with_token("POST", "/v1/tickets", &target.token, "")).await;
            let answer = wire.answer().await?;
            let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
            let ticket = body["ticket"].as_str().unwrap_or_default().to_owned();
            ensure!(answer.status == 201 && !ticket.is_empty(), "answered {}", answer.status);
            target.keep_secret(&ticket);
            for status in [200, 401, 401] {
                let path = format!("/v1/channels/flood:1/stream?ticket={ticket}");
                let mut wire = Wire::to(target.public).await?;
                wire.send(&request("GET", &path, "", "")).await;
                let other = wire.head().await?.0;
                ensure!(other == status, "answered {other}, not {status}");
            }
            target.count(1);
        }
        Ok(())
    })
}

/// Many sessions with the id of one that goes on, and learns nothing of them.
fn same_link(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let link = target.link();
        let mut owner = hello(&target, &link, 1, &token::good("alice", 3600)).await?;
        expect_frame(&mut owner, "welcome").await?;
        for attempt in 0..100 {
            let mut other = hello(&target, &link, 2 + attempt, &target.token).await?;
            expect_frame(&mut other, "welcome").await?;
            target.count(1);
        }
        crate::expect::is_alive(&mut owner).await
    })
}

fn highest_generation(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let highest = 1_u64 << 53;
        for _ in 0..50 {
            let link = target.link();
            let mut held = hello(&target, &link, highest, &target.token).await?;
            expect_frame(&mut held, "welcome").await?;
            // Over the highest is no generation; the owner of the same id has his own.
            let mut over = hello(&target, &link, highest + 1, &target.token).await?;
            crate::expect::Expect::ErrorThenClose("bad_frame", 4400).check(&mut over).await?;
            let mut owner = hello(&target, &link, 1, &token::good("alice", 60)).await?;
            expect_frame(&mut owner, "welcome").await?;
            let mut late = hello(&target, &link, highest, &target.token).await?;
            let code = closed(&mut late).await?;
            ensure!(code == 4401, "closed with {code}, not 4401");
            target.count(1);
        }
        Ok(())
    })
}

fn same_key(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let channel = format!("flood:key-{}", target.number());
        let publish = json!({"type": "publish", "id": 1, "channel": channel, "event": "e",
            "data": 1, "idempotency_key": format!("{KEY_MARK}-shared")});
        let link = target.link();
        let mut offsets = Vec::new();
        for user in ["alice", "bob", "carol"] {
            let mut wire = hello(&target, &link, 1, &token::good(user, 60)).await?;
            expect_frame(&mut wire, "welcome").await?;
            wire.send(&text(&publish.to_string())).await;
            let published = expect_frame(&mut wire, "published").await?;
            ensure!(published["repeated"] != true, "the answer to another user: {published}");
            offsets.push(published["offset"].as_u64());
            target.count(1);
        }
        ensure!(offsets == [Some(1), Some(2), Some(3)], "{offsets:?}");
        Ok(())
    })
}
