//! Setting up a client. In: the server's URL and the app's wishes. Out: a running client, or why
//! it cannot be. Whether the server can be reached is no part of it.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use steadfast_link::{Config, Input, Link, LinkState};
use steadfast_protocol::{ChannelName, ClientInfo, LinkId, Since, Token};
use tokio::sync::{mpsc, watch};

use crate::client::Client;
use crate::clock;
use crate::connector::Connector;
use crate::driver::{COMMANDS_MAX, Driver};
use crate::endpoint::Endpoint;
use crate::error::{ConnectError, ENDPOINTS_MAX};
use crate::network_io::{NetworkIo, Site};
use crate::networks::SavedNetworks;
use crate::notice_router::NoticeRouter;
use crate::notices::{NOTICES_MAX, Notices, SharedPositions};
use crate::positions::SavedPositions;
use crate::proxy::Proxies;
use crate::tls;
use crate::token::{TokenAnswer, TokenSource};
use crate::transport::SocketOptions;

/// The largest message taken from a server, in bytes, unless set.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A client to be; made by [`Client::builder`].
#[must_use = "nothing happens before `connect`"]
pub struct Builder {
    /// The first is the usual one.
    urls: Vec<String>,
    tokens: TokenSource,
    info: ClientInfo,
    channels: Vec<(ChannelName, Since)>,
    saved: SavedPositions,
    networks: SavedNetworks,
    roots: Vec<Vec<u8>>,
    socket_options: SocketOptions,
    publish_limits: Option<(usize, usize)>,
    adjust: Box<dyn FnOnce(&mut Config) + Send>,
}

impl Builder {
    pub(crate) fn new(url: &str) -> Self {
        let info = ClientInfo {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            platform: std::env::consts::OS.into(),
        };
        Self {
            urls: vec![url.to_owned()],
            tokens: TokenSource::Nothing,
            info,
            channels: Vec::new(),
            saved: SavedPositions::default(),
            networks: SavedNetworks::default(),
            roots: Vec::new(),
            socket_options: SocketOptions {
                message_bytes_max: MESSAGE_BYTES_MAX,
                is_compressed: true,
            },
            publish_limits: None,
            adjust: Box::new(|_| {}),
        }
    }

    /// Another endpoint of the same service, which serves the same channels; up to 8 with the one
    /// that [`Client::builder`] was given. Where that one is slow to open a WebSocket (by 300 ms to
    /// 2.5 s, as the network is) the next is tried beside it, and the first to open is kept. Each
    /// is told the same token: give no `http://` one beside those of `https://`.
    pub fn endpoint(mut self, url: &str) -> Self {
        self.urls.push(url.to_owned());
        self
    }

    /// A token for the life of the client. Once it has expired the link is rejected; an app that
    /// can get fresh ones gives a [`Builder::token_source`].
    pub fn token(mut self, token: &str) -> Self {
        self.tokens = TokenSource::Fixed(Token::new(token));
        self
    }

    /// Where to get a token, at first and whenever the server takes the last one no longer. There
    /// are three answers, see [`TokenAnswer`](crate::TokenAnswer): `Ok(Some(token))`; `Ok(None)`,
    /// that there is none to be had, as where somebody has signed out, which ends the link as
    /// rejected where the server wants one; and `Err`, that nobody can say now, as where the app's
    /// own server does not answer. Then the link asks again, after pauses that double from 1 s to
    /// 30 s; so it does after a panic or an answer that took over 30 s, and
    /// [`Client::last_dial_error`] says why. `Option` and `Result<String, _>` will do, too.
    pub fn token_source<F, T>(mut self, source: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future + Send + 'static,
        T::Output: Into<TokenAnswer>,
    {
        let source = Arc::new(source);
        self.tokens = TokenSource::Asked(Arc::new(move || {
            let source = source.clone();
            // Within the future, so that a panic of the closure itself is caught, too.
            Box::pin(async move { source().await.into() })
        }));
        self
    }

    /// What operators see of this client, each field cut to 128 bytes. Default: this library and
    /// the operating system.
    pub fn client_info(mut self, info: ClientInfo) -> Self {
        self.info = info.clipped();
        self
    }

    /// Follows a channel from the first session on; the same as [`Client::subscribe`], but in time
    /// for the first message. At most 128 channels.
    pub fn subscribe(mut self, channel: ChannelName, since: Since) -> Self {
        self.channels.push((channel, since));
        self
    }

    /// Goes on where an app was when it saved its [`Client::positions`]: the channels followed from
    /// the first session on start there, whatever `since` they were given. What was saved of other
    /// channels is kept, and saved again.
    pub fn resume(mut self, saved: SavedPositions) -> Self {
        self.saved = saved;
        self
    }

    /// What an app saved of networks, by [`Client::networks`]: where WebSocket was seen not to get
    /// through, events come by polling at once. What is older than a day is dropped.
    pub fn networks(mut self, saved: SavedNetworks) -> Self {
        self.networks = saved;
        self
    }

    /// Trusts one more certificate authority, or several, besides those of the machine: PEM text,
    /// `-----BEGIN CERTIFICATE-----` and on. Used for `https://` and `wss://` servers. What is no
    /// certificate fails [`Builder::connect`].
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// The largest message taken from the server, in bytes, 1 or more. Default 4 MiB. A larger one
    /// ends the link as rejected, since it would only come again. Of a compressed one it counts
    /// what it inflates to.
    pub const fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.socket_options.message_bytes_max = bytes;
        self
    }

