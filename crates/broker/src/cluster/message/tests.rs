//! The bytes of each kind, which never change, and what bytes of no kind come to.

use proptest::prelude::{any, proptest};
use steadfast_protocol::{ChannelName, LinkId, LinkKey, UserId};

use super::{ClusterMessage as M, MESSAGE_BYTES_MAX, MessageError, RESERVED_MAX, TOKEN_BYTES_MAX};
use crate::cluster::NodeId;

fn node() -> NodeId {
    NodeId { run: "00ff".into(), name: "node-1.a".into() }
}

fn epochs() -> Vec<(ChannelName, String)> {
    let pairs = [("a:1", "00000000ff-7"), ("b", "00000000ff-8")];
    pairs.map(|(name, base)| (ChannelName::new(name).unwrap(), base.to_owned())).to_vec()
}

fn link_of(user: Option<&str>) -> LinkKey {
    let user = user.map(|user| UserId::new(user).unwrap());
    LinkKey { user, link: LinkId::new("link-0001").unwrap() }
}

fn bad(kind: &'static str, field: &'static str) -> MessageError {
    MessageError::BadField { kind, field }
}

#[test]
fn each_kind_keeps_its_bytes() {
    let (link, body) = (link_of(None), r#"[{"id": "é"}]"#.to_owned());
    let (ada, odd) = (link_of(Some("ada")), link_of(Some("%20 é%%25|1 2")));
    let golden = [
        (
            M::Request { from: node(), number: 7, body: "list ?limit=1  ".into() },
            "ask node-1.a-00ff 7 list ?limit=1  ",
        ),
        (
            M::Response { number: u64::MAX, from: node(), body },
            "answer 18446744073709551615 node-1.a-00ff [{\"id\": \"é\"}]",
        ),
        (M::Response { number: 0, from: node(), body: String::new() }, "answer 0 node-1.a-00ff "),
        (M::Alive { node: node() }, "here node-1.a-00ff"),
        (M::ListReserved { node: node() }, "which-reserved node-1.a-00ff"),
        (
            M::Reserved { node: node(), epochs: epochs() },
            "reserved node-1.a-00ff a:1 00000000ff-7 b 00000000ff-8",
        ),
        (
            M::KeepReserved { node: node(), epochs: epochs() },
            "kept node-1.a-00ff a:1 00000000ff-7 b 00000000ff-8",
        ),
        (M::Reserved { node: node(), epochs: Vec::new() }, "reserved node-1.a-00ff"),
        (
            M::ClaimLink { node: node(), generation: 3, link: link.clone() },
            "hello node-1.a-00ff 3 link-0001",
        ),
        (M::LinkHeld { generation: 4, link }, "held 4 link-0001"),
        (
            M::ClaimLink { node: node(), generation: 3, link: ada.clone() },
            "hello node-1.a-00ff 3 link-0001 ada",
        ),
        (M::LinkHeld { generation: 4, link: ada }, "held 4 link-0001 ada"),
        (M::LinkHeld { generation: 5, link: odd }, "held 5 link-0001 %2520%20é%25%2525|1%202"),
        (M::Fence { fence: "00000000000000ff".into() }, "fence 00000000000000ff"),
        (M::Probe { number: 12 }, "probe 12"),
    ];
    for (message, text) in golden {
        assert_eq!(message.encode(), text);
        assert_eq!(M::decode(text.as_bytes()), Ok(message), "{text}");
    }
}

#[test]
fn fields_that_a_newer_version_adds_are_ignored() {
    for (newer, text) in [
        ("here node-1.a-00ff since 5", "here node-1.a-00ff"),
        ("which-reserved node-1.a-00ff a b c", "which-reserved node-1.a-00ff"),
        ("hello node-1.a-00ff 3 link-0001 ada eu", "hello node-1.a-00ff 3 link-0001 ada"),
        ("held 4 link-0001 ada x", "held 4 link-0001 ada"),
        ("fence ff x", "fence ff"),
        ("probe 1 x y", "probe 1"),
    ] {
        assert_eq!(M::decode(newer.as_bytes()).unwrap().encode(), text);
    }
    let long = "x".repeat(TOKEN_BYTES_MAX + 1);
    let pairs = format!("kept node-1.a-00ff a:1 00000000ff-7 b!c 1 c {long} b 00000000ff-8 d");
    let message = M::KeepReserved { node: node(), epochs: epochs() };
    assert_eq!(M::decode(pairs.as_bytes()), Ok(message), "pairs that are not valid are left out");
}

#[test]
fn a_kind_of_a_newer_version_is_told_from_a_message_that_is_not_valid() {
    for (text, kind) in [("", ""), ("teleport a-1 x", "teleport"), ("ASK a-1 1 x", "ASK")] {
        assert_eq!(M::decode(text.as_bytes()), Err(MessageError::UnknownKind(kind.into())));
    }
    let long = M::decode("é".repeat(99).as_bytes()).unwrap_err();
    assert_eq!(long, MessageError::UnknownKind("é".repeat(32)));
    for (text, error) in [
        ("ask", bad("ask", "node")),
        ("ask node 1 x", bad("ask", "node")),
        ("ask -1 1 x", bad("ask", "node")),
        ("ask a-1 -1 x", bad("ask", "number")),
        ("ask a-1 1", bad("ask", "body")),
        ("answer 1x a-1 x", bad("answer", "number")),
        ("answer 1  x", bad("answer", "node")),
        ("answer 1 a-1", bad("answer", "body")),
        ("here", bad("here", "node")),
        ("which-reserved a", bad("which-reserved", "node")),
        ("reserved", bad("reserved", "node")),
        ("kept a", bad("kept", "node")),
        ("hello a-1 x link-0001", bad("hello", "generation")),
        ("hello a-1 1 short", bad("hello", "link")),
        ("hello a-1 1 link-0001 ", bad("hello", "user")),
        ("held 1 link-0001 a\nb", bad("held", "user")),
        ("held 18446744073709551616 link-0001", bad("held", "generation")),
        ("held 1", bad("held", "link")),
        ("fence ", bad("fence", "fence")),
        ("probe", bad("probe", "number")),
    ] {
        assert_eq!(M::decode(text.as_bytes()), Err(error.clone()), "{text}");
        assert!(error.to_string().contains("missing or not valid"), "{error}");
    }
    assert_eq!(M::decode(b"here \xff-1"), Err(MessageError::NotUtf8));
}

#[test]
fn lengths_have_limits() {
    let sized = |len: usize| {
        let head = "answer 1 a-1 ";
        M::decode(format!("{head}{}", "x".repeat(len - head.len())).as_bytes())
    };
    assert!(sized(MESSAGE_BYTES_MAX).is_ok());
    let (len, max) = (MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX);
    assert_eq!(sized(len), Err(MessageError::TooLong { len, max }));
    let node = |len: usize| M::decode(format!("here {}-1", "n".repeat(len - 2)).as_bytes());
    assert!(node(NodeId::BYTES_MAX).is_ok());
    assert_eq!(node(NodeId::BYTES_MAX + 1), Err(bad("here", "node")));
    let fence = |len: usize| M::decode(format!("fence {}", "f".repeat(len)).as_bytes());
    assert!(fence(TOKEN_BYTES_MAX).is_ok());
    assert_eq!(fence(TOKEN_BYTES_MAX + 1), Err(bad("fence", "fence")));
    let pairs = |count: usize| M::decode(format!("kept a-1{}", " c b".repeat(count)).as_bytes());
    assert!(pairs(RESERVED_MAX).is_ok());
    assert_eq!(pairs(RESERVED_MAX + 1), Err(bad("kept", "epochs")));
}

proptest! {
    #[test]
    fn whatever_bytes_arrive_are_decoded_or_refused(bytes in any::<Vec<u8>>()) {
        let _ = M::decode(&bytes);
        for kind in ["ask", "answer", "kept", "hello", "held"] {
            let _ = M::decode(&[kind.as_bytes(), b" a-1 1 ", &bytes].concat());
        }
    }

    #[test]
    fn a_request_is_decoded_as_it_was_encoded(number in any::<u64>(), body in any::<String>()) {
        let request = M::Request { from: node(), number, body };
        assert_eq!(M::decode(request.encode().as_bytes()), Ok(request));
    }
}
