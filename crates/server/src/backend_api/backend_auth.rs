//! Who may use the internal port. In: a request's headers. Out: nothing, or the problem to answer
//! with. A key permits its roles on its channels. In `--dev` there is no key, so requests that
//! another site's page could make a browser send are refused: those of pages from other machines,
//! and those by names that another site points at this machine.

use std::sync::Arc;

use axum::extract::{self, MatchedPath, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;
use serde::Serialize;

use super::backend_keys::{BackendAction, BackendKey};
use crate::auth::origin::{Origins, is_loopback_host};
use crate::config::BackendRole;
use crate::log;
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

/// A publish with this header is logged as what operators do.
pub(super) const AUDIT: HeaderName = HeaderName::from_static("steadfast-audit");

/// What a key is for.
#[derive(Debug, Serialize)]
struct KeyView<'a> {
    /// `None` in `--dev`, where there are none.
    name: Option<&'a str>,
    roles: Vec<&'static str>,
    /// The only channels; `None` for all.
    channels: Option<Vec<String>>,
    dev: bool,
}

/// Checks the requests of the internal port.
#[derive(Clone, Debug)]
pub(super) struct BackendAuth {
    node: Arc<Node>,
    pages: Arc<Origins>,
}

impl BackendAuth {
    pub(super) fn new(node: Arc<Node>) -> Self {
        // The origins allowed on the public port do not count here: only pages of this machine are
        // allowed.
        let pages = Origins::new::<&str>(&[], node.config.dev).unwrap_or_default();
        Self { node, pages: Arc::new(pages) }
    }

    /// Checks a request. One that is refused is counted.
    pub(super) fn admit<B>(
        &self,
        request: &Request<B>,
        action: &BackendAction<'_>,
    ) -> Result<(), Problem> {
        let admitted = self.look(request, action);
        admitted.inspect_err(|_| Counters::add(&self.node.counters.rejected))
    }

    /// The key of a request; `None` where it has none of this node's, as in `--dev`.
    fn key<B>(&self, request: &Request<B>) -> Option<Arc<BackendKey>> {
        let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let given = given.and_then(bearer)?;
        self.node.backend_keys.read().find(given).map(Arc::clone)
    }

    /// Whether a request is allowed; without counting.
    pub(super) fn allows<B>(&self, request: &Request<B>, action: &BackendAction<'_>) -> bool {
        self.look(request, action).is_ok()
    }

    fn look<B>(&self, request: &Request<B>, action: &BackendAction<'_>) -> Result<(), Problem> {
        if self.node.config.dev {
            check_host(request)?;
            self.check_page(request)
        } else {
            self.check_key(request, action)
        }
    }

    fn check_key<B>(
        &self,
        request: &Request<B>,
        action: &BackendAction<'_>,
    ) -> Result<(), Problem> {
        let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some(given) = given.and_then(bearer) else {
            let detail = "send the internal key as `Authorization: Bearer KEY`";
            return Err(Problem::new(Code::KeyMissing, detail));
        };
        let keys = Arc::clone(&self.node.backend_keys.read());
        let Some(key) = keys.find(given) else {
            let detail = "the key is none of `internal.key` and `internal.keys` of this node";
            return Err(Problem::new(Code::KeyWrong, detail));
        };
        key.check(action)
    }

    fn check_page<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        for origin in request.headers().get_all(ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            if !self.pages.allow(Some(origin), None) {
                let detail = "with `--dev` only pages served by this machine may use this port";
                return Err(Problem::new(Code::OriginRefused, detail));
            }
        }
        Ok(())
    }
}

/// Passes a request on, or answers it with a problem. What operators do is logged with the name of
/// their key, and so is what that key may not do.
pub(super) async fn check(
    State(gate): State<BackendAuth>,
    request: extract::Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let action = BackendAction::of_request(&method, &path);
    let is_audited = action.is_operation() || request.headers().contains_key(AUDIT);
    let admitted = gate.admit(&request, &action);
    let key = is_audited.then(|| gate.key(&request)).flatten();
    let is_known = key.is_some() || admitted.is_ok();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let response = match admitted {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if is_audited && is_known {
        let action = format!("{method} {}", route.as_deref().unwrap_or("/"));
        let name = key.as_ref().map(|key| &*key.name);
        log::audit(name, &action, &path, response.status().as_u16());
    }
    response
}

/// `GET /v1/key`: what the key of this request is for. Any key may ask, and in `--dev` anyone.
pub(super) async fn own_key(
    State(gate): State<BackendAuth>,
    request: extract::Request,
) -> Response {
    let key = gate.key(&request);
    let roles = match &key {
        Some(key) => &*key.roles,
        None => &[BackendRole::Publish, BackendRole::Read, BackendRole::Operate],
    };
    let channels = key.as_ref().and_then(|key| key.channels.as_deref());
    axum::Json(KeyView {
        name: key.as_ref().map(|key| &*key.name),
        roles: roles.iter().map(|role| role.as_str()).collect(),
        channels: channels.map(|all| all.iter().map(ToString::to_string).collect()),
        dev: gate.node.config.dev,
    })
    .into_response()
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !key.is_empty()).then_some(key)
}

/// A page of another site can point a name of its own at this machine, and the name is still that
/// page's.
fn check_host<B>(request: &Request<B>) -> Result<(), Problem> {
    let of_headers = request.headers().get_all(HOST).iter().map(HeaderValue::to_str);
    let of_headers = of_headers.map(Result::unwrap_or_default);
    let of_target = request.uri().authority().map(Authority::as_str);
    if of_headers.chain(of_target).all(is_loopback_host) {
        return Ok(());
    }
    let detail = "with `--dev` this port answers to `localhost` and loopback addresses alone";
    Err(Problem::new(Code::Forbidden, detail))
}
