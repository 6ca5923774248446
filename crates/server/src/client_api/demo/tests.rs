//! The demonstration without a socket: the responses to its requests, and the events of a job.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use hyper::{HeaderMap, Request};
use serde_json::{Value, json};
use steadfast_history::PageLimit;
use steadfast_protocol::{ChannelName, Since};

use super::jobs::{DURATION_MS_MAX, DURATION_MS_MIN, JOBS_MAX};
use super::{BODY_BYTES_MAX, Demo};
use crate::config::Config;
use crate::node::Node;
use crate::problem::{Code, Problem};

struct Stage {
    node: Arc<Node>,
    demo: Demo,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Stage {
    fn new() -> Self {
        let node = Node::new(Config { dev: true, ..Config::default() }).unwrap();
        Self { node, demo: Demo::default() }
    }

    async fn send(&self, request: Request<Body>) -> Result<Answer, Problem> {
        let (head, body) = self.demo.answer_body(&self.node, request).await?.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, text })
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer, Problem> {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn starts(&self, body: &str) -> Result<ChannelName, Problem> {
        let answer = self.ask("POST", "/demo/jobs", body).await?;
        assert_eq!(answer.status, 201, "{answer:?}");
        let channel = answer.json()["channel"].as_str().unwrap().to_owned();
        Ok(ChannelName::new(&channel).unwrap())
    }

    async fn kept(&self, channel: &ChannelName) -> (Vec<Value>, bool) {
        let limit = PageLimit { events_max: 5_000, bytes_max: usize::MAX, is_thinned: false };
        let page = self.node.broker.read(channel, &Since::Start, limit).await.unwrap();
        let frames = page.events.iter().map(|event| event.encoded.frame());
        let events = frames.map(|frame| serde_json::from_slice(frame).unwrap()).collect();
        (events, page.reaches_the_end())
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_publishes_until_its_time_has_passed_and_ends_its_channel() {
    let stage = Stage::new();
    let channel = stage.starts(r#"{"duration_ms": 60000}"#).await.unwrap();
    tokio::time::sleep(Duration::from_millis(30_500)).await;
    let (events, is_over) = stage.kept(&channel).await;
    assert_eq!((events.len(), is_over), (31, false));
    assert_eq!(events[30]["data"]["percent"], 50);
    tokio::time::sleep(Duration::from_secs(32)).await;
    let (events, is_over) = stage.kept(&channel).await;
    assert_eq!((events.len(), is_over), (63, true));
    assert_eq!(
        (&events[61]["event"], &events[62]["event"]),
        (&json!("result"), &json!("complete"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_may_take_from_one_second_to_five_minutes() {
    let stage = Stage::new();
    for good in [DURATION_MS_MIN, DURATION_MS_MAX] {
        stage.starts(&format!(r#"{{"duration_ms": {good}}}"#)).await.unwrap();
    }
    for bad in [DURATION_MS_MIN - 1, DURATION_MS_MAX + 1] {
        let refused = stage.starts(&format!(r#"{{"duration_ms": {bad}}}"#)).await.unwrap_err();
        assert_eq!(refused.code, Code::BadBody);
        assert!(refused.detail.contains(&bad.to_string()), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_jobs_run_at_once_and_one_more_waits_for_an_end() {
    let stage = Stage::new();
    for _ in 0..JOBS_MAX {
        stage.starts(r#"{"duration_ms": 2000}"#).await.unwrap();
    }
    let refused = stage.starts("").await.unwrap_err();
    assert_eq!((refused.code, refused.status().as_u16()), (Code::TooManyChannels, 503));
    assert!(refused.retry_after_s.is_some());
    tokio::time::sleep(Duration::from_secs(3)).await;
    stage.starts("").await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_wished_is_a_problem() {
    let stage = Stage::new();
    let long = format!("{{{}}}", " ".repeat(BODY_BYTES_MAX));
    let table = [
        ("POST", "/demo/jobs", "{", Code::BadJson),
        ("POST", "/demo/jobs", r#"{"duration": 1}"#, Code::UnknownField),
        ("POST", "/demo/jobs", "[5000]", Code::BadBody),
        ("POST", "/demo/jobs", r#"{"duration_ms": "1"}"#, Code::BadBody),
        ("POST", "/demo/jobs", &long, Code::TooLarge),
        ("PUT", "/demo/websocket", "", Code::MissingField),
        ("PUT", "/demo/websocket", "{}", Code::BadBody),
        ("PUT", "/demo/websocket", r#"{"is_blocked": 1}"#, Code::BadBody),
        ("GET", "/demo/nothing", "", Code::NotFound),
    ];
    for (method, path, body, code) in table {
        let refused = stage.ask(method, path, body).await.unwrap_err();
        assert_eq!(refused.code, code, "{method} {path} {body}: {refused}");
    }
    let most = format!("{{{}}}", " ".repeat(BODY_BYTES_MAX - 2));
    stage.starts(&most).await.unwrap();
}

#[tokio::test]
async fn each_place_names_the_methods_it_takes() {
    let stage = Stage::new();
    for (method, path, allowed) in [
        ("GET", "/demo/jobs", "POST"),
        ("POST", "/demo/websocket", "GET, HEAD, PUT"),
        ("DELETE", "/", "GET, HEAD"),
        ("POST", "/demo/page.js", "GET, HEAD"),
    ] {
        let answer = stage.ask(method, path, "").await.unwrap();
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn the_switch_tells_how_it_stands() {
    let stage = Stage::new();
    for is_blocked in [false, true, true, false] {
        let wish = json!({ "is_blocked": is_blocked }).to_string();
        let told = stage.ask("PUT", "/demo/websocket", &wish).await.unwrap();
        assert_eq!(told.json(), json!({ "is_blocked": is_blocked }));
        let told = stage.ask("GET", "/demo/websocket", "").await.unwrap();
        assert_eq!(told.json(), json!({ "is_blocked": is_blocked }));
        assert_eq!(stage.demo.barrier.is_up(), is_blocked);
    }
}

#[tokio::test]
async fn each_file_has_its_type_a_strict_policy_and_a_tag() {
    let stage = Stage::new();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/demo/page.css", "text/css; charset=utf-8"),
        ("/demo/page.js", "text/javascript; charset=utf-8"),
        ("/demo/steadfast.min.js", "text/javascript; charset=utf-8"),
        ("/demo/icon.svg", "image/svg+xml"),
    ] {
        let answer = stage.ask("GET", path, "").await.unwrap();
        assert_eq!(
            (answer.status, answer.headers["content-type"].as_bytes()),
            (200, kind.as_bytes())
        );
        assert_eq!(answer.headers["cache-control"], "no-cache");
        assert!(!answer.text.is_empty(), "{path} is empty");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let tag = answer.headers["etag"].to_str().unwrap();
        for (known, status) in [(tag, 304), ("\"other\"", 200)] {
            let request = Request::get(path).header("if-none-match", known);
            let again = stage.send(request.body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!((again.status, again.text.is_empty()), (status, status == 304), "{path}");
        }
    }
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_nothing_inline() {
    let stage = Stage::new();
    let page = stage.ask("GET", "/", "").await.unwrap().text;
    for inline in ["<style", "style=\"", "onclick", "<script>"] {
        assert!(!page.contains(inline), "the page has `{inline}`, which its policy forbids");
    }
    let attributes = page.split("href=\"").chain(page.split("src=\"")).skip(1);
    let values = attributes.filter_map(|rest| rest.split('"').next());
    let references: Vec<&str> = values.filter(|value| value.starts_with('/')).collect();
    assert!(references.len() >= 4, "{references:?}");
    for reference in references {
        assert!(stage.ask("GET", reference, "").await.is_ok(), "{reference} is not there");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
}
