//! Tells the program which commit it is built from. In: `STEADFAST_COMMIT`, for who builds without
//! the repository, or the repository. Out: the version for the compiler, with the commit if one of
//! them says it.

use std::path::Path;
use std::process::Command;

const COMMIT_VARIABLE: &str = "STEADFAST_COMMIT";
/// Git notes there what the working copy stands at, with each commit.
const LOG: &str = "../../.git/logs/HEAD";

fn main() {
    println!("cargo::rerun-if-env-changed={COMMIT_VARIABLE}");
    // A file that is not there would make Cargo run this each time.
    if Path::new(LOG).exists() {
        println!("cargo::rerun-if-changed={LOG}");
    } else {
        println!("cargo::rerun-if-changed=build.rs");
    }
    let given = std::env::var(COMMIT_VARIABLE).ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(of_repository).map(|commit| format!(" ({commit})"));
    let version = env!("CARGO_PKG_VERSION");
    println!("cargo::rustc-env=STEADFAST_VERSION={version}{}", commit.unwrap_or_default());
}

/// The commit and its date. A copy of the sources inside of another repository has none.
fn of_repository() -> Option<String> {
    if !Path::new("../../.git").exists() {
        return None;
    }
    let output = Command::new("git").args(["log", "-1", "--format=%h %cs"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
