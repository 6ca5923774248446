//! What happened to a link, newest last: its sessions, how they ended, how good they were. In: what
//! the hub notes. Out: the last entries. Both are bounded: the entries of a link, and the links
//! whose entries are kept after their session.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use steadfast_machine::Millis;
use steadfast_protocol::codec::json::LinkStats;
use steadfast_protocol::{CloseCode, Generation, LinkKey};

use crate::Transport;

/// A score has changed if it is this far from the last one that was noted.
const SCORE_STEP: u8 = 10;
/// A round trip has changed if it is this much longer or shorter, and twice as long or half.
const RTT_STEP_MS: u32 = 40;

/// One thing that happened to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Millis,
    /// What.
    pub event: TimelineEvent,
}

/// What can happen to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimelineEvent {
    /// A session began.
    Opened {
        /// Which session of the link.
        generation: Generation,
        /// How it travels.
        transport: Transport,
    },
    /// What the link says of itself is noticeably different.
    Reported(LinkStats),
    /// It fell behind in a channel, to be fed from history.
    FellBehind,
    /// Its session ended.
    Closed {
        /// The close code: ours, the peer's, or 1006 where there was none.
        code: CloseCode,
        /// In a few words.
        reason: Box<str>,
    },
}

/// The last entries of one link. Most links have none, and pay a pointer for it.
#[derive(Debug, Default)]
#[expect(clippy::box_collection, reason = "a session is to be small, and most have no entry")]
pub(crate) struct Timeline(Option<Box<VecDeque<TimelineEntry>>>);

impl Timeline {
    /// Appends an entry; the oldest goes if there are `max`.
    pub(crate) fn note(&mut self, max: usize, at: Millis, event: TimelineEvent) {
        if max == 0 {
            return;
        }
        let entries = self.0.get_or_insert_default();
        while entries.len() >= max {
            entries.pop_front();
        }
        entries.push_back(TimelineEntry { at, event });
    }

