//! Where a node's own questions and those of the others lie. In: letters that begin with `ask` or
//! `answer`, and who is there. Out: letters, answers, and who gave none within a second. What there
//! is no room for is not answered, and so is told to whoever asked. Must not know how letters go.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};

use super::{Answers, Peer, Question};

/// How long answers are waited for.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Questions of this node that are under way at a time; more wait, and the time counts.
const ASKING_MAX: usize = 16;
/// Questions of other nodes that wait to be answered.
const WAITING_MAX: usize = 64;
/// Nodes that are asked at a time.
pub(crate) const PEERS_MAX: usize = 256;
/// A node that has not said for so long that it is there is not one of the service.
pub(crate) const GONE_MS: u64 = 10_000;

/// How letters go to other nodes, and how it is known who they are.
pub(crate) trait Post {
    /// Has the desk know who is there now; nothing where that cannot be known.
    async fn look(&self) -> Option<()>;

    /// Sends a letter to one node or to all; nothing where it does not go.
    async fn send(&self, to: Option<&Peer>, words: String) -> Option<()>;
}

/// What a node knows of the others, and what is asked.
#[derive(Debug)]
pub(crate) struct Desk {
    own: Peer,
    numbers: AtomicU64,
    asking: Semaphore,
    /// Where answers go, by the question's number.
    open: Mutex<BTreeMap<u64, mpsc::Sender<(Peer, String)>>>,
    questions: mpsc::Sender<Question>,
    dropped: AtomicU64,
    asked: tokio::sync::Mutex<mpsc::Receiver<Question>>,
    /// The others, as was last known.
    others: Mutex<Vec<Peer>>,
}

impl Desk {
    pub(crate) fn new(own: Peer) -> Self {
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

    /// This node.
    pub(crate) const fn own(&self) -> &Peer {
        &self.own
    }

    /// These nodes are there, this one among them or not.
    pub(crate) fn sees<'a>(&self, words: impl Iterator<Item = &'a str>) {
        let peers = words.filter_map(Peer::of).filter(|peer| *peer != self.own);
        let peers = peers.take(PEERS_MAX).collect();
        *self.others.lock() = peers;
    }

    /// Deals with a letter; false where it is about something else.
    pub(crate) fn hears(&self, by: usize, words: &str) -> bool {
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
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Asks the others, or the one of a run. While no server is there, those last known are silent.
    pub(crate) async fn ask(&self, post: &impl Post, question: &str, run: Option<&str>) -> Answers {
        let mut answers = Answers::default();
        let collecting = self.collect(post, question, run, &mut answers);
        // What was answered in time stays; who was not heard is told from what was not.
        drop(tokio::time::timeout(ANSWER_WITHIN, collecting).await);
        let has_answered = |peer: &Peer| answers.given.iter().any(|(one, _)| one == peer);
        answers.silent = self.meant(run).into_iter().filter(|peer| !has_answered(peer)).collect();
        answers
    }

    async fn collect(
        &self,
        post: &impl Post,
        question: &str,
        run: Option<&str>,
        answers: &mut Answers,
    ) -> Option<()> {
        let _turn = self.asking.acquire().await.ok()?;
        post.look().await?;
        let asked = self.meant(run);
        let only = asked.first()?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (open, mut answered) = mpsc::channel(PEERS_MAX);
        let _open = Open::new(self, number, open);
        let words = format!("ask {} {number} {question}", self.own.word());
        post.send(run.map(|_| only), words).await?;
        while answers.given.len() < asked.len() {
            let answer = answered.recv().await?;
            if asked.contains(&answer.0) && answers.given.iter().all(|(peer, _)| *peer != answer.0)
            {
                answers.given.push(answer);
            }
        }
        Some(())
    }

    /// The others, or the one of a run.
    fn meant(&self, run: Option<&str>) -> Vec<Peer> {
        let others = self.others.lock();
        let meant = others.iter().filter(|peer| run.is_none_or(|run| peer.run == run));
        meant.cloned().collect()
    }

    /// Whether there were no others, as was last known.
    pub(crate) fn is_alone(&self) -> bool {
        self.others.lock().is_empty()
    }

    /// The others, as was last known.
    #[cfg(test)]
    pub(crate) fn others(&self) -> Vec<Peer> {
        self.meant(None)
    }

    /// The next question of another node.
    pub(crate) async fn asked(&self) -> Question {
        match self.asked.lock().await.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }

    /// The letter that answers a question.
    pub(crate) fn answer(&self, question: &Question, answer: &str) -> String {
        format!("answer {} {} {answer}", question.number, self.own.word())
    }
}

/// A question that is under way; it is closed when nobody waits any more.
struct Open<'a> {
    desk: &'a Desk,
    number: u64,
}

impl<'a> Open<'a> {
    fn new(desk: &'a Desk, number: u64, to: mpsc::Sender<(Peer, String)>) -> Self {
        desk.open.lock().insert(number, to);
        Self { desk, number }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.desk.open.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
