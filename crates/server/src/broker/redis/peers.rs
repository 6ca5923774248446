//! Questions from node to node, as announcements for one node or for all. In: a question, and
//! letters that begin with `ask` or `answer`. Out: answers, and who gave none within a second. What
//! there is no room for is not answered, and so is told to whoever asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use redis::RedisError;
use tokio::sync::{Semaphore, mpsc};

use super::RedisBroker;
use super::server::{Away, Server};
use crate::broker::peers::{Answers, Peer, Question};

/// How long answers are waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Questions of this node that are under way at a time; more wait, and the time counts.
const ASKING_MAX: usize = 16;
/// Questions of other nodes that wait to be answered.
const WAITING_MAX: usize = 64;
/// Nodes that are asked at a time.
const PEERS_MAX: usize = 256;
/// A node that has not said for so long that it is there is not one of the service.
const GONE_MS: u64 = 10_000;

/// A server's time in seconds and microseconds, and when it saw each node, in milliseconds.
type Presence = ((u64, u64), BTreeMap<String, u64>);

/// What a node knows of the others, and what is asked.
#[derive(Debug)]
pub(super) struct Peers {
    own: Peer,
    numbers: AtomicU64,
    asking: Semaphore,
    /// Where answers go, by the question's number.
    open: Mutex<BTreeMap<u64, mpsc::Sender<(Peer, String)>>>,
    questions: mpsc::Sender<Question>,
    dropped: AtomicU64,
    asked: tokio::sync::Mutex<mpsc::Receiver<Question>>,
    /// The others, as a server last said.
    others: Mutex<Vec<Peer>>,
}

impl Peers {
    pub(super) fn new(own: Peer) -> Self {
        let (questions, asked) = mpsc::channel(WAITING_MAX);
        Self {
            own,
            numbers: AtomicU64::new(0),
            asking: Semaphore::new(ASKING_MAX),
            open: Mutex::default(),
            questions,
            dropped: AtomicU64::new(0),
            asked: tokio::sync::Mutex::new(asked),
            others: Mutex::default(),
        }
    }

    /// Deals with a letter; false where it is about something else.
    pub(super) fn hears(&self, by: usize, words: &str) -> bool {
        let mut parts = words.splitn(4, ' ');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("ask"), Some(from), Some(number), Some(words)) => {
                if let (Ok(number), true) = (number.parse(), from != self.own.word()) {
                    let (words, from) = (words.to_owned(), from.to_owned());
                    let question = Question { words, from, number, by };
                    if self.questions.try_send(question).is_err() {
                        // It has no answer, and the asker says so.
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            (Some("answer"), Some(number), Some(from), Some(text)) => {
                let number: Option<u64> = number.parse().ok();
                let open = number.and_then(|number| self.open.lock().get(&number).cloned());
                if let (Some(open), Some(peer)) = (open, Peer::of(from)) {
                    drop(open.try_send((peer, text.to_owned())));
                }
            }
            _ => return false,
        }
        true
    }

    /// Questions of other nodes that there was no room for.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asks a server who is there.
    pub(super) async fn look(&self, server: &Server) -> Result<(), Away> {
        let session = server.session()?;
        let mut both = redis::pipe();
        both.cmd("TIME").cmd("HGETALL").arg(&server.keys.nodes);
        let answer: Result<Presence, RedisError> =
            both.query_async(&mut session.commands.clone()).await;
        let ((seconds, micros), nodes) = answer.map_err(|error| server.failed(&session, &error))?;
        let now = seconds * 1000 + micros / 1000;
        *self.others.lock() = others(&self.own, now, &nodes);
        Ok(())
    }
}

/// Who else is there, or was a moment ago.
fn others(own: &Peer, now: u64, nodes: &BTreeMap<String, u64>) -> Vec<Peer> {
    let near = nodes.iter().filter(|(_, seen)| now.saturating_sub(**seen) <= GONE_MS);
    let peers = near.filter_map(|(word, _)| Peer::of(word)).filter(|peer| peer != own);
    peers.take(PEERS_MAX).collect()
}

impl RedisBroker {
    /// This node.
    pub(in crate::broker) fn peer(&self) -> &Peer {
        &self.shared.peers.own
    }

    /// Asks the others, or the one of a run. While no server is there, those last known are silent.
    pub(in crate::broker) async fn ask(&self, question: &str, run: Option<&str>) -> Answers {
        let mut answers = Answers::default();
        // What was answered in time stays; who was not heard is told from what was not.
        drop(tokio::time::timeout(ANSWER_WITHIN, self.collect(question, run, &mut answers)).await);
        let others = self.shared.peers.others.lock().clone();
        let is_meant = |peer: &Peer| run.is_none_or(|run| peer.run == run);
        let has_answered = |peer: &Peer| answers.given.iter().any(|(one, _)| one == peer);
        answers.silent =
            others.into_iter().filter(|peer| is_meant(peer) && !has_answered(peer)).collect();
        answers
    }

