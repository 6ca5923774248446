//! Certificates of CAs to trust, from a file. In: a file's name. Out: its text, which is checked
//! where it is used. No more is read than any machine's whole store has.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};

/// The largest file of certificates that is read, in bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Reads a file of certificates, PEM text.
pub(crate) fn from_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut pem = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut pem));
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    let is_short = pem.len() as u64 <= BYTES_MAX;
    ensure!(is_short, "{} is longer than {BYTES_MAX} bytes", path.display());
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, from_file};

    #[test]
    fn a_file_of_certificates_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        assert!(format!("{:#}", from_file(&path).unwrap_err()).contains("ca.pem"));
        let bytes = usize::try_from(BYTES_MAX).unwrap();
        std::fs::write(&path, vec![b'-'; bytes]).unwrap();
        assert_eq!(from_file(&path).unwrap().len(), bytes);
        std::fs::write(&path, vec![b'-'; bytes + 1]).unwrap();
        assert!(from_file(&path).unwrap_err().to_string().contains("longer"));
    }
}
