//! The rules about the keys of tokens: that there are some, that each can be used, and that none is
//! known to more than it should be.

use super::{Config, Rules, key, path, written_at};
use crate::auth::jwks::parse_url;
use crate::auth::token::{LoadedKeys, is_readable_by_all};
use ring::digest::{SHA256, digest};
use steadfast_broker::Secret;

const HS256_KEY_BYTES_MIN: usize = 32;
/// The longest issuer and audience, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let auth = &config.auth;
    let has_others = !auth.keys.is_empty() || auth.jwks_file.is_some() || auth.jwks.url.is_some();
    if auth.hs256_key.is_some() || !has_others {
        let hs256 = auth.hs256_key.as_ref();
        key(rules, config.dev, "auth.hs256_key", hs256, HS256_KEY_BYTES_MIN);
    }
    let is_long_enough = |key: &Secret| key.expose().len() >= HS256_KEY_BYTES_MIN;
    if auth.hs256_key.as_ref().is_none_or(is_long_enough)
        && let Err(faults) = LoadedKeys::read(auth)
    {
        for fault in faults {
            let at = written_at(rules, &fault.setting);
            let mend = "see docs/tokens.md for what goes here";
            rules.broken(&[at], fault.wrong, mend);
        }
    }
    if let Some(Err(error)) = auth.jwks.url.as_deref().map(parse_url) {
        let mend = "write the one that your issuer names as `jwks_uri`";
        rules.broken(&[path("auth.jwks.url")], error.to_string(), mend);
    }
    shared(rules, config);
    let audiences = auth.audiences.iter().enumerate();
    let audiences = audiences.map(|(at, text)| (format!("auth.audiences.{at}"), text));
    let issuer = auth.issuer.iter().map(|text| ("auth.issuer".to_owned(), text));
    for (at, text) in issuer.chain(audiences) {
        if !(1..=TEXT_BYTES_MAX).contains(&text.len()) {
            let wrong = format!("this has {} bytes", text.len());
            rules.broken(&[path(&at)], wrong, format!("write 1 to {TEXT_BYTES_MAX} bytes"));
        }
    }
}

/// A key that signs tokens must not open the internal port.
fn shared(rules: &mut Rules<'_>, config: &Config) {
    let listed = config.internal.keys.iter().enumerate();
    let listed = listed.map(|(at, one)| (format!("internal.keys.{at}.name"), one.digest()));
    let whole = config.internal.key.as_ref().map(|key| Secret::new(digest(&SHA256, key.expose())));
    let internal: Vec<_> = listed.chain([("internal.key".to_owned(), whole)]).collect();
    let listed = config.auth.keys.iter().enumerate();
    let listed = listed.map(|(at, key)| (format!("auth.keys.{at}.secret"), key.secret.as_ref()));
    let hs256 = ("auth.hs256_key".to_owned(), config.auth.hs256_key.as_ref());
    for (at, key) in listed.chain([hs256]) {
        let Some(hash) = key.map(|key| Secret::new(digest(&SHA256, key.expose()))) else {
            continue;
        };
        let same = internal.iter().find(|(_, one)| one.as_ref() == Some(&hash));
        if let Some((other, _)) = same {
            let at = [other, &at].map(|at| written_at(rules, at));
            let wrong =
                "the key of the internal port signs tokens too: every backend could make any";
            rules.broken(&at, wrong, "make two keys: `openssl rand -hex 32` makes a good one");
        }
    }
}

/// Files that others may read, and keys of a set that are of no use.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let Config { public, internal, auth, .. } = config;
    let is_secret = |alg: crate::auth::token::SignatureAlgorithm| alg.secret_bytes_min().is_some();
    let listed =
        auth.keys.iter().filter(|key| is_secret(key.alg)).filter_map(|key| key.file.as_ref());
    let backends = internal.keys.iter().filter_map(|key| key.key_file.as_ref());
    let tls = [&public.tls_key_file, &internal.tls_key_file];
    let named = tls.into_iter().chain([&internal.key_file, &auth.hs256_key_file]);
    let files =
        named.flatten().chain(listed).chain(backends).filter(|file| is_readable_by_all(file));
    let mut warnings: Vec<String> = files
        .map(|file| file.display())
        .map(|name| format!("every user of this machine may read {name}: chmod o-r {name}"))
        .collect();
    if let Ok(Some(keys)) = LoadedKeys::read(auth) {
        warnings.extend(keys.warnings);
    }
    warnings
}
