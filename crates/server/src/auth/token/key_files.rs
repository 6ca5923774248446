//! The keys of the settings. In: the settings, and the files that they name. Out: a verifier with
//! every key, or which settings are wrong; and what is worth a warning.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};

use super::key::{KID_BYTES_MAX, TokenKey};
use super::key_set::{JWKS_BYTES_MAX, JwksSource, KEYS_MAX, KeySet};
use super::{SignatureAlgorithm, TokenRules, Verifier};
use crate::config::{AuthSettings, TokenKeySettings};

/// The most bytes of a file with one key.
const KEY_FILE_BYTES_MAX: usize = 16 * 1024;

/// A setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}`: {wrong}")]
pub struct KeyFault {
    /// Its name, such as `auth.keys.0.file`.
    pub setting: String,
    /// What is wrong, in a sentence.
    pub wrong: String,
}

/// The keys of the settings, ready to check tokens.
#[derive(Debug)]
pub struct LoadedKeys {
    /// Checks tokens with them.
    pub verifier: Verifier,
    /// What an operator should know of them.
    pub warnings: Vec<String>,
    /// Another one where anything of this is another.
    pub(crate) digest: KeyDigest,
}

/// The SHA-256 of everything that a verifier is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyDigest([u8; SHA256_OUTPUT_LEN]);

impl KeyDigest {
    /// That of the settings, and of the files in the order in which they were read.
    fn of(settings: &AuthSettings, files: &[Vec<u8>]) -> Self {
        let mut context = Context::new(&SHA256);
        let keys = settings.keys.iter().filter_map(|key| key.secret.as_ref());
        for secret in settings.hs256_key.iter().chain(keys) {
            context.update(digest(&SHA256, secret.expose()).as_ref());
        }
        // Secrets are not in this text.
        context.update(digest(&SHA256, format!("{settings:?}").as_bytes()).as_ref());
        for bytes in files {
            context.update(digest(&SHA256, bytes).as_ref());
        }
        let mut whole = [0; SHA256_OUTPUT_LEN];
        whole.copy_from_slice(context.finish().as_ref());
        Self(whole)
    }
}

impl LoadedKeys {
    /// Reads the keys; `None` if there are none.
    pub fn read(settings: &AuthSettings) -> Result<Option<Self>, Vec<KeyFault>> {
        let (mut keys, mut warnings, mut faults) = (KeySet::default(), Vec::new(), Vec::new());
        let mut files = Vec::new();
        if let Some(key) = &settings.hs256_key {
            let algorithm = SignatureAlgorithm::HS256;
            match TokenKey::secret(None, algorithm, key.expose()) {
                Ok(key) => keys.add(key),
                Err(error) => faults.push(fault("auth.hs256_key", &error)),
            }
        }
        for (index, one) in settings.keys.iter().enumerate() {
            match read_key(one, &mut files) {
                Ok(key) => keys.add(key),
                Err((field, wrong)) => {
                    faults.push(fault(&format!("auth.keys.{index}{field}"), &wrong));
                }
            }
        }
        if let Some(file) = &settings.jwks_file {
            match read_jwks(file, &mut files, &mut warnings) {
                Ok(set) => keys.join(set),
                Err(wrong) => faults.push(fault("auth.jwks_file", &wrong)),
            }
        }
        if keys.len() > KEYS_MAX {
            let wrong = format!("there are {} keys; {KEYS_MAX} are allowed", keys.len());
            faults.push(fault("auth.keys", &wrong));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let rules = TokenRules {
            issuer: settings.issuer.clone(),
            audiences: settings.audiences.clone(),
            leeway_s: settings.leeway_s,
        };
        let verifier = Verifier::with_keys(keys, rules);
        let verifier = if settings.jwks.url.is_some() { verifier.open() } else { verifier };
        let digest = KeyDigest::of(settings, &files);
        Ok(verifier.is_of_use().then_some(Self { verifier, warnings, digest }))
    }
}

/// Whether every user of this machine may read the file.
pub(crate) fn is_readable_by_all(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

fn fault(setting: &str, wrong: &impl ToString) -> KeyFault {
    KeyFault { setting: setting.to_owned(), wrong: wrong.to_string() }
}

/// One key; or the end of the name of a setting, and what is wrong with it.
fn read_key(
    settings: &TokenKeySettings,
    files: &mut Vec<Vec<u8>>,
) -> Result<TokenKey, (&'static str, String)> {
    let TokenKeySettings { alg, kid, secret, file } = settings;
    let kid = kid.as_deref();
    if kid.is_some_and(|kid| !(1..=KID_BYTES_MAX).contains(&kid.len())) {
        return Err((".kid", format!("a `kid` has 1 to {KID_BYTES_MAX} bytes")));
    }
    let bytes = match (secret, file) {
        (Some(secret), None) => secret.expose().to_vec(),
        (None, Some(file)) => {
            let bytes = read_at_most(file, KEY_FILE_BYTES_MAX).map_err(|wrong| (".file", wrong))?;
            let key = crate::config::without_line_end(&bytes).to_vec();
            files.push(bytes);
            key
        }
        (None, None) => return Err(("", "it has neither `secret` nor `file`".into())),
        (Some(_), Some(_)) => return Err((".file", "`secret` is set as well".into())),
    };
    let at = if secret.is_some() { ".secret" } else { ".file" };
    let key = if alg.secret_bytes_min().is_some() {
        TokenKey::secret(kid, *alg, &bytes)
    } else {
        TokenKey::pem(kid, *alg, &bytes)
    };
    key.map_err(|error| (at, error.to_string()))
}

fn read_jwks(
    file: &Path,
    files: &mut Vec<Vec<u8>>,
    warnings: &mut Vec<String>,
) -> Result<KeySet, String> {
    let text = read_at_most(file, JWKS_BYTES_MAX)?;
    let (set, skipped) = KeySet::parse(&text, JwksSource::File)
        .map_err(|error| format!("{}: {error}", file.display()))?;
    files.push(text);
    for key in skipped {
        let (name, index, why) = (file.display(), key.index, key.why);
        warnings.push(format!("{name}: `keys[{index}]` is not used: {why}"));
    }
    if set.has_secrets() && is_readable_by_all(file) {
        let name = file.display();
        warnings.push(format!("every user of this machine may read {name}: chmod o-r {name}"));
    }
    Ok(set)
}

fn read_at_most(file: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let name = file.display();
    let read = |file| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read(file).map_err(|error| format!("{name} cannot be read: {error}"))?;
    if bytes.len() > bytes_max {
        return Err(format!("{name} is longer than {bytes_max} bytes"));
    }
    if crate::config::is_open_to_all(file) {
        return Err(format!("every user of this machine may write to {name}"));
    }
    Ok(bytes)
}
