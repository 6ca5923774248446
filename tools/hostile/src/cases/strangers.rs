//! Peers without a token: unfinished heads and frames, first frames that are too much, connections
//! that stay silent.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::{each, script};
use crate::case::{Attempt, Case, Door, Script, Target, request};
use crate::expect::Expect::{Close, End};
use crate::expect::{closed, expect_upgrade};
use crate::frame::{header, masked, text};
use crate::wire::{Wire, upgrade};

const SILENT: &str = "Open many connections and send nothing";
const DRIP: &str = "Drip a head or a first frame";
const LARGE: &str = "Leave large first frames unfinished";
const BROKEN: &str = "Learn something, or cost something, by a broken";
/// What a first frame may have.
const HELLO_BYTES: usize = 64 * 1024;
/// Connections that are held open at once.
const HELD: usize = 300;

/// The table.
pub(super) const CASES: &[Case] = &[
    script("300 connections that send nothing", SILENT, |target| held(target, Begun::Nothing)),
    script("300 halves of a head", SILENT, |target| held(target, Begun::Head)),
    script("300 upgrades without hello", SILENT, |target| held(target, Begun::Upgrade)),
    script("300 halves of a hello", SILENT, |target| held(target, Begun::Frame)),
    script("300 bodies that do not come", SILENT, |target| held(target, Begun::Body)),
    script("a head byte by byte", DRIP, |target| drips(target, Begun::Nothing)),
    script("a hello byte by byte", DRIP, |target| drips(target, Begun::Upgrade)),
    script("a body byte by byte", DRIP, |target| drips(target, Begun::Body)),
    script("200 unfinished first frames of 1 MiB", LARGE, unfinished),
    each("a first frame of 64 KiB and one byte", LARGE, |_| Attempt {
        door: Door::Upgraded,
        send: text(&hello_of(HELLO_BYTES + 1)),
        expect: Close(4400),
    }),
    each("a first frame of 64 KiB", LARGE, |_| Attempt {
        door: Door::Upgraded,
        send: text(&hello_of(HELLO_BYTES)),
        expect: Close(4201),
    }),
    each("a first frame of 1 MiB is announced", LARGE, |_| Attempt {
        door: Door::Upgraded,
        send: header(0x81, 1 << 20),
        expect: Close(4400),
    }),
    each("a first frame in fragments that is too long", LARGE, |_| Attempt {
        door: Door::Upgraded,
        send: [masked(0x01, &[b'x'; 40_000]), header(0x00, 40_000)].concat(),
        expect: Close(4400),
    }),
    each("a broken hello without a token", BROKEN, |n| Attempt {
        door: Door::Upgraded,
        send: text(&broken(n)),
        expect: Close(4201),
    }),
    each("a hello of 60 KiB with a bad token", BROKEN, |n| {
        let more = "[".repeat(60_000);
        let token = crate::token::forged(n).text;
        let hello = format!(r#"{{"type":"hello","token":"{token}","channels":"{more}"}}"#);
        Attempt { door: Door::Upgraded, send: text(&hello), expect: Close(4202) }
    }),
    each("a connection that is closed at once", SILENT, |_| Attempt {
        door: Door::Public,
        send: Vec::new(),
        expect: crate::expect::Expect::Unread,
    }),
    each("a head that ends in its middle", DRIP, |n| Attempt {
        door: [Door::Public, Door::Internal][n % 2].clone(),
        send: b"GET /v1/probe HTTP/1.1\r\nHost: loc".to_vec(),
        expect: crate::expect::Expect::Finished,
    }),
    each("a connection that knows TLS alone", DRIP, |n| Attempt {
        door: [Door::Public, Door::Internal][n % 2].clone(),
        send: [b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".as_slice(), &[7; 505]].concat(),
        expect: crate::expect::Expect::Either(vec![crate::expect::Expect::Answer(400, ""), End]),
    }),
];

/// How far a connection has come that does not go on.
#[derive(Clone, Copy)]
enum Begun {
    Nothing,
    Head,
    Upgrade,
    Frame,
    Body,
}

fn hello_of(bytes: usize) -> String {
    let start = r#"{"type":"hello","link":"hostile-link-large","generation":1,"more":""#;
    format!("{start}{}\"}}", "x".repeat(bytes - start.len() - 2))
}

fn broken(attempt: usize) -> String {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let fields = [
        json!({"link": 7}).to_string(),
        json!({"link": "short", "generation": -1}).to_string(),
        json!({"channels": vec![json!({"channel": "a"}); 1_500]}).to_string(),
        json!({"client": {"name": "n".repeat(50_000)}}).to_string(),
        json!({"heartbeat": {"interval": -1}}).to_string(),
        format!(r#"{{"channels":{deep}}}"#),
    ];
    fields[attempt % fields.len()].replacen('{', r#"{"type":"hello","#, 1)
}

async fn begin(target: &Target, begun: Begun) -> anyhow::Result<Wire> {
    let mut wire = Wire::to(target.public).await?;
    match begun {
        Begun::Nothing => {}
        Begun::Head => {
            wire.send(b"GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgr").await;
        }
        Begun::Upgrade => expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?,
        Begun::Frame => {
            expect_upgrade(&wire.upgrade("/v1/ws", "").await?)?;
            wire.send(&text(&hello_of(30_000))[..20_000]).await;
        }
        Begun::Body => {
            let request = request("POST", "/v1/poll", "", &"x".repeat(1_000));
            wire.send(&request[..request.len() - 900]).await;
        }
    }
    Ok(wire)
}

/// Connections that wait until the server has enough of them: 10 s.
fn held(target: Arc<Target>, begun: Begun) -> Script {
    Box::pin(async move {
        let mut wires = Vec::new();
        for _ in 0..HELD {
            wires.push(begin(&target, begun).await?);
        }
        for wire in &mut wires {
            ends(wire, begun).await?;
            target.count(1);
        }
        Ok(())
    })
}

/// That a connection that does not go on is ended as it must be.
async fn ends(wire: &mut Wire, begun: Begun) -> anyhow::Result<()> {
    match begun {
        Begun::Upgrade | Begun::Frame => {
            let code = closed(wire).await?;
            ensure!(code == 4001, "closed with {code}, not 4001");
        }
        Begun::Nothing | Begun::Head | Begun::Body => {
            let rest = wire.rest().await?;
            let text = String::from_utf8_lossy(&rest);
            let status = text.split(' ').nth(1).unwrap_or_default();
            ensure!(["", "408", "401"].contains(&status), "answered with {text}");
        }
    }
    Ok(())
}

/// One byte every 50 ms, which is never silence, until the server has enough of it.
fn drips(target: Arc<Target>, begun: Begun) -> Script {
    Box::pin(async move {
        let bytes = match begun {
            Begun::Upgrade => text(&hello_of(1_000)),
            Begun::Nothing | Begun::Head | Begun::Frame | Begun::Body => {
                upgrade("/v1/ws", &format!("X: {}\r\n", "x".repeat(1_000))).into_bytes()
            }
        };
        let mut wires = Vec::new();
        for _ in 0..20 {
            wires.push(begin(&target, begun).await?);
        }
        let mut pace = tokio::time::interval(Duration::from_millis(50));
        // 15 s; the server has 10 s of patience.
        for byte in &bytes[..300] {
            pace.tick().await;
            for wire in &mut wires {
                wire.send(&[*byte]).await;
            }
        }
        for wire in &mut wires {
            ensure!(
                !wire.send(b"x").await || wire.sip(Duration::from_millis(50)).await,
                "it lives"
            );
            target.count(1);
        }
        Ok(())
    })
}

fn unfinished(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for _ in 0..200 {
            let mut wire = begin(&target, Begun::Upgrade).await?;
            let frame = [header(0x81, 1 << 20), vec![b'x'; (1 << 20) - 1]].concat();
            // It is refused by its length, so most of it is not taken.
            wire.push(&frame, Duration::from_millis(20)).await;
            target.count(1);
            target.hold(wire);
        }
        Ok(())
    })
}
