//! Whatever number of bytes the writer accepts at a time, the same bytes arrive, and no memory is
//! held afterwards.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use steadfast_websocket::outbound::{close_frame, ping_frame, text_frame};
use tokio::io::AsyncWrite;

use super::{Batch, BatchLimits};

/// Accepts the next of `sizes` bytes per write, in a cycle; 0 means `Pending`.
#[derive(Debug, Default)]
struct Trickle {
    sizes: Vec<usize>,
    writes: usize,
    flushes: usize,
    taken: Vec<u8>,
}

impl Trickle {
    fn of(sizes: &[usize]) -> Self {
        Self { sizes: sizes.to_vec(), ..Self::default() }
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = self.sizes[self.writes % self.sizes.len()];
        self.writes += 1;
        if size == 0 {
            return Poll::Pending;
        }
        let before = self.taken.len();
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).take(size);
        self.taken.extend(bytes);
        Poll::Ready(Ok(self.taken.len() - before))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn poll(batch: &mut Batch, writer: &mut Trickle) -> Poll<io::Result<()>> {
    batch.poll_write(&mut Context::from_waker(Waker::noop()), Pin::new(writer))
}

/// Polls until everything is written. Returns how often the writer was not ready.
fn drain(batch: &mut Batch, writer: &mut Trickle) -> usize {
    let mut pending = 0;
    while poll(batch, writer).map(Result::unwrap).is_pending() {
        pending += 1;
    }
    pending
}

/// A batch of texts of these lengths and a ping after each, and what it must write.
fn batch_of(lengths: &[usize]) -> (Batch, Vec<u8>) {
    let mut batch = Batch::new(BatchLimits { frames_max: 10_000, bytes_max: 10_000_000 });
    let mut expected = Vec::new();
    for length in lengths {
        let text = "t".repeat(*length);
        expected.extend(text_frame(&text));
        expected.extend(ping_frame(b"p"));
        batch.push_text(Bytes::from(text)).unwrap();
        batch.push_frame(ping_frame(b"p")).unwrap();
    }
    (batch, expected)
}

#[test]
fn any_number_of_bytes_at_a_time_writes_the_same() {
    for size in 1..=320 {
        let (mut batch, expected) = batch_of(&[0, 1, 3, 125, 126]);
        let mut writer = Trickle::of(&[size]);
        assert_eq!(batch.bytes(), expected.len());
        assert_eq!(drain(&mut batch, &mut writer), 0);
        assert_eq!(writer.taken, expected, "{size} bytes a time");
        assert_eq!(writer.writes, expected.len().div_ceil(size));
        assert_eq!((batch.bytes(), batch.capacity(), batch.is_empty()), (0, 0, true));
    }
}

#[test]
fn a_ready_writer_gets_everything_in_one_write_and_one_flush() {
    let (mut batch, expected) = batch_of(&[10; 40]);
    let mut writer = Trickle::of(&[usize::MAX]);
    drain(&mut batch, &mut writer);
    assert_eq!((writer.writes, writer.flushes), (1, 1));
    assert_eq!(writer.taken, expected);
}

#[test]
fn more_frames_than_one_write_can_offer_are_written_in_turn() {
    let (mut batch, expected) = batch_of(&[5; 500]);
    let mut writer = Trickle::of(&[usize::MAX, 0, 1]);
    assert!(drain(&mut batch, &mut writer) > 1);
    assert_eq!(writer.taken, expected);
}

#[test]
fn frames_added_while_others_are_half_written_come_after_them() {
    let (mut batch, mut expected) = batch_of(&[20]);
    let mut writer = Trickle::of(&[7, 0]);
    assert!(poll(&mut batch, &mut writer).is_pending());
    assert_eq!(batch.bytes(), expected.len() - 7);
    batch.push_text(Bytes::from_static(b"more")).unwrap();
    batch.push_frame(close_frame(1000, "")).unwrap();
    expected.extend(text_frame("more"));
    expected.extend(close_frame(1000, ""));
    drain(&mut batch, &mut writer);
    assert_eq!(writer.taken, expected);
}

#[test]
fn the_rest_of_a_frame_comes_first_and_no_rest_may_come_at_any_time() {
    let (mut batch, expected) = batch_of(&[20]);
    batch.put_first(Bytes::from_static(b"rest"));
    let mut writer = Trickle::of(&[7, 0]);
    assert!(poll(&mut batch, &mut writer).is_pending());
    batch.put_first(Bytes::new());
    drain(&mut batch, &mut writer);
    assert_eq!(writer.taken, [b"rest", &*expected].concat());
}

#[tokio::test]
async fn a_dropped_write_goes_on_where_it_was() {
    let (mut batch, expected) = batch_of(&[300]);
    let (mut near, mut far) = tokio::io::duplex(64);
    {
        let mut write = pin!(batch.write(&mut near));
        let polled = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    let mut received = vec![0; expected.len()];
    let read = tokio::io::AsyncReadExt::read_exact(&mut far, &mut received);
    let (written, read) = tokio::join!(batch.write(&mut near), read);
    written.unwrap();
    read.unwrap();
    assert_eq!(received, expected);
}

#[test]
fn a_batch_takes_as_many_frames_as_the_limit_and_no_more() {
    let mut batch = Batch::new(BatchLimits { frames_max: 2, bytes_max: 1000 });
    batch.push_text(Bytes::from_static(b"a")).unwrap();
    batch.push_frame(ping_frame(b"")).unwrap();
    assert_eq!(batch.push_text(Bytes::from_static(b"c")), Err(Bytes::from_static(b"c")));
    drain(&mut batch, &mut Trickle::of(&[usize::MAX]));
    batch.push_text(Bytes::from_static(b"c")).unwrap();
}

#[test]
fn a_batch_takes_as_many_bytes_as_the_limit_and_no_more() {
    let mut batch = Batch::new(BatchLimits { frames_max: 10, bytes_max: 100 });
    batch.push_text(Bytes::from(vec![b'a'; 50])).unwrap();
    let (fits, too_long) = (Bytes::from(vec![b'b'; 46]), Bytes::from(vec![b'b'; 47]));
    assert_eq!(batch.push_text(too_long.clone()), Err(too_long));
    assert_eq!(batch.push_text(fits), Ok(()));
    assert_eq!(batch.bytes(), 100);
}

#[test]
fn one_frame_alone_may_be_longer_than_a_batch() {
    let mut batch = Batch::new(BatchLimits { frames_max: 10, bytes_max: 100 });
    batch.push_text(Bytes::from(vec![b'a'; 200])).unwrap();
    assert!(batch.push_frame(ping_frame(b"")).is_err());
}

#[test]
fn a_frame_of_no_bytes_is_as_if_never_added() {
    let mut batch = Batch::default();
    batch.push_frame(Bytes::new()).unwrap();
    assert!(batch.is_empty());
}

#[test]
fn a_writer_that_takes_nothing_or_fails_is_an_error() {
    let (mut batch, _) = batch_of(&[1]);
    let mut nowhere = tokio::io::duplex(1).0;
    let mut full = [0; 0];
    let mut closed = io::Cursor::new(&mut full[..]);
    let mut context = Context::from_waker(Waker::noop());
    let refused = batch.poll_write(&mut context, Pin::new(&mut closed));
    let Poll::Ready(Err(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    let refused = batch.poll_write(&mut context, Pin::new(&mut nowhere));
    assert!(matches!(refused, Poll::Ready(Err(_))));
}

proptest! {
    #[test]
    fn any_short_writes_and_waits_write_the_same(
        lengths in vec(0..300_usize, 0..30),
        mut sizes in vec(0..200_usize, 1..20),
    ) {
        sizes.push(1);
        let (mut batch, expected) = batch_of(&lengths);
        let mut writer = Trickle::of(&sizes);
        drain(&mut batch, &mut writer);
        prop_assert_eq!(writer.taken, expected);
        prop_assert_eq!((batch.bytes(), batch.capacity()), (0, 0));
    }
}
