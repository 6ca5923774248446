//! Pending requests between nodes that share a broker: those that this node sent and those that it
//! received. In: messages that begin with `ask` or `answer`, and the list of nodes. Out: messages,
//! responses, and the nodes that sent none within a second. A request for which there is no room is
//! not answered, and its sender is told so. Must not know how messages travel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};

use super::{NodeId, RpcRequest, RpcResponses};

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

/// How messages go to other nodes, and how it is known who they are.
pub(crate) trait Post {
    /// Has the rpc know who is there now; nothing where that cannot be known.
    async fn look(&self) -> Option<()>;

    /// Sends a message to one node or to all; nothing where it does not go.
    async fn send(&self, to: Option<&NodeId>, words: String) -> Option<()>;
}

/// What a node knows of the others, and what is asked.
#[derive(Debug)]
pub(crate) struct RpcState {
    own: NodeId,
    numbers: AtomicU64,
    asking: Semaphore,
    /// Where answers go, by the question's number.
    open: Mutex<BTreeMap<u64, mpsc::Sender<(NodeId, String)>>>,
    questions: mpsc::Sender<RpcRequest>,
    dropped: AtomicU64,
    asked: tokio::sync::Mutex<mpsc::Receiver<RpcRequest>>,
    /// The others, as was last known.
    others: Mutex<Vec<NodeId>>,
}

impl RpcState {
    pub(crate) fn new(own: NodeId) -> Self {
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
    pub(crate) const fn own(&self) -> &NodeId {
        &self.own
    }

    /// These nodes are there, this one among them or not.
    pub(crate) fn sees<'a>(&self, words: impl Iterator<Item = &'a str>) {
        let peers = words.filter_map(NodeId::of).filter(|peer| *peer != self.own);
        let peers = peers.take(PEERS_MAX).collect();
        *self.others.lock() = peers;
    }

    /// Deals with a message; false where it is about something else.
    pub(crate) fn hears(&self, by: usize, words: &str) -> bool {
        let mut parts = words.splitn(4, ' ');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("ask"), Some(from), Some(number), Some(words)) => {
                if let (Ok(number), true) = (number.parse(), from != self.own.word()) {
                    let (words, from) = (words.to_owned(), from.to_owned());
                    let question = RpcRequest { words, from, number, by };
                    if self.questions.try_send(question).is_err() {
                        // It has no answer, and the asker says so.
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            (Some("answer"), Some(number), Some(from), Some(text)) => {
                let number: Option<u64> = number.parse().ok();
                let open = number.and_then(|number| self.open.lock().get(&number).cloned());
                if let (Some(open), Some(peer)) = (open, NodeId::of(from)) {
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
    pub(crate) async fn ask(
        &self,
        post: &impl Post,
        question: &str,
        run: Option<&str>,
    ) -> RpcResponses {
        let mut answers = RpcResponses::default();
        let collecting = self.collect(post, question, run, &mut answers);
        // What was answered in time stays; who was not heard is told from what was not.
        drop(tokio::time::timeout(ANSWER_WITHIN, collecting).await);
        let has_answered = |peer: &NodeId| answers.given.iter().any(|(one, _)| one == peer);
        answers.silent = self.meant(run).into_iter().filter(|peer| !has_answered(peer)).collect();
        answers
    }

    async fn collect(
        &self,
        post: &impl Post,
        question: &str,
        run: Option<&str>,
        answers: &mut RpcResponses,
    ) -> Option<()> {
        let _turn = self.asking.acquire().await.ok()?;
        post.look().await?;
        let asked = self.meant(run);
        let only = asked.first()?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let (open, mut answered) = mpsc::channel(PEERS_MAX);
        let _open = PendingRequest::new(self, number, open);
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
    fn meant(&self, run: Option<&str>) -> Vec<NodeId> {
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
    pub(crate) fn others(&self) -> Vec<NodeId> {
        self.meant(None)
    }

    /// The next question of another node.
    pub(crate) async fn asked(&self) -> RpcRequest {
        match self.asked.lock().await.recv().await {
            Some(question) => question,
            None => std::future::pending().await,
        }
    }

    /// The message that answers a question.
    pub(crate) fn answer(&self, question: &RpcRequest, answer: &str) -> String {
        format!("answer {} {} {answer}", question.number, self.own.word())
    }
}

/// A question that is under way; it is closed when nobody waits any more.
struct PendingRequest<'a> {
    rpc: &'a RpcState,
    number: u64,
}

impl<'a> PendingRequest<'a> {
    fn new(rpc: &'a RpcState, number: u64, to: mpsc::Sender<(NodeId, String)>) -> Self {
        rpc.open.lock().insert(number, to);
        Self { rpc, number }
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.rpc.open.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
