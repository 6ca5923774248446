//! Channels that have streams of their own, and states that nobody reads.

use steadfast_link::{Input, LinkState, Notice, Output, Reason};
use steadfast_protocol::{ChannelName, Epoch, Position};
use tokio::sync::mpsc;

use super::{Fixture, driven, finished};
use crate::channel::{ChannelNotice, ChannelStream};
use crate::driver::Command;
use crate::notices::{NOTICES_MAX, SharedPositions};
use crate::positions::SavedPositions;

fn name(text: &str) -> ChannelName {
    ChannelName::new(text).unwrap()
}

fn told(channel: &str, offset: usize) -> Notice {
    let position = Position::new(Epoch::new("e1").unwrap(), offset.try_into().unwrap());
    Notice::Subscribed { channel: name(channel), position, is_recovered: true }
}

fn positions() -> SharedPositions {
    SharedPositions::new(SavedPositions::default())
}

impl Fixture {
    async fn stream(&self, channel: &str, positions: &SharedPositions) -> ChannelStream {
        let (commands, _) = mpsc::channel(1);
        let (stream, route) =
            ChannelStream::new(name(channel), positions.clone(), commands.downgrade());
        let lead = Command::Route(name(channel), route);
        self.commands.send(lead).await.unwrap_or_else(|_| panic!("closed"));
        stream
    }
}

/// On `Online`, these.
fn telling(notices_max: usize, notices: Vec<Notice>) -> Fixture {
    driven(notices_max, move |_, input, _| {
        let is_asked = *input == Input::Online;
        notices.iter().filter(|_| is_asked).cloned().map(Output::Tell).collect()
    })
}

fn offset(notice: Option<ChannelNotice>) -> u64 {
    let Some(ChannelNotice::Subscribed { position, .. }) = notice else { panic!("{notice:?}") };
    position.offset
}

#[tokio::test]
async fn a_channel_with_a_stream_is_told_there_and_ends_there() {
    let notices = vec![told("c1", 1), told("c2", 1), finished(1), told("c1", 2)];
    let mut fixture = telling(8, notices);
    let positions = positions();
    let mut stream = fixture.stream("c1", &positions).await;
    fixture.ask(Input::Online).await;
    assert_eq!(offset(stream.next().await), 1);
    assert_eq!(stream.next().await, Some(ChannelNotice::Finished));
    assert_eq!(stream.next().await, None);
    assert_eq!(fixture.notices.recv().await, Some(told("c2", 1)));
    assert_eq!(fixture.notices.recv().await, Some(told("c1", 2)), "its stream has ended");
    assert_eq!(positions.save().position(&name("c1")).unwrap().offset, 1);
}

#[tokio::test]
async fn a_stream_that_is_full_holds_the_link_until_it_is_read() {
    let notices = (1..=NOTICES_MAX + 1).map(|n| told("c1", n)).collect();
    let mut fixture = telling(8, notices);
    let mut stream = fixture.stream("c1", &positions()).await;
    fixture.ask(Input::Online).await;
    fixture.ask(Input::Offline).await;
    fixture.hears(Input::Connect).await;
    fixture.hears(Input::Online).await;
    fixture.hears(Input::Offline).await;
    for n in 1..=NOTICES_MAX + 1 {
        assert_eq!(offset(stream.next().await), u64::try_from(n).unwrap());
    }
    fixture.ask(Input::Unsubscribe { channel: name("c1") }).await;
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn what_a_stream_had_no_room_for_can_be_read_after_the_close() {
    let notices = (1..=NOTICES_MAX + 3).map(|n| told("c1", n)).collect();
    let mut fixture = telling(8, notices);
    let mut stream = fixture.stream("c1", &positions()).await;
    fixture.ask(Input::Online).await;
    fixture.ask(Input::Close).await;
    assert_eq!(fixture.notices.recv().await, None, "the driver has ended");
    for n in 1..=NOTICES_MAX + 3 {
        assert_eq!(offset(stream.next().await), u64::try_from(n).unwrap());
    }
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_channel_is_left_once_its_stream_was_dropped() {
    let mut fixture = telling(8, vec![told("c1", 1), told("c1", 2), told("c2", 1)]);
    drop(fixture.stream("c1", &positions()).await);
    fixture.ask(Input::Online).await;
    fixture.hears(Input::Connect).await;
    fixture.hears(Input::Online).await;
    fixture.hears(Input::Unsubscribe { channel: name("c1") }).await;
    assert_eq!(fixture.notices.recv().await, Some(told("c2", 1)));

    let older = fixture.stream("c2", &positions()).await;
    let _newer = fixture.stream("c2", &positions()).await;
    drop(older);
    let leave = Command::Leave(name("c2"));
    fixture.commands.send(leave).await.unwrap_or_else(|_| panic!("closed"));
    fixture.ask(Input::Offline).await;
    fixture.hears(Input::Offline).await;
}

#[tokio::test]
async fn states_that_nobody_reads_are_joined_and_hold_nothing() {
    let state = |new, old| Notice::State { new, old, reason: Reason::Lost };
    let (up, down, poll) = (LinkState::Connected, LinkState::Reconnecting, LinkState::Fallback);
    let notices = vec![state(up, down), state(down, up), state(poll, down), told("c1", 1)];
    let mut fixture = telling(1, notices);
    let mut stream = fixture.stream("c1", &positions()).await;
    fixture.ask(Input::Online).await;
    assert_eq!(offset(stream.next().await), 1);
    assert_eq!(*fixture.state.borrow(), poll);
    assert_eq!(fixture.notices.recv().await, Some(state(up, down)));
    assert_eq!(fixture.notices.recv().await, Some(state(poll, up)));
}