    /// Whether these statistics are worth an entry.
    pub(crate) fn is_news(&self, stats: &LinkStats) -> bool {
        let last = self.entries().rev().find_map(|entry| match &entry.event {
            TimelineEvent::Reported(last) => Some(Some(last)),
            TimelineEvent::Opened { .. } => Some(None),
            TimelineEvent::FellBehind | TimelineEvent::Closed { .. } => None,
        });
        let Some(last) = last.flatten() else { return true };
        let has_moved = |before: Option<u8>, now: Option<u8>| match (before, now) {
            (Some(before), Some(now)) => before.abs_diff(now) >= SCORE_STEP,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        let is_other = |before: u32, now: u32| {
            let (short, long) = (before.min(now), before.max(now));
            long - short >= RTT_STEP_MS && long >= short.saturating_mul(2)
        };
        last.grade != stats.grade
            || has_moved(last.score, stats.score)
            || last.rtt_ms.zip(stats.rtt_ms).is_some_and(|(before, now)| is_other(before, now))
    }

    /// Whether the newest entry is that the link fell behind.
    pub(crate) fn ends_behind(&self) -> bool {
        self.entries().next_back().is_some_and(|entry| entry.event == TimelineEvent::FellBehind)
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &TimelineEntry> {
        self.0.iter().flat_map(|entries| entries.iter())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |entries| entries.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The timelines of links whose session has ended, for the next one.
#[derive(Debug, Default)]
pub(crate) struct EndedTimelines {
    kept: BTreeMap<LinkKey, (u64, Timeline)>,
    /// In the order in which they were put here. Some have been taken since.
    order: VecDeque<(u64, LinkKey)>,
    serial: u64,
}

impl EndedTimelines {
    /// Keeps a timeline; the one that has been here longest goes if there are `max`. Returns how
    /// many entries have gone.
    pub(crate) fn keep(&mut self, max: usize, link: &LinkKey, timeline: Timeline) -> u64 {
        self.serial += 1;
        let before = self.kept.insert(link.clone(), (self.serial, timeline));
        let mut gone = before.map_or(0, |(_, timeline)| timeline.len() as u64);
        self.order.push_back((self.serial, link.clone()));
        while self.kept.len() > max || self.order.len() > 2 * max {
            let Some((serial, link)) = self.order.pop_front() else { break };
            if self.kept.get(&link).is_some_and(|(at, _)| *at == serial) {
                gone += self.kept.remove(&link).map_or(0, |(_, timeline)| timeline.len() as u64);
            }
        }
        gone
    }

    /// Takes the timeline of a link; an empty one if there is none.
    pub(crate) fn take(&mut self, link: &LinkKey) -> Timeline {
        self.kept.remove(link).map(|(_, timeline)| timeline).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests {
    use super::{EndedTimelines, LinkKey, Millis, Timeline, TimelineEvent};
    use steadfast_protocol::LinkId;
    use steadfast_protocol::codec::json::{LinkStats, link_stats};

    fn link(name: &str) -> LinkKey {
        LinkKey { user: None, link: LinkId::new(name).unwrap() }
    }

    fn noted(count: u64) -> Timeline {
        let mut timeline = Timeline::default();
        for at in 0..count {
            timeline.note(3, Millis(at), TimelineEvent::FellBehind);
        }
        timeline
    }

    #[test]
    fn a_full_timeline_loses_its_oldest_entry() {
        let times = |timeline: &Timeline| -> alloc::vec::Vec<u64> {
            timeline.entries().map(|entry| entry.at.0).collect()
        };
        assert_eq!(times(&noted(3)), [0, 1, 2]);
        assert_eq!(times(&noted(4)), [1, 2, 3]);
        let mut none = Timeline::default();
        none.note(0, Millis(1), TimelineEvent::FellBehind);
        assert!(none.is_empty());
    }

    #[test]
    fn the_timeline_that_ended_first_makes_room() {
        let mut ended = EndedTimelines::default();
        for name in ["link-aaa", "link-bbb"] {
            ended.keep(2, &link(name), noted(1));
        }
        assert_eq!(ended.len(), 2);
        assert_eq!(ended.keep(2, &link("link-ccc"), noted(2)), 1);
        assert_eq!(ended.take(&link("link-aaa")).len(), 0);
        assert_eq!((ended.take(&link("link-bbb")).len(), ended.len()), (1, 1));
        // A link that comes and goes does not fill what is remembered of the order.
        for _ in 0..100 {
            let timeline = ended.take(&link("link-ccc"));
            assert_eq!(ended.keep(2, &link("link-ccc"), timeline), 0);
        }
        assert!(ended.order.len() <= 4 && ended.take(&link("link-ccc")).len() == 2);
        assert_eq!((ended.keep(0, &link("link-ddd"), noted(1)), ended.len()), (1, 0));
    }

    #[test]
    fn only_what_changes_noticeably_is_news() {
        let stats = |text: &str| -> LinkStats { link_stats(text) };
        let mut timeline = Timeline::default();
        let first = stats(r#"{"grade":"good","score":80,"rtt_ms":50}"#);
        assert!(timeline.is_news(&first));
        timeline.note(8, Millis(1), TimelineEvent::Reported(first));
        for same in [
            r#"{"grade":"good","score":89,"rtt_ms":89}"#,
            r#"{"grade":"good","score":71,"rtt_ms":11}"#,
        ] {
            assert!(!timeline.is_news(&stats(same)), "{same}");
        }
        for other in [
            r#"{"grade":"fair","score":80,"rtt_ms":50}"#,
            r#"{"grade":"good","score":90,"rtt_ms":50}"#,
            r#"{"grade":"good","score":80,"rtt_ms":100}"#,
            r#"{"grade":"good","rtt_ms":50}"#,
        ] {
            assert!(timeline.is_news(&stats(other)), "{other}");
        }
    }
}
