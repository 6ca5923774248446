//! What belongs to a user is out of reach for all others: links, generations, answers. P-15, P-30

use serde_json::{Value, json};

use crate::raw::Raw;
use crate::server::{Server, answer};
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

/// A socket of a token that the commands made.
async fn hello_with(server: &Server, link: &str, token: &str) -> Raw {
    let mut raw = Raw::open(server).await;
    let channels = json!([{"channel": "demo:1", "since": "now"}]);
    let hello = json!({"type": "hello", "link": link, "generation": 1, "token": token,
        "channels": channels});
    raw.says(&hello).await;
    raw
}

async fn token_of(user: &str, more: &[&str]) -> String {
    made(&[&["--subscribe", "demo:*", "--sub", user], more].concat()).await
}

/// P-17: sockets, polls and streams of a revoked token end at once, and it opens nothing more.
#[tokio::test]
async fn a_revoked_token_ends_what_it_opened_and_opens_nothing_more() {
    let server = guarded(&[]).await;
    let (ada, bob) = (token_of("ada", &["--jti", "t-1"]).await, token_of("bob", &[]).await);
    let mut hers = hello_with(&server, "link-0001", &ada).await;
    hers.expect("welcome").await;
    let mut his = hello_with(&server, "link-0002", &bob).await;
    his.expect("welcome").await;
    his.expect("subscribed").await;
    let events = server.url("/v1/channels/demo:1/events");
    let waiting = format!("{events}?offset=latest&wait=50");
    let poll = |version| server.http.get(&waiting).version(version).bearer_auth(&ada);
    let stream = server.http.get(server.url("/v1/channels/demo:1/stream")).bearer_auth(&ada);
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let revoking = async {
        server.is_followed(5).await;
        let receipt = server.posts("/v1/revocations", &json!({"jti": "t-1"})).await;
        assert_eq!(receipt.status, 200, "{receipt:?}");
        receipt.json()
    };
    // A poll on a socket of its own, one inside of HTTP, and the stream.
    let (own, inside, rest, receipt) = tokio::join!(
        answer(poll(reqwest::Version::HTTP_11)),
        answer(poll(reqwest::Version::HTTP_10)),
        stream.text(),
        revoking,
    );
    assert_eq!((&receipt["closed"], &receipt["stored"]), (&json!(4), &json!(false)), "{receipt}");
    for answer in [own, inside] {
        answer.assert_problem(401, "token_revoked");
    }
    rest.unwrap();
    let (code, reason) = hers.closed().await;
    assert_eq!((code, &*reason), (4202, "the token was revoked"));

    assert_eq!(hello_with(&server, "link-0001", &ada).await.closed().await.0, 4202);
    answer(server.http.get(&events).bearer_auth(&ada)).await.assert_problem(401, "token_revoked");
    // Her other tokens and those of others count as ever.
    let other = token_of("ada", &["--jti", "t-2"]).await;
    hello_with(&server, "link-0001", &other).await.expect("welcome").await;
    his.says(&json!({"type": "ping", "id": 1})).await;
    his.expect("pong").await;
    let metrics = server.looks("/metrics").await.text;
    assert!(metrics.contains("steadfast_revocations 1"), "{metrics}");
}

