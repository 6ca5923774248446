//! The rpc by itself: its bounds, in virtual time and without a broker.

use tokio::time::timeout;

use super::{ANSWER_WITHIN, ASKING_MAX, PEERS_MAX, Post, RpcState, WAITING_MAX};
use crate::cluster::{NodeId, RpcResponses};

/// Messages go nowhere.
struct Nowhere;

impl Post for Nowhere {
    async fn look(&self) -> Option<()> {
        None
    }

    async fn send(&self, _: Option<&NodeId>, _: String) -> Option<()> {
        None
    }
}

/// One other node, which answers everything twice.
struct Mirror<'a>(&'a RpcState);

impl Post for Mirror<'_> {
    async fn look(&self) -> Option<()> {
        self.0.sees(["own-1", "a-1", "b-2"].into_iter());
        Some(())
    }

    async fn send(&self, to: Option<&NodeId>, words: String) -> Option<()> {
        let mut words = words.splitn(4, ' ').skip(2);
        let (number, words) = (words.next()?, words.next()?);
        let from = to.map_or_else(|| "a-1".to_owned(), NodeId::word);
        for from in [&*from, &*from, "c-3"] {
            self.0.hears(0, &format!("answer {number} {from} {words}!"));
        }
        Some(())
    }
}

fn rpc() -> RpcState {
    RpcState::new(NodeId::of("own-1").unwrap())
}

fn silent(answers: &RpcResponses) -> (usize, Vec<String>) {
    (answers.given.len(), answers.silent_names())
}

#[test]
fn so_many_others_are_asked_at_most_and_never_itself() {
    let rpc = rpc();
    rpc.sees(["own-1", "odd", "own-0", "b-1"].into_iter());
    assert_eq!(rpc.meant(None), ["own-0", "b-1"].map(|word| NodeId::of(word).unwrap()));
    assert_eq!(rpc.meant(Some("1")), [NodeId::of("b-1").unwrap()]);
    for (there, asked) in [(PEERS_MAX, PEERS_MAX), (PEERS_MAX + 1, PEERS_MAX)] {
        let words: Vec<String> = (0..there).map(|run| format!("d-{run}")).collect();
        rpc.sees(words.iter().map(|word| &**word));
        assert_eq!(rpc.meant(None).len(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn each_answer_counts_once_and_who_gives_none_in_a_second_is_silent() {
    let rpc = rpc();
    let answers = rpc.ask(&Mirror(&rpc), "what is it?", None).await;
    assert_eq!(answers.given, [(NodeId::of("a-1").unwrap(), "what is it?!".to_owned())]);
    assert_eq!(answers.silent_names(), ["b"]);
    let answers = rpc.ask(&Mirror(&rpc), "and you?", Some("2")).await;
    assert_eq!(answers.given, [(NodeId::of("b-2").unwrap(), "and you?!".to_owned())]);
    assert_eq!(answers.silent_names(), [""; 0]);
    assert!(rpc.open.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_beyond_those_under_way_waits_and_its_time_counts() {
    let rpc = rpc();
    rpc.sees(["a-1"].into_iter());
    let all = rpc.asking.acquire_many(u32::try_from(ASKING_MAX).unwrap()).await.unwrap();
    let early = ANSWER_WITHIN / 2;
    assert!(timeout(early, rpc.ask(&Nowhere, "what?", None)).await.is_err(), "it waits");
    let answers = timeout(ANSWER_WITHIN * 2, rpc.ask(&Nowhere, "what?", None)).await.unwrap();
    assert_eq!(silent(&answers), (0, vec!["a".to_owned()]));
    drop(all);
    // There is a turn and no server: that is known at once.
    let answers = timeout(early, rpc.ask(&Nowhere, "what?", None)).await.unwrap();
    assert_eq!(silent(&answers), (0, vec!["a".to_owned()]));
    let nobody = rpc.ask(&Nowhere, "what?", Some("2")).await;
    assert_eq!(silent(&nobody), (0, vec![]), "nobody was asked");
    assert!(rpc.open.lock().is_empty());
}

#[tokio::test]
async fn questions_beyond_those_that_may_wait_are_dropped() {
    let rpc = rpc();
    assert!(rpc.hears(0, "ask own-1 1 of itself"), "it is about a question");
    for number in 0..=WAITING_MAX {
        assert!(rpc.hears(3, &format!("ask a-1 {number} what is it?")));
    }
    for other in ["probe 1", "hello a-1 7 link", "ask a-1", "answer", ""] {
        assert!(!rpc.hears(0, other), "{other}");
    }
    let mut asked = rpc.asked.lock().await;
    for number in 0..WAITING_MAX as u64 {
        let question = asked.recv().await.unwrap();
        let words = (&*question.from, question.number, &*question.words, question.by);
        assert_eq!(words, ("a-1", number, "what is it?", 3));
    }
    assert!(asked.try_recv().is_err());
    assert_eq!(rpc.dropped(), 1);
}
