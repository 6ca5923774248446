//! Who may use the internal port, and the headers of every response.

use axum::body::{Body, to_bytes};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{TestApi, request};
use crate::config::{BackendRole, Config, InternalKeySettings, InternalSettings, Secret};

const KEY: &str = "a key of 24 characters..";
const ROUTES: [(&str, &str); 18] = [
    ("GET", "/v1/channels/a/events"),
    ("GET", "/v1/key"),
    ("POST", "/v1/channels/a/events"),
    ("POST", "/v1/events"),
    ("GET", "/v1/channels"),
    ("GET", "/v1/channels/a"),
    ("DELETE", "/v1/channels/a"),
    ("GET", "/v1/connections"),
    ("GET", "/v1/connections/0-0-1"),
    ("DELETE", "/v1/connections/0-0-1"),
    ("GET", "/v1/users/ada"),
    ("DELETE", "/v1/users/ada/connections"),
    ("POST", "/v1/revocations"),
    ("POST", "/v1/drain"),
    ("GET", "/v1/stats"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nowhere"),
];

fn locked() -> TestApi {
    let internal = InternalSettings { key: Some(Secret::new(KEY)), ..InternalSettings::default() };
    TestApi::with(Config { internal, ..Config::default() })
}

async fn with(api: &TestApi, name: &str, value: &str) -> super::Answer {
    let request = request("GET", "/v1/stats").header(name, value);
    api.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn every_route_but_the_health_checks_wants_the_key() {
    let api = locked();
    for (method, target) in ROUTES {
        let answer = api.ask(method, target).await;
        answer.problem(401, "key_missing");
        assert_eq!(answer.headers["www-authenticate"], "Bearer", "{target}");
        assert_eq!(answer.headers["steadfast-node"], "node-1", "{target}");
        let wrong = request(method, target).header("authorization", "Bearer wrong");
        api.send(wrong.body(Body::empty()).unwrap()).await.problem(401, "key_wrong");
    }
    assert_eq!(api.ask("GET", "/livez").await.status, 200);
    assert_eq!(api.ask("GET", "/readyz").await.status, 200);
}

#[tokio::test]
async fn only_the_whole_key_opens() {
    let api = locked();
    for good in [format!("Bearer {KEY}"), format!("bearer  {KEY}")] {
        assert_eq!(with(&api, "authorization", &good).await.status, 200, "{good}");
    }
    let short = &KEY[..KEY.len() - 1];
    for wrong in [format!("Bearer {short}"), format!("Bearer {KEY}x"), "Bearer x".into()] {
        with(&api, "authorization", &wrong).await.problem(401, "key_wrong");
    }
    for none in ["", "Bearer", "Bearer ", KEY, "Basic YTpi"] {
        with(&api, "authorization", none).await.problem(401, "key_missing");
    }
}

#[tokio::test]
async fn a_node_without_a_key_opens_for_nobody() {
    let api = TestApi::with(Config::default());
    with(&api, "authorization", "Bearer ").await.problem(401, "key_missing");
    with(&api, "authorization", "Bearer x").await.problem(401, "key_wrong");
}

#[tokio::test]
async fn with_a_key_any_host_and_page_may_ask() {
    let api = locked();
    let request = super::Request::builder().uri("/v1/stats").header("host", "live.example.com");
    let request = request.header("origin", "https://ops.example.com");
    let request = request.header("authorization", format!("Bearer {KEY}"));
    assert_eq!(api.send(request.body(Body::empty()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn dev_answers_to_names_of_this_machine_alone() {
    let api = TestApi::new();
    let good = ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.8.9.1:1", "[::1]:8081"];
    let bad =
        ["evil.net", "localhost.evil.net", "127.0.0.1.evil.net:8081", "10.0.0.1", "", "[::2]"];
    for (hosts, status) in [(&good[..], 200), (&bad[..], 403)] {
        for host in hosts {
            let request = super::Request::builder().uri("/v1/stats").header("host", *host);
            let answer = api.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, status, "{host:?}");
        }
    }
    let absolute = super::Request::builder().uri("http://evil.net/v1/stats");
    api.send(absolute.body(Body::empty()).unwrap()).await.problem(403, "forbidden");
    let again = with(&api, "host", "evil.net").await;
    again.problem(403, "forbidden");
}

#[tokio::test]
async fn dev_keeps_pages_of_other_machines_out() {
    let mut config = Config { dev: true, ..Config::default() };
    config.public.allowed_origins = vec!["*".into()];
    let api = TestApi::with(config);
    for good in ["http://localhost:5173", "http://127.0.0.1:8080", "https://[::1]"] {
        assert_eq!(with(&api, "origin", good).await.status, 200, "{good}");
    }
    for bad in ["https://evil.net", "null", "", "http://localhost.evil.net"] {
        with(&api, "origin", bad).await.problem(403, "origin_refused");
    }
    let request = request("POST", "/v1/channels/a/events").header("origin", "https://evil.net");
    let answer = api.send(request.body(r#"{"event":"x"}"#.into()).unwrap()).await;
    answer.problem(403, "origin_refused");
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let api = TestApi::new();
    for target in ["/", "/v1", "/v1/nothing", "/v1/channels/", "/v1/channels/a/b/c"] {
        let answer = api.ask("GET", target).await;
        assert!(answer.problem(404, "not_found").contains(target));
        assert_eq!(answer.headers["steadfast-node"], "node-1");
    }
    let table = [
        ("PUT", "/v1/channels/a/events", "POST,GET,HEAD"),
        ("POST", "/v1/key", "GET,HEAD"),
        ("POST", "/admin", "GET,HEAD"),
        ("PUT", "/v1/events", "POST"),
        ("POST", "/v1/channels", "GET,HEAD"),
        ("POST", "/v1/channels/a", "GET,HEAD,DELETE"),
        ("DELETE", "/v1/connections", "GET,HEAD"),
        ("PATCH", "/v1/connections/0-0-1", "GET,HEAD,DELETE"),
        ("POST", "/v1/stats", "GET,HEAD"),
        ("POST", "/metrics", "GET,HEAD"),
        ("POST", "/livez", "GET,HEAD"),
        ("DELETE", "/readyz", "GET,HEAD"),
    ];
    for (method, target, allowed) in table {
        let answer = api.ask(method, target).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allowed, "{method} {target}");
    }
}

#[tokio::test]
async fn answers_stay_out_of_caches() {
    let api = TestApi::new();
    for target in ["/v1/stats", "/livez", "/v1/channels/a"] {
        let answer = api.ask("GET", target).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{target}");
    }
}

#[tokio::test]
async fn a_key_is_told_what_it_is_for_whatever_that_is() {
    let keys = [
        ("reader", vec![BackendRole::Read], vec![]),
        ("part", vec![BackendRole::Publish], vec!["a:*".parse().unwrap()]),
    ];
    let keys = keys.map(|(name, roles, channels)| InternalKeySettings {
        name: name.into(),
        key: Some(Secret::new(format!("the key of {name}"))),
        key_file: None,
        sha256: None,
        roles,
        channels,
    });
    let internal = InternalSettings {
        key: Some(Secret::new(KEY)),
        keys: keys.into(),
        ..InternalSettings::default()
    };
    let api = TestApi::with(Config { internal, ..Config::default() });
    let all = json!(["publish", "read", "operate"]);
    for (key, name, roles, channels) in [
        (KEY, "internal.key", all.clone(), Value::Null),
        ("the key of reader", "reader", json!(["read"]), Value::Null),
        ("the key of part", "part", json!(["publish"]), json!(["a:*"])),
    ] {
        let request = request("GET", "/v1/key").header("authorization", format!("Bearer {key}"));
        let told = api.send(request.body(Body::empty()).unwrap()).await.json();
        let expected = json!({"name": name, "roles": roles, "channels": channels, "dev": false});
        assert_eq!(told, expected);
    }
    let told = TestApi::new().ask("GET", "/v1/key").await.json();
    assert_eq!(told, json!({"name": null, "roles": all, "channels": null, "dev": true}));
}

#[tokio::test]
async fn the_dashboard_needs_no_key_and_lets_nothing_else_in() {
    let api = locked();
    for (target, kind) in [
        ("/admin", "text/html; charset=utf-8"),
        ("/admin/dashboard.js", "text/javascript; charset=utf-8"),
        ("/admin/dashboard.css", "text/css; charset=utf-8"),
        ("/admin/icon.svg", "image/svg+xml"),
    ] {
        let request = request("GET", target).header("accept-encoding", "gzip, br");
        let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        let (head, body) = response.unwrap().into_parts();
        let header = |name: &str| head.headers[name].to_str().unwrap();
        assert_eq!((head.status.as_u16(), header("content-type")), (200, kind));
        assert_eq!(header("content-encoding"), "gzip");
        assert_eq!(header("x-content-type-options"), "nosniff");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert!(to_bytes(body, usize::MAX).await.unwrap().starts_with(&[0x1f, 0x8b]));
    }
    for refused in ["identity", "br", "gzip;q=0", "gzip; q=0.0, br"] {
        let request = request("GET", "/admin").header("accept-encoding", refused);
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        answer.problem(406, "not_acceptable");
    }
    api.ask("GET", "/admin/steadfast.toml").await.problem(404, "not_found");
}
