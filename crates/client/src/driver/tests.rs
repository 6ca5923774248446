//! The loop, around a fake link that records what it is told and answers by a script.

use std::collections::VecDeque;
use std::time::Duration;

use steadfast_link::{Input, LinkState, Notice, Output, Reason};
use steadfast_machine::{Machine, Millis, Wake};
use steadfast_protocol::ChannelName;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Command, Driver, WAITING_MAX};
use crate::endpoint::Endpoint;
use crate::fake::{OPTIONS, connector};
use crate::network_io::{NetworkIo, Site};
use crate::notice_router::NoticeRouter;
use crate::token::TokenSource;

type React = Box<dyn FnMut(Millis, &Input, &mut Option<Millis>) -> Vec<Output> + Send>;

struct Fake {
    react: React,
    heard: mpsc::Sender<(u64, Input)>,
    outputs: VecDeque<Output>,
    wake: Option<Millis>,
}

impl Machine for Fake {
    type Input = Input;
    type Output = Output;
    type Why = ();

    fn handle(&mut self, now: Millis, input: Input) {
        assert!(self.outputs.is_empty(), "not polled to the end");
        self.outputs = (self.react)(now, &input, &mut self.wake).into();
        self.heard.try_send((now.0, input)).unwrap();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake(&self) -> Option<Wake<()>> {
        self.wake.map(|at| Wake::new(at, ()))
    }
}

struct Fixture {
    commands: mpsc::Sender<Command<Fake>>,
    heard: mpsc::Receiver<(u64, Input)>,
    notices: mpsc::Receiver<Notice>,
    state: watch::Receiver<LinkState>,
}

fn network(tokens: TokenSource) -> NetworkIo {
    let endpoint = Endpoint::new("http://127.0.0.1:1").unwrap();
    NetworkIo::new(vec![Site::new(endpoint, connector(), OPTIONS)], tokens, None)
}

fn driven<F>(notices_max: usize, react: F) -> Fixture
where
    F: FnMut(Millis, &Input, &mut Option<Millis>) -> Vec<Output> + Send + 'static,
{
    let (heard_in, heard) = mpsc::channel(5000);
    let outputs = VecDeque::new();
    let fake = Fake { react: Box::new(react), heard: heard_in, outputs, wake: None };
    let (commands, commands_out) = mpsc::channel(4);
    let (notices_in, notices) = mpsc::channel(notices_max);
    let (state_in, state) = watch::channel(LinkState::Disconnected);
    let notices_out = NoticeRouter::new(notices_in, state_in);
    let source = TokenSource::Nothing;
    tokio::spawn(
        Driver::new(fake, network(source), commands_out, notices_out).run(vec![Input::Connect]),
    );
    Fixture { commands, heard, notices, state }
}

impl Fixture {
    async fn ask(&self, input: Input) {
        self.commands.send(Command::Input(input)).await.unwrap_or_else(|_| panic!("closed"));
    }

