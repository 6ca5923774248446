//! Blocks WebSocket as a middlebox would: a request for one is answered by something that is not
//! this server, and open ones are cut without a close frame.

use std::net::Shutdown;
use std::sync::{Arc, Weak};

use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use parking_lot::Mutex;
use slab::Slab;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::client_api::body::{Body, whole};
use crate::net::socket::{Shared, Stream};

const STRANGER: &str = "<!doctype html><title>Blocked</title>\
    <p>This network does not let WebSocket through.";

/// Whether WebSocket is blocked, and the sockets that are cut when it is.
#[derive(Debug, Default)]
pub(in crate::client_api) struct Barrier(Arc<Mutex<BarrierState>>);

#[derive(Debug, Default)]
struct BarrierState {
    is_up: bool,
    /// As many as there are connections, which have a limit.
    sockets: Slab<Weak<TcpStream>>,
}

/// Removes its socket from the list when it is dropped.
#[derive(Debug)]
pub(in crate::client_api) struct Exposed {
    state: Arc<Mutex<BarrierState>>,
    at: usize,
}

impl Barrier {
    /// Blocks WebSocket, or unblocks it.
    pub(super) fn set(&self, is_up: bool) {
        let mut state = self.0.lock();
        state.is_up = is_up;
        if is_up {
            state.sockets.iter().for_each(|(_, socket)| cut(socket));
        }
    }

    /// Whether WebSocket is blocked.
    pub(in crate::client_api) fn is_up(&self) -> bool {
        self.0.lock().is_up
    }

    /// Registers a socket, which is cut once WebSocket is blocked, or now if it is. Only plain TCP
    /// can be cut.
    pub(in crate::client_api) fn expose(&self, stream: &Stream) -> Option<Exposed> {
        let Stream::Plain(Shared(socket)) = stream else { return None };
        let mut state = self.0.lock();
        let socket = Arc::downgrade(socket);
        if state.is_up {
            cut(&socket);
        }
        let at = state.sockets.insert(socket);
        Some(Exposed { state: Arc::clone(&self.0), at })
    }
}

impl Drop for Exposed {
    fn drop(&mut self) {
        self.state.lock().sockets.try_remove(self.at);
    }
}

fn cut(socket: &Weak<TcpStream>) {
    // A socket that is closed already need not be cut.
    let cut = socket.upgrade().map(|socket| SockRef::from(&*socket).shutdown(Shutdown::Both));
    drop(cut);
}

/// The response to a request for a WebSocket while it is blocked. It does not look like this
/// server's. P-75
pub(in crate::client_api) fn refusal() -> Response<Body> {
    let mut response = Response::new(whole(STRANGER));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
