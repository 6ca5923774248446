//! The file that keeps revocations over a restart: one JSON object a line. In: the whole table.
//! Out: the same, after a restart. The file is replaced as a whole, so it is never half written.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Revocation;

/// Where the table is written.
#[derive(Debug)]
pub(super) struct RevocationFile {
    path: PathBuf,
}

/// The entries of a file; none if there is no file. A line that cannot be read is skipped.
pub(super) fn read(path: &Path) -> io::Result<Vec<Revocation>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let lines = text.lines().map(serde_json::from_str::<Revocation>);
    let bad = lines.clone().filter(Result::is_err).count();
    if bad > 0 {
        let file = path.display().to_string();
        tracing::error!(file, lines = bad, "some lines of the revocations cannot be read");
    }
    Ok(lines.filter_map(Result::ok).collect())
}

impl RevocationFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Replaces the file, and waits for the disk.
    pub(super) fn write(&mut self, all: &[Revocation]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut text = String::new();
        for one in all {
            text.push_str(&serde_json::to_string(one)?);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            Some(_) | None => Ok(()),
        }
    }
}
