//! Batches of lines that are all there, that trickle in, that end.

use steadfast_protocol::Payload;
use tokio::sync::mpsc;

use super::{BYTES_MAX, Batch, Batches, Good, LINES_MAX};
use crate::publish::input::Line;

fn good(number: u64) -> Line {
    Line { number, data: Payload::new(&number.to_string()).map_err(|error| error.to_string()) }
}

fn bad(number: u64) -> Line {
    Line { number, data: Err("no".into()) }
}

fn entry(line: &Good) -> String {
    format!("{}{}", line.data.as_str(), if line.is_final { "!" } else { "" })
}

fn queue(lines: impl IntoIterator<Item = Line>) -> (mpsc::Sender<Line>, mpsc::Receiver<Line>) {
    let (lines_in, queue) = mpsc::channel(2 * LINES_MAX + 2);
    for line in lines {
        lines_in.try_send(line).unwrap();
    }
    (lines_in, queue)
}

async fn bodies(is_final: bool, lines: impl IntoIterator<Item = Line>) -> Vec<String> {
    let mut batches = Batches::new(queue(lines).1, is_final);
    let mut bodies = Vec::new();
    while let Some(batch) = batches.next(entry).await {
        bodies.push(batch.body());
    }
    bodies
}

#[tokio::test]
async fn a_batch_is_what_is_at_hand() {
    let (lines_in, queue) = queue([good(1), good(2)]);
    let mut batches = Batches::new(queue, false);
    assert_eq!(batches.next(entry).await.unwrap().body(), r#"{"events":[1,2]}"#);
    lines_in.try_send(good(3)).unwrap();
    assert_eq!(batches.next(entry).await.unwrap().body(), r#"{"events":[3]}"#);
    drop(lines_in);
    assert_eq!(batches.next(entry).await, None);
}

#[tokio::test]
async fn a_batch_has_at_most_its_lines() {
    let count = |bodies: &[String]| -> Vec<usize> {
        bodies.iter().map(|body| body.matches(',').count() + 1).collect()
    };
    let max = LINES_MAX as u64;
    assert_eq!(count(&bodies(false, (1..=max).map(good)).await), [LINES_MAX]);
    assert_eq!(count(&bodies(false, (1..=max + 1).map(good)).await), [LINES_MAX, 1]);
}

#[test]
fn a_batch_has_at_most_its_bytes_but_takes_one_line_in_any_case() {
    let mut batch = Batch::default();
    assert!(batch.fits(&"x".repeat(BYTES_MAX + 1)));
    batch.push(1, &"x".repeat(BYTES_MAX - 5));
    assert!(batch.fits("1234"));
    assert!(!batch.fits("12345"));
}

#[tokio::test]
async fn what_did_not_fit_comes_first_in_the_next() {
    let long = |number| {
        let text = format!("\"{}\"", "x".repeat(BYTES_MAX / 2));
        Line { number, data: Payload::new(&text).map_err(|error| error.to_string()) }
    };
    let mut batches = Batches::new(queue([long(1), long(2), good(3)]).1, false);
    assert_eq!(batches.next(entry).await.unwrap().numbers, [1]);
    assert_eq!(batches.next(entry).await.unwrap().numbers, [2, 3]);
    assert_eq!(batches.next(entry).await, None);
}

#[tokio::test]
async fn only_the_last_good_line_is_final() {
    assert_eq!(bodies(true, [good(1), good(2)]).await, [r#"{"events":[1,2!]}"#]);
    assert_eq!(bodies(true, [good(1)]).await, [r#"{"events":[1!]}"#]);
    assert!(bodies(true, []).await.is_empty());
    let mut batches = Batches::new(queue([good(1), bad(2)]).1, true);
    let batch = batches.next(entry).await.unwrap();
    assert_eq!((batch.body().as_str(), batch.bad.len()), (r#"{"events":[1!]}"#, 1));
}

#[tokio::test]
async fn the_held_line_does_not_hold_up_the_one_before_it() {
    let (lines_in, queue) = queue([good(1), good(2)]);
    let mut batches = Batches::new(queue, true);
    assert_eq!(batches.next(entry).await.unwrap().body(), r#"{"events":[1]}"#);
    drop(lines_in);
    assert_eq!(batches.next(entry).await.unwrap().body(), r#"{"events":[2!]}"#);
    assert_eq!(batches.next(entry).await, None);
}

#[tokio::test]
async fn bad_lines_are_told_even_alone() {
    let mut batches = Batches::new(queue([bad(1)]).1, false);
    let batch = batches.next(entry).await.unwrap();
    assert_eq!((batch.numbers.len(), batch.bad), (0, vec![(1, "no".to_owned())]));
    assert_eq!(batches.next(entry).await, None);
}
