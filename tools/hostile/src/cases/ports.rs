//! The internal port's own limits, and TLS that is none.

use std::sync::Arc;

use super::{each, script};
use crate::case::{Attempt, Case, Door, Script, Target, request};
use crate::expect::Expect::{Answer, Either, End, Gone};
use crate::setup::Setup;
use crate::token;
use crate::wire::{Wire, upgrade};

const ENDLESS: &str = "Send a head without end";
const SILENT: &str = "Open many connections and send nothing";
const TAKE_ALL: &str = "Take all its connections or descriptors";
const NOISE: &str = "Send deep JSON, noise, broken framing";
const PROBE: &str = "GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The table.
pub(super) const CASES: &[Case] = &[
    script("300 connections to the internal port without a head", TAKE_ALL, |target| {
        internal_held(target, "")
    }),
    script("300 halves of a head on the internal port", TAKE_ALL, |target| {
        internal_held(target, "POST /v1/channels/flood:1/ev")
    }),
    script("4,100 connections to the internal port", TAKE_ALL, internal_many),
    each("a head of 1 MiB on the internal port", ENDLESS, |n| {
        let huge = "x".repeat(1 << 20);
        let head = [
            format!("GET /livez HTTP/1.1\r\nHost: a\r\nX: {huge}"),
            format!("POST /v1/channels/{huge}/events HTTP/1.1\r\n"),
            huge,
        ];
        let ways = vec![Answer(400, ""), Answer(431, ""), Answer(414, ""), Answer(404, ""), End];
        let send = head[n % 3].clone().into_bytes();
        Attempt { door: Door::Internal, send, expect: Either(ways) }
    }),
    each("a head of 17 KiB on the internal port", ENDLESS, |n| {
        let path = ["/livez", "/v1/channels/flood:1/events"][n % 2];
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
            "x".repeat(17 * 1024)
        );
        let ways = vec![Answer(431, ""), Answer(400, ""), End];
        Attempt { door: Door::Internal, send: head.into_bytes(), expect: Either(ways) }
    }),
    each("a page of another origin on the internal port", "Use a visitor's browser", |n| {
        let lines = ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"];
        let key = format!("{}Authorization: Bearer {}\r\n", lines[n % 2], token::SECRET);
        let send = request("POST", "/v1/channels/flood:1/events", &key, r#"{"event":"e"}"#);
        let ways = vec![Answer(401, ""), Answer(403, "")];
        Attempt { door: Door::Internal, send, expect: Either(ways) }
    }),
    each("plain HTTP to a port of TLS", NOISE, |n| {
        let send = [PROBE.to_owned(), upgrade("/v1/ws", ""), "x".repeat(20_000)];
        Attempt { door: Door::Public, send: send[n % 3].clone().into(), expect: Gone }
    })
    .on(Setup::Tls),
    each("handshakes of TLS that are none", NOISE, |n| {
        let hello = [0x16, 3, [0, 1, 3, 4, 9][n % 5], 1, 0, 1, 0, 0, 0xfc, 3, 3];
        let send = [&hello[..], &[[0, 7, 42, 255][n % 4]; 600]].concat();
        Attempt { door: Door::Public, send, expect: Gone }
    })
    .on(Setup::Tls),
    each("records of TLS that are too long", NOISE, |_| {
        let send = [&[0x16, 3, 1, 0xff, 0xff][..], &vec![1; 70_000]].concat();
        Attempt { door: Door::Public, send, expect: Gone }
    })
    .on(Setup::Tls),
    script("300 handshakes of TLS that do not go on", SILENT, tls_held).on(Setup::Tls),
];

fn internal_held(target: Arc<Target>, begun: &'static str) -> Script {
    Box::pin(async move {
        let mut wires = Vec::new();
        for _ in 0..300 {
            let mut wire = Wire::to(target.internal).await?;
            wire.send(begun.as_bytes()).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            Gone.check(wire).await?;
            target.count(1);
        }
        Ok(())
    })
}

/// More connections than the internal port has: those over its limit are told so.
fn internal_many(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for _ in 0..4_090 {
            target.hold(Wire::to(target.internal).await?);
            target.count(1);
        }
        // Where many are refused at once, some are only closed.
        let ways = [Answer(503, "too_many_connections"), Answer(200, ""), End];
        for _ in 0..20 {
            let mut wire = Wire::to(target.internal).await?;
            wire.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            Either(ways.to_vec()).check(&mut wire).await?;
            target.hold(wire);
        }
        Ok(())
    })
}

fn tls_held(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wires = Vec::new();
        for number in 0..300 {
            let mut wire = Wire::to(target.public).await?;
            wire.send(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc][..number % 9]).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            Gone.check(wire).await?;
            target.count(1);
        }
        Ok(())
    })
}
