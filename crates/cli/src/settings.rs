//! The configuration of this machine. In: the flag `--config`, or none. Out: the file that holds,
//! and the settings that come of it, the environment and the flags.

use std::path::{Path, PathBuf};

use anyhow::Context;
use steadfast_server::config::{Config, ConfigError, Overrides};

/// The file that is taken without being named.
pub(crate) const FILE_NAME: &str = "steadfast.toml";
/// The variable that names another one.
const FILE_VARIABLE: &str = "STEADFAST_CONFIG";

/// A configuration file and what is in it.
#[derive(Debug)]
pub(crate) struct File {
    /// Its name.
    pub path: PathBuf,
    text: String,
}

impl File {
    /// The file `named`, or the one `STEADFAST_CONFIG` names, or `steadfast.toml` in this folder;
    /// `None` where nothing is named and nothing is there.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Option<Self>> {
        // An empty variable is how shells and containers leave one unset.
        let variable = std::env::var_os(FILE_VARIABLE).filter(|name| !name.is_empty());
        let variable = variable.map(PathBuf::from);
        let path = match named.map(Path::to_owned).or(variable) {
            Some(path) => path,
            None if Path::new(FILE_NAME).exists() => FILE_NAME.into(),
            None => return Ok(None),
        };
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Some(Self { path, text }))
    }
}

/// The same settings again: of the file that was read at the start, if there was one. One that is
/// gone is a mistake, since its settings would all be the defaults.
pub(crate) fn reload(path: Option<&Path>, flags: &Overrides) -> Result<Config, String> {
    let file = File::find(path).map_err(|error| format!("{error:#}"))?;
    load(file.as_ref(), flags).map_err(|error| error.one_line())
}

/// The settings of `file`, the environment and the flags together.
pub(crate) fn load(file: Option<&File>, flags: &Overrides) -> Result<Config, ConfigError> {
    let file = file.map(|file| (file.path.as_path(), file.text.as_str()));
    // What is not text is none of ours: our variables are all read as text.
    let env = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    Config::load(file, env, flags)
}
