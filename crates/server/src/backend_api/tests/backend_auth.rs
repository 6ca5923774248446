//! Who may use the internal port, and the headers of every response.

use axum::body::Body;

use super::{TestApi, request};
use crate::config::{Config, InternalSettings, Secret};

const KEY: &str = "a key of 24 characters..";
const ROUTES: [(&str, &str); 16] = [
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
        ("GET", "/v1/channels/a/events", "POST"),
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
