//! The settings of a node: from `steadfast.toml`, `STEADFAST_*` variables and flags, where a later
//! one overrides an earlier one. In: the text of the file, the variables, the flags. Out: checked
//! settings, or all mistakes at once, each with its place and how to correct it. Reads no files but
//! key files, and does not know what the settings do.

mod auth_settings;
mod check;
mod compression;
mod differences;
mod env;
mod error;
mod file;
mod keys;
mod limits;
mod print;
mod read;
mod settings;
mod tree;

use std::path::{Path, PathBuf};

pub use auth_settings::{AuthSettings, JwksSettings, TokenKeySettings};
pub use compression::CompressionSettings;
pub use env::{OTHER_VARIABLES, Overrides};
pub use error::{ConfigError, Mistake};
pub(crate) use keys::{is_open_to_all, without_line_end};
pub use limits::{Drain, Heartbeat, Limits, NamespaceOptions, NamespacePart};
pub use settings::{
    BackendRole, ClientAddressSource, ClientCertificates, Config, InternalKeySettings,
    InternalSettings, NodeSettings, PublicSettings, Route, RouteStart,
};
pub use steadfast_broker::{BrokerKind, BrokerSettings, NatsSettings, RedisSettings, Secret};
pub use tree::Source;

use tree::Tree;

/// A commented `steadfast.toml` with every setting at its default.
pub const EXAMPLE: &str = include_str!("config/example.toml");

impl Config {
    /// Merges the layers and checks the result. `file` is the name and text of the configuration
    /// file. Relative names of files and directories in it start from its folder.
    pub fn load<E>(
        file: Option<(&Path, &str)>,
        env: E,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let mut tree = Tree::default();
        let mut mistakes = Vec::new();
        if let Some((path, text)) = file {
            file::add(&mut tree, path, text, &mut mistakes);
        }
        let file_is_readable = mistakes.is_empty();
        env::add_variables(&mut tree, env, &mut mistakes);
        env::add_flags(&mut tree, overrides);

        let (mut config, mut faulty) = read::config(&mut tree, &mut mistakes);
        let folder = file.and_then(|(path, _)| path.parent());
        keys::read(&mut config, &tree, folder, &mut faulty, &mut mistakes);
        if let (Some(folder), Some(dir)) = (folder, &mut config.broker.data_dir)
            && matches!(tree.source(&["broker".into(), "data_dir".into()]), Source::File { .. })
        {
            *dir = folder.join(&dir);
        }
        // If the file cannot be read, settings that depend on each other would be reported wrongly.
        if file_is_readable {
            mistakes.extend(check::mistakes(&config, &tree, &faulty));
        }
        ConfigError::unless_empty(mistakes).map_or(Ok(config), Err)
    }

    /// Checks settings that were made in code, by the rules of `load`.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mistakes = check::mistakes(self, &Tree::default(), &[]);
        ConfigError::unless_empty(mistakes).map_or(Ok(()), Err)
    }

    /// Where revocations are kept over a restart, if anywhere.
    pub(crate) fn revocations_file(&self) -> Option<PathBuf> {
        let is_on_disk = self.broker.kind(self.dev) == BrokerKind::Disk;
        let beside = self.broker.data_dir.as_ref().filter(|_| is_on_disk);
        let named = self.auth.revocations_file.clone();
        named.or_else(|| beside.map(|folder| folder.join("revocations.jsonl")))
    }

    /// What is allowed and yet worth a word to an operator.
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    /// The options of the namespace `name`: its own, or else those of all others.
    pub fn namespace(&self, name: &str) -> NamespaceOptions {
        let common = self.namespace_default;
        self.namespaces.get(name).map_or(common, |part| part.over(common))
    }
}

#[cfg(test)]
mod tests;
