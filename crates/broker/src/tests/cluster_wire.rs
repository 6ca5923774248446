//! The bytes of the messages between nodes. Nodes of two versions may share a broker, so a message
//! that one version sends has to be read by the other: the texts below never change.

use steadfast_protocol::{LinkId, LinkKey, UserId};

use super::live::Listener;
use super::shared_server::SharedServer;
use super::{Arm, event};

/// The id of a node that exists in this test alone: it sends and reads texts.
const FOREIGN: &str = "old.1-00ff00ff00ff00ff";

/// The messages of a broker's server, as a node of another version sends and receives them.
pub(crate) trait ClusterWire {
    /// Sends bytes to the node of this id, or to all nodes.
    async fn send(&mut self, to: Option<&str>, bytes: &[u8]);

    /// Waits for the next message: the node that it is for, `None` if it is for all, and its bytes.
    async fn next(&mut self) -> (Option<String>, Vec<u8>);
}

/// Waits until exactly this message was sent.
async fn sees(wire: &mut impl ClusterWire, to: Option<&str>, text: &str) {
    loop {
        let (node, bytes) = wire.next().await;
        if node.as_deref() == to && bytes == text.as_bytes() {
            return;
        }
    }
}

/// Two nodes that are ready.
async fn nodes<S: SharedServer>(server: &S) -> (Arm, Arm) {
    let (one, two) = (server.node(), server.node());
    one.ready().await;
    two.ready().await;
    (one, two)
}

pub(crate) async fn messages_keep_their_bytes<S: SharedServer>() {
    let server = S::launch().await;
    let (one, two) = nodes(&server).await;
    let wire = &mut server.wire().await;
    let [first, second] = [&one, &two].map(|arm| arm.broker.node_id().unwrap().to_string());
    let answering = async {
        let request = two.broker.next_request().await;
        assert_eq!(request.body, "what is it?");
        two.broker.respond(&request, "it is that").await;
    };
    let (responses, ()) = tokio::join!(one.broker.request("what is it?", None), answering);
    assert_eq!(responses.received[0].1, "it is that");
    sees(wire, None, &format!("ask {first} 1 what is it?")).await;
    sees(wire, Some(&first), &format!("answer 1 {second} it is that")).await;

    // What a node of another version sends is understood.
    wire.send(Some(&second), format!("ask {FOREIGN} 77 and you?").as_bytes()).await;
    let request = two.broker.next_request().await;
    assert_eq!(request.body, "and you?");
    two.broker.respond(&request, "[1, \"é\"]").await;
    sees(wire, Some(FOREIGN), &format!("answer 77 {second} [1, \"é\"]")).await;

    let mut link = LinkKey { user: None, link: LinkId::new("link-0001").unwrap() };
    one.broker.claim_link(&link, 12).await;
    sees(wire, None, &format!("hello {first} 12 link-0001")).await;
    link.user = Some(UserId::new("ada b").unwrap());
    one.broker.claim_link(&link, 12).await;
    sees(wire, None, &format!("hello {first} 12 link-0001 ada%20b")).await;
    let mut listener = Listener::to(&one, "a");
    let link = listener.link().clone();
    wire.send(None, format!("hello {FOREIGN} 1 {link}").as_bytes()).await;
    sees(wire, Some(FOREIGN), &format!("held 1 {link}")).await;
    // Another user's link of the same id is none of this listener's business.
    wire.send(None, format!("hello {FOREIGN} 2 {link} eve").as_bytes()).await;
    wire.send(None, format!("held 2 {link} eve").as_bytes()).await;
    wire.send(None, format!("hello {FOREIGN} 1 {link}").as_bytes()).await;
    sees(wire, Some(FOREIGN), &format!("held 1 {link}")).await;
    wire.send(Some(&first), format!("held 2 {link}").as_bytes()).await;
    listener.until("closed 4401").await;
}

pub(crate) async fn other_bytes_are_ignored<S: SharedServer>() {
    let server = S::launch().await;
    let (one, two) = nodes(&server).await;
    let wire = &mut server.wire().await;
    let second = two.broker.node_id().unwrap().to_string();
    let long = vec![b'x'; 4 * 1024 * 1024 / 5];
    let odd: [&[u8]; 14] = [
        b"",
        b" ",
        b"ask",
        b"ask a-1",
        b"ask a-1 x what?",
        b"answer 1",
        b"answer -1 a-1 x",
        b"hello a-1 0",
        b"hello a-1 1 short",
        b"held 99999999999999999999 link-0001",
        b"teleport a-1 link-0001",
        b"\xff\xfe ask a-1",
        b"reserved a-1 no base",
        &long,
    ];
    for bytes in odd {
        wire.send(None, bytes).await;
        wire.send(Some(&second), bytes).await;
    }
    wire.send(Some(&second), format!("ask {FOREIGN} 7 and then?").as_bytes()).await;
    let request = two.broker.next_request().await;
    assert_eq!((&*request.body, two.broker.is_ready().await), ("and then?", true));
    assert_eq!(one.put(event("a")).await, 1);
    assert_eq!(two.kept("a").await, [1]);
    assert_eq!((S::sessions_and_losses(&one), S::sessions_and_losses(&two)), ((1, 0), (1, 0)));
}
