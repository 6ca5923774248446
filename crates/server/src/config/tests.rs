//! The configuration as an operator meets it: layers, mistakes and rules.

mod layers;
mod mistakes;
mod rules;

use std::path::Path;

use super::{Config, ConfigError, Overrides};

const INTERNAL_KEY: &str = "an internal key!";
const HS256_KEY: &str = "a key of thirty-two bytes or more";

/// The settings that every configuration outside of `dev` needs.
fn keys() -> Vec<(String, String)> {
    pairs(&[("STEADFAST_INTERNAL__KEY", INTERNAL_KEY), ("STEADFAST_AUTH__HS256_KEY", HS256_KEY)])
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Loads a file and variables, with the keys.
fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load_with(text, env, &Overrides::default())
}

fn load_with(text: &str, env: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigError> {
    let env = keys().into_iter().chain(pairs(env));
    Config::load(Some((Path::new("steadfast.toml"), text)), env, flags)
}

/// The mistakes, one text each.
fn mistakes(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    said(load(text, env))
}

fn said(result: Result<Config, ConfigError>) -> Vec<String> {
    let mistakes = result.map_or_else(|error| error.mistakes, |_| Vec::new());
    mistakes.iter().map(ToString::to_string).collect()
}
