//! Apps, each with a link that follows one channel and is read as a real app would. In: addresses,
//! and when a node was killed. Out: everything each was told, and how long it took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use steadfast_client::{ChannelName, Client, Event, LinkState, Notice, Since};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::book::{Book, channel};
use super::verdict::{Faults, Heard, judge};
use super::{Amount, Times};

/// How many links begin at once, and how long until the next ones do.
const AT_ONCE: usize = 40;
const BETWEEN: Duration = Duration::from_millis(40);
/// How often it is looked whether everybody has everything.
const LOOK: Duration = Duration::from_millis(100);

/// All of them. They end with their owner.
#[derive(Debug)]
pub struct Apps {
    receivers: Vec<Arc<Mutex<Receiver>>>,
    amount: Amount,
    _tasks: JoinSet<()>,
}

/// What one was told.
#[derive(Debug, Default)]
struct Receiver {
    heard: Vec<Heard>,
    newest: Option<usize>,
    deliver: Vec<Duration>,
    back: Vec<Duration>,
    /// The kill that it lost its session by.
    lost_by: Option<Instant>,
    polled: u64,
    is_live: bool,
}

/// What became of all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// What was wrong.
    pub faults: Faults,
    /// Links that were told of a gap.
    pub links_told: usize,
    /// Events handed to apps.
    pub handed: usize,
    /// Times that a link went over to polling.
    pub polled: u64,
    /// From the first sending of an event until an app had it.
    pub deliver: Times,
    /// From a kill until a link that it cut had a session again.
    pub back: Times,
}

impl Apps {
    /// Starts them, each with these addresses in its own order; `kills` says when a node was
    /// killed.
    pub async fn start(
        amount: Amount,
        urls: &[String],
        book: &Arc<Book>,
        kills: &watch::Receiver<Option<Instant>>,
    ) -> anyhow::Result<Self> {
        let (mut receivers, mut tasks) = (Vec::new(), JoinSet::new());
        for number in 0..amount.links {
            let mut turned = urls.iter().cycle().skip(number % urls.len()).take(urls.len());
            let Some(first) = turned.next() else { bail!("no address") };
            let builder = turned.fold(Client::builder(first), |builder, url| builder.endpoint(url));
            let name = ChannelName::new(&channel(number % amount.channels))?;
            let client = builder.subscribe(name, Since::Start).connect().await?;
            let receiver = Arc::<Mutex<Receiver>>::default();
            tasks.spawn(follow(client, Arc::clone(&receiver), Arc::clone(book), kills.clone()));
            receivers.push(receiver);
            if (number + 1).is_multiple_of(AT_ONCE) {
                tokio::time::sleep(BETWEEN).await;
            }
        }
        Ok(Self { receivers, amount, _tasks: tasks })
    }

    /// Waits until all have a session; how many have none after so long.
    pub async fn until_live(&self, at_most: Duration) -> usize {
        self.until(at_most, |_, receiver| receiver.is_live).await
    }

    /// Waits until all have the newest answered event of their channel; how many have not after so
    /// long.
    pub async fn until_complete(&self, book: &Book, at_most: Duration) -> usize {
        let acked = book.acked(self.amount.channels);
        let newest = |at: usize| acked.get(at % self.amount.channels)?.last().map(|one| one.number);
        self.until(at_most, |at, receiver| receiver.newest >= newest(at)).await
    }

    async fn until(&self, at_most: Duration, is_well: impl Fn(usize, &Receiver) -> bool) -> usize {
        let begun = Instant::now();
        loop {
            let all = self.receivers.iter().enumerate();
            let others = all.filter(|(at, receiver)| !is_well(*at, &lock(receiver))).count();
            if others == 0 || begun.elapsed() > at_most {
                return others;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What became of them.
    pub fn sums(&self, book: &Book) -> Sums {
        let acked = book.acked(self.amount.channels);
        let mut sums = Sums::default();
        let (mut deliver, mut back) = (Vec::new(), Vec::new());
        for (at, receiver) in self.receivers.iter().enumerate() {
            let receiver = lock(receiver);
            let of_channel = acked.get(at % self.amount.channels);
            let faults = judge(of_channel.map_or(&[], Vec::as_slice), &receiver.heard);
            sums.faults += faults;
            sums.links_told += usize::from(faults.gaps > 0);
            sums.handed += receiver.deliver.len();
            sums.polled += receiver.polled;
            deliver.extend_from_slice(&receiver.deliver);
            back.extend_from_slice(&receiver.back);
        }
        (sums.deliver, sums.back) = (Times::of(deliver), Times::of(back));
        sums
    }
}

/// One app: reads whatever its link tells.
async fn follow(
    mut client: Client,
    receiver: Arc<Mutex<Receiver>>,
    book: Arc<Book>,
    kills: watch::Receiver<Option<Instant>>,
) {
    while let Some(notice) = client.next().await {
        let mut receiver = lock(&receiver);
        match notice {
            Notice::Event(event) => receiver.event(&event, &book),
            Notice::Gap { gap, .. } => {
                let place =
                    |at: steadfast_client::Position| (at.epoch.as_str().to_owned(), at.offset);
                receiver.heard.push(Heard::Gap { from: place(gap.from), to: place(gap.to) });
            }
            Notice::Subscribed { position, is_recovered, .. } => {
                let epoch = position.epoch.as_str().to_owned();
                receiver.heard.push(Heard::Subscribed { epoch, is_recovered });
            }
            Notice::State { new, .. } => receiver.state(new, *kills.borrow()),
            Notice::Finished { .. }
            | Notice::Quality(_)
            | Notice::Refused { .. }
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => {}
        }
    }
}

impl Receiver {
    fn event(&mut self, event: &Event, book: &Book) {
        let number = number_in(event.data.as_str());
        let epoch = event.epoch.as_ref().map_or("", |epoch| epoch.as_str()).to_owned();
        self.heard.push(Heard::Event { epoch, offset: event.offset, number });
        // Only the first time counts: after a gap old events may come again.
        if self.newest.is_none_or(|newest| newest < number) {
            self.newest = Some(number);
            self.deliver.extend(book.age(number));
        }
    }

    fn state(&mut self, new: LinkState, killed: Option<Instant>) {
        let is_live = matches!(new, LinkState::Connected | LinkState::Fallback);
        self.polled += u64::from(new == LinkState::Fallback);
        if self.is_live && !is_live {
            self.lost_by = killed;
        } else if let Some(killed) = self.lost_by.take_if(|_| is_live) {
            self.back.push(killed.elapsed());
        }
        self.is_live = is_live;
    }
}

/// The number of an event, which its payload begins with; one that nobody sent where it has none.
fn number_in(data: &str) -> usize {
    let digits = data.strip_prefix(r#"{"n":"#).unwrap_or_default();
    let end = digits.find(|one: char| !one.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX)
}

fn lock(receiver: &Mutex<Receiver>) -> MutexGuard<'_, Receiver> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::number_in;

    #[test]
    fn a_payload_that_is_not_ours_has_no_number_of_ours() {
        assert_eq!(number_in(r#"{"n":12,"text":"x"}"#), 12);
        for other in ["{}", "null", r#"{"n":"#, r#"{"n":-1}"#, r#"{"m":1}"#] {
            assert_eq!(number_in(other), usize::MAX, "{other}");
        }
    }
}
