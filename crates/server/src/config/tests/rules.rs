//! Values that break a rule: every range at its limits and past them.

use super::layers::{SECTIONS, known_in};
use super::{load, load_with, mistakes, said};
use crate::config::{Config, Overrides, Secret};

#[test]
fn keys_are_needed_unless_dev() {
    let none = Overrides::default();
    let said_without = said(Config::load(None, [], &none));
    assert_eq!(said_without.len(), 2);
    assert!(said_without[0].starts_with("`internal.key`: a key is needed"), "{said_without:?}");
    assert!(said_without[0].contains("STEADFAST_INTERNAL__KEY"));
    assert!(said_without[1].starts_with("`auth.hs256_key`: a key is needed"));
    let dev = Overrides { dev: true, ..none };
    let config = Config::load(None, [], &dev).unwrap();
    assert_eq!((config.internal.key, config.auth.hs256_key), (None, None));
}

#[test]
fn keys_have_a_least_and_a_most_length() {
    for (variable, least) in [("STEADFAST_INTERNAL__KEY", 16), ("STEADFAST_AUTH__HS256_KEY", 32)] {
        let with = |bytes: usize| mistakes("", &[(variable, "k".repeat(bytes).as_str())]);
        assert_eq!(with(least), Vec::<String>::new());
        assert_eq!(with(4096), Vec::<String>::new());
        for bytes in [0, least - 1, 4097] {
            let said = with(bytes);
            assert!(said.len() == 1 && said[0].contains(&format!("has {bytes} bytes")), "{said:?}");
        }
    }
}

