//! Names and connections. In: a server's host and port. Out: its addresses, and which of them
//! accept a connection. Skipped where a proxy of this machine's settings resolves names itself.

use std::net::SocketAddr;
use std::time::Duration;

use steadfast_client::PathProbe;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::finding::Finding;
use crate::clock;

/// How long one connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The most addresses that are tried.
const ADDRESSES_MAX: usize = 8;
/// A lookup that takes longer is worth a look.
const SLOW_LOOKUP: Duration = Duration::from_millis(500);

/// Looks up the server's name and connects to each address.
pub(super) async fn check(probe: &PathProbe) -> Vec<Finding> {
    if probe.has_proxy() {
        let text = "a proxy of this machine's settings (HTTPS_PROXY) is used, which looks it up";
        return vec![Finding::skipped("dns", text)];
    }
    let (host, port) = probe.address();
    let begun = clock::now();
    let found = timeout(CONNECT_TIMEOUT, lookup_host((host.as_str(), port))).await;
    let took = begun.elapsed();
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect(),
        Ok(Err(error)) => return vec![unknown(&host, &error.to_string())],
        Err(_) => return vec![unknown(&host, "no answer in 5 s")],
    };
    let text = format!("{host}: {} in {} ms", listed(&addresses), took.as_millis());
    let dns = if took > SLOW_LOOKUP {
        let remedy = "lookups are slow here: every connection begins with one; see the resolver";
        Finding::warning("dns", text, vec![remedy.to_owned()])
    } else {
        Finding::passed("dns", text)
    };
    vec![dns, connect(&addresses).await]
}

fn unknown(host: &str, why: &str) -> Finding {
    let remedy = format!("see that {host} is written right, and has an A or AAAA record");
    Finding::failed("dns", format!("{host} was not found: {why}"), vec![remedy]).decisive()
}

fn listed(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    texts.join(", ")
}

async fn connect(addresses: &[SocketAddr]) -> Finding {
    let (mut reached, mut lost) = (Vec::new(), Vec::new());
    for address in addresses {
        let begun = clock::now();
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => reached.push(format!("{address} in {} ms", begun.elapsed().as_millis())),
            Ok(Err(error)) => lost.push(format!("{address}: {error}")),
            Err(_) => lost.push(format!("{address}: no answer in 5 s")),
        }
    }
    if reached.is_empty() {
        let remedy = "see that the server runs, listens on this address and not on loopback alone, \
                      and that firewalls let its port through";
        return Finding::failed("tcp", lost.join("; "), vec![remedy.to_owned()]).decisive();
    }
    if lost.is_empty() {
        return Finding::passed("tcp", reached.join("; "));
    }
    let remedy =
        "clients lose time with this address before they try the next: take it out of the \
                  DNS, or make it reachable"
            .to_owned();
    Finding::warning(
        "tcp",
        format!("{}; but {}", reached.join("; "), lost.join("; ")),
        vec![remedy],
    )
}

#[cfg(test)]
mod tests {
    use super::{check, connect};
    use crate::doctor::finding::CheckOutcome;
    use steadfast_client::PathProbe;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_address_that_refuses_beside_one_that_accepts_is_worth_a_look() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let gone = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let closed = gone.local_addr().unwrap();
        drop(gone);
        assert_eq!(connect(&[open]).await.outcome, CheckOutcome::Passed);
        assert_eq!(connect(&[open, closed]).await.outcome, CheckOutcome::Warning);
        let none = connect(&[closed]).await;
        assert!(none.outcome == CheckOutcome::Failed && none.is_decisive, "{none:?}");
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_ends_the_examination() {
        let probe = PathProbe::new("http://no-such-host.invalid", &[]).unwrap();
        let findings = check(&probe).await;
        assert_eq!(findings.len(), 1);
        assert!(findings[0].outcome == CheckOutcome::Failed && findings[0].is_decisive);
    }
}
