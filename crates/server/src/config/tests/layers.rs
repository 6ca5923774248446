//! How the file, variables and flags are merged.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{HS256_KEY, INTERNAL_KEY, load, load_with, mistakes, said};
use crate::config::{
    BrokerKind, Config, EXAMPLE, NamespaceOptions, Overrides, Route, RouteStart, Secret,
};

fn with_keys() -> Config {
    let mut config = Config::default();
    config.internal.key = Some(Secret::new(INTERNAL_KEY));
    config.auth.hs256_key = Some(Secret::new(HS256_KEY));
    config
}

#[test]
fn the_example_has_every_setting_at_its_default() {
    assert_eq!(load(EXAMPLE, &[]).unwrap(), with_keys());
    assert_eq!(load("", &[]).unwrap(), with_keys());
    let config = Config::load(None, super::keys(), &Overrides::default()).unwrap();
    assert_eq!(config, with_keys());
}

/// The sections that have settings.
pub(super) const SECTIONS: [&str; 14] = [
    "",
    "node",
    "public",
    "internal",
    "auth",
    "auth.jwks",
    "broker",
    "broker.redis",
    "broker.nats",
    "limits",
    "compression",
    "heartbeat",
    "drain",
    "namespace_default",
];

/// The known settings of a section as serde has them: from the error for an unknown one.
pub(super) fn known_in(section: &str) -> Vec<String> {
    let header = if section.is_empty() { String::new() } else { format!("[{section}]\n") };
    let error = load(&format!("{header}quixotically-named = 1"), &[]).unwrap_err();
    let known = error.mistakes[0].mend.strip_prefix("known here: ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_example_names_every_setting() {
    for section in SECTIONS {
        for key in known_in(section) {
            let is_named = EXAMPLE.lines().any(|line| {
                let line = line.trim_start_matches("# ");
                line.starts_with(&format!("{key} = "))
                    || line.starts_with(&format!("[{key}"))
                    || line == format!("[{section}.{key}]")
                    || line.starts_with(&format!("[[{key}"))
                    || line == format!("[[{section}.{key}]]")
            });
            assert!(is_named, "{section}.{key}");
        }
    }
}

#[test]
fn a_variable_wins_over_the_file_and_a_flag_over_both() {
    let file = "[node]\nname = 'file'\nregion = 'file'\n[public]\nlisten = '127.0.0.1:1'";
    let env = [("STEADFAST_NODE__NAME", "env"), ("STEADFAST_PUBLIC__LISTEN", "127.0.0.1:2")];
    let flags = Overrides {
        public_listen: Some("127.0.0.1:3".into()),
        internal_listen: Some("[::1]:4".into()),
        node_name: None,
        data_dir: None,
        dev: true,
    };
    let config = load_with(file, &env, &flags).unwrap();
    assert_eq!((config.node.name.as_str(), config.node.region.as_str()), ("env", "file"));
    assert_eq!(config.public.listen, "127.0.0.1:3".parse().unwrap());
    assert_eq!(config.internal.listen, "[::1]:4".parse().unwrap());
    assert!(config.dev);
    let config = load(file, &env).unwrap();
    assert_eq!(config.public.listen, "127.0.0.1:2".parse().unwrap());
    assert!(!config.dev);
    let flags = Overrides { node_name: Some("flag".into()), ..Overrides::default() };
    assert_eq!(load_with(file, &env, &flags).unwrap().node.name, "flag");
}

#[test]
fn a_variable_is_text_a_number_a_choice_or_a_list_as_its_setting_needs() {
    let env = [
        ("STEADFAST_NODE", "123"),
        ("STEADFAST_REGION", "true"),
        ("STEADFAST_DEV", "1"),
        ("STEADFAST_CRASH_WINDOW_MS", " 7 "),
        ("STEADFAST_PUBLIC__ACCEPT_BACKLOG", "9"),
        ("STEADFAST_PUBLIC__ALLOWED_ORIGINS", "https://a.example, https://b.example,"),
        ("STEADFAST_NAMESPACES__DIAGNOSIS__HISTORY_EVENTS_MAX", "5"),
        ("STEADFAST_ROUTES", "[{ path = '/x/{id}', namespace = 'x', start = 'start' }]"),
        ("STEADFAST_HEARTBEAT", "{ ping_interval_ms = 15000 }"),
    ];
    let config = load("", &env).unwrap();
    assert_eq!((config.node.name.as_str(), config.node.region.as_str()), ("123", "true"));
    assert_eq!((config.dev, config.crash_window_ms), (true, 7));
    assert_eq!(config.public.accept_backlog, 9);
    assert_eq!(config.public.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.namespace("diagnosis").history_events_max, 5);
    let route = Route { path: "/x/{id}".into(), namespace: "x".into(), start: RouteStart::Start };
    assert_eq!(config.routes, [route]);
    assert_eq!(config.heartbeat.ping_interval_ms, 15_000);
    let origins = [("STEADFAST_PUBLIC__ALLOWED_ORIGINS", "['https://a.example']")];
    assert_eq!(load("", &origins).unwrap().public.allowed_origins, ["https://a.example"]);
}

#[test]
fn a_variable_adds_to_a_section_of_the_file() {
    let file = "[limits]\nchannels_max = 7\n[namespaces.a]\nhistory_age_ms = 5000";
    let env = [
        ("STEADFAST_LIMITS__QUEUE_MESSAGES_MAX", "64"),
        ("STEADFAST_NAMESPACES__A__HISTORY_EVENTS_MAX", "3"),
    ];
    let config = load(file, &env).unwrap();
    assert_eq!((config.limits.channels_max, config.limits.queue_messages_max), (7, 64));
    let options = config.namespace("a");
    assert_eq!((options.history_age_ms, options.history_events_max), (5000, 3));
}

#[test]
fn a_namespace_has_its_own_options_and_else_those_of_all() {
    let file = "namespaces.a.history_events_max = 5\nnamespace_default.history_age_ms = 2000";
    let config = load(file, &[]).unwrap();
    let common = NamespaceOptions { history_age_ms: 2000, ..NamespaceOptions::default() };
    assert_eq!(config.namespace("b"), common);
    assert_eq!(config.namespace("a"), NamespaceOptions { history_events_max: 5, ..common });
}

#[test]
fn variables_of_others_are_left_alone() {
    let env = [
        ("PATH", "/bin"),
        ("STEADFASTNESS", "1"),
        ("STEADFAST_SERVER", "http://127.0.0.1:8081"),
        ("STEADFAST_TOKEN", "x"),
        ("STEADFAST_KEY", "x"),
        ("STEADFAST_LOG", "debug"),
        ("STEADFAST_CONFIG", "/etc/steadfast.toml"),
        ("STEADFAST_SERVICE_HOST", "10.0.0.1"),
        ("STEADFAST_SERVICE_PORT", "8080"),
        ("STEADFAST_SERVICE_PORT_PUBLIC", "8080"),
        ("STEADFAST_INTERNAL_SERVICE_HOST", "10.0.0.1"),
        ("STEADFAST_PORT", "tcp://10.0.0.1:8080"),
        ("STEADFAST_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("STEADFAST_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ];
    assert_eq!(load("", &env).unwrap(), with_keys());
    for name in ["STEADFAST_PORTS", "STEADFAST_PUBLIC__PORT", "STEADFAST_SERVICES"] {
        assert_eq!(mistakes("", &[(name, "1")]).len(), 1, "{name}");
    }
}

#[test]
fn routes_of_the_file_take_the_place_of_the_usual_one() {
    assert_eq!(load("routes = []", &[]).unwrap().routes, []);
    let one = "[[routes]]\npath = '/ws/{job}/live'\nnamespace = 'jobs'";
    let routes = load(one, &[]).unwrap().routes;
    assert_eq!((routes.len(), routes[0].start), (1, RouteStart::Now));
}

#[test]
fn keys_are_read_from_files_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("internal"), format!("{INTERNAL_KEY}\r\n")).unwrap();
    let binary: Vec<u8> = (0..31_u8).map(|n| n | 0x80).chain([b'\n']).collect();
    std::fs::write(folder.path().join("hs256"), &binary).unwrap();
    let path = folder.path().join("steadfast.toml");
    let text = "[internal]\nkey_file = 'internal'\n[auth]\nhs256_key_file = 'hs256'";

    let none = Overrides::default();
    let config = Config::load(Some((&path, text)), [], &none).unwrap();
    assert_eq!(config.internal.key, Some(Secret::new(INTERNAL_KEY)));
    assert_eq!(config.auth.hs256_key, Some(Secret::new(binary)));

    // A key of an upper layer is used, and the file is not read.
    let other = text.replace("'internal'", "'absent'");
    let env = super::pairs(&[("STEADFAST_INTERNAL__KEY", "another internal key")]);
    let config = Config::load(Some((&path, &other)), env, &none).unwrap();
    assert_eq!(config.internal.key, Some(Secret::new("another internal key")));
}

