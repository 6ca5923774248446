//! Who may import whom among our own crates. In: manifests. Out: the imports that would let a
//! pure half see a shell, or one shell the other. Looks at what ships, not at dev-dependencies.

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

/// Our crates, by folder, and which of ours each may import.
pub const MAY_IMPORT: [(&str, &[&str]); 18] = [
    ("machine", &[]),
    ("protocol", &[]),
    ("link", &["machine", "protocol"]),
    ("history", &["machine", "protocol"]),
    ("hub", &["machine", "protocol", "history"]),
    ("broker", &["machine", "protocol", "history"]),
    ("client", &["machine", "protocol", "link", "websocket"]),
    ("websocket", &[]),
    ("server", &["machine", "protocol", "history", "hub", "broker", "websocket"]),
    ("loadgen", &["protocol"]),
    ("compare", &["loadgen"]),
    ("cli", &["protocol", "client", "server", "loadgen"]),
    ("sim", &["machine", "protocol", "link", "history", "hub"]),
    ("icount", &["machine", "protocol", "history", "hub", "websocket"]),
    ("fuzzing", &["machine", "protocol", "history", "hub", "broker", "server", "websocket"]),
    ("archlint", &[]),
    ("hostile", &[]),
    ("chaos", &["machine", "protocol", "history", "broker", "client", "server"]),
];

/// Finds imports that are not in [`MAY_IMPORT`].
pub fn check(tree: &Tree) -> Vec<Finding> {
    manifests(tree).flat_map(|(room, path, text)| bad_imports(room, path, text)).collect()
}

/// Every crate's folder name, manifest path and manifest.
pub(super) fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    tree.files().filter_map(|(path, text)| {
        let inner = path.strip_prefix("crates/").or_else(|| path.strip_prefix("tools/"))?;
        let folder = inner.strip_suffix("/Cargo.toml")?;
        (!folder.contains('/')).then_some((folder, path, text))
    })
}

/// The names of the packages that `manifest` ships with, and the line of each.
pub(super) fn shipped_imports(manifest: &str) -> Vec<(String, usize)> {
    let Ok(table) = manifest.parse::<toml::Table>() else { return Vec::new() };
    let mut imports = imports_of(&table);
    if let Some(toml::Value::Table(targets)) = table.get("target") {
        imports.extend(targets.values().filter_map(toml::Value::as_table).flat_map(imports_of));
    }
    imports.into_iter().map(|(key, package)| (package, line_of(manifest, &key))).collect()
}

fn imports_of(table: &toml::Table) -> Vec<(String, String)> {
    let sections = ["dependencies", "build-dependencies"].into_iter();
    let tables = sections.filter_map(|section| table.get(section)?.as_table());
    let package = |value: &toml::Value| Some(value.get("package")?.as_str()?.to_owned());
    tables
        .flatten()
        .map(|(key, value)| (key.clone(), package(value).unwrap_or_else(|| key.clone())))
        .collect()
}

fn line_of(manifest: &str, key: &str) -> usize {
    let names_it = |line: &str| {
        line.trim_start().trim_matches('[').rsplit("dependencies.").next().is_some_and(|rest| {
            rest.strip_prefix(key).is_some_and(|after| after.starts_with([' ', '.', '=', ']']))
        })
    };
    manifest.lines().position(names_it).map_or(1, |index| index + 1)
}

fn bad_imports(room: &str, path: &str, manifest: &str) -> Vec<Finding> {
    let Some((_, may)) = MAY_IMPORT.iter().find(|(name, _)| *name == room) else {
        let message =
            "is in no table of imports; add it to MAY_IMPORT in archlint/src/rules/edges.rs";
        return vec![Finding::new(Rule::Edge, path, 1, message).about(room)];
    };
    let mut findings = Vec::new();
    for (package, line) in shipped_imports(manifest) {
        let Some(imported) = our_folder(&package) else { continue };
        if !may.contains(&imported) {
            let listed = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(", ") };
            let message = format!(
                "{room} imports {imported}, but may import {listed}; \
                 hand the thing in as a value, or move it to a crate both may see"
            );
            findings.push(Finding::new(Rule::Edge, path, line, message).about(imported));
        }
    }
    findings
}

/// The folder of one of our packages; nothing for a package of somebody else.
pub(super) fn our_folder(package: &str) -> Option<&str> {
    if package == "steadfast" { Some("cli") } else { package.strip_prefix("steadfast-") }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn bad(room: &str, manifest: &str) -> Vec<(usize, String)> {
        let path = format!("crates/{room}/Cargo.toml");
        let findings = check(&Tree::of(&[(&path, manifest)]));
        findings.into_iter().map(|found| (found.line, found.subject)).collect()
    }

    fn import(package: &str) -> String {
        format!("[package]\nname = \"x\"\n\n[dependencies]\n{package}.workspace = true\n")
    }

    #[test]
    fn a_pure_half_sees_neither_shell_nor_its_twin() {
        for package in ["steadfast-hub", "steadfast-client", "steadfast-server", "steadfast"] {
            assert_eq!(bad("link", &import(package)).len(), 1, "{package}");
        }
        assert_eq!(bad("link", &import("steadfast-machine")), []);
        assert_eq!(bad("link", &import("tokio")), []);
    }

    #[test]
    fn shells_do_not_see_each_other_and_nobody_sees_the_outermost_crates() {
        assert_eq!(bad("client", &import("steadfast-server")), [(5, "server".to_owned())]);
        assert_eq!(bad("server", &import("steadfast-client")), [(5, "client".to_owned())]);
        assert_eq!(bad("sim", &import("steadfast-server")), [(5, "server".to_owned())]);
        for package in ["steadfast", "steadfast-sim", "steadfast-archlint"] {
            assert_eq!(bad("server", &import(package)).len(), 1, "{package}");
        }
    }

    #[test]
    fn renamed_targeted_and_built_imports_are_seen() {
        let renamed = "[dependencies]\nother = { package = \"steadfast-hub\", path = \"../hub\" }";
        assert_eq!(bad("link", renamed), [(2, "hub".to_owned())]);
        let targeted = "[target.'cfg(unix)'.dependencies]\nsteadfast-hub = \"1\"\n";
        assert_eq!(bad("link", targeted), [(2, "hub".to_owned())]);
        let built = "[build-dependencies]\nsteadfast-hub = \"1\"\n";
        assert_eq!(bad("link", built), [(2, "hub".to_owned())]);
        let section = "[dependencies.steadfast-hub]\npath = \"../hub\"\n";
        assert_eq!(bad("link", section), [(1, "hub".to_owned())]);
    }

    #[test]
    fn dev_dependencies_are_free_and_a_new_crate_must_be_placed() {
        assert_eq!(bad("server", "[dev-dependencies]\nsteadfast-client = \"1\"\n"), []);
        assert_eq!(bad("attic", "[package]\n"), [(1, "attic".to_owned())]);
    }
}
