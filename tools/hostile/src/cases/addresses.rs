//! Limits of addresses, who an address is, the internal port's own limits, and TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;

use super::script;
use crate::case::{Case, Script, Target, request, with_token};
use crate::expect::Expect;
use crate::expect::Expect::{Answer, Either, End};
use crate::setup::Setup;
use crate::token;
use crate::wire::{Wire, connect};

const FAST: &str = "Connect and leave as fast as possible";
const SILENT: &str = "Open many connections and send nothing";
const OFTEN: &str = "Ask as often as one connection carries";
const ANONYMOUS: &str = "Keep connections alive by requests that need no token";
const GUESS: &str = "Guess tokens";
const PRETEND: &str = "Pretend to be another address";
const PROBE: &str = "GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// The proxy that is trusted.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Version 2 of the PROXY protocol begins with this.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The table.
pub(super) const CASES: &[Case] = &[
    script("1,500 connections a second of one address", FAST, connects).on(Setup::Addresses),
    script("2,001 connections of one address", SILENT, many_connections).on(Setup::Addresses),
    script("600 requests on one connection", OFTEN, requests_on_one).on(Setup::Addresses),
    script("requests of one address on many connections", OFTEN, requests_of_one)
        .on(Setup::Addresses),
    script("300 wrong tokens of one address", GUESS, wrong_tokens).on(Setup::Addresses),
    script("300 wrong keys of tickets", GUESS, wrong_tickets).on(Setup::Addresses),
    script("a minute of requests without a token", ANONYMOUS, anonymous).on(Setup::Addresses),
    script("forged addresses in headers", PRETEND, pretends).on(Setup::Addresses),
    script("PROXY headers of a stranger", PRETEND, stranger_proxy).on(Setup::Addresses),
    script("PROXY headers that are none", PRETEND, bad_proxy).on(Setup::Addresses),
    script("a proxy that says nothing", PRETEND, silent_proxy).on(Setup::Addresses),
    script("half-open handshakes of 1,000 addresses", SILENT, forged).on(Setup::Addresses),
];

const HEADERS: [&str; 4] = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP"];

/// An address of the loopback network that nobody else has.
fn own_address(target: &Target) -> Ipv4Addr {
    let number = target.number();
    let [.., high] = (number / 250).to_be_bytes();
    let [.., low] = (number % 250 + 1).to_be_bytes();
    Ipv4Addr::new(127, 1, high, low)
}

async fn from(target: &Target, address: Ipv4Addr) -> anyhow::Result<Wire> {
    Ok(Wire::over(connect(target.public, Some(address), None).await?))
}

async fn asked(wire: &mut Wire, request: &[u8]) -> anyhow::Result<(u16, String)> {
    wire.send(request).await;
    let answer = wire.answer().await?;
    if [429, 503].contains(&answer.status) {
        ensure!(answer.header("retry-after").is_some(), "{} without a time", answer.status);
    }
    Ok((answer.status, answer.code()))
}

/// Requests until the first that is refused, in the way it must be.
struct Until {
    served: usize,
    at_most: usize,
    refusal: (u16, &'static str),
}

impl Until {
    const fn refused(status: u16, code: &'static str, at_most: usize) -> Self {
        Self { served: 0, at_most, refusal: (status, code) }
    }

    /// Whether to ask again after this answer.
    fn goes_on(&mut self, target: &Target, came: &(u16, String)) -> anyhow::Result<bool> {
        if (came.0, came.1.as_str()) == self.refusal {
            return Ok(false);
        }
        ensure!(![429, 503].contains(&came.0), "refused with {came:?}");
        self.served += 1;
        ensure!(self.served < self.at_most, "{} and no refusal", self.served);
        target.count(1);
        Ok(true)
    }
}

/// That another address is served.
async fn others_are_served(target: &Target) -> anyhow::Result<()> {
    let mut wire = from(target, own_address(target)).await?;
    let came = asked(&mut wire, PROBE.as_bytes()).await?;
    ensure!(came.0 == 204, "another address was answered {came:?}");
    Ok(())
}

fn connects(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let address = own_address(&target);
        let mut until = Until::refused(429, "rate_limited", 4_000);
        loop {
            let came = asked(&mut from(&target, address).await?, PROBE.as_bytes()).await?;
            if !until.goes_on(&target, &came)? {
                break;
            }
        }
        ensure!(until.served >= 1_000, "refused after {}", until.served);
        others_are_served(&target).await
    })
}

/// 2,000 connections of one address, as fast as it may connect: 1,000 at once, then 100 a second.
fn many_connections(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let address = own_address(&target);
        let mut until = Until::refused(503, "too_many_connections", 4_000);
        loop {
            let mut wire = from(&target, address).await?;
            let came = asked(&mut wire, PROBE.as_bytes()).await?;
            if came.1 == "rate_limited" {
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            target.hold(wire);
            if !until.goes_on(&target, &came)? {
                break;
            }
        }
        ensure!(until.served == 2_000, "refused after {}", until.served);
        others_are_served(&target).await
    })
}

fn requests_on_one(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wire = from(&target, own_address(&target)).await?;
        let mut until = Until::refused(429, "rate_limited", 1_500);
        while until.goes_on(&target, &asked(&mut wire, PROBE.as_bytes()).await?)? {}
        ensure!(until.served >= 500, "refused after {}", until.served);
        let rest = wire.rest().await?;
        ensure!(rest.is_empty(), "more came");
        others_are_served(&target).await
    })
}