    /// Whether messages over WebSocket may be compressed, where the server agrees. Default: they
    /// may. No socket keeps a window for it; what it costs is time, about 15 µs for 1 kB sent.
    pub const fn compression(mut self, is_wanted: bool) -> Self {
        self.socket_options.is_compressed = is_wanted;
        self
    }

    /// How many events, and how many bytes of data and names, may wait to be published or be
    /// unanswered. Default 256 and 256 KiB; with 0 of either nothing is published. One more is
    /// refused with [`PublishError::OutboxFull`](crate::PublishError::OutboxFull).
    pub const fn publish_limits(mut self, messages_max: usize, bytes_max: usize) -> Self {
        self.publish_limits = Some((messages_max, bytes_max));
        self
    }

    /// Changes settings of the link, such as delays and timeouts; a span of nothing is taken as
    /// 1 ms, one above 49 days as that. How many endpoints there are is counted, whatever is set
    /// here.
    pub fn adjust(mut self, adjust: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.adjust = Box::new(adjust);
        self
    }

    /// Starts the client. It connects, and keeps connecting, in the background: follow its state
    /// and events with [`Client::next`]. Waits for a token where one is got from a source.
    ///
    /// Fails where what was given cannot be used, an address or a certificate, and never because of
    /// the network. To be called on a Tokio runtime, whose timers and sockets are enabled: the link
    /// lives in a task of it.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let endpoints = self.endpoints()?;
        let connector = self.connector(&endpoints)?;
        let mut config = Config::new(link_id()?, getrandom::u32()?);
        config.client = Some(self.info);
        let mut first = Vec::new();
        match self.tokens.first().await {
            Ok(token) => config.token = token,
            Err(error) => {
                connector.note(Some(error));
                first.push(Input::TokenUnavailable);
            }
        }
        if let Some((messages_max, bytes_max)) = self.publish_limits {
            config.publish_messages_max = messages_max;
            config.publish_bytes_max = bytes_max;
        }
        config.networks = self.networks.records(clock::date_ms());
        (self.adjust)(&mut config);
        config.endpoints = u8::try_from(endpoints.len()).unwrap_or(u8::MAX);

        let last_error = connector.last_error();
        let site = |endpoint| Site::new(endpoint, connector.clone(), self.socket_options);
        let sites = endpoints.into_iter().map(site).collect();
        let network = NetworkIo::new(sites, self.tokens, config.token.clone());
        let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
        let (notices_in, notices) = mpsc::channel(NOTICES_MAX);
        let (state_in, state) = watch::channel(LinkState::Disconnected);
        let notices_out = NoticeRouter::new(notices_in, state_in);
        let driver = Driver::new(Link::new(config), network, commands, notices_out);

        let subscribe = |(channel, since)| {
            let since = self.saved.since(&channel, since);
            Input::Subscribe { channel, since }
        };
        first.extend(self.channels.into_iter().map(subscribe));
        first.push(Input::Connect);
        tokio::spawn(driver.run(first));
        let notices = Notices::new(notices, SharedPositions::new(self.saved));
        Ok(Client::new(commands_in, notices, state, last_error))
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, ConnectError> {
        if self.urls.len() > ENDPOINTS_MAX {
            return Err(ConnectError::TooManyEndpoints { count: self.urls.len() });
        }
        let endpoints = self.urls.iter().map(|url| Endpoint::new(url));
        Ok(endpoints.collect::<Result<_, _>>()?)
    }

    fn connector(&self, endpoints: &[Endpoint]) -> Result<Connector, ConnectError> {
        // Reading the machine's certificates takes a while.
        let tls = tls::config(&self.roots, endpoints.iter().any(Endpoint::is_tls))?;
        Ok(Connector::new(tls, Proxies::from_environment()))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("urls", &self.urls)
            .field("tokens", &self.tokens)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

/// 128 random bits in hexadecimal.
fn link_id() -> Result<LinkId, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    LinkId::new(&text).map_err(|_| getrandom::Error::UNEXPECTED)
}

#[cfg(test)]
mod tests {
    use super::{Builder, link_id};
    use crate::error::{ConnectError, ENDPOINTS_MAX, UrlError};
    use crate::tls::TlsError;

    #[test]
    fn link_ids_are_long_and_differ() {
        let (a, b) = (link_id().unwrap(), link_id().unwrap());
        assert_eq!(a.as_str().len(), 32);
        assert_ne!(a, b);
    }

    #[tokio::test]
    async fn what_cannot_work_is_refused_at_once_and_no_token_is_shown() {
        let builder = Builder::new("ftp://example.org").token("secret");
        assert!(!format!("{builder:?}").contains("secret"));
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Url(UrlError::Scheme { .. })), "{error}");
        let builder = Builder::new("https://127.0.0.1:1").root_certificate("garbage");
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(TlsError::Empty)), "{error}");
        let builder = Builder::new("http://127.0.0.1:1").endpoint("127.0.0.1:2");
        let error = builder.connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Url(UrlError::Unreadable { .. })), "{error}");
        let builder = Builder::new("http://127.0.0.1:1").endpoint("https://127.0.0.1:2");
        let error = builder.root_certificate("garbage").connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Tls(TlsError::Empty)), "{error}");
    }

    #[tokio::test]
    async fn a_service_has_so_many_endpoints() {
        let with = |count: usize| {
            let builder = Builder::new("http://127.0.0.1:1");
            (1..count).fold(builder, |builder, _| builder.endpoint("http://127.0.0.1:1"))
        };
        assert!(with(ENDPOINTS_MAX).connect().await.is_ok());
        let error = with(ENDPOINTS_MAX + 1).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::TooManyEndpoints { count: 9 }), "{error}");
        assert!(error.to_string().contains("; leave some out"), "{error}");
    }
}
