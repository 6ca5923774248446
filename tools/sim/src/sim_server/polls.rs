//! Polls of one channel or many: answered at once where there is something behind a position, else
//! when something comes, else empty when their time is up. The answer is written as on the wire.

use std::fmt::Write as _;

use steadfast_history::{Page, PageLimit};
use steadfast_link::{PollFailure, PollId};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ChannelRequest, Since, Token};

use super::{SimServer, check_token};
use crate::model::Model;

/// The most bytes of events in one answer.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest that a poll may wait.
const WAIT_MS_MAX: u64 = 50_000;
/// How long a link is to pause after a poll that did not wait.
const SHORT_PAUSE_MS: u64 = 3_000;

/// A poll as the server gets it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Whose.
    pub(crate) link: usize,
    /// The link's name for it.
    pub(crate) poll: PollId,
    /// Which channels, and from where.
    pub(crate) channels: Vec<ChannelRequest>,
    /// How long it may wait.
    pub(crate) wait_ms: u64,
    /// Who asks.
    pub(crate) token: Option<Token>,
    /// The most events of each channel in the answer.
    pub(crate) events_max: usize,
}

/// What a poll is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Whose.
    pub(crate) link: usize,
    /// The link's name for it.
    pub(crate) poll: PollId,
    /// The body, or the failure that the status says.
    pub(crate) body: Result<String, PollFailure>,
}

/// A poll that waits for an event.
#[derive(Debug)]
pub(super) struct Waiter {
    request: Request,
    until: u64,
}

impl SimServer {
    /// A poll came. `None` where it waits.
    pub(crate) fn on_poll(
        &mut self,
        now: u64,
        mut request: Request,
        model: &mut Model,
    ) -> Option<Answer> {
        let (link, poll) = (request.link, request.poll);
        if check_token(now, request.token.as_ref()).is_err() {
            return Some(Answer { link, poll, body: Err(PollFailure::Unauthorized) });
        }
        let wait_ms = request.wait_ms.min(WAIT_MS_MAX);
        let pages = self.pages(now, &request, model);
        if wait_ms == 0 || pages.iter().any(has_news) {
            return Some(answer(&request, &pages));
        }
        // Behind what is there now, also for one that asked for what comes from now on.
        for (one, page) in request.channels.iter_mut().zip(pages) {
            one.since = Since::After(page.start);
        }
        self.waiters.push(Waiter { request, until: now + wait_ms });
        None
    }

    /// A poll was given up, or its connection broke.
    pub(crate) fn forget_poll(&mut self, link: usize, poll: PollId) {
        self.waiters.retain(|w| (w.request.link, w.request.poll) != (link, poll));
    }

    /// Something happened on a channel: who waits for it is answered.
    pub(crate) fn answer_waiters(
        &mut self,
        now: u64,
        channel: &ChannelName,
        model: &mut Model,
    ) -> Vec<Answer> {
        let concerned =
            |waiter: &mut Waiter| waiter.request.channels.iter().any(|one| one.channel == *channel);
        let waiters: Vec<Waiter> = self.waiters.extract_if(.., concerned).collect();
        let mut answers = Vec::new();
        for waiter in waiters {
            let pages = self.pages(now, &waiter.request, model);
            if pages.iter().any(has_news) {
                answers.push(answer(&waiter.request, &pages));
            } else {
                self.waiters.push(waiter);
            }
        }
        answers
    }

    /// Answers the polls whose time is up.
    pub(crate) fn expire_waiters(&mut self, now: u64, model: &mut Model) -> Vec<Answer> {
        let due: Vec<Waiter> = self.waiters.extract_if(.., |w| w.until <= now).collect();
        let mut answers = Vec::new();
        for waiter in due {
            let pages = self.pages(now, &waiter.request, model);
            answers.push(answer(&waiter.request, &pages));
        }
        answers
    }

    /// One for each channel.
    fn pages(&mut self, now: u64, request: &Request, model: &mut Model) -> Vec<Page> {
        let limit = PageLimit {
            events_max: request.events_max,
            bytes_max: ANSWER_BYTES_MAX,
            is_thinned: false,
        };
        let mut pages = Vec::new();
        for one in &request.channels {
            // It fails for a count of channels that no run reaches.
            if let Ok(page) = self.streams.read(Millis(now), &one.channel, &one.since, limit) {
                model.learn(&one.channel, &page.start.epoch);
                pages.push(page);
            }
        }
        pages
    }
}

const fn has_news(page: &Page) -> bool {
    !page.events.is_empty() || page.gap.is_some() || page.reaches_the_end()
}

/// As the route of one channel answers, or that of many, which leaves out who has nothing to say.
fn answer(request: &Request, pages: &[Page]) -> Answer {
    let pause_ms = if request.wait_ms == 0 { SHORT_PAUSE_MS } else { 0 };
    let is_alone = request.channels.len() == 1;
    let mut written = Vec::new();
    for (one, page) in request.channels.iter().zip(pages) {
        let is_new = !matches!(one.since, Since::After(_));
        if is_alone || is_new || has_news(page) {
            written.push(write_page(&one.channel, page));
        }
    }
    let body = if is_alone {
        format!(r#"{{{},"next_poll_ms":{pause_ms}}}"#, written.concat())
    } else {
        let pages: Vec<_> = written.iter().map(|page| format!("{{{page}}}")).collect();
        let pages = pages.join(",");
        format!(r#"{{"pages":[{pages}],"refused":[],"next_poll_ms":{pause_ms}}}"#)
    };
    Answer { link: request.link, poll: request.poll, body: Ok(body) }
}

/// The fields of a page.
fn write_page(channel: &ChannelName, page: &Page) -> String {
    let gap = serde_json::to_string(&page.gap).unwrap_or_default();
    let epoch = &page.start.epoch;
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write!(out, r#""channel":"{channel}","epoch":"{epoch}","offset":{},"#, page.end);
    out.push_str(r#""events":["#);
    for (index, publication) in page.events.iter().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        out.push_str(&String::from_utf8_lossy(publication.encoded.entry()));
    }
    let is_final = page.reaches_the_end();
    let _ = write!(out, r#"],"final":{is_final},"gap":{gap}"#);
    out
}
