//! The rules about TLS of the two ports: both files or none, and a pair that can be used.

use std::path::PathBuf;

use super::{Config, Rules, path};
use crate::net::tls::TlsFiles;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let (public, internal) = (&config.public, &config.internal);
    let pair = (public.tls_cert_file.as_ref(), public.tls_key_file.as_ref());
    port(rules, "public", pair, TlsFiles::public(config));
    let pair = (internal.tls_cert_file.as_ref(), internal.tls_key_file.as_ref());
    port(rules, "internal", pair, TlsFiles::internal(config));
    if internal.tls_client_ca_file.is_some() && pair == (None, None) {
        let mend = "set `internal.tls_cert_file` and `internal.tls_key_file` too";
        let paths = [path("internal.tls_client_ca_file"), path("internal.tls_cert_file")];
        rules.broken(&paths, "without TLS clients show no certificates", mend);
    }
}

fn port(
    rules: &mut Rules<'_>,
    name: &str,
    pair: (Option<&PathBuf>, Option<&PathBuf>),
    files: Option<TlsFiles>,
) {
    let at = |field: &str| path(&format!("{name}.{field}"));
    let (certificate, key) = (at("tls_cert_file"), at("tls_key_file"));
    let Some(files) = files else {
        let (paths, wrong, other) = match pair {
            (Some(_), _) => ([certificate, key], "a certificate needs its key", "tls_key_file"),
            (None, Some(_)) => ([key, certificate], "a key needs its certificate", "tls_cert_file"),
            (None, None) => return,
        };
        let mend = format!("set `{name}.{other}` too, or neither of them");
        return rules.broken(&paths, wrong, mend);
    };
    if let Err(error) = files.config() {
        let text = error.to_string();
        let (wrong, mend) = text.rsplit_once("; ").unwrap_or((&text, "mend the file"));
        let is_about = |file: &PathBuf| text.starts_with(&file.display().to_string());
        let ca = files.client_ca.as_ref().filter(|file| is_about(file));
        let paths = match ca {
            Some(_) => [at("tls_client_ca_file"), certificate],
            None if is_about(&files.key) => [key, certificate],
            None => [certificate, key],
        };
        rules.broken(&paths, wrong, mend);
    }
}
