//! Peers are installed into the build folder, by their own tools, in pinned versions. In: sources.
//! Out: something that can be started, or why not, for the table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::Places;

/// Where Debian puts the module.
const MODULE: &str = "usr/lib/nginx/modules/ngx_nchan_module.so";
/// Where it puts the server.
const NGINX: &str = "usr/sbin/nginx";

/// The packages of Node, from their lock file.
pub(super) fn node(places: &Places) -> anyhow::Result<()> {
    let (from, to) = (places.sources.join("node"), places.build.join("node"));
    copy(&from, &to)?;
    let (lock, done) = (to.join("package-lock.json"), to.join("node_modules/.locked"));
    if fs::read(&done).ok() == Some(fs::read(&lock)?) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    run(npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(&to))?;
    fs::copy(lock, done)?;
    Ok(())
}

/// The packages of Python, in an environment of their own.
pub(super) fn python(places: &Places) -> anyhow::Result<()> {
    let (to, list) = (places.build.join("python"), places.sources.join("python/requirements.txt"));
    let done = to.join("requirements.txt");
    if fs::read(&done).ok() == Some(fs::read(&list)?) {
        return Ok(());
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&to))?;
    let mut pip = Command::new(to.join("bin/python"));
    run(pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&list))?;
    fs::copy(list, done)?;
    Ok(())
}

/// A package of its own, with its own lock file.
pub(super) fn axum(places: &Places) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    cargo.arg(places.sources.join("axum/Cargo.toml"));
    run(cargo.arg("--target-dir").arg(places.build.join("axum")))
}

/// nginx and its module: those of the system, or from Debian's packages, unpacked.
pub(super) fn nchan(places: &Places) -> anyhow::Result<()> {
    let folder = places.build.join("nchan");
    fs::create_dir_all(folder.join("logs"))?;
    if nginx(places).is_some() {
        return Ok(());
    }
    let packages = ["nginx", "libnginx-mod-nchan"];
    let mut apt = Command::new("apt-get");
    run(apt.arg("download").args(packages).current_dir(&folder))
        .context("Debian's packages nginx and libnginx-mod-nchan cannot be had")?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "deb") {
            run(Command::new("dpkg").arg("-x").arg(&path).arg(&folder))?;
        }
    }
    nginx(places).map(drop).context("the packages do not hold what they should")
}

/// nginx and the module, both of one place so that they fit.
pub(super) fn nginx(places: &Places) -> Option<(PathBuf, PathBuf)> {
    [places.build.join("nchan"), PathBuf::from("/")]
        .into_iter()
        .map(|root| (root.join(NGINX), root.join(MODULE)))
        .find(|(program, module)| program.is_file() && module.is_file())
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let files = fs::read_dir(from).with_context(|| format!("{} is not there", from.display()))?;
    for file in files {
        let file = file?;
        if file.file_type()?.is_file() {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// Runs a command to its end; what it said, where it failed.
fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{name} cannot be run"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        bail!("{name} fails: {last}");
    }
    Ok(())
}
