//! Saving, restoring, and what moves a position.

use steadfast_link::{LinkState, Notice, Reason};
use steadfast_protocol::{
    ChannelName, Epoch, Event, EventName, Gap, GapCause, Payload, Position, Since,
};

use super::{CHANNELS_MAX, Positions, PositionsError, SavedPositions};

fn name(text: &str) -> ChannelName {
    ChannelName::new(text).unwrap()
}

fn at(epoch: &str, offset: u64) -> Position {
    Position::new(Epoch::new(epoch).unwrap(), offset)
}

fn event(offset: u64) -> Notice {
    Notice::Event(Box::new(Event {
        channel: name("a"),
        epoch: Some(Epoch::new("e1").unwrap()),
        offset,
        event: EventName::new("x").unwrap(),
        data: Payload::new("1").unwrap(),
        time: "t".into(),
    }))
}

#[test]
fn what_is_saved_is_read_again() {
    let mut positions = Positions::default();
    positions.hand(&event(7));
    let saved = positions.save();
    let text = saved.to_json();
    assert_eq!(text, r#"{"version":1,"positions":{"a":{"epoch":"e1","offset":7}}}"#);
    let read = SavedPositions::from_json(&text).unwrap();
    assert_eq!(read, saved);
    assert_eq!(Positions::new(read.clone()).save(), saved);
    assert_eq!(read.since(&name("a"), Since::Now), Since::After(at("e1", 7)));
    assert_eq!(read.since(&name("b"), Since::Now), Since::Now);
}

#[test]
fn everything_that_the_app_is_handed_moves_its_position() {
    let mut positions = Positions::default();
    let mut after = |notice| {
        positions.hand(&notice);
        positions.save().position(&name("a")).cloned()
    };
    let (channel, is_recovered) = (name("a"), true);
    assert_eq!(
        after(Notice::Subscribed { channel, position: at("e1", 2), is_recovered }),
        Some(at("e1", 2))
    );
    assert_eq!(after(event(3)), Some(at("e1", 3)));
    let gap = Gap { from: at("e1", 3), to: at("e2", 1), cause: GapCause::EpochChanged };
    assert_eq!(after(Notice::Gap { channel: name("a"), gap }), Some(at("e2", 1)));
    assert_eq!(after(Notice::Finished { channel: name("a") }), Some(at("e2", 1)));
    let (new, old) = (LinkState::Disconnected, LinkState::Connected);
    assert_eq!(after(Notice::State { new, old, reason: Reason::Finished }), Some(at("e2", 1)));
}

#[test]
fn garbage_is_refused_with_words_that_help() {
    let error = |text: &str| SavedPositions::from_json(text).unwrap_err();
    for garbage in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":1,"positions":{"":1}}"#] {
        let error = error(garbage);
        assert!(matches!(error, PositionsError::Unreadable(_)), "{garbage}");
        assert!(error.to_string().contains("remove them"));
    }
    let other = error(r#"{"version":2,"positions":{}}"#);
    assert!(matches!(other, PositionsError::Version { version: 2 }));
    let with = |offset: &str| {
        format!(r#"{{"version":1,"positions":{{"a":{{"epoch":"e","offset":{offset}}}}}}}"#)
    };
    assert!(SavedPositions::from_json(&with("9007199254740992")).is_ok());
    assert!(matches!(error(&with("9007199254740993")), PositionsError::Offset { .. }));
}

#[test]
fn there_are_so_many_and_the_stillest_goes_first() {
    let told = |n: usize| Notice::Subscribed {
        channel: name(&format!("c{n}")),
        position: at("e1", 1),
        is_recovered: true,
    };
    let mut positions = Positions::default();
    (0..CHANNELS_MAX).for_each(|n| positions.hand(&told(n)));
    positions.hand(&told(0));
    let full = positions.save();
    assert_eq!(full.iter().count(), CHANNELS_MAX);
    assert!(SavedPositions::from_json(&full.to_json()).is_ok());
    positions.hand(&told(CHANNELS_MAX));
    let saved = positions.save();
    assert_eq!(saved.iter().count(), CHANNELS_MAX);
    assert_eq!(saved.position(&name("c1")), None);
    assert!(saved.position(&name("c0")).is_some());

    let mut more = full;
    more.positions.insert(name("d"), at("e1", 1));
    let error = SavedPositions::from_json(&more.to_json()).unwrap_err();
    assert!(matches!(error, PositionsError::TooMany { count } if count == CHANNELS_MAX + 1));
}
