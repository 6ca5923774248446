//! Who may hold a fence over to another process of a server: the script alone, in every order in
//! which nodes may come.

use redis::Value;

use crate::redis::scripts::{ENTER, text};
use crate::testing::RedisServer;

/// What a node says of itself: its name, the fence it knows, what it saw under it, the run.
type Says<'a> = (&'a str, &'a str, u64, &'a str);

struct RpcState {
    store: RedisServer,
}

impl RpcState {
    /// A server of run `r1` and fence `f1` that had 10 writes; both nodes know it.
    async fn new() -> Self {
        let rpc = Self { store: RedisServer::start(&[]).await };
        assert_eq!(rpc.come("r1", ("a", "", 0, ""), "f1", 5_000).await, "ok f1");
        rpc.store.does(&["HSET", "t:server", "n", "10"]).await;
        assert_eq!(rpc.come("r1", ("b", "", 0, ""), "f0", 5_000).await, "ok f1");
        rpc
    }

    async fn come(&self, run: &str, says: Says<'_>, fresh: &str, patience: i64) -> String {
        let (node, fence, seen, known) = says;
        let client = redis::Client::open(self.store.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let call = ENTER
            .call(&["t:server", "t:nodes", "t:reports", "t:index"])
            .arg(run)
            .arg(node)
            .arg(fence)
            .number(seen)
            .arg(known)
            .arg(fresh)
            .arg(patience.to_string())
            .number(3_600_000)
            .arg("t:control");
        let answer: Vec<Value> = call.send(&mut connection).await.unwrap();
        let words: Vec<&str> = answer.iter().take(2).map(|value| text(Some(value))).collect();
        words.join(" ")
    }
}

#[tokio::test]
async fn another_process_is_trusted_once_all_have_said_that_they_saw_no_more() {
    let rpc = RpcState::new().await;
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f2", 5_000).await, "wait");
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f3", 5_000).await, "wait");
    assert_eq!(rpc.come("r2", ("b", "f1", 9, "r1"), "f4", 5_000).await, "ok f1");
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f5", 5_000).await, "ok f1");
}

#[tokio::test]
async fn one_node_that_saw_more_is_enough_to_raise_the_fence() {
    let rpc = RpcState::new().await;
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f2", 5_000).await, "wait");
    assert_eq!(rpc.come("r2", ("b", "f1", 11, "r1"), "f3", 5_000).await, "ok f3");
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f4", 5_000).await, "ok f3");
}

#[tokio::test]
async fn a_node_that_says_nothing_is_taken_to_have_seen_more() {
    let rpc = RpcState::new().await;
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f2", 5_000).await, "wait");
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f3", -1).await, "ok f3");
    // When it comes at last, there is nothing left to raise.
    assert_eq!(rpc.come("r2", ("b", "f1", 12, "r1"), "f4", 5_000).await, "ok f3");
}

#[tokio::test]
async fn a_node_that_was_not_asked_may_still_know_better() {
    let rpc = RpcState::new().await;
    // Its presence was among what was lost.
    rpc.store.does(&["HDEL", "t:nodes", "b"]).await;
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f2", 5_000).await, "ok f1");
    rpc.store.does(&["HSET", "t:server", "n", "20"]).await;
    assert_eq!(rpc.come("r2", ("c", "f1", 10, "r1"), "f3", 5_000).await, "ok f1");
    assert_eq!(rpc.come("r2", ("b", "f1", 12, "r1"), "f4", 5_000).await, "ok f4");
}

#[tokio::test]
async fn a_node_that_missed_a_whole_process_cannot_tell_and_raises_the_fence() {
    let rpc = RpcState::new().await;
    rpc.store.does(&["HDEL", "t:nodes", "b"]).await;
    assert_eq!(rpc.come("r2", ("a", "f1", 10, "r1"), "f2", 5_000).await, "ok f1");
    assert_eq!(rpc.come("r3", ("a", "f1", 10, "r2"), "f3", 5_000).await, "ok f1");
    assert_eq!(rpc.come("r3", ("b", "f1", 5, "r1"), "f4", 5_000).await, "ok f4");
}

#[tokio::test]
async fn a_process_that_went_back_in_time_is_found_out() {
    let rpc = RpcState::new().await;
    rpc.store.does(&["HSET", "t:server", "n", "8"]).await;
    assert_eq!(rpc.come("r1", ("a", "f1", 10, "r1"), "f2", 5_000).await, "ok f2");
    assert_eq!(rpc.come("r1", ("b", "f1", 10, "r1"), "f3", 5_000).await, "ok f2");
    // Even to before its fence was raised, and to where its count has grown since.
    rpc.store.does(&["HSET", "t:server", "fence", "f1", "n", "90", "was", " f0  "]).await;
    assert_eq!(rpc.come("r1", ("a", "f2", 10, "r1"), "f4", 5_000).await, "ok f4");
    assert_eq!(rpc.come("r1", ("b", "f2", 10, "r1"), "f5", 5_000).await, "ok f4");
    // And one that remembers an older fence than the one that a node has known.
    assert_eq!(rpc.come("r2", ("a", "f9", 1, "r1"), "f6", 5_000).await, "ok f6");
    assert_eq!(rpc.come("r2", ("b", "f9", 1, "r1"), "f7", 5_000).await, "ok f6");
}
