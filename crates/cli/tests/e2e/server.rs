//! A server of its own for each test, and what a backend does with it over HTTP.

use std::net::SocketAddr;

use reqwest::{Client, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use steadfast_broker::testing::ReservedPort;

use crate::process::Process;
use crate::within;

/// How often a server is started that finds a port taken.
const STARTS: usize = 20;

/// A running node.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) public: SocketAddr,
    pub(crate) internal: SocketAddr,
    pub(crate) http: Client,
    /// What is shown to the internal port.
    pub(crate) key: Option<&'static str>,
    /// What a shell does before it becomes the server.
    script: String,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    // So that it finds its ports free when it comes back.
    ports: [ReservedPort; 2],
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Server {
    /// `steadfast serve --dev`.
    pub(crate) async fn dev() -> Self {
        Self::dev_with(&[]).await
    }

    /// The same, with settings by their variables, without `STEADFAST_`.
    pub(crate) async fn dev_with(settings: &[(&str, &str)]) -> Self {
        Self::start(&["--dev"], settings).await
    }

    /// `steadfast serve` with these flags and settings.
    pub(crate) async fn start(flags: &[&str], settings: &[(&str, &str)]) -> Self {
        Self::start_after("", flags, settings).await
    }

    /// The same, by a shell that first does what `script` says, if anything.
    pub(crate) async fn start_after(
        script: &str,
        flags: &[&str],
        settings: &[(&str, &str)],
    ) -> Self {
        let variables: Vec<(String, String)> = settings
            .iter()
            .map(|(name, text)| (format!("STEADFAST_{name}"), (*text).to_owned()))
            .collect();
        let http = Client::builder().no_proxy().timeout(crate::PATIENCE).build().unwrap();
        // Another program than a test may take a port before the server does: then once more.
        for _ in 0..STARTS {
            let ports = [ReservedPort::take(), ReservedPort::take()];
            let [public, internal] = [ports[0].address(), ports[1].address()];
            let args = serve(flags, public, internal);
            if let Some(process) = spawn(script, &args, &variables).await {
                let (key, script) = (None, script.to_owned());
                let server =
                    Self { process, public, internal, http, key, script, args, variables, ports };
                return server;
            }
        }
        panic!("{STARTS} pairs of ports were taken before the server was there");
    }

    /// `kill -9`.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// The same line again, once the last process has ended.
    pub(crate) async fn restart(&mut self) {
        let process = spawn(&self.script, &self.args, &self.variables).await;
        let taken = || panic!("a port was taken: {:?}", self.ports);
        self.process = process.unwrap_or_else(taken);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.public)
    }

    pub(crate) fn internal_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.internal)
    }

    /// Asks the public port.
    pub(crate) async fn asked(&self, path: &str) -> Answer {
        answer(self.http.get(self.url(path))).await
    }

    /// Asks the internal port.
    pub(crate) async fn looks(&self, path: &str) -> Answer {
        answer(self.shown(self.http.get(self.internal_url(path)))).await
    }

    /// Polls a channel; the JSON of the answer.
    pub(crate) async fn polls(&self, channel: &str, query: &str) -> Value {
        let answer = self.asked(&format!("/v1/channels/{channel}/events?{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Posts a body to the internal port.
    pub(crate) async fn posts(&self, path: &str, body: &Value) -> Answer {
        answer(self.shown(self.http.post(self.internal_url(path)).json(body))).await
    }

    /// Deletes something at the internal port.
    pub(crate) async fn deletes(&self, path: &str) -> Answer {
        answer(self.shown(self.http.delete(self.internal_url(path)))).await
    }

    /// Publishes `{"n": n}` as `progress`, which must succeed; the position.
    pub(crate) async fn publishes(&self, channel: &str, n: u64) -> Value {
        self.publishes_event(channel, &json!({"event": "progress", "data": {"n": n}})).await
    }

    /// Publishes, which must succeed; the position.
    pub(crate) async fn publishes_event(&self, channel: &str, event: &Value) -> Value {
        let answer = self.posts(&format!("/v1/channels/{channel}/events"), event).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    fn shown(&self, request: RequestBuilder) -> RequestBuilder {
        match self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Waits until this many subscriptions are live.
    pub(crate) async fn is_followed(&self, count: u64) {
        let looking = async {
            while self.looks("/v1/stats").await.json()["channels"]["subscriptions"] != count {
                tokio::task::yield_now().await;
            }
        };
        within("a subscription", looking).await;
    }

    /// Live connections, as operators see them.
    pub(crate) async fn connections(&self) -> Vec<Value> {
        let answer = self.looks("/v1/connections").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["connections"].as_array().unwrap().clone()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts an RFC 9457 answer with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
    }
}

/// Sends a request and reads all of the answer.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = within("an answer", request.send()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer { status: StatusCode::as_u16(&status), headers, text }
}

/// The arguments of `steadfast serve` at these addresses.
fn serve(flags: &[&str], public: SocketAddr, internal: SocketAddr) -> Vec<String> {
    let (public, internal) = (public.to_string(), internal.to_string());
    let listen = ["--listen", &public, "--internal", &internal];
    ["serve"].iter().chain(flags).chain(&listen).map(ToString::to_string).collect()
}

/// A server that listens; `None` where an address was in use.
async fn spawn(script: &str, args: &[String], variables: &[(String, String)]) -> Option<Process> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    variables.push(("STEADFAST_LOG", "info"));
    let mut process = if script.is_empty() {
        Process::start(&args, &variables)
    } else {
        Process::start_after(script, &args, &variables)
    };
    match process.err.with_or_all("backends").await {
        Ok(_) => Some(process),
        Err(all) if all.iter().any(|line| line.contains("Address already in use")) => None,
        Err(all) => panic!("the server ended before it listened; it printed {all:#?}"),
    }
}