/// 500 requests a second on as many connections as that takes, 5,000 at once.
fn requests_of_one(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let address = own_address(&target);
        let mut wires = Vec::new();
        for _ in 0..20 {
            wires.push(from(&target, address).await?);
        }
        let mut until = Until::refused(429, "rate_limited", 12_000);
        for number in (0..20).cycle() {
            let came = asked(&mut wires[number], PROBE.as_bytes()).await?;
            if !until.goes_on(&target, &came)? {
                break;
            }
        }
        ensure!(until.served >= 5_000, "refused after {}", until.served);
        others_are_served(&target).await
    })
}

fn wrong_tokens(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let address = own_address(&target);
        let mut until = Until::refused(429, "rate_limited", 300);
        loop {
            let token = token::forged(until.served).text;
            let mut wire = from(&target, address).await?;
            let ask = with_token("GET", "/v1/channels/demo:1/events", &token, "");
            if !until.goes_on(&target, &asked(&mut wire, &ask).await?)? {
                break;
            }
        }
        // Whoever has a valid one is served at the same address.
        let mut wire = from(&target, address).await?;
        let good = with_token("GET", "/v1/channels/demo:1/events", &target.token, "");
        let came = asked(&mut wire, &good).await?;
        ensure!(came.0 == 200, "a valid token was answered {came:?}");
        Ok(())
    })
}

fn wrong_tickets(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let address = own_address(&target);
        let mut until = Until::refused(429, "rate_limited", 300);
        loop {
            let path = format!("/v1/channels/demo:1/stream?ticket=guess-{}", until.served);
            let mut wire = from(&target, address).await?;
            let came = asked(&mut wire, &request("GET", &path, "", "")).await?;
            if !until.goes_on(&target, &came)? {
                return Ok(());
            }
        }
    })
}

/// A connection that shows no token ends within a minute, however often it asks.
fn anonymous(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wire = from(&target, own_address(&target)).await?;
        let begun = std::time::Instant::now();
        loop {
            ensure!(begun.elapsed() < Duration::from_secs(70), "it lives");
            wire.send(PROBE.as_bytes()).await;
            let Ok(answer) = wire.answer().await else { return Ok(()) };
            target.count(1);
            if answer.header("connection") == Some("close") {
                return End.check(&mut wire).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
}

/// What a client writes of its address does not count: its own address is refused.
fn pretends(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wire = from(&target, own_address(&target)).await?;
        let mut until = Until::refused(429, "rate_limited", 1_500);
        loop {
            let header = HEADERS[until.served % HEADERS.len()];
            let line = format!("{header}: 192.0.2.{}\r\n", until.served % 250);
            let came = asked(&mut wire, &request("GET", "/v1/probe", &line, "")).await?;
            if !until.goes_on(&target, &came)? {
                return Ok(());
            }
        }
    })
}

/// A header of the PROXY protocol by somebody who is no proxy is no request.
fn stranger_proxy(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for number in 0..200 {
            let mut wire = from(&target, own_address(&target)).await?;
            let line = format!("PROXY TCP4 192.0.2.{number} 0.0.0.0 0 0\r\n{PROBE}");
            wire.send(line.as_bytes()).await;
            Either(vec![Answer(400, ""), End]).check(&mut wire).await?;
            target.count(1);
        }
        Ok(())
    })
}

fn bad_proxy(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let long = format!("PROXY TCP4 {}", "1".repeat(10_000));
        let headers: [Vec<u8>; 8] = [
            b"PROXY TCP4 192.0.2.1\r\n".to_vec(),
            b"PROXY TCP4 999.0.2.1 0.0.0.0 0 0\r\n".to_vec(),
            b"PROXY TCP9 192.0.2.1 0.0.0.0 0 0\r\n".to_vec(),
            b"proxy tcp4 192.0.2.1 0.0.0.0 0 0\r\n".to_vec(),
            long.into_bytes(),
            [V2, &[0x21, 0x11, 0xff, 0xff], &[0; 5_000]].concat(),
            [V2, &[0x29, 0x11, 0, 12], &[0; 12]].concat(),
            [V2, &[0x21, 0x11, 0, 2], &[0; 2]].concat(),
        ];
        for number in 0..200 {
            let mut wire = from(&target, PROXY).await?;
            wire.send(&headers[number % headers.len()]).await;
            wire.send(PROBE.as_bytes()).await;
            Expect::Gone.check(&mut wire).await?;
            target.count(1);
        }
        others_are_served(&target).await
    })
}

/// Connections of a proxy that sends nothing, or half a header: the time of a handshake.
fn silent_proxy(target: Arc<Target>) -> Script {
    Box::pin(async move {
        let mut wires = Vec::new();
        for number in 0..200 {
            let mut wire = from(&target, PROXY).await?;
            wire.send([&b""[..], b"PROXY TCP4 192.", V2][number % 3]).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            Expect::Gone.check(wire).await?;
            target.count(1);
        }
        Ok(())
    })
}

/// Half-open handshakes of as many addresses, which the proxy names.
fn forged(target: Arc<Target>) -> Script {
    Box::pin(async move {
        for number in 0..1_000 {
            let mut wire = from(&target, PROXY).await?;
            let line = format!("PROXY TCP4 10.{}.{}.9 0.0.0.0 0 0\r\n", number / 250, number % 250);
            wire.send(format!("{line}GET /v1/ws HTTP/1.1\r\nHost: loc").as_bytes()).await;
            target.count(1);
            target.hold(wire);
        }
        others_are_served(&target).await?;
        tokio::time::sleep(Duration::from_secs(11)).await;
        Ok(())
    })
}