    async fn hears(&mut self, input: Input) -> u64 {
        let (at, heard) = self.heard.recv().await.unwrap();
        assert_eq!(heard, input);
        at
    }
}

fn finished(n: usize) -> Notice {
    Notice::Finished { channel: ChannelName::new(&format!("c{n}")).unwrap() }
}

fn finishes(count: usize) -> Vec<Output> {
    (0..count).map(|n| Output::Tell(finished(n))).collect()
}

#[tokio::test(start_paused = true)]
async fn the_link_is_told_the_time_when_it_wants_to_be() {
    let mut fixture = driven(8, |_, input, wake| {
        *wake = matches!(input, Input::Connect).then_some(Millis(12_345));
        Vec::new()
    });
    assert_eq!(fixture.hears(Input::Connect).await, 0);
    assert_eq!(fixture.hears(Input::Tick).await, 12_345);
    fixture.ask(Input::Online).await;
    fixture.hears(Input::Online).await;
}

#[tokio::test]
async fn the_app_asks_and_looks_in_order() {
    let mut fixture = driven(8, |_, input, _| {
        let (old, reason) = (LinkState::Disconnected, Reason::Asked);
        let notice = Notice::State { new: LinkState::Connecting, old, reason };
        if *input == Input::Online { vec![Output::Tell(notice)] } else { Vec::new() }
    });
    fixture.ask(Input::Online).await;
    let (tell, told) = oneshot::channel();
    let look = Box::new(move |link: &Fake, _| tell.send(link.outputs.len()).unwrap());
    fixture.commands.send(Command::Inspect(look)).await.unwrap_or_else(|_| panic!("closed"));
    assert_eq!(told.await, Ok(0));
    fixture.hears(Input::Connect).await;
    fixture.hears(Input::Online).await;
    assert_eq!(*fixture.state.borrow(), LinkState::Connecting);
    assert!(matches!(fixture.notices.recv().await, Some(Notice::State { .. })));
}

#[tokio::test(start_paused = true)]
async fn while_the_app_does_not_read_no_time_passes_for_the_link() {
    let mut fixture = driven(2, |now, input, wake| {
        *wake = (*input != Input::Tick).then(|| Millis(now.0.max(1_000)));
        if *input == Input::Connect { finishes(3) } else { Vec::new() }
    });
    fixture.hears(Input::Connect).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert!(fixture.heard.try_recv().is_err(), "held");
    for n in 0..3 {
        assert_eq!(fixture.notices.recv().await, Some(finished(n)));
    }
    assert_eq!(fixture.hears(Input::Resumed).await, 60_000);
    assert_eq!(fixture.hears(Input::Tick).await, 60_000);
}

#[tokio::test(start_paused = true)]
async fn a_short_hold_is_not_taken_for_sleep() {
    let mut fixture = driven(2, |_, input, wake| {
        *wake = (*input == Input::Connect).then_some(Millis(1_000));
        if *input == Input::Connect { finishes(3) } else { Vec::new() }
    });
    fixture.hears(Input::Connect).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    for n in 0..3 {
        assert_eq!(fixture.notices.recv().await, Some(finished(n)));
    }
    assert_eq!(fixture.hears(Input::Tick).await, 4_000);
}

#[tokio::test(start_paused = true)]
async fn after_a_hold_what_came_meanwhile_is_heard_before_the_time() {
    let mut fixture = driven(2, |_, input, wake| {
        if *input == Input::Connect {
            *wake = Some(Millis(1_000));
            let want = || Output::WantToken;
            return finishes(3).into_iter().chain([want(), want()]).collect();
        }
        if *input == Input::Tick {
            *wake = None;
        }
        Vec::new()
    });
    fixture.hears(Input::Connect).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(fixture.notices.recv().await, Some(finished(0)));
    fixture.hears(Input::Token(None)).await;
    fixture.hears(Input::Token(None)).await;
    assert_eq!(fixture.hears(Input::Tick).await, 4_000);
}

#[tokio::test]
async fn requests_wait_once_too_many_notices_do() {
    // One notice fits into the app's queue, the rest waits in the driver.
    for (count, is_heard) in [(WAITING_MAX, true), (WAITING_MAX + 1, false)] {
        let mut fixture =
            driven(
                1,
                move |_, input, _| {
                    if *input == Input::Connect { finishes(count) } else { Vec::new() }
                },
            );
        fixture.hears(Input::Connect).await;
        fixture.ask(Input::Online).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(fixture.heard.try_recv().is_ok(), is_heard, "{count}");
        assert_eq!(fixture.notices.recv().await, Some(finished(0)));
        if !is_heard {
            fixture.hears(Input::Online).await;
        }
    }
}

#[tokio::test]
async fn after_the_close_what_was_told_can_be_read_and_nothing_else_is_heard() {
    let mut fixture =
        driven(1, |_, input, _| if *input == Input::Close { finishes(3) } else { Vec::new() });
    fixture.ask(Input::Close).await;
    for n in 0..3 {
        assert_eq!(fixture.notices.recv().await, Some(finished(n)));
    }
    assert_eq!(fixture.notices.recv().await, None);
    assert!(fixture.commands.send(Command::Input(Input::Online)).await.is_err());
    fixture.hears(Input::Connect).await;
    fixture.hears(Input::Close).await;
    assert_eq!(fixture.heard.recv().await, None);
}

#[tokio::test]
async fn a_client_that_was_let_go_of_closes_its_link() {
    let Fixture { commands, mut heard, notices, state: _ } = driven(1, |_, _, _| finishes(3));
    drop((commands, notices));
    assert_eq!(heard.recv().await.unwrap().1, Input::Connect);
    assert_eq!(heard.recv().await.unwrap().1, Input::Close);
    assert_eq!(heard.recv().await, None);
}

mod channels;
