//! What a body says, in which pieces, and what it holds of the budget meanwhile.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde_json::{Value, json};
use steadfast_history::{HistoryConfig, MemoryLog, Page, PageLimit, Publish, ReadError};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, EventName, Payload, Since, Timestamp};

use super::{PIECE_BYTES, PollAnswer};
use crate::client_api::answer_budget::AnswerBudget;

const MIB: usize = 1024 * 1024;

fn name() -> ChannelName {
    ChannelName::new("demo:1").unwrap()
}

/// A page of events with payloads of these lengths.
fn page(lengths: &[usize]) -> Result<Page, ReadError> {
    let mut log = MemoryLog::new(HistoryConfig::default());
    for length in lengths {
        let publish = Publish {
            channel: name(),
            event: EventName::new("e").unwrap(),
            data: Payload::new(&format!("\"{}\"", "x".repeat(*length))).unwrap(),
            is_final: false,
            replace: None,
            idempotency_key: None,
        };
        log.publish(Millis(1), Timestamp(1), publish).unwrap();
    }
    let limit = PageLimit { events_max: 1_000, bytes_max: 4 * MIB, is_thinned: false };
    log.read(Millis(1), &name(), &Since::Start, limit)
}

#[tokio::test]
async fn the_text_is_whole_and_as_long_as_announced_whatever_the_events() {
    for lengths in [vec![], vec![1], vec![10; 500], vec![PIECE_BYTES; 3], vec![5, 100_000, 7]] {
        let budget = AnswerBudget::new(64 * MIB);
        let mut answer = PollAnswer::new(budget.share(MIB, None));
        answer.push_page(page(&lengths).unwrap(), &name(), Some(7));
        let bytes = answer.size_hint().exact().unwrap();
        let text = answer.collect().await.unwrap().to_bytes();
        assert_eq!(text.len() as u64, bytes, "{lengths:?}");
        let body: Value = serde_json::from_slice(&text).unwrap();
        let events = body["events"].as_array().unwrap();
        let told: Vec<_> = events.iter().map(|e| e["data"].as_str().unwrap().len()).collect();
        assert_eq!(told, lengths);
        assert_eq!((&body["offset"], &body["next_poll_ms"]), (&json!(lengths.len()), &json!(7)));
        assert_eq!((&body["final"], &body["gap"]), (&json!(false), &Value::Null));
        assert_eq!(budget.taken(), 0);
    }
}

#[tokio::test]
async fn a_large_event_is_the_memory_of_history_and_small_ones_come_in_pieces() {
    let page = page(&[60_000, 10, 10]).unwrap();
    let event = Arc::clone(&page.events[0]);
    let budget = AnswerBudget::new(64 * MIB);
    let mut answer = PollAnswer::new(budget.share(MIB, None));
    answer.push_page(page, &name(), None);
    let mut pieces = Vec::new();
    while let Some(frame) = answer.frame().await {
        pieces.push(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(pieces.len(), 3, "what is before it, the event, and all that is behind it");
    assert_eq!(pieces[1].as_ptr(), event.encoded.entry().as_ptr(), "it is not a copy");
}

#[tokio::test]
async fn the_share_is_given_back_as_pieces_are_written() {
    let budget = AnswerBudget::new(64 * MIB);
    let mut share = budget.share(4 * MIB, None);
    let page = page(&[10_000; 100]).unwrap();
    let bytes: usize = page.events.iter().map(|event| event.encoded.len()).sum();
    share.settle(bytes).unwrap();
    let mut answer = PollAnswer::new(share);
    answer.push_page(page, &name(), None);
    let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(piece.len() < 2 * PIECE_BYTES, "{}", piece.len());
    assert_eq!(budget.taken(), bytes, "the first piece may not be written yet");
    answer.frame().await.unwrap().unwrap();
    assert!(budget.taken() < bytes && budget.taken() > bytes - 2 * PIECE_BYTES);
    drop(answer);
    assert_eq!(budget.taken(), 0);
}

#[tokio::test]
async fn a_large_event_gives_its_share_back_piece_by_piece() {
    let budget = AnswerBudget::new(64 * MIB);
    let mut share = budget.share(4 * MIB, None);
    let page = page(&[MIB]).unwrap();
    let bytes = page.events[0].encoded.len();
    share.settle(bytes).unwrap();
    let mut answer = PollAnswer::new(share);
    answer.push_page(page, &name(), None);
    let mut left = Vec::new();
    while answer.frame().await.is_some() {
        left.push(budget.taken());
    }
    assert!(left.len() > 16 && left.is_sorted_by(|one, next| one >= next), "{left:?}");
    assert_eq!((left[0], left[left.len() / 2] < bytes), (bytes, true));
    assert_eq!(budget.taken(), 0);
}