#[test]
fn a_key_file_that_is_of_no_use_is_one_mistake() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("short"), "fifteen bytes..\n").unwrap();
    std::fs::write(folder.path().join("long"), [b'k'; 4097]).unwrap();
    std::fs::write(folder.path().join("longest"), [b'k'; 4096]).unwrap();
    let path = folder.path().join("steadfast.toml");
    let auth = super::pairs(&[("STEADFAST_AUTH__HS256_KEY", HS256_KEY)]);
    let with = |text: &str| {
        said(Config::load(Some((Path::new(&path), text)), auth.clone(), &Overrides::default()))
    };
    let table = [
        ("[internal]\nkey_file = 'absent'", "cannot be read"),
        ("[internal]\nkey_file = 'long'", "longer than 4096 bytes"),
        ("[internal]\nkey_file = 'short'", "the key has 15 bytes"),
        ("[internal]\nkey_file = 'longest'\nkey = 'twenty bytes of key.'", "is set as well"),
    ];
    for (text, wrong) in table {
        let said = with(text);
        assert!(said.len() == 1 && said[0].contains(wrong), "{said:?}");
        assert!(said[0].contains("steadfast.toml:2: `internal.key_file`"), "{said:?}");
    }
    assert_eq!(with("[internal]\nkey_file = 'longest'"), Vec::<String>::new());
}

