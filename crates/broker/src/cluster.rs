//! Nodes that ask each other, where they share a broker. In: a node's question. Out: what the
//! others answer, and who did not in time. Must not know what is asked.

mod rpc;

use super::Broker;
pub(super) use rpc::{GONE_MS, Post, RpcState};

/// The largest answer, whatever the broker could carry.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A node, unlike every other one and every earlier run of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId {
    /// Its run, in hexadecimal: what sorts nodes, and names them in ids of their sessions.
    pub run: String,
    /// Its name.
    pub name: String,
}

impl NodeId {
    /// The node of this name in this run, as one word.
    pub fn word(&self) -> String {
        format!("{}-{}", self.name, self.run)
    }

    /// The node of such a word.
    pub fn of(word: &str) -> Option<Self> {
        let (name, run) = word.rsplit_once('-')?;
        Some(Self { run: run.to_owned(), name: name.to_owned() })
    }
}

/// What another node wants to know of this one.
#[derive(Debug)]
pub struct RpcRequest {
    /// In words.
    pub words: String,
    /// Who asks.
    pub(super) from: String,
    /// Which of its questions it is.
    pub(super) number: u64,
    /// By which of the broker's servers it came.
    pub(super) by: usize,
}

/// What the other nodes said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcResponses {
    /// Each with its node.
    pub given: Vec<(NodeId, String)>,
    /// Who has not answered in time.
    pub silent: Vec<NodeId>,
}

impl RpcResponses {
    /// The names of those that have not answered, each once, in order.
    pub fn silent_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.silent.iter().map(|peer| peer.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Broker {
    /// This node among those that share the broker; `None` where it is shared with nobody.
    pub fn peer(&self) -> Option<&NodeId> {
        match self {
            Self::Memory(_) | Self::Disk(_) => None,
            Self::Redis(redis) => Some(redis.peer()),
            Self::Nats(nats) => Some(nats.peer()),
        }
    }

    /// Whether no other node serves what this one does, as far as is known.
    pub async fn is_alone(&self) -> bool {
        match self {
            Self::Memory(_) | Self::Disk(_) => true,
            Self::Redis(redis) => redis.is_alone().await,
            Self::Nats(nats) => nats.is_alone().await,
        }
    }

    /// Asks every other node, or only the one of a run. Takes a second at most.
    pub async fn ask(&self, question: &str, run: Option<&str>) -> RpcResponses {
        match self {
            Self::Memory(_) | Self::Disk(_) => RpcResponses::default(),
            Self::Redis(redis) => redis.ask(question, run).await,
            Self::Nats(nats) => nats.ask(question, run).await,
        }
    }

    /// The next question of another node. Whoever takes it answers it.
    pub async fn asked(&self) -> RpcRequest {
        match self {
            Self::Memory(_) | Self::Disk(_) => std::future::pending().await,
            Self::Redis(redis) => redis.asked().await,
            Self::Nats(nats) => nats.asked().await,
        }
    }

    /// Answers a question.
    pub async fn answer(&self, question: &RpcRequest, answer: &str) {
        match self {
            Self::Memory(_) | Self::Disk(_) => {}
            Self::Redis(redis) => redis.answer(question, answer).await,
            Self::Nats(nats) => nats.answer(question, answer).await,
        }
    }

    /// How long an answer may be, in bytes.
    pub fn answer_bytes_max(&self) -> usize {
        match self {
            Self::Memory(_) | Self::Disk(_) | Self::Redis(_) => ANSWER_BYTES_MAX,
            Self::Nats(nats) => nats.answer_bytes_max().min(ANSWER_BYTES_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, RpcResponses};

    #[test]
    fn a_node_is_named_by_a_word_and_may_have_hyphens_in_its_name() {
        let peer = NodeId::of("node-1-00ff").unwrap();
        assert_eq!((&*peer.name, &*peer.run, &*peer.word()), ("node-1", "00ff", "node-1-00ff"));
        assert_eq!(NodeId::of("node"), None);
    }

    #[test]
    fn names_of_silent_nodes_come_once() {
        let silent = ["b-2", "a-3", "b-1"].iter().filter_map(|word| NodeId::of(word)).collect();
        assert_eq!(RpcResponses { given: Vec::new(), silent }.silent_names(), ["a", "b"]);
    }
}
