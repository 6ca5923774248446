//! Secrets from files, and fresh ones. In: a file's name. Out: its content without the byte-order
//! mark and the final line end that editors add. A secret is never shown in an error.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The variable that holds a token.
pub(crate) const TOKEN_VARIABLE: &str = "STEADFAST_TOKEN";
/// The longest secret, in bytes: the longest token.
const SECRET_BYTES_MAX: u64 = 8192;
/// The size of a fresh key, in random bytes.
const KEY_BYTES: usize = 32;

/// Reads a key or token from a file that holds nothing else.
pub(crate) fn from_file(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text));
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    let is_short = text.len() as u64 <= SECRET_BYTES_MAX;
    ensure!(is_short, "{} is longer than {SECRET_BYTES_MAX} bytes", path.display());
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    ensure!(!text.is_empty(), "{} is empty; it should hold the secret", path.display());
    Ok(text.to_owned())
}

/// The secret of a file, if one is named, else of a variable.
pub(crate) fn from_file_or_variable(
    path: Option<&Path>,
    variable: &str,
) -> anyhow::Result<Option<String>> {
    match path {
        Some(path) => from_file(path).map(Some),
        None => from_variable(variable),
    }
}

/// The secret in a variable of the environment, where it is set and not empty.
pub(crate) fn from_variable(name: &str) -> anyhow::Result<Option<String>> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => Ok(Some(text)),
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            anyhow::bail!("{name} is not text; set it to the secret itself")
        }
    }
}

/// A fresh random key as text.
pub(crate) fn fresh() -> anyhow::Result<String> {
    random_text::<KEY_BYTES>()
}

/// Random text of 128 bits that names one request.
pub(crate) fn request_name() -> anyhow::Result<String> {
    random_text::<16>()
}

fn random_text<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).context("the operating system gave no random bytes")?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::{SECRET_BYTES_MAX, fresh, from_file};
    use std::io::Write;

    fn read(content: &str) -> anyhow::Result<String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        from_file(file.path())
    }

    #[test]
    fn one_line_end_is_not_part_of_a_secret() {
        assert_eq!(read("secret\n").unwrap(), "secret");
        assert_eq!(read("secret\r\n").unwrap(), "secret");
        assert_eq!(read(" se cret").unwrap(), " se cret");
        assert_eq!(read("\u{feff}secret").unwrap(), "secret");
        assert!(read("\n").is_err());
    }

    #[test]
    fn a_secret_has_a_largest_length() {
        let max = usize::try_from(SECRET_BYTES_MAX).unwrap();
        assert!(read(&"x".repeat(max)).is_ok());
        let error = read(&"x".repeat(max + 1)).unwrap_err();
        assert!(!error.to_string().contains("xxx"), "{error}");
    }

    #[test]
    fn fresh_keys_are_long_enough_for_a_node_and_differ() {
        let key = fresh().unwrap();
        assert!(key.len() >= 32, "{key}");
        assert_ne!(key, fresh().unwrap());
    }
}
