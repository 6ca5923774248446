//! What belongs to a user is out of reach for all others: links, generations, answers. P-15, P-30

use serde_json::{Value, json};

use crate::raw::Raw;
use crate::server::Server;
use crate::store::Store;
use crate::tokens::{KEYS, guarded, made, with_key};

const LINK: &str = "link-shared-0001";

/// A socket that says hello with the token of `user`.
async fn hello(server: &Server, user: &str, generation: u64) -> Raw {
    let args = ["--subscribe", "demo:*", "--publish", "demo:*", "--sub", user];
    let token = made(&args).await;
    let mut raw = Raw::open(server).await;
    let hello = json!({"type": "hello", "link": LINK, "generation": generation, "token": token});
    raw.says(&hello).await;
    raw
}

async fn published(raw: &mut Raw, data: u64) -> Value {
    let publish = json!({"type": "publish", "id": 1, "channel": "demo:1", "event": "e",
        "data": data, "idempotency_key": "step-1"});
    raw.says(&publish).await;
    raw.expect("published").await
}

#[tokio::test]
async fn a_stranger_with_the_id_of_a_link_has_another_link() {
    let mut server = guarded(&[]).await;
    let mut ada = hello(&server, "ada", 3).await;
    ada.expect("welcome").await;
    // Higher, lower and the highest generation there is: none of them is ada's.
    let mut strangers = Vec::new();
    for (user, generation) in [("bob", 4), ("cyd", 1), ("dan", 1 << 53)] {
        let mut stranger = hello(&server, user, generation).await;
        stranger.expect("welcome").await;
        strangers.push(stranger);
    }
    let mut users: Vec<Value> =
        server.connections().await.iter().map(|row| row["user"].clone()).collect();
    users.sort_by_key(ToString::to_string);
    assert_eq!(users, ["ada", "bob", "cyd", "dan"]);

    // The same key and another event: an answer of its own, not ada's, and no mismatch.
    assert_eq!(published(&mut ada, 1).await["offset"], 1);
    assert_eq!(published(&mut strangers[0], 2).await["offset"], 2);
    assert_eq!(published(&mut ada, 1).await["repeated"], true);

    // Ada's own sessions are fenced as ever. No reason says a generation.
    let mut newer = hello(&server, "ada", 5).await;
    newer.expect("welcome").await;
    assert_eq!(ada.closed().await.0, 4401);
    let (code, reason) = hello(&server, "ada", 4).await.closed().await;
    assert_eq!((code, reason.contains(|c: char| c.is_ascii_digit())), (4401, false), "{reason}");

    drop(newer);
    let line = server.process.err.with("\"close_code\":1006").await;
    assert!(line.contains("\"user\":\"ada\"") && !line.contains(LINK), "{line}");
}

#[tokio::test]
async fn a_stranger_on_another_node_fences_nobody() {
    let store = Store::start().await;
    let one = with_key(store.node_with("one", &[], &KEYS).await);
    let two = with_key(store.node_with("two", &[], &KEYS).await);
    let mut ada = hello(&one, "ada", 1).await;
    ada.expect("welcome").await;
    let mut bob = hello(&two, "bob", 9).await;
    bob.expect("welcome").await;
    // Cyd's link moves from node to node behind bob's, so the message about bob's has passed.
    let mut cyd = hello(&one, "cyd", 1).await;
    cyd.expect("welcome").await;
    hello(&two, "cyd", 2).await.expect("welcome").await;
    assert_eq!(cyd.closed().await.0, 4401);
    ada.says(&json!({"type": "ping", "id": 1})).await;
    ada.expect("pong").await;
    // And ada's does.
    let mut newer = hello(&two, "ada", 2).await;
    newer.expect("welcome").await;
    assert_eq!(ada.closed().await.0, 4401);
    assert_eq!(published(&mut newer, 1).await["offset"], 1);
    assert_eq!(published(&mut bob, 2).await["offset"], 2);
}
