//! One channel: what is kept of it, where its numbering stands, and whether it has ended.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Epoch, EventName, Gap, Position, ReplaceKey, Since};

use crate::{ChannelInfo, Page, PageLimit, Publication, Retention, start_of_page};

/// A thinned page looks at no more kept events than this.
const THINNED_SCAN_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct History {
    epoch: Epoch,
    kept: VecDeque<(Millis, Arc<Publication>)>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
    head: u64,
    bytes: usize,
    is_final: bool,
    touched: Millis,
}

impl History {
    pub(super) const fn new(epoch: Epoch, now: Millis) -> Self {
        Self {
            epoch,
            kept: VecDeque::new(),
            newest_of_key: BTreeMap::new(),
            head: 0,
            bytes: 0,
            is_final: false,
            touched: now,
        }
    }

    pub(super) const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_final(&self) -> bool {
        self.is_final
    }

    pub(super) const fn touch(&mut self, now: Millis) {
        self.touched = now;
    }

    /// The name of an event, as the one before has it where it is the same: they share its memory.
    pub(super) fn shared(&self, event: EventName) -> EventName {
        let before = self.kept.back().map(|(_, publication)| &publication.event);
        before.filter(|&before| *before == event).cloned().unwrap_or(event)
    }

    pub(super) fn is_forgettable(&self, now: Millis, idle: Span) -> bool {
        self.kept.is_empty() && now.since(self.touched) > idle
    }

    pub(super) fn append(&mut self, now: Millis, publication: Arc<Publication>) {
        debug_assert_eq!(publication.offset, self.head + 1, "offsets have no holes");
        self.head = publication.offset;
        self.is_final = publication.is_final;
        self.bytes += publication.encoded.len();
        if let Some(key) = &publication.replace {
            self.newest_of_key.insert(key.clone(), publication.offset);
        }
        self.kept.push_back((now, publication));
    }

    /// Drops what is over the retention, oldest first, and says how many bytes that freed.
    pub(super) fn trim(&mut self, now: Millis, retention: &Retention) -> usize {
        let before = self.bytes;
        while let Some((at, oldest)) = self.kept.front() {
            let is_kept = self.kept.len() <= retention.events_max
                && self.bytes <= retention.bytes_max
                && now.since(*at) <= retention.age_max;
            if is_kept {
                break;
            }
            self.bytes -= oldest.encoded.len();
            if let Some(key) = &oldest.replace
                && self.newest_of_key.get(key) == Some(&oldest.offset)
            {
                self.newest_of_key.remove(key);
            }
            self.kept.pop_front();
        }
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
        before - self.bytes
    }

    pub(super) fn read(&self, since: &Since, limit: PageLimit) -> Page {
        let (start, gap) = self.start(since);
        let (mut events, mut bytes, mut end) = (Vec::new(), 0, start);
        let from = usize::try_from(start - self.before_oldest()).unwrap_or(usize::MAX);
        for (_, publication) in self.kept.iter().skip(from).take(THINNED_SCAN_MAX) {
            if limit.is_thinned && self.is_superseded(publication) {
                end = publication.offset;
                continue;
            }
            let len = publication.encoded.len();
            let is_full = events.len() >= limit.events_max
                || (!events.is_empty() && bytes + len > limit.bytes_max);
            if is_full {
                break;
            }
            bytes += len;
            end = publication.offset;
            events.push(Arc::clone(publication));
        }
        let start = Position::new(self.epoch.clone(), start);
        Page { start, gap, events, end, head: self.head, is_final: self.is_final }
    }

    pub(super) fn info(&self, channel: &ChannelName) -> ChannelInfo {
        ChannelInfo {
            channel: channel.clone(),
            epoch: self.epoch.clone(),
            offset: self.head,
            events: self.kept.len(),
            bytes: self.bytes,
            is_final: self.is_final,
        }
    }

    /// Where delivery starts, and what is missing before it.
    fn start(&self, since: &Since) -> (u64, Option<Gap>) {
        start_of_page(since, &self.epoch, self.before_oldest(), self.head)
    }

    /// The offset before the oldest kept event: the head where nothing is kept.
    fn before_oldest(&self) -> u64 {
        self.kept.front().map_or(self.head, |(_, oldest)| oldest.offset - 1)
    }

    fn is_superseded(&self, publication: &Publication) -> bool {
        let newest = publication.replace.as_ref().and_then(|key| self.newest_of_key.get(key));
        newest.is_some_and(|&newest| newest > publication.offset)
    }
}
