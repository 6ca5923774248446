//! Blocks WebSocket the way something between a client and its server does: a request for one is
//! answered by a stranger, and live ones are cut without a close frame.

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::watch;

use crate::public::body::{Body, whole};

const STRANGER: &str = "<!doctype html><title>Blocked</title>\
    <p>This network does not let WebSocket through.";

/// Whether WebSocket is blocked.
#[derive(Debug)]
pub(in crate::public) struct Barrier(watch::Sender<bool>);

impl Default for Barrier {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Barrier {
    /// Blocks WebSocket, or lets it through again.
    pub(super) fn set(&self, is_up: bool) {
        self.0.send_replace(is_up);
    }

    /// Whether WebSocket is blocked.
    pub(in crate::public) fn is_up(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until WebSocket is blocked.
    pub(in crate::public) async fn raised(&self) {
        let mut seen = self.0.subscribe();
        if seen.wait_for(|is_up| *is_up).await.is_err() {
            // The switch is gone, and nobody can block any more.
            std::future::pending::<()>().await;
        }
    }
}

/// What asks for a WebSocket is told while it is blocked: not by us, as far as it can see. P-75
pub(in crate::public) fn refusal() -> Response<Body> {
    let mut response = Response::new(whole(STRANGER));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
