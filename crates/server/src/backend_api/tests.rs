//! The internal port in this process: requests go to the router as hyper would pass them on.

mod backend_auth;
mod batch;
mod channels;
mod cluster;
mod connections;
mod operate;
mod publish;
mod publish_pipeline;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;
use steadfast_history::PageLimit;
use steadfast_hub::{Encoding, Grants, Opening, SessionKey, Transport};
use steadfast_protocol::{ChannelName, ChannelRequest, ClientInfo, LinkId, Since};
use tower::ServiceExt;

use crate::config::Config;
use crate::node::Node;
use crate::session::shard::SessionWaker;

/// A node without sockets, and its internal API.
pub(super) struct TestApi {
    node: Arc<Node>,
    router: Router,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl TestApi {
    pub(super) fn new() -> Self {
        Self::with(Config { dev: true, ..Config::default() })
    }

    fn with(config: Config) -> Self {
        let api = Self::still(config);
        for shard in &*api.node.shards {
            tokio::spawn(Arc::clone(shard).run());
        }
        api
    }

    /// A node whose shards do not run: under a virtual clock their own time would not advance.
    fn still(config: Config) -> Self {
        let node = Node::new(config).unwrap();
        let router = super::router(Arc::clone(&node));
        Self { node, router }
    }

    async fn send(&self, request: Request) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status, headers: head.headers, text }
    }

    pub(super) async fn ask(&self, method: &str, target: &str) -> Answer {
        self.send(request(method, target).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, target: &str, body: impl Into<Body>) -> Answer {
        self.send(request("POST", target).body(body.into()).unwrap()).await
    }

    pub(super) async fn post_with_key(&self, target: &str, key: &str, body: &str) -> Answer {
        let request = request("POST", target).header("idempotency-key", key);
        self.send(request.body(body.to_owned().into()).unwrap()).await
    }

    /// The events kept in a channel, as entries of a poll's answer.
    async fn kept(&self, channel: &str) -> Vec<Value> {
        let limit = PageLimit { events_max: 5_000, bytes_max: usize::MAX, is_thinned: false };
        let channel = ChannelName::new(channel).unwrap();
        let page = self.node.broker.read(&channel, &Since::Start, limit).await.unwrap();
        let frames = page.events.iter().map(|event| event.encoded.frame());
        frames.map(|frame| serde_json::from_slice(frame).unwrap()).collect()
    }

    /// Opens a session. Returns its id for operators.
    pub(super) fn open(
        &self,
        link: &str,
        channels: &[&str],
    ) -> (String, Arc<SessionWaker>, SessionKey) {
        let waker = Arc::<SessionWaker>::default();
        let opening = opening(link, channels);
        let shard = self.node.shard_of(&opening.link);
        let at = self.node.shards.iter().position(|one| Arc::ptr_eq(one, shard)).unwrap();
        let key = shard.open(opening, &waker).unwrap();
        (Node::connection_id(at, key), waker, key)
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks a problem's status and code. Returns its detail.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> String {
        let problem = self.json();
        let said = (self.status.as_u16(), problem["code"].as_str(), &problem["status"]);
        assert_eq!(said, (status, Some(code), &Value::from(status)), "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn request(method: &str, target: &str) -> hyper::http::request::Builder {
    Request::builder().method(method).uri(target).header("host", "127.0.0.1:8081")
}

fn opening(link: &str, channels: &[&str]) -> Opening {
    let names = channels.iter().map(|name| ChannelName::new(name).unwrap());
    let wish = |channel| ChannelRequest { id: None, channel, since: Since::Start };
    Opening {
        link: LinkId::new(link).unwrap(),
        address: Some([192, 0, 2, 7].into()),
        identity: None,
        generation: 1,
        transport: Transport::WebSocket,
        encoding: Encoding::Frames,
        client: Some(ClientInfo {
            name: "probe".into(),
            platform: "linux-gnu".into(),
            ..ClientInfo::default()
        }),
        grants: Grants::everything(),
        expires: None,
        heartbeat: None,
        channels: names.map(wish).collect(),
        time: steadfast_protocol::Timestamp(0),
    }
}
