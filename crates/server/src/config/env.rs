//! The layers above the file: `STEADFAST_*` variables, and above them the flags.
//!
//! In: pairs of name and text, and flags. Out: values in the tree. `STEADFAST_LIMITS__CHANNELS_MAX`
//! is `limits.channels_max`: two underscores between levels, all in lower case. A list is written
//! with commas, or in TOML.

use std::collections::BTreeMap;

use super::error::{Mistake, dotted};
use super::tree::{Path, Source, Tree};

/// Variables of the commands, which are not settings: the file's name, the key for the internal
/// port, the log filter, the server's address, a token.
pub const OTHER_VARIABLES: &[&str] =
    &["STEADFAST_CONFIG", "STEADFAST_KEY", "STEADFAST_LOG", "STEADFAST_SERVER", "STEADFAST_TOKEN"];

const PREFIX: &str = "STEADFAST_";
/// Short names, and what they stand for.
const SHORT: &[(&str, [&str; 2])] = &[
    ("DATA_DIR", ["broker", "data_dir"]),
    ("NODE", ["node", "name"]),
    ("REGION", ["node", "region"]),
];
/// No setting has more levels, so a longer name is a mistake.
const LEVELS_MAX: usize = 4;

/// The flags of `steadfast serve`, as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`: the address for clients.
    pub public_listen: Option<String>,
    /// `--internal`: the address for backends and operators.
    pub internal_listen: Option<String>,
    /// `--node`: the node's name.
    pub node_name: Option<String>,
    /// `--data-dir`: the directory of the disk broker. The flag chooses that broker too.
    pub data_dir: Option<String>,
    /// `--dev`: development mode. `false` leaves the setting as it is.
    pub dev: bool,
}

/// Adds the variables whose names begin with `STEADFAST_`; all others are ignored.
pub(super) fn add_variables<E>(tree: &mut Tree, env: E, mistakes: &mut Vec<Mistake>)
where
    E: IntoIterator<Item = (String, String)>,
{
    // In order, so that a plain value comes before the section that it conflicts with.
    let ours: BTreeMap<String, String> =
        env.into_iter().filter(|(name, _)| is_ours(name)).collect();
    for (name, text) in ours {
        let path = path_of(&name);
        let source = Source::Variable(name);
        if let Err(other) = tree.set(&path, source.clone(), &text) {
            mistakes.push(Mistake {
                source,
                setting: dotted(&path),
                wrong: format!("a section is needed above it, and {other} has a plain value there"),
                mend: "take one of the two away".into(),
            });
        }
    }
}

/// Adds the flags that were given.
pub(super) fn add_flags(tree: &mut Tree, flags: &Overrides) {
    let dev = flags.dev.then(|| "true".to_owned());
    let disk = flags.data_dir.is_some().then(|| "disk".to_owned());
    let given = [
        ("--listen", &["public", "listen"][..], &flags.public_listen),
        ("--internal", &["internal", "listen"], &flags.internal_listen),
        ("--node", &["node", "name"], &flags.node_name),
        ("--dev", &["dev"], &dev),
        ("--data-dir", &["broker", "data_dir"], &flags.data_dir),
        ("--data-dir", &["broker", "kind"], &disk),
    ];
    for (flag, path, text) in given {
        let Some(text) = text else { continue };
        let path: Path = path.iter().map(ToString::to_string).collect();
        // A plain value in place of the section is reported by itself.
        let _ = tree.set(&path, Source::Flag(flag), text);
    }
}

/// The variable that sets the value at `path`.
pub(super) fn variable_of(path: &[String]) -> String {
    format!("{PREFIX}{}", path.join("__").to_ascii_uppercase())
}

/// The levels of a variable's name.
pub(super) fn levels_of(name: &str) -> Vec<&str> {
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    rest.splitn(LEVELS_MAX, "__").collect()
}

fn path_of(name: &str) -> Path {
    let levels = levels_of(name);
    match SHORT.iter().find(|(short, _)| levels == [*short]) {
        Some((_, path)) => path.map(str::to_owned).into(),
        None => levels.iter().map(|level| level.to_ascii_lowercase()).collect(),
    }
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| !is_service_link(rest))
        && !OTHER_VARIABLES.contains(&name)
}

/// Kubernetes gives every pod variables for each service, and a service is easily called
/// `steadfast`: `STEADFAST_SERVICE_HOST`, `STEADFAST_PORT`, `STEADFAST_PORT_8080_TCP_ADDR`.
fn is_service_link(rest: &str) -> bool {
    let port = rest.split("PORT").nth(1);
    let is_port = port.is_some_and(|after| {
        let digits = after.strip_prefix('_').unwrap_or_default();
        after.is_empty() || digits.starts_with(|c: char| c.is_ascii_digit())
    });
    let is_service = rest.contains("SERVICE_HOST") || rest.contains("SERVICE_PORT");
    !rest.contains("__") && (is_port || is_service)
}