    async fn collect(
        &self,
        question: &str,
        run: Option<&str>,
        answers: &mut Answers,
    ) -> Option<()> {
        let peers = &self.shared.peers;
        let _turn = peers.asking.acquire().await.ok()?;
        let server = self.servers.iter().find(|server| server.session().is_ok())?;
        peers.look(server).await.ok()?;
        let asked = peers.others.lock().clone();
        let asked: Vec<Peer> =
            asked.into_iter().filter(|peer| run.is_none_or(|run| peer.run == run)).collect();
        let only = asked.first()?;
        let to = match run {
            Some(_) => server.keys.to(&only.word()),
            None => server.keys.control.clone(),
        };
        let number = peers.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (open, mut answered) = mpsc::channel(PEERS_MAX);
        let _open = Open::new(peers, number, open);
        let words = format!("ask {} {number} {question}", server.node);
        server.tell(&to, &words).await.ok()?;
        while answers.given.len() < asked.len() {
            let answer = answered.recv().await?;
            if asked.contains(&answer.0) && answers.given.iter().all(|(peer, _)| *peer != answer.0)
            {
                answers.given.push(answer);
            }
        }
        Some(())
    }

    /// The next question of another node.
    pub(in crate::broker) async fn asked(&self) -> Question {
        match self.shared.peers.asked.lock().await.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }

    /// Answers it, the way it came.
    pub(in crate::broker) async fn answer(&self, question: &Question, answer: &str) {
        let Some(server) = self.servers.get(question.by) else { return };
        let words = format!("answer {} {} {answer}", question.number, server.node);
        // Where the server is gone, the asker has lost it as well.
        drop(server.tell(&server.keys.to(&question.from), &words).await);
    }
}

/// A question that is under way; it is closed when nobody waits any more.
struct Open<'a> {
    peers: &'a Peers,
    number: u64,
}

impl<'a> Open<'a> {
    fn new(peers: &'a Peers, number: u64, to: mpsc::Sender<(Peer, String)>) -> Self {
        peers.open.lock().insert(number, to);
        Self { peers, number }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.peers.open.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steadfast_hub::StreamsConfig;
    use tokio::time::timeout;

    use super::{ANSWER_WITHIN, ASKING_MAX, GONE_MS, PEERS_MAX, Peers, WAITING_MAX, others};
    use crate::broker::RedisBroker;
    use crate::broker::peers::{Answers, Peer};
    use crate::clock::Clock;
    use crate::config::RedisSettings;

    fn peer(word: &str) -> Peer {
        Peer::of(word).unwrap()
    }

    #[test]
    fn who_was_not_seen_for_ten_seconds_is_not_there_and_so_many_are_at_most() {
        let now = 100_000;
        let seen = [
            ("own-1", now),
            ("own-0", now),
            ("b-1", now - GONE_MS),
            ("c-1", now - GONE_MS - 1),
            ("odd", now),
        ];
        let mut nodes: BTreeMap<String, u64> =
            seen.into_iter().map(|(word, at)| (word.to_owned(), at)).collect();
        assert_eq!(others(&peer("own-1"), now, &nodes), [peer("b-1"), peer("own-0")]);
        nodes.extend((0..=PEERS_MAX).map(|run| (format!("d-{run}"), now)));
        assert_eq!(others(&peer("own-1"), now, &nodes).len(), PEERS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_beyond_those_under_way_waits_and_its_time_counts() {
        let (_shard, relay) = crate::broker::tests::node(Clock::start());
        let (settings, streams) = (RedisSettings::default(), StreamsConfig::default());
        let broker = RedisBroker::new(&settings, streams, relay, "own").unwrap();
        let peers = &broker.shared.peers;
        *peers.others.lock() = vec![peer("a-1")];
        let silent = |answers: Answers| (answers.given.len(), answers.silent_names());
        let all = peers.asking.acquire_many(u32::try_from(ASKING_MAX).unwrap()).await.unwrap();
        let early = ANSWER_WITHIN / 2;
        assert!(timeout(early, broker.ask("what?", None)).await.is_err(), "it waits for its turn");
        let answers = timeout(ANSWER_WITHIN * 2, broker.ask("what?", None)).await.unwrap();
        assert_eq!(silent(answers), (0, vec!["a".to_owned()]));
        drop(all);
        // There is a turn and no server: that is known at once.
        let answers = timeout(early, broker.ask("what?", None)).await.unwrap();
        assert_eq!(silent(answers), (0, vec!["a".to_owned()]));
        assert_eq!(silent(broker.ask("what?", Some("2")).await), (0, vec![]), "nobody was asked");
        assert!(peers.open.lock().is_empty());
    }

    #[tokio::test]
    async fn questions_beyond_those_that_may_wait_are_dropped() {
        let peers = Peers::new(peer("own-1"));
        assert!(peers.hears(0, "ask own-1 1 of itself"), "it is about a question");
        for number in 0..=WAITING_MAX {
            assert!(peers.hears(3, &format!("ask a-1 {number} what is it?")));
        }
        for other in ["probe 1", "hello a-1 7 link", "ask a-1", "answer", ""] {
            assert!(!peers.hears(0, other), "{other}");
        }
        let mut asked = peers.asked.lock().await;
        for number in 0..WAITING_MAX as u64 {
            let question = asked.recv().await.unwrap();
            let words = (&*question.from, question.number, &*question.words, question.by);
            assert_eq!(words, ("a-1", number, "what is it?", 3));
        }
        assert!(asked.try_recv().is_err());
        assert_eq!(peers.dropped(), 1);
    }
}
