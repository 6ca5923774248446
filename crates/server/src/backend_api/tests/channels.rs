//! Channels, as operators see them.

use serde_json::{Value, json};

use super::TestApi;

async fn filled(count: usize) -> TestApi {
    let api = TestApi::new();
    for at in 0..count {
        let target = format!("/v1/channels/c:{at:03}/events");
        assert_eq!(api.post(&target, r#"{"event":"e"}"#).await.status, 201);
    }
    api
}

fn names(page: &Value) -> Vec<&str> {
    let channels = page["channels"].as_array().unwrap();
    channels.iter().map(|one| one["channel"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_channel_is_shown_with_its_position_and_subscribers() {
    let api = TestApi::new();
    for body in [r#"{"event":"a"}"#, r#"{"event":"b","final":true}"#] {
        api.post("/v1/channels/a:b/events", body).await;
    }
    let answer = api.ask("GET", "/v1/channels/a%3Ab").await;
    let shown = answer.json();
    let (epoch, bytes) = (shown["epoch"].as_str().unwrap(), shown["bytes"].as_u64().unwrap());
    assert!(bytes > 100);
    let begin = format!(r#"{{"channel":"a:b","epoch":"{epoch}","offset":2,"events":2,"#);
    let end = format!(r#""bytes":{bytes},"final":true,"subscribers":0}}"#);
    assert_eq!(answer.text, begin + &end);

    api.post("/v1/channels/open/events", r#"{"event":"a"}"#).await;
    for at in 0..5 {
        api.open(&format!("link-{at:04}"), &["open"]);
    }
    assert_eq!(api.ask("GET", "/v1/channels/open").await.json()["subscribers"], 5);
    let list = api.ask("GET", "/v1/channels").await.json();
    assert_eq!(list["channels"][1]["subscribers"], 5);
    assert_eq!(list["channels"][0], shown);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let api = TestApi::new();
    for method in ["GET", "DELETE"] {
        let detail = api.ask(method, "/v1/channels/a").await.problem(404, "channel_not_found");
        assert!(detail.contains("`a`"), "{detail}");
        api.ask(method, "/v1/channels/a%20b").await.problem(400, "bad_channel");
    }
}

#[tokio::test]
async fn a_forgotten_channel_begins_anew() {
    let api = filled(1).await;
    let before = api.ask("GET", "/v1/channels/c:000").await.json();
    let answer = api.ask("DELETE", "/v1/channels/c:000").await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    api.ask("GET", "/v1/channels/c:000").await.problem(404, "channel_not_found");
    let after = api.post("/v1/channels/c:000/events", r#"{"event":"e"}"#).await.json();
    assert_eq!(after["offset"], 1);
    assert_ne!(after["epoch"], before["epoch"]);
}

#[tokio::test]
async fn pages_follow_each_other_without_hole_or_overlap() {
    let api = filled(205).await;
    let (mut seen, mut target) = (Vec::new(), "/v1/channels".to_owned());
    loop {
        let page = api.ask("GET", &target).await.json();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(seen.last().unwrap(), next);
        target = format!("/v1/channels?after={}", next.replace(':', "%3A"));
    }
    assert_eq!(seen, (0..205).map(|at| format!("c:{at:03}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_that_reaches_the_end_has_no_next() {
    let api = filled(3).await;
    let page = api.ask("GET", "/v1/channels?limit=3").await.json();
    assert_eq!((names(&page).len(), &page["next"]), (3, &Value::Null));
    let page = api.ask("GET", "/v1/channels?limit=2").await.json();
    assert_eq!((names(&page), &page["next"]), (vec!["c:000", "c:001"], &json!("c:001")));
    let page = api.ask("GET", "/v1/channels?after=zzz").await;
    assert_eq!(page.text, r#"{"channels":[],"next":null}"#);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let api = filled(1).await;
    for good in ["limit=1", "limit=1000", "after=a&limit=7", ""] {
        assert_eq!(api.ask("GET", &format!("/v1/channels?{good}")).await.status, 200, "{good}");
    }
    let table = [
        ("limit=0", "1 to 1000"),
        ("limit=1001", "1 to 1000"),
        ("limit=-1", "1 to 1000"),
        ("limit=", "1 to 1000"),
        ("limit=ten", "1 to 1000"),
        ("limit=1&limit=2", "twice"),
        ("after=a%20b", "`after`"),
        ("after=", "`after`"),
        ("from=a", "`from` is not known"),
    ];
    for (query, part) in table {
        let answer = api.ask("GET", &format!("/v1/channels?{query}")).await;
        let detail = answer.problem(400, "bad_query");
        assert!(detail.contains(part), "{detail:?} says {part:?}");
    }
}

#[tokio::test]
async fn the_newest_events_of_a_channel_are_read_without_a_token() {
    let api = TestApi::new();
    for at in 1..=5 {
        api.post("/v1/channels/a/events", format!(r#"{{"event":"e","data":{at}}}"#)).await;
    }
    let offsets = |answer: &Value| -> Vec<u64> {
        let events = answer["events"].as_array().unwrap();
        events.iter().map(|event| event["offset"].as_u64().unwrap()).collect()
    };
    for (query, expected) in [
        ("", &[1, 2, 3, 4, 5][..]),
        ("?limit=2", &[4, 5]),
        ("?limit=2&before=4", &[2, 3]),
        ("?before=1", &[]),
        ("?limit=1&before=99", &[5]),
    ] {
        let answer = api.ask("GET", &format!("/v1/channels/a/events{query}")).await.json();
        assert_eq!(offsets(&answer), expected, "{query}");
        assert_eq!((&answer["head"], &answer["final"]), (&json!(5), &json!(false)));
    }
    let answer = api.ask("GET", "/v1/channels/a/events?limit=1").await.json();
    assert_eq!(
        (&answer["events"][0]["event"], &answer["events"][0]["data"]),
        (&json!("e"), &json!(5))
    );
    api.ask("GET", "/v1/channels/a/events?before=0").await.problem(400, "bad_query");
    api.ask("GET", "/v1/channels/b/events").await.problem(404, "channel_not_found");
}
