//! Everything of a link that touches the network: its sockets, polls, probes, token requests, each
//! in a task of its own. In: what the link asks for. Out: its inputs, through one bounded queue.
//! Decides nothing.

use std::collections::HashMap;

use steadfast_link::{Input, PollFailure, PollId, SocketId};
use steadfast_protocol::{ChannelRequest, ClientFrame, CloseCode, Token};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::connector::Connector;
use crate::endpoint::Endpoint;
use crate::poll::{Http, Query};
use crate::socket::{self, CLOSE_TIMEOUT, OUTBOX_FRAMES_MAX, Outbound, Target};
use crate::token::TokenSource;
use crate::transport::SocketOptions;

/// How many inputs may wait for the link; each holds a message at most.
const INPUTS_MAX: usize = 16;

/// One endpoint of the service: where its sockets go, and its plain HTTP.
#[derive(Debug)]
pub(crate) struct Site {
    target: Target,
    http: Http,
}

/// The sockets and requests of one link.
#[derive(Debug)]
pub(crate) struct NetworkIo {
    /// By the number that the link knows each by.
    sites: Vec<Site>,
    tokens: TokenSource,
    token: Option<Token>,
    sockets: HashMap<SocketId, mpsc::Sender<Outbound>>,
    polls: HashMap<PollId, AbortHandle>,
    socket_tasks: JoinSet<()>,
    request_tasks: JoinSet<()>,
    inputs_in: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
}

impl Site {
    /// Reached by this connector, with sockets that may carry so much.
    pub(crate) fn new(endpoint: Endpoint, connector: Connector, options: SocketOptions) -> Self {
        let http = Http::new(connector.clone(), endpoint.clone());
        Self { target: Target { endpoint, connector, options }, http }
    }
}

impl NetworkIo {
    /// Nothing open yet. `token` is the first, where there is one.
    pub(crate) fn new(sites: Vec<Site>, tokens: TokenSource, token: Option<Token>) -> Self {
        let (inputs_in, inputs) = mpsc::channel(INPUTS_MAX);
        Self {
            sites,
            tokens,
            token,
            sockets: HashMap::new(),
            polls: HashMap::new(),
            socket_tasks: JoinSet::new(),
            request_tasks: JoinSet::new(),
            inputs_in,
            inputs,
        }
    }

