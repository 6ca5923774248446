//! The rules of settings, alone and together.
//!
//! In: settings, and where each was written. Out: all mistakes. A setting that could not be read is
//! not reported again, nor is one that depends on it.

mod built_in;
mod folder;
mod internal_keys;
mod numbers;
mod proxies;
mod servers;
mod tls;
mod token_keys;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use steadfast_protocol::ChannelName;

use super::env::variable_of;
use super::error::{Mistake, dotted};
use super::keys::KEY_BYTES_MAX;
use super::settings::{Config, Route};
use super::tree::{Path, Tree};
use crate::auth::origin::Origins;
use steadfast_broker::Secret;

/// The longest name of a node or region, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest name of a namespace, in bytes. It leaves room for the rest of a channel's name.
const NAMESPACE_BYTES_MAX: usize = 128;
/// The longest path of a route, in bytes.
const ROUTE_BYTES_MAX: usize = 256;

const SEGMENT: &str = "of A-Z a-z 0-9 _ . -";

/// Every rule that `config` breaks.
pub(super) fn mistakes(config: &Config, tree: &Tree, faulty: &[Path]) -> Vec<Mistake> {
    let mut rules = Rules { tree, faulty, mistakes: Vec::new() };
    node(&mut rules, config);
    addresses(&mut rules, config);
    origins(&mut rules, config);
    proxies::check(&mut rules, config);
    keys(&mut rules, config);
    numbers::check(&mut rules, config);
    if built_in::check(&mut rules, config) {
        folder::check(&mut rules, config);
        servers::check(&mut rules, config);
    }
    tls::check(&mut rules, config);
    namespaces(&mut rules, config);
    routes(&mut rules, &config.routes);
    rules.mistakes
}

/// What is allowed and yet worth a word.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = token_keys::warnings(config);
    warnings.extend(proxies::warnings(config));
    warnings.extend(numbers::warnings(config));
    warnings
}

struct Rules<'a> {
    tree: &'a Tree,
    faulty: &'a [Path],
    mistakes: Vec<Mistake>,
}

impl Rules<'_> {
    /// Reports a broken rule about the first of `paths`, which depends on the others.
    fn broken(&mut self, paths: &[Path], wrong: impl Into<String>, mend: impl Into<String>) {
        let is_blamed = |path: &Path| self.faulty.iter().any(|faulty| path.starts_with(faulty));
        let Some(path) = paths.first() else { return };
        if paths.iter().any(is_blamed) {
            return;
        }
        self.mistakes.push(Mistake {
            source: self.tree.source(path),
            setting: dotted(path),
            wrong: wrong.into(),
            mend: mend.into(),
        });
    }
}

/// A path from its dotted form; only for names in this program.
fn path(dotted: &str) -> Path {
    dotted.split('.').map(str::to_owned).collect()
}

fn is_segment(text: &str) -> bool {
    !text.contains(':') && ChannelName::new(text).is_ok()
}

fn node(rules: &mut Rules<'_>, config: &Config) {
    for (at, name) in [("node.name", &config.node.name), ("node.region", &config.node.region)] {
        if !is_segment(name) || name.len() > NAME_BYTES_MAX {
            let wrong = format!("{name:?} is not a name of 1 to {NAME_BYTES_MAX} {SEGMENT}");
            rules.broken(&[path(at)], wrong, "leave out everything else");
        }
    }
}

fn addresses(rules: &mut Rules<'_>, config: &Config) {
    let (public, internal) = (config.public.listen, config.internal.listen);
    let paths = [path("internal.listen"), path("public.listen")];
    if overlap(public, internal) {
        let wrong = format!("{internal} is taken by the public port, {public}");
        rules.broken(&paths, wrong, "give the internal port a number of its own");
    }
    if !config.dev {
        return;
    }
    for (at, address) in [("public.listen", public), ("internal.listen", internal)] {
        if !address.ip().to_canonical().is_loopback() {
            let wrong = format!("dev opens the node to all who can reach {address}");
            let mend = "listen on 127.0.0.1 or [::1], or turn dev off and set keys";
            rules.broken(&[path(at), path("dev")], wrong, mend);
        }
    }
}

/// Whether two listeners cannot both be opened. Port 0 is a different free one each time.
fn overlap(one: SocketAddr, two: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || two.ip().is_unspecified();
    one.port() == two.port() && one.port() != 0 && (one.ip() == two.ip() || everywhere)
}

