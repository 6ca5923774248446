//! The names of all metrics, as `docs/metrics.md` has them: dashboards and alerts of operators, and
//! those of `deploy/`, rely on them. `UPDATE=1` writes the table anew; see the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::keys::Issuer;
use crate::log::Store as NatsStore;
use crate::raw::Raw;
use crate::server::Server;
use crate::store::Store as RedisStore;
use crate::tokens::{guarded, made};

const BEGIN: &str = "<!-- begin: written by a test -->\n";
const END: &str = "<!-- end -->";

/// A row of the table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    /// The nodes that have it, of the four.
    nodes: BTreeSet<&'static str>,
}

type Table = BTreeMap<String, Row>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Adds the metrics of a scrape.
fn add(table: &mut Table, node: &'static str, text: &str) {
    let mut helps = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            helps.insert(name.to_owned(), help.trim_end_matches('.').to_owned());
        } else if let Some((name, kind)) =
            line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' '))
        {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            family = format!("{name}{suffix}");
            let row = table.entry(family.clone()).or_default();
            kind.clone_into(&mut row.kind);
            row.help.clone_from(&helps[name]);
            row.nodes.insert(node);
        } else if let Some((_, rest)) = line.split_once('{') {
            let labels = rest.split_once('}').unwrap().0;
            // No label of ours has a comma in its value.
            let names = labels.split(',').map(|label| label.split_once('=').unwrap().0);
            let row = table.get_mut(&family).unwrap();
            row.labels.extend(names.filter(|name| *name != "le").map(str::to_owned));
        }
    }
}

fn markdown(table: &Table) -> String {
    let mut text = concat!(
        "| metric | kind | labels | what it says | where |\n",
        "| --- | --- | --- | --- | --- |\n"
    )
    .to_owned();
    for (name, Row { kind, help, labels, nodes }) in table {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let nodes: Vec<&str> = nodes.iter().copied().collect();
        let nodes = if nodes.len() == 4 { "all".to_owned() } else { nodes.join(", ") };
        let labels = labels.join(" ");
        writeln!(text, "| `{name}` | {kind} | {labels} | {help} | {nodes} |").unwrap();
    }
    text
}

/// The words of a text that are names of metrics.
fn names_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("steadfast_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn every_metric_is_in_the_document_and_what_is_delivered_uses_no_other() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    issuer.has(&["rsa"]);
    let url = format!("http://{}/", issuer.address);
    let mut memory = guarded(&[("AUTH__JWKS__URL", &url)]).await;
    memory.process.err.with("have changed").await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let mut raw = Raw::open(&memory).await;
    let hello = json!({"type": "hello", "link": "link-0001", "generation": 1, "token": token});
    raw.says(&hello).await;
    raw.expect("welcome").await;
    let stats = json!({"availability": 99.5, "realtime_availability": 75, "grade": "good"});
    raw.says(&json!({"type": "heartbeat", "stats": stats})).await;
    raw.expect("heartbeat_ack").await;
    let mut other = Raw::open(&memory).await;
    other.says(&json!({"type": "hello", "link": "link-0002", "generation": 0})).await;
    other.closed().await;
    memory.publishes("demo:1", 1).await;
    let disk = Server::start(&["--dev", "--data-dir", folder.path().to_str().unwrap()], &[]).await;
    let (redis, nats) = (RedisStore::start().await, NatsStore::start().await);
    let (redis, nats) = (redis.node("one").await, nats.node("one").await);

    let mut table = Table::new();
    for (name, node) in [("memory", &memory), ("disk", &disk), ("redis", &redis), ("nats", &nats)] {
        add(&mut table, name, &node.looks("/metrics").await.text);
    }
    let text = memory.looks("/metrics").await.text;
    for line in [
        "steadfast_links_availability_ratio 0.995",
        "steadfast_links_realtime_availability_ratio 0.75",
        "steadfast_links_by_quality{grade=\"good\"} 1",
        "steadfast_sessions{transport=\"websocket\"} 1",
        "steadfast_publish_seconds_count 1",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }

    let path = root().join("docs/metrics.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (rows, after) = rest.split_once(END).unwrap();
    let expected = markdown(&table);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    } else {
        assert_eq!(rows, expected, "UPDATE=1 writes docs/metrics.md anew");
    }

    let suffixes = ["", "_bucket", "_sum", "_count"];
    let known = |name: &&str| {
        suffixes.iter().any(|end| name.strip_suffix(end).is_some_and(|one| table.contains_key(one)))
    };
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/steadfast.json"] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let names = names_in(&text);
        let unknown: Vec<&&str> = names.iter().filter(|name| !known(name)).collect();
        assert!(names.len() >= 8 && unknown.is_empty(), "{file}: {unknown:?}");
    }
    let dashboard = fs::read_to_string(root().join("deploy/grafana/steadfast.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 8);
}
