//! Following a channel without a WebSocket: polls, streams, the probe. P-70 to P-81

use reqwest::Response;
use serde_json::{Value, json};

use crate::server::{Server, answer};
use crate::within;

fn offsets(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["offset"].as_u64().unwrap()).collect()
}

/// P-73, P-75
#[tokio::test]
async fn a_probe_says_who_answers_and_nothing_else() {
    let server = Server::dev().await;
    let probe = server.asked("/v1/probe").await;
    assert_eq!((probe.status, probe.text.as_str()), (204, ""));
    assert_ne!(probe.header("steadfast-node"), "");
    for path in ["/v1/channels/a/events", "/nothing", "/v1/channels/a::b/events"] {
        assert_ne!(server.asked(path).await.header("steadfast-node"), "", "{path}");
    }
}

/// P-70, P-71
#[tokio::test]
async fn a_short_poll_starts_where_it_is_told_to() {
    let server = Server::dev().await;
    let epoch = server.publishes("demo:1", 1).await["epoch"].as_str().unwrap().to_owned();
    for n in 2..=5 {
        server.publishes("demo:1", n).await;
    }
    let page = server.polls("demo:1", "").await;
    assert_eq!(offsets(&page), [1, 2, 3, 4, 5]);
    assert_eq!((&page["channel"], &page["epoch"]), (&json!("demo:1"), &json!(epoch)));
    assert_eq!((&page["offset"], &page["gap"]), (&json!(5), &Value::Null));
    assert_eq!(page["final"], false);
    assert!(page["next_poll_ms"].as_u64().is_some(), "{page}");

    let page = server.polls("demo:1", &format!("epoch={epoch}&offset=2&limit=2")).await;
    assert_eq!((offsets(&page), &page["offset"]), (vec![3, 4], &json!(4)));
    let page = server.polls("demo:1", "offset=latest").await;
    assert_eq!((offsets(&page), &page["offset"]), (vec![], &json!(5)));

    let page = server.polls("demo:1", "epoch=lost&offset=2").await;
    assert_eq!(page["gap"]["cause"], "epoch_changed", "{page}");
    assert_eq!(page["gap"]["from"], json!({"epoch": "lost", "offset": 2}));
    assert_eq!(page["gap"]["to"], json!({"epoch": epoch, "offset": 0}));
    assert_eq!(offsets(&page), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_poll_that_cannot_be_read_is_a_problem() {
    let server = Server::dev().await;
    for (path, code) in [
        ("/v1/channels/demo/events?offset=1", "bad_position"),
        ("/v1/channels/demo/events?epoch=e&offset=-1", "bad_position"),
        ("/v1/channels/demo/events?wait=51", "bad_query"),
        ("/v1/channels/demo/events?limit=0", "bad_query"),
        ("/v1/channels/a::b/events", "bad_channel"),
        ("/v1/channels/%ff/stream", "bad_channel"),
    ] {
        server.asked(path).await.assert_problem(400, code);
    }
    server.asked("/v1/nothing").await.assert_problem(404, "not_found");
    server.asked("/v1/ws").await.assert_problem(426, "upgrade_required");
}

/// P-72
#[tokio::test]
async fn a_long_poll_answers_when_something_happens_and_empty_when_nothing_does() {
    let server = Server::dev().await;
    let first = server.publishes("demo:1", 1).await;
    let query = format!("epoch={}&offset=1&wait=50", first["epoch"].as_str().unwrap());
    let (page, _) = tokio::join!(server.polls("demo:1", &query), async {
        // The poll is there before the event: operators see it wait.
        server.is_followed(1).await;
        server.publishes("demo:1", 2).await
    });
    assert_eq!(offsets(&page), [2]);
    let page = server.polls("demo:1", "offset=latest&wait=1").await;
    assert_eq!((offsets(&page), &page["offset"]), (vec![], &json!(2)));
}

/// P-71
#[tokio::test]
async fn a_poll_tells_the_end() {
    let server = Server::dev().await;
    server.publishes("demo:1", 1).await;
    server.publishes_event("demo:1", &json!({"event": "complete", "final": true})).await;
    assert_eq!(server.polls("demo:1", "limit=1").await["final"], false);
    let page = server.polls("demo:1", "").await;
    assert_eq!(page["final"], true);
    let query = format!("epoch={}&offset=2&wait=50", page["epoch"].as_str().unwrap());
    let page = server.polls("demo:1", &query).await;
    assert_eq!((offsets(&page), &page["final"]), (vec![], &json!(true)));
}

/// One message of a stream.
#[derive(Debug, Default)]
struct Told {
    id: String,
    retry: String,
    event: String,
    data: String,
}

struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(server: &Server, last: Option<&str>) -> Self {
        Self::open_with(server, "", last).await
    }

    async fn open_with(server: &Server, query: &str, last: Option<&str>) -> Self {
        let path = format!("/v1/channels/demo:1/stream{query}");
        let mut request = server.http.get(server.url(&path));
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        let mut stream = Self { response, text: String::new() };
        // P-83
        let first = stream.next().await.unwrap();
        let retry: u64 = first.retry.parse().unwrap_or_else(|_| panic!("{first:?}"));
        assert!((1_000..=6_000).contains(&retry), "{retry}");
        stream
    }

    /// The next message; `None` at the end.
    async fn next(&mut self) -> Option<Told> {
        while !self.text.contains("\n\n") {
            let chunk = within("a piece of the stream", self.response.chunk()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        let text = std::mem::take(&mut self.text);
        let (message, rest) = text.split_once("\n\n").unwrap();
        let mut told = Told::default();
        for line in message.lines() {
            let (field, value) = line.split_once(": ").unwrap_or((line, ""));
            match field {
                "id" => value.clone_into(&mut told.id),
                "retry" => value.clone_into(&mut told.retry),
                "event" => value.clone_into(&mut told.event),
                "data" => told.data.push_str(value),
                _ => {}
            }
        }
        rest.clone_into(&mut self.text);
        Some(told)
    }

    async fn next_event(&mut self) -> (String, Value) {
        loop {
            let told = self.next().await.unwrap();
            if !["subscribed", "superseded"].contains(&told.event.as_str()) {
                assert!(!told.id.is_empty(), "{told:?}");
                return (told.id, serde_json::from_str(&told.data).unwrap());
            }
        }
    }
}

/// P-80, P-81
#[tokio::test]
async fn a_stream_names_positions_resumes_and_ends_with_the_channel() {
    let server = Server::dev().await;
    let epoch = server.publishes("demo:1", 1).await["epoch"].as_str().unwrap().to_owned();
    let mut stream = Stream::open(&server, None).await;
    assert_eq!(stream.next().await.unwrap().event, "subscribed");
    let told = stream.next().await.unwrap();
    assert_eq!((told.id, told.event), (format!("{epoch}:1"), "progress".into()));
    assert_eq!(serde_json::from_str::<Value>(&told.data).unwrap()["data"], json!({"n": 1}));
    server.publishes("demo:1", 2).await;
    let (id, event) = stream.next_event().await;
    assert_eq!((id, &event["data"]), (format!("{epoch}:2"), &json!({"n": 2})));
    drop(stream);

    server.publishes("demo:1", 3).await;
    let mut stream = Stream::open(&server, Some(&format!("{epoch}:2"))).await;
    assert_eq!(stream.next_event().await.0, format!("{epoch}:3"));
    server.publishes_event("demo:1", &json!({"event": "complete", "final": true})).await;
    assert_eq!(stream.next_event().await.0, format!("{epoch}:4"));
    let last = stream.next().await.unwrap();
    assert_eq!((last.id.as_str(), last.event.as_str()), ("", "finished"));
    assert!(stream.next().await.is_none());

    // P-85: libraries that cannot set the header. It wins where both are.
    for query in ["?lastEventId=", "?last_event_id=", "?offset=latest&lastEventId="] {
        let mut stream = Stream::open_with(&server, &format!("{query}{epoch}:3"), None).await;
        assert_eq!(stream.next_event().await.0, format!("{epoch}:4"), "{query}");
        let last = format!("{epoch}:1");
        let query_too = format!("{query}{epoch}:3");
        let mut both = Stream::open_with(&server, &query_too, Some(&last)).await;
        assert_eq!(both.next_event().await.0, format!("{epoch}:2"), "{query}");
        let bad = server.asked(&format!("/v1/channels/demo:1/stream{query}7")).await;
        bad.assert_problem(400, "bad_position");
    }
    let over = server.http.get(server.url("/v1/channels/demo:1/stream"));
    let over = over.header("Last-Event-ID", format!("{epoch}:4"));
    assert_eq!(answer(over).await.status, 204);
}

/// P-82
#[tokio::test]
async fn a_stream_that_is_cut_before_its_first_event_loses_nothing() {
    let server = Server::dev().await;
    let epoch = server.publishes("demo:1", 1).await["epoch"].as_str().unwrap().to_owned();
    let mut stream = Stream::open_with(&server, "?offset=latest", None).await;
    let subscribed = stream.next().await.unwrap();
    assert_eq!((subscribed.event.as_str(), subscribed.id), ("subscribed", format!("{epoch}:1")));
    drop(stream);
    server.publishes("demo:1", 2).await;
    // The same address, as an `EventSource` does it.
    let last = format!("{epoch}:1");
    let mut stream = Stream::open_with(&server, "?offset=latest", Some(&last)).await;
    assert_eq!(stream.next_event().await.0, format!("{epoch}:2"));
}

/// P-82
#[tokio::test]
async fn a_stream_names_the_position_behind_events_that_were_replaced() {
    let server = Server::dev().await;
    let body = json!({"event": "progress", "data": 1, "replace": "bar"});
    let epoch = server.publishes_event("demo:1", &body).await["epoch"].as_str().unwrap().to_owned();
    for _ in 2..=60 {
        server.publishes_event("demo:1", &body).await;
    }
    let mut stream = Stream::open(&server, None).await;
    let mut offset = None;
    loop {
        let told = stream.next().await.unwrap();
        let data: Value = serde_json::from_str(&told.data).unwrap();
        let to = if told.event == "superseded" {
            assert_eq!(data["from"].as_u64(), offset.map(|offset: u64| offset + 1));
            data["to"].as_u64()
        } else {
            data["offset"].as_u64()
        };
        assert_eq!(told.id, format!("{epoch}:{}", to.unwrap()), "{told:?}");
        offset = to;
        if to == Some(60) {
            break;
        }
    }
}