fn origins(rules: &mut Rules<'_>, config: &Config) {
    for (index, origin) in config.public.allowed_origins.iter().enumerate() {
        if let Err(error) = Origins::new(&[origin], false) {
            let mut at = path("public.allowed_origins");
            at.push(index.to_string());
            let mend = format!("{error}, like https://app.example.com");
            rules.broken(&[at], format!("{origin:?} is not an origin"), mend);
        }
    }
}

fn keys(rules: &mut Rules<'_>, config: &Config) {
    internal_keys::check(rules, config);
    token_keys::check(rules, config);
}

/// Where a key is set: the setting itself, or the one that names its file.
fn written_at(rules: &Rules<'_>, at: &str) -> Path {
    let (plain, file) = (path(at), path(&format!("{at}_file")));
    let is_of_file = rules.tree.at(&plain).is_none() && rules.tree.at(&file).is_some();
    if is_of_file { file } else { plain }
}

fn key(rules: &mut Rules<'_>, dev: bool, at: &str, key: Option<&Secret>, bytes_min: usize) {
    let (plain, file) = (path(at), path(&format!("{at}_file")));
    match key.map(|key| key.expose().len()) {
        None if dev => {}
        None => {
            let variable = variable_of(&plain);
            let mend = format!(
                "set `{at}`, `{at}_file` or {variable}, {bytes_min} bytes at least (`openssl rand \
                 -hex 32` makes a good one), or try things out with --dev"
            );
            rules.broken(&[plain, file, path("dev")], "a key is needed and not set", mend);
        }
        Some(bytes) if (bytes_min..=KEY_BYTES_MAX).contains(&bytes) => {}
        Some(bytes) => {
            let from_file = rules.tree.at(&plain).is_none() && rules.tree.at(&file).is_some();
            let paths = if from_file { [file, plain] } else { [plain, file] };
            let wrong = format!("the key has {bytes} bytes");
            let mend =
                format!("make one of {bytes_min} to {KEY_BYTES_MAX}: `openssl rand -hex 32`");
            rules.broken(&paths, wrong, mend);
        }
    }
}

fn namespaces(rules: &mut Rules<'_>, config: &Config) {
    for name in config.namespaces.keys() {
        namespace_name(rules, &["namespaces".into(), name.clone()], name);
    }
}

fn namespace_name(rules: &mut Rules<'_>, at: &[String], name: &str) {
    if !is_segment(name) || name.len() > NAMESPACE_BYTES_MAX {
        let wrong = format!("{name:?} is not a name of 1 to {NAMESPACE_BYTES_MAX} {SEGMENT}");
        let mend = "write the first segment of a channel's name, without the colon";
        rules.broken(&[at.to_vec()], wrong, mend);
    }
}

fn routes(rules: &mut Rules<'_>, routes: &[Route]) {
    let mut shapes = BTreeSet::new();
    for (index, route) in routes.iter().enumerate() {
        let at = |key: &str| vec!["routes".into(), index.to_string(), key.to_owned()];
        namespace_name(rules, &at("namespace"), &route.namespace);
        match shape(&route.path) {
            Err(mend) => rules.broken(&[at("path")], "this path cannot be a route", mend),
            Ok(shape) => {
                if !shapes.insert(shape) {
                    let mend = "keep one of the two";
                    rules.broken(&[at("path")], "an earlier route has this path", mend);
                }
            }
        }
    }
}

/// The path without the name of its variable: two routes that differ in it alone are the same
/// route.
fn shape(path: &str) -> Result<Vec<&str>, &'static str> {
    const PLACE: &str = "write one whole segment in braces, like /ws/diagnosis/{id}";
    if path.len() > ROUTE_BYTES_MAX {
        return Err("write 256 bytes at most");
    }
    let rest = path.strip_prefix('/').ok_or("begin it with a slash")?;
    let segments: Vec<&str> = rest.split('/').collect();
    if segments.first() == Some(&"v1") {
        return Err("leave /v1 to the current protocol");
    }
    let mut places = 0;
    let mut shape = Vec::new();
    for segment in segments {
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if is_segment(name) => {
                places += 1;
                shape.push("{}");
            }
            Some(_) => return Err(PLACE),
            None if segment.contains(['{', '}']) => return Err(PLACE),
            None if !is_segment(segment) => {
                return Err("write segments of A-Z a-z 0-9 _ . - between single slashes");
            }
            None => shape.push(segment),
        }
    }
    if places == 1 { Ok(shape) } else { Err(PLACE) }
}
