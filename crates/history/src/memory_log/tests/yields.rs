//! Random lives of a log that is always full: whatever is published, ended and deleted, what was
//! answered stays true, and what had to go is told.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;

use steadfast_machine::{Millis, Rng};
use steadfast_protocol::{Epoch, GapCause, Payload, Position, Since, Timestamp};

use super::{ALL, channel, event, offsets};
use crate::{
    ChannelInfo, EVENT_OVERHEAD, HistoryConfig, MemoryLog, NamespaceBudget, Publish, PublishError,
};

const BYTES_MAX: usize = 40_000;
/// What the namespace `sure` is sure of.
const BYTES_MIN: usize = 10_000;

/// What the events of a channel take.
fn held(info: &ChannelInfo) -> usize {
    info.bytes + info.events * EVENT_OVERHEAD
}

/// A log, and what is known to be true of it.
struct Life {
    log: MemoryLog,
    rng: Rng,
    now: Millis,
    heads: BTreeMap<String, (Epoch, u64)>,
    finals: BTreeSet<String>,
    answers: BTreeMap<(String, u32), u64>,
}

impl Life {
    fn new(seed: u32) -> Self {
        let budget = NamespaceBudget { bytes_total_min: BYTES_MIN, channels_max: 0 };
        let config = HistoryConfig {
            bytes_total_max: BYTES_MAX,
            budgets: [(Box::from("sure"), budget)].into(),
            epoch_seed: seed.into(),
            ..HistoryConfig::default()
        };
        Self {
            log: MemoryLog::new(config),
            rng: Rng::new(seed),
            now: Millis(0),
            heads: BTreeMap::new(),
            finals: BTreeSet::new(),
            answers: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        self.now = Millis(self.now.0 + u64::from(self.rng.between(0, 50)));
        let space = ["sure", "wild", "other"][self.rng.between(0, 2) as usize];
        let name = format!("{space}:{}", self.rng.between(0, 4));
        let bytes = self.rng.between(0, 20).pow(3);
        let key = self.rng.between(0, 30);
        let is_keyed = key < 15;
        let publish = Publish {
            data: Payload::new(&format!("\"{}\"", "x".repeat(bytes as usize))).unwrap(),
            is_final: self.rng.between(0, 40) == 0,
            idempotency_key: is_keyed.then(|| format!("{key}").into()),
            ..event(&name)
        };
        if self.rng.between(0, 60) == 0 {
            self.log.delete(&channel(&name));
            self.heads.remove(&name);
            self.finals.remove(&name);
            self.answers.retain(|(of, _), _| *of != name);
            return;
        }
        self.publish(space, &name, is_keyed.then_some(key), publish);
    }

    fn publish(&mut self, space: &str, name: &str, key: Option<u32>, publish: Publish) {
        let (sure, wild) = (self.bytes_of("sure"), self.bytes_of("wild") + self.bytes_of("other"));
        let is_final = publish.is_final;
        let first = key.and_then(|key| self.answers.get(&(name.into(), key)).copied());
        let (epoch, offset) = match self.log.publish(self.now, Timestamp(0), publish) {
            Ok(published) if published.publication.is_none() => {
                assert_eq!(Some(published.offset), first, "a key has its first answer");
                return;
            }
            Ok(published) => (published.epoch, published.offset),
            Err(PublishError::IdempotencyMismatch) => {
                return assert!(first.is_some(), "the answer is known still");
            }
            Err(PublishError::Finished) => return assert!(self.finals.contains(name)),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(first, None, "no answer is lost");
        assert!(!self.finals.contains(name), "a final channel stays final");
        if is_final {
            self.finals.insert(name.into());
        }
        if let Some(key) = key {
            self.answers.insert((name.into(), key), offset);
        }
        let before = self.heads.insert(name.into(), (epoch.clone(), offset));
        let expected = before.map_or(1, |(_, head)| head + 1);
        assert_eq!(offset, expected);
        let since = Since::After(Position::new(epoch, offset - 1));
        let page = self.log.read(self.now, &channel(name), &since, ALL).unwrap();
        assert_eq!((offsets(&page).as_slice(), page.gap), (&[offset][..], None), "it is kept");
        if space != "sure" && sure <= BYTES_MIN && wild > 0 {
            assert_eq!(self.bytes_of("sure"), sure, "nobody takes what it is sure of");
        }
    }

    fn bytes_of(&self, space: &str) -> usize {
        let all = self.log.list(None, 100);
        all.iter().filter(|one| one.channel.namespace() == space).map(held).sum()
    }

    fn check(&mut self) {
        let kept: usize = self.log.list(None, 100).iter().map(held).sum();
        assert_eq!(self.log.bytes(), kept);
        assert!(kept <= BYTES_MAX);
        for (name, (epoch, head)) in &self.heads {
            let from = u64::from(self.rng.between(0, u32::try_from(*head).unwrap()));
            let since = Since::After(Position::new(epoch.clone(), from));
            let page = self.log.read(self.now, &channel(name), &since, ALL).unwrap();
            let told = page.gap.as_ref().map_or(from, |gap| gap.to.offset);
            assert!(page.gap.as_ref().is_none_or(|gap| gap.cause == GapCause::Retention));
            assert!(offsets(&page).into_iter().eq(told + 1..=*head), "all that is not a gap");
            assert_eq!((page.head, page.is_final), (*head, self.finals.contains(name)));
        }
    }
}

#[test]
fn what_was_answered_stays_true_and_what_had_to_go_is_told() {
    for seed in 0..12 {
        let mut life = Life::new(seed);
        for _ in 0..400 {
            life.step();
            life.check();
        }
        assert!(life.log.yields().events > 20, "seed {seed}: {:?}", life.log.yields());
    }
}
