//! The rules about the keys of the internal port: that there is one, and that each can be used.

use std::collections::BTreeSet;

use super::{Config, NAME_BYTES_MAX, Path, Rules, SEGMENT, is_segment, key, path};
use crate::config::keys::KEY_BYTES_MAX;
use crate::config::settings::InternalKeySettings;

const KEY_BYTES_MIN: usize = 16;
const KEYS_MAX: usize = 100;

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let internal = &config.internal;
    if internal.key.is_some() || internal.keys.is_empty() {
        key(rules, config.dev, "internal.key", internal.key.as_ref(), KEY_BYTES_MIN);
    }
    if internal.keys.len() > KEYS_MAX {
        let wrong = format!("there are {} keys", internal.keys.len());
        rules.broken(&[path("internal.keys")], wrong, format!("keep {KEYS_MAX} at most"));
    }
    let mut names = BTreeSet::new();
    for (index, one) in internal.keys.iter().enumerate() {
        let at = |field: &str| path(&format!("internal.keys.{index}.{field}"));
        let name = &one.name;
        if !is_segment(name) || name.len() > NAME_BYTES_MAX {
            let wrong = format!("{name:?} is not a name of 1 to {NAME_BYTES_MAX} {SEGMENT}");
            rules.broken(&[at("name")], wrong, "leave out everything else");
        } else if !names.insert(name) {
            let mend = "give each key a name of its own";
            rules.broken(&[at("name")], format!("an earlier key is called {name}"), mend);
        }
        if one.roles.is_empty() {
            let mend = "list some of publish, read and operate";
            rules.broken(&[at("roles")], "a key without roles permits nothing", mend);
        }
        material(rules, one, at);
    }
}

fn material(rules: &mut Rules<'_>, one: &InternalKeySettings, at: impl Fn(&str) -> Path) {
    let given =
        [one.key.is_some() && one.key_file.is_none(), one.key_file.is_some(), one.sha256.is_some()];
    if given.into_iter().filter(|is_given| *is_given).count() != 1 {
        let wrong = "it needs one of `key`, `key_file` and `sha256`";
        rules.broken(&[at("name"), at("key_file")], wrong, "keep or add one of the three");
        return;
    }
    match (&one.key, &one.sha256) {
        (Some(key), _) => {
            let bytes = key.expose().len();
            if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes) {
                let field = if one.key_file.is_some() { "key_file" } else { "key" };
                let mend = format!("make one of {KEY_BYTES_MIN} to {KEY_BYTES_MAX}");
                rules.broken(&[at(field)], format!("the key has {bytes} bytes"), mend);
            }
        }
        (None, Some(_)) if one.digest().is_none() => {
            let mend = "write 64 hexadecimal digits: `printf %s KEY | sha256sum`";
            rules.broken(&[at("sha256")], "this is not a SHA-256", mend);
        }
        (None, _) => {}
    }
}
