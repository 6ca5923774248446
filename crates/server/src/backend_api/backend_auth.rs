//! Who may use the internal port. In: a request's headers. Out: nothing, or the problem to answer
//! with. With a key, every caller that has it may. In `--dev` there is no key, so requests that
//! another site's page could make a browser send are refused: those of pages from other machines,
//! and those by names that another site points at this machine.

use std::sync::Arc;

use axum::extract::{self, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;

use crate::auth::origin::{Origins, is_loopback_host};
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

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
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let admitted = self.look(request);
        admitted.inspect_err(|_| Counters::add(&self.node.counters.rejected))
    }

    /// Whether a request is allowed; without counting.
    pub(super) fn allows<B>(&self, request: &Request<B>) -> bool {
        self.look(request).is_ok()
    }

    fn look<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if self.node.config.dev {
            check_host(request)?;
            self.check_page(request)
        } else {
            self.check_key(request)
        }
    }

    fn check_key<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        let Some(given) = given.and_then(bearer) else {
            let detail = "send the internal key as `Authorization: Bearer KEY`";
            return Err(Problem::new(Code::KeyMissing, detail));
        };
        let key = self.node.config.internal.key.as_ref();
        if key.is_some_and(|key| key.matches(given)) {
            return Ok(());
        }
        let detail = "the key is not the one of `internal.key` of this node";
        Err(Problem::new(Code::KeyWrong, detail))
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

/// Passes a request on, or answers it with a problem.
pub(super) async fn check(
    State(gate): State<BackendAuth>,
    request: extract::Request,
    next: Next,
) -> Response {
    match gate.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
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
