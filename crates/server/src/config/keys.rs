//! Keys in files of their own, so that the configuration itself holds no secrets.
//!
//! In: settings that name key files. Out: settings that hold the keys. A final line end, which
//! editors add, is not part of a key.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path as FilePath, PathBuf};

use super::error::{Mistake, dotted};
use super::settings::{Config, InternalKeySettings};
use super::tree::{Path, Source, Tree};
use steadfast_broker::Secret;

/// The longest key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 4096;

/// Reads the key files. A key and a key file of the same layer are a mistake; of different layers,
/// the upper one is used.
pub(super) fn read(
    config: &mut Config,
    tree: &Tree,
    folder: Option<&FilePath>,
    faulty: &mut Vec<Path>,
    mistakes: &mut Vec<Mistake>,
) {
    tls_files(config, tree, folder, faulty, mistakes);
    let Config { internal, auth, .. } = config;
    for (index, one) in internal.keys.iter_mut().enumerate() {
        let at = ["internal", "keys", &index.to_string(), "key_file"].map(str::to_owned);
        let source = tree.source(&at);
        if let Err((wrong, mend)) = read_backend_key(one, &source, folder) {
            mistakes.push(Mistake { source, setting: dotted(&at), wrong, mend });
            faulty.push(at.into());
        }
    }
    for (index, key) in auth.keys.iter_mut().enumerate() {
        let at = ["auth", "keys", &index.to_string(), "file"].map(str::to_owned);
        key.file = key.file.take().map(|file| beside(&file, &tree.source(&at), folder));
    }
    let revocations = tree.source(&["auth".to_owned(), "revocations_file".to_owned()]);
    auth.revocations_file =
        auth.revocations_file.take().map(|file| beside(&file, &revocations, folder));
    let jwks = tree.source(&["auth".to_owned(), "jwks_file".to_owned()]);
    auth.jwks_file = auth.jwks_file.take().map(|file| beside(&file, &jwks, folder));
    let keys = [
        (&mut internal.key, &mut internal.key_file, ["internal", "key"]),
        (&mut auth.hs256_key, &mut auth.hs256_key_file, ["auth", "hs256_key"]),
    ];
    for (key, file, [section, name]) in keys {
        let Some(file) = file else { continue };
        let key_path = [section.to_owned(), name.to_owned()];
        let file_path = [section.to_owned(), format!("{name}_file")];
        let source = tree.source(&file_path);
        let (above, here) = (layer(&tree.source(&key_path)), layer(&source));
        if key.is_some() && above > here {
            continue;
        }
        let result = if key.is_some() && above == here {
            Err(both_set())
        } else {
            *file = beside(file, &source, folder);
            read_key(file)
        };
        match result {
            Ok(secret) => *key = Some(secret),
            Err((wrong, mend)) => {
                mistakes.push(Mistake { source, setting: dotted(&file_path), wrong, mend });
                faulty.push(file_path.into());
            }
        }
    }
}

/// Finds the files of TLS, which are read when the port is opened.
fn tls_files(
    config: &mut Config,
    tree: &Tree,
    folder: Option<&FilePath>,
    faulty: &mut Vec<Path>,
    mistakes: &mut Vec<Mistake>,
) {
    let Config { public, internal, .. } = config;
    let tls = [
        (&mut public.tls_cert_file, ["public", "tls_cert_file"]),
        (&mut public.tls_key_file, ["public", "tls_key_file"]),
        (&mut internal.tls_cert_file, ["internal", "tls_cert_file"]),
        (&mut internal.tls_key_file, ["internal", "tls_key_file"]),
        (&mut internal.tls_client_ca_file, ["internal", "tls_client_ca_file"]),
    ];
    for (file, path) in tls {
        let path = path.map(str::to_owned);
        let source = tree.source(&path);
        let Some(file) = file else { continue };
        *file = beside(file, &source, folder);
        if is_open_to_all(file) {
            let wrong = format!("every user of this machine may write to {}", file.display());
            let mend = format!("remove that permission: chmod o-w {}", file.display());
            mistakes.push(Mistake { source, setting: dotted(&path), wrong, mend });
            faulty.push(path.into());
        }
    }
}

/// Reads the file of one of `internal.keys`, if it has one.
fn read_backend_key(
    one: &mut InternalKeySettings,
    source: &Source,
    folder: Option<&FilePath>,
) -> Result<(), (String, String)> {
    let Some(file) = &mut one.key_file else { return Ok(()) };
    if one.key.is_some() {
        return Err(both_set());
    }
    *file = beside(file, source, folder);
    one.key = Some(read_key(file)?);
    Ok(())
}

fn both_set() -> (String, String) {
    ("the key itself is set as well".to_owned(), "keep one of the two".to_owned())
}

fn layer(source: &Source) -> u8 {
    match source {
        Source::Unset => 0,
        Source::File { .. } => 1,
        Source::Variable(_) => 2,
        Source::Flag(_) => 3,
    }
}

/// A relative path in the configuration file starts from its folder.
fn beside(file: &FilePath, source: &Source, folder: Option<&FilePath>) -> PathBuf {
    match (source, folder) {
        (Source::File { .. }, Some(folder)) => folder.join(file),
        _ => file.to_owned(),
    }
}

fn read_key(path: &FilePath) -> Result<Secret, (String, String)> {
    let bytes = read_at_most(path).map_err(|error| {
        let wrong = format!("{} cannot be read: {error}", path.display());
        (wrong, "name a file that this user may read".to_owned())
    })?;
    if is_open_to_all(path) {
        let wrong = format!("every user of this machine may write to {}", path.display());
        return Err((wrong, format!("remove that permission: chmod o-w {}", path.display())));
    }
    if bytes.len() > KEY_BYTES_MAX {
        let wrong = format!("{} is longer than {KEY_BYTES_MAX} bytes", path.display());
        return Err((wrong, "name a file that holds a key and nothing else".to_owned()));
    }
    Ok(Secret::new(without_line_end(&bytes)))
}

/// Whether any user may replace the key.
pub(crate) fn is_open_to_all(path: &FilePath) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o002 != 0)
}

fn read_at_most(path: &FilePath) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes that are not text are kept unchanged: what looks like a line end is part of the key.
pub(crate) fn without_line_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let text = text.strip_suffix('\n').unwrap_or(text);
            text.strip_suffix('\r').unwrap_or(text).as_bytes()
        }
        Err(_) => bytes,
    }
}
