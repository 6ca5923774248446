//! Values that cannot be read, and how they are reported.

use std::path::Path;

use super::{load, load_with, mistakes, said};
use crate::config::{Config, Overrides, Source};

#[test]
fn an_unknown_setting_names_its_line_and_the_nearest_known_one() {
    let table = [
        (
            "# one\n\n[limits]\nmesage_bytes_max = 1",
            "steadfast.toml:4: `limits.mesage_bytes_max`: there is no such setting; did you mean \
             `limits.message_bytes_max`?",
        ),
        (
            "[limts]\nchannels_max = 1",
            "steadfast.toml:1: `limts`: there is no such setting; did you mean `limits`?",
        ),
        (
            "node.colour = 'red'",
            "steadfast.toml:1: `node.colour`: there is no such setting; known here: name, region",
        ),
        (
            "[[routes]]\npath = '/x/{id}'\nnamespace = 'x'\nstrat = 'now'",
            "steadfast.toml:4: `routes.0.strat`: there is no such setting; did you mean \
             `routes.0.start`?",
        ),
        (
            "[namespaces.'a.b']\nhistory_age = 1",
            "steadfast.toml:2: `namespaces.\"a.b\".history_age`: there is no such setting; did you \
             mean `namespaces.\"a.b\".history_age_ms`?",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(mistakes(text, &[]), [expected]);
    }
}

#[test]
fn an_unknown_variable_names_the_nearest_known_one() {
    let table = [
        ("STEADFAST_PUBILC__LISTEN", "did you mean STEADFAST_PUBLIC__LISTEN?"),
        ("STEADFAST_PUBLIC__LISTN", "did you mean STEADFAST_PUBLIC__LISTEN?"),
        ("STEADFAST_DEVV", "did you mean STEADFAST_DEV?"),
        ("STEADFAST_LIMITS_CHANNELS_MAX", "known here: "),
        ("STEADFAST_NAMESPACES__A__HISTORY_AGE", "STEADFAST_NAMESPACES__A__HISTORY_AGE_MS?"),
        ("STEADFAST_A__B__C__D__E__F", "known here: "),
        ("STEADFAST_", "known here: "),
    ];
    for (name, mend) in table {
        let said = mistakes("", &[(name, "1")]);
        assert!(said.len() == 1 && said[0].contains(mend), "{said:?}");
        assert!(said[0].starts_with(&format!("{name}: ")), "{said:?}");
    }
}

#[test]
fn a_value_of_another_kind_says_what_is_needed() {
    let table = [
        ("limits.channels_max = 'many'", "this is text, and a whole number, 0 or more, is needed"),
        ("limits.channels_max = -1", "-1 is out of range"),
        ("limits.channels_max = 1.5", "this is a number with a fraction"),
        ("limits.channels_max = 99999999999999999999", "this is a number that is too large"),
        ("public.accept_backlog = 5000000000", "5000000000 is out of range"),
        ("crash_window_ms = 2026-01-01", "this is a date or time"),
        ("dev = 'yes'", "this is text, and true or false is needed"),
        ("node = 'a'", "this is text, and a section is needed"),
        ("node.name = 7", "this is a number, and text is needed"),
        ("public.listen = 8080", "this is a number, and text is needed"),
        ("public.listen = 'localhost:8080'", "write an IP address and a port, like 127.0.0.1:8080"),
        ("public.allowed_origins = 'https://a'", "this is text, and a list is needed"),
        (
            "public.allowed_origins = ['https://a', 7]",
            "`public.allowed_origins.1`: this is a number",
        ),
        ("namespaces = ['a']", "this is a list, and a section is needed"),
        ("namespaces.a = 7", "this is a number, and a section is needed"),
        ("routes = [{ path = '/x/{id}' }]", "`routes.0`: `namespace` is missing"),
        (
            "routes = [{ path = '/x/{id}', namespace = 'x', start = 'end' }]",
            "\"end\" is not one of the values; write one of now, start",
        ),
        ("routes = [{ path = '/x/{id}', namespace = 'x', start = 1 }]", "this is not text"),
    ];
    for (text, wrong) in table {
        let said = mistakes(text, &[]);
        assert!(said.len() == 1 && said[0].contains(wrong), "{text}: {said:?}");
        assert!(said[0].starts_with("steadfast.toml:1: "), "{said:?}");
    }
}

#[test]
fn a_variable_or_flag_of_another_kind_says_what_is_needed() {
    let table = [
        ("STEADFAST_LIMITS__CHANNELS_MAX", "1MB", "\"1MB\" is not a whole number"),
        ("STEADFAST_LIMITS__CHANNELS_MAX", "", "\"\" is not a whole number"),
        ("STEADFAST_DEV", "yes", "write true or false"),
        ("STEADFAST_PUBLIC", "x", "this is text, and a section is needed"),
        ("STEADFAST_ROUTES", "[{ path = ", "this is not TOML"),
        ("STEADFAST_ROUTES", "[{ path = '/x/{id}', namespace = 'x', a = 1 }]", "no such setting"),
    ];
    for (name, text, wrong) in table {
        let said = mistakes("", &[(name, text)]);
        assert!(said.len() == 1 && said[0].contains(wrong), "{said:?}");
        assert!(said[0].starts_with(&format!("{name}: ")), "{said:?}");
    }
    let flags = Overrides { public_listen: Some("8080".into()), ..Overrides::default() };
    let error = load_with("", &[], &flags).unwrap_err();
    assert_eq!(error.mistakes[0].source, Source::Flag("--listen"));
}

#[test]
fn a_plain_value_in_the_place_of_a_section_is_told_apart() {
    let env = [("STEADFAST_PUBLIC", "x"), ("STEADFAST_PUBLIC__LISTEN", "127.0.0.1:1")];
    let said = mistakes("", &env);
    assert_eq!(said.len(), 2);
    assert!(said[0].contains("STEADFAST_PUBLIC__LISTEN: `public.listen`: a section is needed"));
    assert!(said[0].contains("STEADFAST_PUBLIC has a plain value"));
    assert!(said[1].starts_with("STEADFAST_PUBLIC: `public`: this is text"));
}

#[test]
fn every_mistake_is_told_at_once_and_each_once() {
    let file = "dve = true\n[limits]\nchannels_max = 0\nqueue_bytes = 1\nslow_timeout_ms = 'x'\n\
                [pubilc]\nlisten = '127.0.0.1:1'";
    let env = [("STEADFAST_PUBILC__LISTEN", "x"), ("STEADFAST_CRASH_WINDOW_MS", "-7")];
    let flags = Overrides { internal_listen: Some("nowhere".into()), ..Overrides::default() };
    let error = load_with(file, &env, &flags).unwrap_err();
    let mut places: Vec<String> = error.mistakes.iter().map(|m| m.source.to_string()).collect();
    places.sort();
    let expected = [
        "--internal",
        "STEADFAST_CRASH_WINDOW_MS",
        "STEADFAST_PUBILC__LISTEN",
        "steadfast.toml:1",
        "steadfast.toml:3",
        "steadfast.toml:4",
        "steadfast.toml:5",
        "steadfast.toml:6",
    ];
    assert_eq!(places, expected);
    assert!(error.to_string().starts_with("the configuration has 8 mistakes:\n  "));
    assert_eq!(error.to_string().lines().count(), 9);
}

#[test]
fn a_file_that_is_not_toml_says_where_and_is_not_blamed_for_more() {
    let text = "[node]\nname = 'a\n[public]\nlisten = \n";
    let none = Overrides::default();
    let env = super::pairs(&[("STEADFAST_DVE", "1")]);
    let said = said(Config::load(Some((Path::new("steadfast.toml"), text)), env, &none));
    assert!(said[0].starts_with("steadfast.toml:2: this is not TOML"), "{said:?}");
    assert!(said.iter().any(|one| one.starts_with("steadfast.toml:4: ")), "{said:?}");
    assert!(said.last().unwrap().starts_with("STEADFAST_DVE: "), "{said:?}");
    assert!(!said.iter().any(|one| one.contains("a key is needed")), "{said:?}");
    let twice = mistakes("dev = false\ndev = false", &[]);
    assert!(twice.len() == 1 && twice[0].starts_with("steadfast.toml:2: "), "{twice:?}");
}

#[test]
fn a_key_is_never_repeated() {
    let files = [
        "[internal]\nkey = 'hunter2'",
        "[internal]\nkey = ['hunter2']",
        "[internal]\nkye = 'hunter2'",
        "[internal]\nkey = 'hunter2",
        "[auth]\nhs256_key = { hunter = 'hunter2' }",
        "internal = 'hunter2'",
        "limits.channels_max = 'hunter2'",
    ];
    for file in files {
        let none = Overrides::default();
        let error = Config::load(Some((Path::new("f"), file)), [], &none).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let env = super::pairs(&[("STEADFAST_INTERNAL__KEY", "hunter2")]);
    let error = Config::load(None, env, &Overrides::default()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    let config = load("", &[]).unwrap();
    assert!(!format!("{config:?}").contains(super::HS256_KEY));
}