/// The mistakes of these lines of `[auth]`, in a file beside the key files.
fn said_of_auth(folder: &std::path::Path, lines: &str) -> Vec<String> {
    let (path, text) = (folder.join("steadfast.toml"), format!("[auth]\n{lines}"));
    let key = ("STEADFAST_INTERNAL__KEY".to_owned(), super::INTERNAL_KEY.to_owned());
    match Config::load(Some((&path, &text)), [key], &Overrides::default()) {
        Ok(_) => Vec::new(),
        Err(error) => error.mistakes.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_key_of_tokens_is_read_and_one_that_cannot_be_used_is_named() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../../auth/token/tests/vectors.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let pem = |key: &str| vectors["keys"][key]["pem"].as_str().unwrap();
    write("rsa.pem", pem("rsa"));
    write("p256.pem", pem("p256"));
    write("secret", &"s".repeat(48));
    write("jwks.json", &serde_json::json!({"keys": [vectors["keys"]["ed"]["jwk"]]}).to_string());
    write("empty.json", r#"{"keys":[]}"#);
    let said = |lines: &str| said_of_auth(folder.path(), lines);
    let none: [String; 0] = [];
    for good in [
        "jwks_file = 'jwks.json'",
        "[[auth.keys]]\nalg = 'RS256'\nkid = 'a'\nfile = 'rsa.pem'",
        "[[auth.keys]]\nalg = 'HS384'\nfile = 'secret'",
        "keys = [{ alg = 'ES256', file = 'p256.pem' }, { alg = 'PS256', file = 'rsa.pem' }]",
        "issuer = 'https://id.example.com/'\naudiences = ['a', 'b']\njwks_file = 'jwks.json'",
        "jwks_file = 'jwks.json'\nrevocations_file = 'r.jsonl'",
        "jwks.url = 'https://id.example.com/jwks.json?v=1'",
        "jwks.url = 'http://127.0.0.1:8082/keys'",
        "jwks.url = 'http://[::1]/keys'",
    ] {
        assert_eq!(said(good), none, "{good}");
    }
    for (bad, wrong) in [
        ("issuer = 'x'", "`auth.hs256_key`: a key is needed"),
        ("jwks_file = 'nowhere.json'", "`auth.jwks_file`: "),
        ("jwks_file = 'empty.json'", "none of its 0 keys"),
        ("jwks_file = 'rsa.pem'", "not a JSON object with a list `keys`"),
        ("keys = [{ alg = 'ES256', file = 'rsa.pem' }]", "`auth.keys.0.file`: the key is not one"),
        ("keys = [{ alg = 'HS256', file = 'rsa.pem' }]", "the secret is a PEM file"),
        ("keys = [{ alg = 'HS512', file = 'secret' }]", "48 bytes; HS512 needs 64"),
        ("keys = [{ alg = 'HS256', secret = '' }]", "`auth.keys.0.secret`: the secret has 0 bytes"),
        ("keys = [{ alg = 'RS256' }]", "neither `secret` nor `file`"),
        ("jwks.url = 'id.example.com'", "`auth.jwks.url`: this is not a URL"),
        ("jwks.url = 'ftp://id.example.com/'", "it is neither https nor http"),
        ("jwks.url = 'http://id.example.com/'", "http is for this machine alone"),
        ("jwks.url = 'https://a:b@id.example.com/'", "it has a user or a password"),
        ("jwks_file = 'jwks.json'\nissuer = ''", "`auth.issuer`: this has 0 bytes"),
        ("jwks_file = 'jwks.json'\naudiences = ['']", "`auth.audiences.0`: this has 0 bytes"),
        ("jwks_file = 'jwks.json'\nrevocations_file = 'no/r.jsonl'", "no is no directory"),
        ("jwks_file = 'jwks.json'\nrevocations_file = '.'", "is a directory"),
    ] {
        let said = said(bad);
        assert!(said.len() == 1 && said[0].contains(wrong), "{bad}: {said:?}");
    }
    assert!(said("keys = [{ alg = 'none', secret = 'x' }]")[0].contains("write one of HS256"));
    let shared = "i".repeat(40);
    let text =
        format!("[internal]\nkey = '{shared}'\n[[auth.keys]]\nalg = 'HS256'\nsecret = '{shared}'");
    let said = super::said(Config::load(Some(("a".as_ref(), &text)), [], &Overrides::default()));
    assert!(said.len() == 1 && said[0].contains("signs tokens too"), "{said:?}");
}

#[test]
fn limits_that_hold_for_nobody_are_warned_of() {
    let text = "dev = true\n[public]\ntrusted_proxies = ['::/0']\n\
        client_address = 'x_forwarded_for'";
    let loaded = Config::load(Some(("a".as_ref(), text)), [], &Overrides::default()).unwrap();
    let said = loaded.warnings();
    assert!(said.len() == 1 && said[0].contains("`public.trusted_proxies` has every"), "{said:?}");
    assert_eq!(Config::default().warnings(), Vec::<String>::new());
}

#[test]
fn a_first_frame_that_is_too_short_for_a_token_is_warned_of() {
    let warnings = |hello: usize| {
        let mut config = Config::default();
        config.limits.hello_bytes_max = Some(hello);
        config.warnings()
    };
    assert_eq!(warnings(9 * 1024), Vec::<String>::new());
    let said = warnings(9 * 1024 - 1);
    assert!(said.len() == 1 && said[0].contains("`limits.hello_bytes_max`"), "{said:?}");
}

#[test]
fn files_of_secrets_that_every_user_may_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("hs256.key");
    std::fs::write(&key, "k".repeat(32)).unwrap();
    let warnings = |mode: u32| {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = key.display();
        let text =
            format!("[internal]\nkey = '{}'\n[auth]\nhs256_key_file = '{file}'", "i".repeat(16));
        let loaded = Config::load(Some(("a".as_ref(), &text)), [], &Overrides::default());
        loaded.unwrap().warnings()
    };
    assert_eq!(warnings(0o600), Vec::<String>::new());
    assert_eq!(warnings(0o640), Vec::<String>::new());
    let said = warnings(0o644);
    assert!(said.len() == 1 && said[0].contains("chmod o-r"), "{said:?}");
}

#[test]
fn keys_of_backends_have_a_name_roles_and_one_key_each() {
    let said = |lines: &str| {
        let text = format!("{lines}\n[auth]\nhs256_key = '{}'", super::HS256_KEY);
        said(Config::load(Some(("a".as_ref(), &text)), [], &Overrides::default()))
    };
    let one = |rest: &str| said(&format!("[[internal.keys]]\nname = 'a'\n{rest}"));
    let (key, hash) = ("key = 'sixteen bytes ok'", "a".repeat(64));
    let none: [String; 0] = [];
    assert_eq!(one(&format!("{key}\nroles = ['publish']\nchannels = ['a:*', 'b']")), none);
    assert_eq!(one(&format!("sha256 = '{hash}'\nroles = ['read', 'operate']")), none);
    for (rest, wrong) in [
        (key.to_owned(), "roles"),
        (format!("{key}\nroles = []"), "permits nothing"),
        (format!("{key}\nroles = ['write']"), "write one of publish, read, operate"),
        ("roles = ['read']".to_owned(), "needs one of"),
        (format!("{key}\nsha256 = '{hash}'\nroles = ['read']"), "needs one of"),
        (format!("sha256 = '{}'\nroles = ['read']", &hash[1..]), "not a SHA-256"),
        (format!("sha256 = '{}g'\nroles = ['read']", &hash[1..]), "not a SHA-256"),
        ("key = 'fifteen bytes..'\nroles = ['read']".to_owned(), "has 15 bytes"),
        ("key_file = 'nowhere'\nroles = ['read']".to_owned(), "cannot be read"),
        (format!("{key}\nkey_file = 'nowhere'\nroles = ['read']"), "set as well"),
        (format!("{key}\nroles = ['read']\nchannels = ['a*']"), "channels"),
        (
            format!(
                "{key}\nroles = ['read']\n[[internal.keys]]\nname = 'a'\n{key}\nroles = ['read']"
            ),
            "an earlier key",
        ),
        (format!("key = '{}'\nroles = ['read']", super::HS256_KEY), "signs tokens too"),
    ] {
        let said = one(&rest);
        assert!(!said.is_empty() && said[0].contains(wrong), "{rest}: {said:?}");
    }
    let many = |count: usize| {
        let one = |n: usize| format!("[[internal.keys]]\nname = 'k{n}'\n{key}\nroles = ['read']\n");
        said(&(0..count).map(one).collect::<String>())
    };
    assert_eq!(many(100), none);
    assert!(many(101)[0].contains("there are 101 keys"));
}

#[test]
fn dev_is_for_loopback_on_both_ports() {
    let dev = Overrides { dev: true, ..Overrides::default() };
    for address in ["127.0.0.1:9000", "127.8.8.8:9000", "[::1]:9000", "[::ffff:127.0.0.1]:9000"] {
        let text = format!("public.listen = '{address}'");
        assert!(load_with(&text, &[], &dev).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:9000", "10.0.0.1:9000", "[::]:9000", "[::ffff:10.0.0.1]:9000"] {
        for section in ["public", "internal"] {
            let text = format!("{section}.listen = '{address}'");
            let said = said(load_with(&text, &[], &dev));
            assert!(said.len() == 1 && said[0].contains("dev opens the node"), "{said:?}");
            assert!(said[0].starts_with(&format!("steadfast.toml:1: `{section}.listen`")));
            assert!(load(&text, &[]).is_ok(), "{address}");
        }
    }
}

#[test]
fn the_two_ports_do_not_meet() {
    let table = [
        ("127.0.0.1:9000", "127.0.0.1:9000", false),
        ("0.0.0.0:9000", "127.0.0.1:9000", false),
        ("127.0.0.1:9000", "[::]:9000", false),
        ("127.0.0.1:9000", "127.0.0.1:9001", true),
        ("127.0.0.1:9000", "10.0.0.1:9000", true),
        ("127.0.0.1:0", "127.0.0.1:0", true),
    ];
    for (public, internal, expected) in table {
        let text = format!("public.listen = '{public}'\ninternal.listen = '{internal}'");
        assert_eq!(load(&text, &[]).is_ok(), expected, "{text}");
    }
}

/// Setting, least, most. Settings that limit others are set along with them.
const RANGES: &[(&str, u64, u64)] = &[
    ("crash_window_ms", 0, 600_000),
    ("public.connections_max", 1, 1_000_000),
    ("public.connections_per_ip_max", 0, 1_000_000),
    ("public.accept_backlog", 1, 65_535),
    ("public.keep_alive_ms", 1000, 3_600_000),
    ("internal.connections_max", 1, 1_000_000),
    ("internal.keep_alive_ms", 1000, 86_400_000),
    ("auth.jwks.refresh_ms", 10_000, 86_400_000),
    ("auth.jwks.pause_ms", 1000, 3_600_000),
    ("auth.jwks.timeout_ms", 100, 60_000),
    ("auth.jwks.wait_ms", 0, 10_000),
    ("auth.jwks.stale_ms_max", 0, 2_592_000_000),
    ("auth.leeway_s", 0, 300),
    ("auth.revocations_max", 1, 1_000_000),
    ("auth.revocation_kept_s", 60, 31_536_000),
    ("broker.hot_bytes_max", 0, 68_719_476_736),
    ("limits.queue_messages_max", 1, 65_536),
    ("limits.payload_depth_max", 1, 127),
    ("limits.channels_per_link_max", 1, 65_536),
    ("limits.handshake_timeout_ms", 100, 120_000),
    ("limits.read_bytes_per_second_min", 0, 1_048_576),
    ("limits.publish_bytes_per_second_max", 1024, 4 << 20),
    ("limits.publish_bytes_burst_max", 1 << 20, 1 << 30),
    ("limits.poll_bytes_total_max", 1_048_576, 1_099_511_627_776),
    ("limits.slow_timeout_ms", 100, 600_000),
    ("limits.frames_per_second_max", 1, 200),
    ("limits.frames_burst_max", 50, 1_000_000),
    ("limits.links_per_user_max", 0, 1_000_000),
    ("limits.publish_bytes_per_second_per_user_max", 0, 1 << 30),
    ("limits.idempotency_keys_per_user_max", 0, 4_000_000),
    ("limits.new_channels_per_user_per_hour_max", 0, 4_000_000),
    ("limits.channels_max", 1, 10_000_000),
    ("limits.history_bytes_total_max", 1 << 20, 1 << 40),
    ("limits.idempotency_keys_max", 1, 100_000_000),
    ("limits.idempotency_window_ms", 1000, 86_400_000),
    ("limits.reserved_epochs_max", 100_000, 100_000_000),
    ("limits.reserved_epoch_ms", 120_000, 86_400_000),
    ("limits.tickets_max", 1, 1_000_000),
    ("limits.tickets_per_ip_max", 1, 1_000_000),
    ("limits.token_refreshes_per_minute_max", 1, 600),
    ("limits.tokens_waiting_max", 1, 65_536),
    ("limits.timeline_entries_max", 0, 1024),
    ("limits.timeline_links_max", 0, 1_000_000),
    ("limits.publish_batch_max", 1, 100_000),
    ("limits.message_bytes_max", 1024, 1 << 20),
    ("limits.queue_bytes_max", 1 << 20, 64 << 20),
    ("compression.message_bytes_min", 64, 1 << 20),
    ("compression.level", 1, 9),
    ("compression.copies_bytes_max", 65_536, 1 << 30),
    ("heartbeat.ping_interval_ms", 10_000, 600_000),
    ("heartbeat.ping_timeout_ms", 100, 20_000),
    ("heartbeat.sweep_interval_ms", 100, 600_000),
    ("heartbeat.interval_ms_min", 1000, 600_000),
    ("heartbeat.interval_ms_max", 1000, 3_600_000),
    ("drain.spread_ms", 0, 30_000),
    ("drain.after_ms", 0, 20_000),
    ("drain.deadline_ms", 10_000, 3_600_000),
    ("namespace_default.history_events_max", 1, 10_000_000),
    ("namespace_default.history_age_ms", 1000, 31_536_000_000),
    ("namespace_default.history_bytes_max", 1 << 20, 1 << 40),
    ("namespace_default.history_bytes_total_min", 0, 1 << 30),
    ("namespace_default.channels_max", 0, 10_000_000),
    ("namespaces.a.channels_max", 0, 10_000_000),
    ("namespaces.a.history_bytes_total_min", 0, 1 << 30),
    ("namespaces.a.history_events_max", 1, 10_000_000),
    ("namespaces.a.history_age_ms", 1000, 31_536_000_000),
    ("namespaces.a.history_bytes_max", 1 << 20, 1 << 40),
];

#[test]
fn every_number_is_taken_at_its_limits_and_refused_past_them() {
    for &(setting, min, max) in RANGES {
        for value in [min, max] {
            let said = mistakes(&format!("{setting} = {value}"), &[]);
            assert_eq!(said, Vec::<String>::new(), "{setting} = {value}");
        }
        for value in [min.wrapping_sub(1), max + 1] {
            let said = mistakes(&format!("{setting} = {}", value.cast_signed()), &[]);
            assert!(!said.is_empty(), "{setting} = {value}");
            assert!(said[0].contains("out of range") || said[0].contains("or more"), "{said:?}");
        }
    }
}

/// A number that no rule limits would be taken; a setting of another kind refuses it anyway.
#[test]
fn no_setting_takes_a_number_without_end() {
    for section in SECTIONS {
        for key in known_in(section) {
            let setting = if section.is_empty() { key } else { format!("{section}.{key}") };
            // Variables of these tests win over the file; replicas are 1 to 5 (`check/servers.rs`),
            // where the NATS broker is chosen.
            if ["internal.key", "auth.hs256_key", "broker.nats.replicas"].contains(&&*setting) {
                continue;
            }
            let said = mistakes(&format!("{setting} = {}", i64::MAX), &[]);
            assert!(!said.is_empty(), "{setting} has no range in config/check/numbers.rs");
        }
    }
}

#[test]
fn numbers_that_depend_on_each_other_have_limits_of_their_own() {
    let table = [
        (
            "limits.message_bytes_max",
            64 << 20,
            "limits.queue_bytes_max = 67108864\n\
          namespace_default.history_bytes_max = 67108864",
        ),
        (
            "limits.publish_bytes_per_second_max",
            1 << 30,
            "limits.publish_bytes_burst_max = 1073741824",
        ),
        ("limits.frames_per_second_max", 100_000, "limits.frames_burst_max = 1000000"),
        (
            "namespaces.a.history_bytes_total_min",
            1 << 40,
            "limits.history_bytes_total_max = 1099511627776",
        ),
        ("heartbeat.ping_timeout_ms", 600_000, "heartbeat.ping_interval_ms = 600000"),
        ("heartbeat.interval_ms_min", 3_600_000, "heartbeat.interval_ms_max = 3600000"),
        ("drain.spread_ms", 600_000, "drain.deadline_ms = 3600000"),
        ("drain.after_ms", 600_000, "drain.deadline_ms = 3600000"),
    ];
    for (setting, max, along) in table {
        let with = |value: u64| mistakes(&format!("{along}\n{setting} = {value}"), &[]);
        assert_eq!(with(max), Vec::<String>::new(), "{setting}");
        let said = with(max + 1);
        assert!(said.iter().any(|one| one.contains("from ") && one.contains(setting)));
    }
}

#[test]
fn names_are_segments_of_a_channel() {
    for name in ["a", "A-1_b.c", &"n".repeat(64)] {
        assert!(load("", &[("STEADFAST_NODE", name), ("STEADFAST_REGION", name)]).is_ok());
    }
    for name in ["", "a:b", "a b", "é", &"n".repeat(65)] {
        assert_eq!(mistakes("", &[("STEADFAST_NODE", name)]).len(), 1, "{name:?}");
    }
    for (name, expected) in [("n".repeat(128), 0), ("n".repeat(129), 1), ("a:b".into(), 1)] {
        let said = mistakes(&format!("namespaces.'{name}'.history_age_ms = 5000"), &[]);
        assert_eq!(said.len(), expected, "{said:?}");
    }
}

#[test]
fn a_route_has_one_segment_in_braces_and_stays_out_of_v1() {
    let with =
        |path: &str| mistakes(&format!("[[routes]]\npath = \"{path}\"\nnamespace = 'x'"), &[]);
    let longest = format!("/{{id}}/{}", "p".repeat(250));
    for path in ["/ws/diagnosis/{id}", "/{id}", "/a/{id}/b", "/v10/{id}", longest.as_str()] {
        assert_eq!(with(path), Vec::<String>::new());
    }
    let longer = format!("{longest}p");
    let bad = [
        "",
        "/",
        "ws/{id}",
        "/ws/id",
        "/ws/{id}/{no}",
        "/ws/x{id}",
        "/ws/{id",
        "/ws/{}",
        "/v1/{id}",
        "/ws//{id}",
        "/ws/{id}/",
        "/ws/{id}?a",
        "/ws/{a b}",
        longer.as_str(),
    ];
    for path in bad {
        let said = with(path);
        assert!(said.len() == 1 && said[0].starts_with("steadfast.toml:2: `routes.0.path`"));
    }
}

#[test]
fn two_routes_cannot_be_the_same() {
    let text = "routes = [{ path = '/a/{id}', namespace = 'a' },\n\
                { path = '/a/{other}', namespace = 'b:c' }]";
    let said = mistakes(text, &[]);
    assert_eq!(said.len(), 2);
    assert!(said[0].starts_with("steadfast.toml:2: `routes.1.namespace`"), "{said:?}");
    assert!(said[1].starts_with("steadfast.toml:2: `routes.1.path`: an earlier"), "{said:?}");
}

#[test]
fn an_origin_is_checked_where_it_stands() {
    let text = "[public]\nallowed_origins = [\n'*',\n'https://a.example',\n'a.example',\n]";
    let said = mistakes(text, &[]);
    assert!(said.len() == 1, "{said:?}");
    assert!(said[0].starts_with("steadfast.toml:5: `public.allowed_origins.2`"), "{said:?}");
}

#[test]
fn settings_made_in_code_go_by_the_same_rules() {
    let mut config = Config::default();
    assert_eq!(config.check().unwrap_err().mistakes.len(), 2);
    config.internal.key = Some(Secret::new([b'k'; 16]));
    config.auth.hs256_key = Some(Secret::new([b'k'; 32]));
    assert!(config.check().is_ok());
    config.limits.channels_max = 0;
    let error = config.check().unwrap_err();
    assert!(
        error.to_string().starts_with("the configuration has a mistake:\n  `limits.channels_max`")
    );
}

#[test]
fn the_disk_broker_needs_a_directory_that_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data");
    let text = |dir: &std::path::Path| format!("[broker]\ndata_dir = '{}'", dir.display());
    let table = [
        ("[broker]\nkind = 'disk'".to_owned(), "the disk broker needs a directory; set `broker.d"),
        (text(&file), "file is not a directory; name a directory"),
        (text(&below), "data is not there, and "),
        ("broker.data_dir = ''".to_owned(), "this is no directory, but empty"),
        ("broker.kind = 'disc'".to_owned(), "write one of memory, disk"),
    ];
    for (text, wrong) in table {
        let said = mistakes(&text, &[]);
        assert!(said.len() == 1 && said[0].contains(wrong), "{text}: {said:?}");
        assert!(said[0].starts_with("steadfast.toml:"), "{said:?}");
    }
    for dir in [folder.path().to_owned(), folder.path().join("new/data")] {
        assert_eq!(mistakes(&text(&dir), &[]), [""; 0]);
        assert!(!folder.path().join("new").exists(), "nothing is made");
    }
}

#[test]
fn the_servers_of_the_redis_broker_are_addresses_and_never_shown() {
    let broker = |rest: &str| format!("[broker]\nkind = 'redis'\n[broker.redis]\n{rest}");
    for good in [
        "",
        "servers = ['redis://user:secret@127.0.0.1:1/2', 'rediss://[::1]']",
        "servers = []\nsentinels = ['redis://127.0.0.1:26379']\nmaster_name = 'main'",
    ] {
        assert!(load(&broker(good), &[]).is_ok(), "{good}");
    }
    for (bad, setting, line) in [
        ("servers = []", "broker.redis.servers", 4),
        ("servers = ['127.0.0.1:secret']", "broker.redis.servers.0", 4),
        ("servers = ['redis://a', 'rediss://secret@a/#insecure']", "broker.redis.servers.1", 4),
        ("prefix = 'a:b'", "broker.redis.prefix", 4),
        ("sentinels = ['redis://a']", "broker.redis.sentinels", 4),
        ("master_name = 'main'", "broker.redis.sentinels", 0),
    ] {
        let mistakes = load(&broker(bad), &[]).unwrap_err().mistakes;
        let mistake = &mistakes[0];
        assert_eq!((mistakes.len(), mistake.setting.as_str()), (1, setting), "{mistake:?}");
        assert!(line == 0 || mistake.source.to_string().ends_with(":4"), "{mistake:?}");
        assert!(!format!("{mistake:?}").contains("secret"), "{mistake:?}");
    }
    // Another broker does not mind what they say.
    assert!(load("[broker.redis]\nservers = []", &[]).is_ok());
}

#[test]
fn a_certificate_and_its_key_come_together_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = file("cert.pem", made.cert.pem());
    let key = file("key.pem", made.signing_key.serialize_pem());
    let with = |certificate: Option<&str>, key: Option<&str>| {
        let line = |name: &str, path: Option<&str>| {
            path.map(|path| format!("public.{name} = '{path}'\n")).unwrap_or_default()
        };
        let text = line("tls_cert_file", certificate) + &line("tls_key_file", key);
        mistakes(&text, &[])
    };
    assert_eq!(with(Some(&certificate), Some(&key)), Vec::<String>::new());
    let alone = with(Some(&certificate), None);
    assert!(alone.len() == 1 && alone[0].contains("`public.tls_cert_file`"), "{alone:?}");
    assert!(alone[0].contains("set `public.tls_key_file` too"), "{alone:?}");
    let alone = with(None, Some(&key));
    assert!(alone.len() == 1 && alone[0].contains("set `public.tls_cert_file` too"), "{alone:?}");
    let wrong = with(Some(&key), Some(&key));
    assert!(wrong.len() == 1 && wrong[0].contains("has no certificate"), "{wrong:?}");
    let wrong = with(Some(&certificate), Some(&certificate));
    assert!(wrong.len() == 1 && wrong[0].contains("`public.tls_key_file`"), "{wrong:?}");
    assert!(wrong[0].contains("has no private key"), "{wrong:?}");
}

