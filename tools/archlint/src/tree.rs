//! The repository's text files. In: a folder, or invented files. Out: path and text, sorted.
//! Reads what git would commit; without git, walks the folder. Must not know any rule.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::script::Script;
use crate::source::Source;

/// Folders that are never ours, for a walk without git.
const FOREIGN: [&str; 3] = [".git", "node_modules", "target"];

/// Text files by their path from the root, with `/` between folders.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

/// Why a tree could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
pub struct TreeError {
    path: PathBuf,
    source: io::Error,
}

impl Tree {
    /// Reads the text files under `root`. Files that are not UTF-8 are left out.
    pub fn read(root: &Path) -> Result<Self, TreeError> {
        let paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let full = root.join(&path);
            match fs::read(&full) {
                Ok(bytes) => {
                    if let Ok(text) = String::from_utf8(bytes) {
                        files.insert(path, text);
                    }
                }
                // Removed but not yet from the index, or a link to a folder.
                Err(_) if !full.is_file() => {}
                Err(source) => return Err(TreeError { path: full, source }),
            }
        }
        Ok(Self { files })
    }

    /// A tree of invented files, as path and text.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let owned = files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned()));
        Self { files: owned.collect() }
    }

    /// All files, as path and text, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of the file at `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Whether `path` is a file, or a folder with a file in it.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        let below = self.files.range(folder.clone()..).next();
        self.files.contains_key(path) || below.is_some_and(|(path, _)| path.starts_with(&folder))
    }

    /// The Rust files that `worth` picks by path and text, taken apart, in the order of their
    /// paths; without those that cannot be parsed. Most of the time goes into taking apart.
    pub(crate) fn sources(
        &self,
        worth: impl Fn(&str, &str) -> bool,
    ) -> impl Iterator<Item = Source<'_>> {
        let picked = self.rust_files().filter(move |(path, text)| worth(path, text));
        picked.filter_map(|(path, text)| Source::parse(path, text).ok())
    }

    /// All Rust files, as path and text, in the order of their paths.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files_of("rs")
    }

    /// All TypeScript files, and the scripts that build them, in the order of their paths.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = Script<'_>> {
        let files = self.files_of("ts").chain(self.files_of("mjs"));
        files.map(|(path, text)| Script::read(path, text))
    }

    /// All files whose names end in `extension`, as path and text, in the order of their paths.
    pub(crate) fn files_of(&self, extension: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(move |(path, _)| {
            Path::new(path).extension().is_some_and(|ending| ending == extension)
        })
    }
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let listing = git.current_dir(root).output().ok()?;
    if !listing.status.success() {
        return None;
    }
    let names = String::from_utf8(listing.stdout).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

fn walked(root: &Path) -> Result<Vec<String>, TreeError> {
    let mut paths = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let full = root.join(&folder);
        let failed = |source| TreeError { path: full.clone(), source };
        for entry in fs::read_dir(&full).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let path = folder.join(&name);
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() && !FOREIGN.iter().any(|foreign| name == *foreign) {
                folders.push(path);
            } else if kind.is_file() {
                paths.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Tree;

    #[test]
    fn a_folder_without_git_is_walked_and_foreign_folders_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["src/a.rs", "target/b.rs", "node_modules/c.js"] {
            let full = folder.path().join(path);
            fs::create_dir_all(full.parent().unwrap()).unwrap();
            fs::write(full, "text").unwrap();
        }
        fs::write(folder.path().join("picture.png"), [0xff, 0xfe, 0x00]).unwrap();
        let tree = Tree::read(folder.path()).unwrap();
        assert_eq!(tree.files().collect::<Vec<_>>(), [("src/a.rs", "text")]);
    }

    #[test]
    fn a_path_is_there_as_a_file_or_as_a_folder() {
        let tree = Tree::of(&[("crates/link-x/a.rs", ""), ("crates/link/src/a.rs", "")]);
        for there in ["crates", "crates/link", "crates/link/", "crates/link/src/a.rs"] {
            assert!(tree.has(there), "{there}");
        }
        for missing in ["crates/lin", "crates/link/src/b.rs", "crate"] {
            assert!(!tree.has(missing), "{missing}");
        }
    }
}
