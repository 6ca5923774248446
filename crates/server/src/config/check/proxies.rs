//! The rules about addresses: those of proxies in front, and those without limits.

use super::{Config, Rules, path};
use crate::config::ClientAddressSource;
use crate::net::client_address::Networks;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let public = &config.public;
    let lists = [
        ("public.unlimited_addresses", &public.unlimited_addresses),
        ("public.trusted_proxies", &public.trusted_proxies),
    ];
    for (name, entries) in lists {
        if let Err(index) = Networks::parse(entries) {
            let mut at = path(name);
            at.push(index.to_string());
            let wrong = format!("{:?} is neither an address nor a network", entries[index]);
            rules.broken(&[at], wrong, "write it like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32");
        }
    }
    let (proxies, source) = (path("public.trusted_proxies"), path("public.client_address"));
    match (public.client_address, public.trusted_proxies.is_empty()) {
        (ClientAddressSource::Peer, false) => {
            let mend = "write proxy_protocol, x_forwarded_for or forwarded, as your proxy does";
            rules.broken(&[source, proxies], "trusted proxies are set, and not asked", mend);
        }
        (ClientAddressSource::Peer, true) | (_, false) => {}
        (_, true) => {
            let mend = "list the addresses or networks that your proxies connect from";
            rules.broken(&[proxies, source], "no proxy is trusted to say who a client is", mend);
        }
    }
}

/// Proxies and addresses without limits that are everybody.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let public = &config.public;
    let lists = [
        ("public.unlimited_addresses", &public.unlimited_addresses),
        ("public.trusted_proxies", &public.trusted_proxies),
    ];
    let everybody = lists
        .into_iter()
        .filter(|(_, entries)| entries.iter().any(|entry| entry.trim().ends_with("/0")));
    everybody
        .map(|(name, _)| {
            format!("`{name}` has every address: the limits of an address then hold for nobody")
        })
        .collect()
}
