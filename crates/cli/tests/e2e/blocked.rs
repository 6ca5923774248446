//! A network that lets plain HTTP through and leaves each WebSocket hanging: events come by polls
//! beside the dial, and the network is known again after a restart. P-73, P-76

use steadfast_client::{
    Builder, ChannelName, Client, Config, LinkState, NetworkKey, NetworkKind, Notice, Reason,
    SavedNetworks, Since, Span,
};

use crate::proxy::{Mode, Proxy};
use crate::server::Server;
use crate::within;

async fn swallowing(server: &Server) -> Proxy {
    let proxy = Proxy::start(server.public).await;
    proxy.set(Mode::Swallow);
    proxy
}

fn builder(proxy: &Proxy) -> Builder {
    Client::builder(&proxy.url()).subscribe(ChannelName::new("demo:1").unwrap(), Since::Start)
}

/// Reads to the next change of state; what it is now, and why.
async fn next_state(client: &mut Client) -> (LinkState, Reason) {
    let search = async {
        loop {
            if let Notice::State { new, reason, .. } = client.next().await.unwrap() {
                return (new, reason);
            }
        }
    };
    within("a state", search).await
}

/// Reads to the next event, with nothing told of the state before it.
async fn next_event(client: &mut Client) -> String {
    let search = async {
        loop {
            let notice = client.next().await.unwrap();
            if let Notice::Event(event) = notice {
                return event.data.as_str().to_owned();
            }
            assert!(!matches!(notice, Notice::State { .. }), "{notice:?}");
        }
    };
    within("an event", search).await
}

#[tokio::test]
async fn events_come_by_polls_while_each_websocket_is_left_hanging() {
    let server = Server::dev().await;
    let proxy = swallowing(&server).await;
    server.publishes("demo:1", 1).await;
    let hurried = |config: &mut Config| {
        config.fallback_effort = Span(100);
        config.connect_timeout = Span(3_000);
        config.return_min = Span(1);
        config.return_max = Span(1);
    };
    let mut client = builder(&proxy).adjust(hurried).connect().await.unwrap();
    assert_eq!(next_state(&mut client).await, (LinkState::Connecting, Reason::Asked));
    let polling = (LinkState::Fallback, Reason::WebSocketBlocked);
    assert_eq!(next_state(&mut client).await, polling);
    assert_eq!(next_event(&mut client).await, r#"{"n":1}"#);
    assert_eq!(proxy.asked()[..2], ["GET /v1/ws", "GET /v1/probe"], "the first still hangs");

    // It is tried again and again, and events go on.
    proxy.is_asked_for_sockets(2).await;
    server.publishes("demo:1", 2).await;
    assert_eq!(next_event(&mut client).await, r#"{"n":2}"#);
    client.close().await;
}

#[tokio::test]
async fn a_network_that_was_seen_to_block_is_known_after_a_restart() {
    let server = Server::dev().await;
    let proxy = swallowing(&server).await;
    server.publishes("demo:1", 1).await;
    let network = || (NetworkKind::Wifi, NetworkKey::new("4f1a"));
    let hurried = |config: &mut Config| {
        config.fallback_effort = Span(1);
        config.connect_timeout = Span(300);
        config.return_min = Span(1);
        config.return_max = Span(1);
    };
    let mut client = builder(&proxy).adjust(hurried).connect().await.unwrap();
    let (kind, key) = network();
    client.network_changed(kind, key).await.unwrap();
    while next_state(&mut client).await.0 != LinkState::Fallback {}
    let mut attempts = 1;
    let saved = loop {
        let saved = client.networks().await.unwrap();
        if saved.iter().any(|record| record.sightings >= 3) {
            break saved.to_json();
        }
        attempts += 1;
        proxy.is_asked_for_sockets(attempts).await;
    };
    client.close().await;
    let before = proxy.asked().len();

    // As after a restart: the file, the defaults, and no patience needed.
    let saved = SavedNetworks::from_json(&saved).unwrap();
    let mut client = builder(&proxy).networks(saved).connect().await.unwrap();
    let (kind, key) = network();
    client.network_changed(kind, key).await.unwrap();
    assert_eq!(next_state(&mut client).await, (LinkState::Connecting, Reason::Asked));
    let polling = (LinkState::Fallback, Reason::WebSocketBlocked);
    assert_eq!(next_state(&mut client).await, polling);
    assert_eq!(next_event(&mut client).await, r#"{"n":1}"#);
    let asked = &proxy.asked()[before..];
    assert!(!asked.contains(&"GET /v1/probe".to_owned()), "nothing needed to be proven: {asked:?}");
    client.close().await;
}