#[tokio::test]
async fn a_user_is_shown_disconnected_and_revoked_by_name() {
    let server = guarded(&[]).await;
    let (ada, bob) = (token_of("ada b/c", &[]).await, token_of("bob", &[]).await);
    let mut sockets = Vec::new();
    for (link, token) in [("link-0001", &ada), ("link-0002", &ada), ("link-0003", &bob)] {
        let mut raw = hello_with(&server, link, token).await;
        raw.expect("welcome").await;
        sockets.push(raw);
    }
    let path = "/v1/users/ada%20b%2Fc";
    let page = server.looks(&format!("{path}?limit=1")).await.json();
    assert_eq!(page["connections"][0]["user"], "ada b/c");
    let next = format!("{path}?limit=1&after={}", page["next"].as_str().unwrap());
    let page = server.looks(&next).await.json();
    assert_eq!((page["connections"].as_array().unwrap().len(), &page["next"]), (1, &Value::Null));
    assert_eq!(server.looks("/v1/users/eve").await.json()["connections"], json!([]));
    server.looks(&format!("{path}?user=bob")).await.assert_problem(400, "bad_query");
    server.looks("/v1/users/a%0Ab").await.assert_problem(400, "bad_user");

    let ended = server.deletes(&format!("{path}/connections?reconnect=true")).await.json();
    assert_eq!(ended, json!({"closed": 2}));
    assert_eq!(sockets.remove(0).closed().await.0, 4002);
    assert_eq!(sockets.remove(0).closed().await.0, 4002);
    let mut raw = hello_with(&server, "link-0001", &ada).await;
    raw.expect("welcome").await;
    assert_eq!(server.deletes(&format!("{path}/connections")).await.json()["closed"], 1);
    assert_eq!(raw.closed().await.0, 4402);

    // All tokens of the user, but not those of a time to come.
    let revoked = server.posts("/v1/revocations", &json!({"sub": "ada b/c"})).await.json();
    assert_eq!(revoked["closed"], 0);
    assert_eq!(hello_with(&server, "link-0001", &ada).await.closed().await.0, 4202);
    sockets[0].says(&json!({"type": "ping", "id": 1})).await;
    for (body, detail) in [
        (json!({}), "say which tokens"),
        (json!({"sub": "a", "jit": "x"}), "did you mean `jti`?"),
        (json!({"jti": "x", "before": 7}), "no place beside"),
        (json!({"jti": ""}), "1 to 255"),
        (json!({"sub": ""}), "empty"),
        (json!({"before": 1_900_000_000_000_u64}), "in the future"),
    ] {
        let refused = server.posts("/v1/revocations", &body).await;
        assert!(refused.status == 400 && refused.text.contains(detail), "{body}: {refused:?}");
    }
}