    /// The next thing that came back. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Input {
        match self.inputs.recv().await {
            Some(input) => input,
            // Cannot be: a sender lives in here.
            None => std::future::pending().await,
        }
    }

    /// Takes note of what is over, and says whether the link still wants to hear of it.
    pub(crate) fn is_wanted(&mut self, input: &Input) -> bool {
        while self.socket_tasks.try_join_next().is_some() {}
        while self.request_tasks.try_join_next().is_some() {}
        match input {
            Input::SocketOpened { socket }
            | Input::SocketFrame { socket, .. }
            | Input::SocketAlive { socket } => self.sockets.contains_key(socket),
            Input::SocketFailed { socket, .. } | Input::SocketClosed { socket, .. } => {
                self.sockets.remove(socket).is_some()
            }
            Input::Polled { poll, .. } => self.polls.remove(poll).is_some(),
            Input::Token(Some(token)) => {
                self.token = Some(token.clone());
                true
            }
            Input::Connect
            | Input::Subscribe { .. }
            | Input::Unsubscribe { .. }
            | Input::Publish { .. }
            | Input::Token(None)
            | Input::TokenUnavailable
            | Input::Close
            | Input::Retry
            | Input::Online
            | Input::Offline
            | Input::NetworkChanged { .. }
            | Input::WeakNetwork(_)
            | Input::Resumed
            | Input::Foreground
            | Input::Background
            | Input::Probed { .. }
            | Input::Tick => true,
        }
    }

    /// Opens a socket to an endpoint, or to the place that its server named where it did.
    pub(crate) fn open(&mut self, socket: SocketId, endpoint: u8, to: Option<&str>) {
        let Some(mut target) = self.site(endpoint).map(|site| site.target.clone()) else { return };
        let (outbox, outgoing) = mpsc::channel(OUTBOX_FRAMES_MAX);
        if let Some(place) = to {
            target.endpoint = target.endpoint.moved_to(place);
        }
        self.sockets.insert(socket, outbox);
        self.socket_tasks.spawn(socket::run(socket, target, outgoing, self.inputs_in.clone()));
    }

    /// Sends a frame. A socket that has not written so many others is as good as lost.
    pub(crate) fn send(&mut self, socket: SocketId, frame: Box<ClientFrame>) -> Option<Input> {
        let outbox = self.sockets.get(&socket)?;
        match outbox.try_send(Outbound::Frame(frame)) {
            Err(mpsc::error::TrySendError::Full(_)) => {
                Some(Input::SocketClosed { socket, code: CloseCode::ABNORMAL })
            }
            // One that is closed has ended, and its last word is in the queue of inputs.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }

    /// Closes a socket and forgets it.
    pub(crate) fn close(&mut self, socket: SocketId, code: CloseCode) {
        if let Some(outbox) = self.sockets.remove(&socket) {
            // One too full to take this is dropped without a goodbye.
            let _ = outbox.try_send(Outbound::Close(code));
        }
    }

    /// Polls channels at an endpoint.
    pub(crate) fn poll(
        &mut self,
        poll: PollId,
        endpoint: u8,
        channels: Vec<ChannelRequest>,
        wait_ms: u64,
    ) {
        let query = Query { channels, wait_ms, token: self.token.clone() };
        let Some(http) = self.site(endpoint).map(|site| site.http.clone()) else { return };
        let inputs = self.inputs_in.clone();
        let handle = self.request_tasks.spawn(async move {
            let outcome: Result<_, PollFailure> = http.poll(query).await;
            // Nobody listens once the client is gone; so below.
            let _ = inputs.send(Input::Polled { poll, outcome }).await;
        });
        self.polls.insert(poll, handle);
    }

    /// Gives up a poll.
    pub(crate) fn cancel(&mut self, poll: PollId) {
        if let Some(handle) = self.polls.remove(&poll) {
            handle.abort();
        }
    }

    /// Asks whether plain HTTP gets through to an endpoint.
    pub(crate) fn probe(&mut self, endpoint: u8) {
        let Some(http) = self.site(endpoint).map(|site| site.http.clone()) else { return };
        let inputs = self.inputs_in.clone();
        self.request_tasks.spawn(async move {
            let is_ok = http.probe().await;
            let _ = inputs.send(Input::Probed { is_ok }).await;
        });
    }

    /// Asks the app for a fresh token.
    pub(crate) fn want_token(&mut self) {
        let (tokens, inputs) = (self.tokens.clone(), self.inputs_in.clone());
        let connector = self.site(0).map(|site| site.target.connector.clone());
        self.request_tasks.spawn(async move {
            let input = match tokens.fresh().await {
                Ok(token) => Input::Token(token),
                Err(error) => {
                    if let Some(connector) = connector {
                        connector.note(Some(error));
                    }
                    Input::TokenUnavailable
                }
            };
            let _ = inputs.send(input).await;
        });
    }

    /// Ends everything; closed sockets may say goodbye first, for so long as one takes to.
    pub(crate) async fn end(mut self) {
        self.inputs.close();
        self.sockets.clear();
        self.request_tasks.abort_all();
        let goodbyes = async { while self.socket_tasks.join_next().await.is_some() {} };
        // Whatever is left is dropped, and with it its sockets.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbyes).await;
    }

    /// There is one for each number that the link was told of.
    fn site(&self, endpoint: u8) -> Option<&Site> {
        self.sites.get(usize::from(endpoint))
    }
}

#[cfg(test)]
mod tests;