#[test]
fn one_key_for_two_uses_and_a_file_for_everybody_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, HS256_KEY).unwrap();
    std::fs::write(folder.path().join("other"), INTERNAL_KEY).unwrap();
    let path = folder.path().join("steadfast.toml");
    let with = |internal: &str| {
        let text = format!("[internal]\nkey_file = '{internal}'\n[auth]\nhs256_key_file = 'key'");
        said(Config::load(Some((Path::new(&path), &text)), [], &Overrides::default()))
    };
    assert_eq!(with("other"), Vec::<String>::new());
    let twice = with("key");
    assert!(twice.len() == 1 && twice[0].contains("signs tokens too"), "{twice:?}");
    assert!(twice[0].contains("steadfast.toml:2: `internal.key_file`"), "{twice:?}");
    for (mode, is_refused) in [(0o600, false), (0o644, false), (0o646, true), (0o777, true)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let said = with("other");
        assert_eq!(!said.is_empty(), is_refused, "{mode:o}: {said:?}");
        assert!(said.iter().all(|text| text.contains("chmod o-w")), "{said:?}");
    }
}

#[test]
fn a_directory_means_the_disk_broker_but_for_dev() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steadfast.toml");
    let with = |text: &str, env: &[(&str, &str)], flags: &Overrides| {
        let env = super::keys().into_iter().chain(super::pairs(env));
        Config::load(Some((&path, text)), env, flags).unwrap()
    };
    let kind = |config: &Config| config.broker.kind(config.dev);
    let none = Overrides::default();
    let config = with("broker.data_dir = 'data'", &[], &none);
    assert_eq!(kind(&config), BrokerKind::Disk);
    assert_eq!(config.broker.data_dir, Some(folder.path().join("data")));
    assert_eq!(kind(&with("dev = true\nbroker.data_dir = 'data'", &[], &none)), BrokerKind::Memory);
    let text = "[broker]\nkind = 'memory'\ndata_dir = 'data'";
    assert_eq!(kind(&with(text, &[], &none)), BrokerKind::Memory);
    assert_eq!(kind(&with("", &[], &none)), BrokerKind::Memory);
    let config = with("", &[("STEADFAST_DATA_DIR", "there")], &none);
    assert_eq!(kind(&config), BrokerKind::Disk);
    assert_eq!(config.broker.data_dir, Some("there".into()));
    let flags = Overrides { data_dir: Some("here".into()), dev: true, ..Overrides::default() };
    let config = with(text, &[], &flags);
    assert_eq!((kind(&config), config.broker.data_dir), (BrokerKind::Disk, Some("here".into())));
}