#[tokio::test]
async fn revocations_hold_on_every_node_and_on_one_that_starts_later_or_again() {
    let (store, folder) = (Store::start().await, tempfile::tempdir().unwrap());
    let file = folder.path().join("revocations.jsonl");
    let kept = [("AUTH__REVOCATIONS_FILE", file.to_str().unwrap())];
    let one = with_key(store.node_with("one", &[], &KEYS).await);
    let two = with_key(store.node_with("two", &[], &[&KEYS[..], &kept].concat()).await);
    let token = token_of("ada", &[]).await;
    let mut there = hello_with(&two, "link-0001", &token).await;
    there.expect("welcome").await;
    let shown = one.looks("/v1/users/ada").await.json();
    assert_eq!(shown["connections"][0]["node"], "two", "{shown}");
    let receipt = one.posts("/v1/revocations", &json!({"sub": "ada"})).await.json();
    assert_eq!((&receipt["closed"], &receipt["unanswered"]), (&json!(1), &json!([])));
    assert_eq!(there.closed().await.0, 4202);
    assert_eq!(hello_with(&two, "link-0001", &token).await.closed().await.0, 4202);

    // One that starts later learns it from the others.
    let late = with_key(store.node_with("late", &[], &KEYS).await);
    crate::within("the revocation", async {
        while !late.looks("/metrics").await.text.contains("steadfast_revocations 1") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(hello_with(&late, "link-0001", &token).await.closed().await.0, 4202);
    // One that starts again has it from its file before it serves.
    drop((one, late));
    let mut two = two;
    two.kill().await;
    two.restart().await;
    assert_eq!(hello_with(&two, "link-0001", &token).await.closed().await.0, 4202);
}

async fn ticket_of(server: &Server, token: &str) -> String {
    let answer = answer(server.http.post(server.url("/v1/tickets")).bearer_auth(token)).await;
    assert_eq!((answer.status, &answer.json()["expires_in_ms"]), (201, &json!(30_000)));
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()["ticket"].as_str().unwrap().to_owned()
}

/// P-17
#[tokio::test]
async fn a_ticket_in_a_url_opens_one_socket_or_stream_once_on_any_node() {
    let store = Store::start().await;
    let one = with_key(store.node_with("one", &[], &KEYS).await);
    let two = with_key(store.node_with("two", &[], &KEYS).await);
    let token = token_of("ada", &[]).await;
    let hello = json!({"type": "hello", "link": "link-0001", "generation": 1});
    for other in [&one, &two] {
        let path = format!("/v1/ws?ticket={}", ticket_of(&one, &token).await);
        let mut raw = Raw::open_path(other, &path).await;
        raw.says(&hello).await;
        raw.expect("welcome").await;
        assert_eq!(one.looks("/v1/users/ada").await.json()["connections"][0]["user"], "ada");
        // A second time, on either node.
        for node in [&one, &two] {
            let mut raw = Raw::open_path(node, &path).await;
            raw.says(&hello).await;
            assert_eq!(raw.closed().await.0, 4202);
        }
    }
    let ticket = ticket_of(&one, &token).await;
    let misplaced = format!("/v1/channels/demo:1/stream?offset=x&ticket={ticket}");
    one.asked(&misplaced).await.assert_problem(400, "bad_position");
    let stream = two.url(&format!("/v1/channels/demo:1/stream?ticket={ticket}"));
    assert_eq!(two.http.get(&stream).send().await.unwrap().status(), 200);
    answer(two.http.get(&stream)).await.assert_problem(401, "ticket_unknown");
    let elsewhere = format!("/v1/channels/x:1/stream?ticket={}", ticket_of(&two, &token).await);
    two.asked(&elsewhere).await.assert_problem(403, "forbidden");

    // A look uses none up.
    let looked_at = format!("/v1/channels/demo:1/stream?ticket={}", ticket_of(&one, &token).await);
    assert_eq!(answer(one.http.head(one.url(&looked_at))).await.status, 401);
    assert_eq!(one.http.get(one.url(&looked_at)).send().await.unwrap().status(), 200);
    // Polls can send headers, so they need none. Neither is there a ticket without a token.
    let poll = format!("/v1/channels/demo:1/events?ticket={}", ticket_of(&one, &token).await);
    one.asked(&poll).await.assert_problem(401, "token_missing");
    answer(one.http.post(one.url("/v1/tickets"))).await.assert_problem(401, "token_missing");
    for odd in ["", "x", "0", "..", "0.0", "a%20b", &"0".repeat(99)] {
        let path = format!("/v1/channels/demo:1/stream?ticket={odd}");
        one.asked(&path).await.assert_problem(401, "ticket_unknown");
    }
    // One that was given before its token was revoked opens nothing.
    let path = format!("/v1/ws?ticket={}", ticket_of(&one, &token).await);
    one.posts("/v1/revocations", &json!({"sub": "ada"})).await;
    let mut raw = Raw::open_path(&one, &path).await;
    raw.says(&hello).await;
    assert_eq!(raw.closed().await.0, 4202);
}

#[tokio::test]
async fn as_many_tickets_as_allowed_are_given_and_not_one_more() {
    let server = guarded(&[("LIMITS__TICKETS_MAX", "2")]).await;
    let token = token_of("ada", &[]).await;
    ticket_of(&server, &token).await;
    ticket_of(&server, &token).await;
    let refused = answer(server.http.post(server.url("/v1/tickets")).bearer_auth(&token)).await;
    refused.assert_problem(503, "tickets_full");
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn an_address_has_its_share_of_tickets_and_the_next_address_has_one_too() {
    let settings = [("PUBLIC__UNLIMITED_ADDRESSES", "[]"), ("LIMITS__TICKETS_PER_IP_MAX", "1")];
    let server = guarded(&settings).await;
    let token = token_of("ada", &[]).await;
    ticket_of(&server, &token).await;
    let refused = answer(server.http.post(server.url("/v1/tickets")).bearer_auth(&token)).await;
    refused.assert_problem(503, "tickets_full");
    let local = "127.0.0.3".parse().ok();
    let other = reqwest::Client::builder().no_proxy().local_address(local).build().unwrap();
    let given = answer(other.post(server.url("/v1/tickets")).bearer_auth(&token)).await;
    assert_eq!(given.status, 201, "{given:?}");
}

/// P-17
#[tokio::test]
async fn a_ticket_ends_with_its_token() {
    let server = guarded(&[]).await;
    server.publishes("demo:1", 1).await;
    let token = token_of("ada", &["--ttl", "1s"]).await;
    let ticket = ticket_of(&server, &token).await;
    let events = server.url("/v1/channels/demo:1/events");
    let ended = async || answer(server.http.get(&events).bearer_auth(&token)).await.status == 401;
    let deadline = std::time::Instant::now() + crate::PATIENCE;
    while !ended().await {
        assert!(std::time::Instant::now() < deadline);
    }
    let stream = format!("/v1/channels/demo:1/stream?ticket={ticket}");
    server.asked(&stream).await.assert_problem(401, "token_expired");
}

/// A backend whose user is not known must not revoke the tokens of all users.
#[tokio::test]
async fn nothing_is_revoked_for_a_user_who_is_null() {
    let server = guarded(&[]).await;
    for body in [
        json!({"sub": null, "before": 1}),
        json!({"jti": null, "before": 1}),
        json!({"sub": "ada", "before": null}),
    ] {
        server.posts("/v1/revocations", &body).await.assert_problem(400, "bad_body");
    }
}
