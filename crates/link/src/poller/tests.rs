//! How channels are put together into requests. The limit of one request, and one past it. P-79

use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::Since;

use super::{ChannelPoll, GROUP_MAX, PollBatch, PollRequest, PollState, Poller};

const NOW: Millis = Millis(100);

fn polls(count: usize, is_known: bool) -> Poller {
    let mut poller = Poller::new();
    let ids = 0..u32::try_from(count).unwrap();
    poller.channels.extend(ids.map(|id| ChannelPoll::new(id, is_known, NOW)));
    poller
}

/// Sends the next request at the first endpoint; how many channels it has.
fn send(polls: &mut Poller, poll: u32) -> Option<usize> {
    let PollBatch { places, replaces, is_long } = polls.next(NOW, 0)?;
    for old in replaces {
        polls.take(old, NOW);
    }
    for place in &places {
        polls.channels[*place].state = PollState::Asked { poll, since: Since::Start };
    }
    let is_grouped = places.len() > 1;
    let until = NOW + Span::seconds(35);
    let (endpoint, at, token_version) = (0, NOW, 0);
    polls.requests.push(PollRequest {
        poll,
        endpoint,
        at,
        until,
        is_long,
        is_grouped,
        token_version,
    });
    Some(places.len())
}

#[test]
fn one_request_has_128_channels_at_most() {
    let mut full = polls(GROUP_MAX, true);
    assert_eq!((send(&mut full, 1), send(&mut full, 2)), (Some(128), None));
    let mut more = polls(GROUP_MAX + 1, true);
    assert_eq!(
        (send(&mut more, 1), send(&mut more, 2), send(&mut more, 3)),
        (Some(128), Some(1), None)
    );
    let mut new = polls(GROUP_MAX + 1, false);
    assert_eq!((send(&mut new, 1), send(&mut new, 2)), (Some(128), None), "one at a time");
    let (_, asked) = new.take(1, NOW).unwrap();
    for (id, _) in asked {
        new.find_mut(id).unwrap().is_known = true;
    }
    assert_eq!(send(&mut new, 2), Some(128), "the new one among them");
}

#[test]
fn a_request_that_waits_is_joined_only_where_it_has_room() {
    let mut polls = polls(GROUP_MAX - 1, true);
    assert_eq!(send(&mut polls, 1), Some(127));
    polls.channels.push(ChannelPoll::new(500, true, NOW));
    assert_eq!(send(&mut polls, 2), Some(128));
    polls.channels.push(ChannelPoll::new(501, true, NOW));
    assert_eq!(send(&mut polls, 3), Some(1));
    let under_way: Vec<u32> = polls.requests.iter().map(|one| one.poll).collect();
    assert_eq!(under_way, [2, 3]);
}
