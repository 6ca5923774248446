//! The rules about TLS on the public port: both files or none, and a pair that can be used.

use super::{Config, Rules, path};
use crate::net::tls;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let (certificate, key) = (path("public.tls_cert_file"), path("public.tls_key_file"));
    match (&config.public.tls_cert_file, &config.public.tls_key_file) {
        (None, None) => {}
        (Some(_), None) => {
            let mend = "set `public.tls_key_file` too, or neither of them";
            rules.broken(&[certificate, key], "a certificate needs its key", mend);
        }
        (None, Some(_)) => {
            let mend = "set `public.tls_cert_file` too, or neither of them";
            rules.broken(&[key, certificate], "a key needs its certificate", mend);
        }
        (Some(chain), Some(file)) => {
            if let Err(error) = tls::config(chain, file) {
                let text = error.to_string();
                let (wrong, mend) = text.rsplit_once("; ").unwrap_or((&text, "mend the file"));
                let is_the_keys = text.starts_with(&file.display().to_string());
                let paths = if is_the_keys { [key, certificate] } else { [certificate, key] };
                rules.broken(&paths, wrong, mend);
            }
        }
    }
}
