//! The rules for the directory of the disk broker: that there is one, and that it can be used; and
//! for the file of revocations.
//!
//! In: settings, and the directories as they are. Out: broken rules. It creates and changes
//! nothing.

use std::path::Path;

use rustix::fs::{Access, access};

use super::{Rules, path, variable_of};
use crate::config::settings::Config;
use steadfast_broker::BrokerKind;

const MEND: &str = "name a directory that this user may write to, or make it one";

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    revocations(rules, config);
    let (kind, dir) = (path("broker.kind"), path("broker.data_dir"));
    if config.broker.kind(config.dev) != BrokerKind::Disk {
        return;
    }
    match &config.broker.data_dir {
        None => {
            let mend = format!(
                "set `broker.data_dir`, {} or --data-dir to a directory for this node alone",
                variable_of(&dir)
            );
            rules.broken(&[kind, dir], "the disk broker needs a directory", mend);
        }
        Some(place) => {
            if let Some(wrong) = wrong_with(place) {
                rules.broken(&[dir, kind], wrong, MEND);
            }
        }
    }
}

/// A file whose folder is not there would be missed only once there is something to keep.
fn revocations(rules: &mut Rules<'_>, config: &Config) {
    let Some(file) = &config.auth.revocations_file else { return };
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    let wrong = if file.is_dir() {
        format!("{} is a directory", file.display())
    } else if !folder.is_dir() {
        format!("{} is no directory", folder.display())
    } else if let Err(error) = access(folder, Access::WRITE_OK | Access::EXEC_OK) {
        format!("{} cannot be written to: {error}", folder.display())
    } else {
        return;
    };
    let mend = "name a file in a directory that this user may write to";
    rules.broken(&[path("auth.revocations_file")], wrong, mend);
}

/// Why the directory cannot be used. If it does not exist, the nearest parent that does is checked.
fn wrong_with(place: &Path) -> Option<String> {
    if place.as_os_str().is_empty() {
        return Some("this is no directory, but empty".into());
    }
    let mut nearest = place;
    while !nearest.exists() {
        nearest = match nearest.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            Some(_) | None => Path::new("."),
        };
    }
    let made = if nearest == place {
        String::new()
    } else {
        format!("{} is not there, and ", place.display())
    };
    let nearest_name = nearest.display();
    if !nearest.is_dir() {
        return Some(format!("{made}{nearest_name} is not a directory"));
    }
    match access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(error) => Some(format!("{made}{nearest_name} cannot be written to: {error}")),
    }
}