#[test]
fn the_servers_of_the_nats_broker_are_addresses_and_never_shown() {
    let broker = |rest: &str| format!("[broker]\nkind = 'nats'\n[broker.nats]\n{rest}");
    for good in [
        "",
        "servers = ['nats://user:secret@127.0.0.1:1', 'tls://token@[::1]']",
        "prefix = 'a-b_9'\nreplicas = 5",
    ] {
        assert!(load(&broker(good), &[]).is_ok(), "{good}");
    }
    for (bad, setting) in [
        ("servers = []", "broker.nats.servers"),
        ("servers = ['127.0.0.1:secret']", "broker.nats.servers.0"),
        ("servers = ['nats://a', 'redis://secret@a']", "broker.nats.servers.1"),
        ("prefix = 'a.b'", "broker.nats.prefix"),
        ("prefix = ''", "broker.nats.prefix"),
        ("replicas = 0", "broker.nats.replicas"),
        ("replicas = 6", "broker.nats.replicas"),
    ] {
        let mistakes = load(&broker(bad), &[]).unwrap_err().mistakes;
        let mistake = &mistakes[0];
        assert_eq!((mistakes.len(), mistake.setting.as_str()), (1, setting), "{mistake:?}");
        assert!(mistake.source.to_string().ends_with(":4"), "{mistake:?}");
        assert!(!format!("{mistake:?}").contains("secret"), "{mistake:?}");
    }
    // As many servers as are allowed, and one more.
    let list = |count: usize| format!("servers = [{}]", "'nats://a',".repeat(count));
    assert!(load(&broker(&list(64)), &[]).is_ok());
    let mistakes = load(&broker(&list(65)), &[]).unwrap_err().mistakes;
    assert_eq!(mistakes[0].setting, "broker.nats.servers");
    // Another broker does not mind what they say.
    assert!(load("[broker.nats]\nservers = []", &[]).is_ok());
}
