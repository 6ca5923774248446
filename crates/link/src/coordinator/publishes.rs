//! What the app publishes: kept until the server has answered it, sent while there is a session,
//! told when its fate is known. In: publishes, answers, ends. Out: frames, and one notice for each
//! ticket.

use alloc::boxed::Box;

use steadfast_machine::Millis;
use steadfast_protocol::{ClientFrame, Epoch, ErrorFrame, PublishFrame, Scalar};

use super::Link;
use crate::channels::read_number;
use crate::outbox::{ErrorOutcome, OutboxStep};
use crate::phase::Phase;
use crate::{Notice, PublishFailure, Reason};

impl Link {
    pub(super) fn on_publish(&mut self, ticket: u64, frame: PublishFrame) {
        let failure = match self.phase {
            Phase::Resting => Some(PublishFailure::Closed),
            Phase::Offline | Phase::Trying(_) | Phase::Live(_) | Phase::Polling(_) => {
                self.publishes.add(ticket, frame, &self.config).err()
            }
        };
        if let Some(failure) = failure {
            self.tell_failed(ticket, failure);
        }
    }

    /// Sends what may be sent, and tells of what has waited for an answer for too long.
    pub(super) fn run_publishes(&mut self, now: Millis) {
        while let Some(ticket) = self.publishes.take_overdue(now) {
            self.tell_failed(ticket, PublishFailure::Uncertain);
        }
        while let Some(session) = self.phase.session() {
            let socket = session.socket;
            if self.pacer.open_at() > now {
                return;
            }
            match self.publishes.next(now, || self.channels.new_request()) {
                Some(OutboxStep::Send(frame)) => self.send(socket, ClientFrame::Publish(frame)),
                Some(OutboxStep::Fail(ticket, failure)) => self.tell_failed(ticket, failure),
                None => return,
            }
        }
    }

    pub(super) fn on_published(&mut self, id: Option<&Scalar>, epoch: Epoch, offset: u64) {
        let request = id.and_then(read_number);
        if let Some(ticket) = request.and_then(|request| self.publishes.take_answered(request)) {
            self.tell(Notice::Published { ticket, epoch, offset });
        }
    }

    /// Whether the error was about a publish.
    pub(super) fn take_publish_error(&mut self, now: Millis, frame: &ErrorFrame) -> bool {
        let Some(request) = frame.id.as_ref().and_then(read_number) else { return false };
        let jitter = (self.config.jitter_percent, &mut self.rng);
        match self.publishes.refuse(now, request, frame.retry, jitter) {
            ErrorOutcome::Other => return false,
            ErrorOutcome::Again => {}
            ErrorOutcome::Failed { ticket, is_uncertain: true } => {
                self.tell_failed(ticket, PublishFailure::Uncertain);
            }
            ErrorOutcome::Failed { ticket, is_uncertain: false } => {
                self.tell(Notice::PublishFailed {
                    ticket,
                    code: frame.code.clone(),
                    message: frame.message.clone().into(),
                    is_retryable: frame.retry,
                });
            }
        }
        true
    }

    /// At rest nothing is sent any more.
    pub(super) fn give_up_publishes(&mut self) {
        while let Some((ticket, failure)) = self.publishes.give_up() {
            self.tell_failed(ticket, failure);
        }
    }

    /// A link whose channels have all finished rests, once what it has published is answered.
    pub(super) fn rest_if_finished(&mut self, now: Millis) {
        let is_done = self.publishes.is_empty() || self.phase.session().is_none();
        if self.is_finishing && is_done {
            self.rest(now, Reason::Finished);
        }
    }

    fn tell_failed(&mut self, ticket: u64, failure: PublishFailure) {
        self.tell(Notice::PublishFailed {
            ticket,
            code: Box::from(failure.as_str()),
            message: failure.message(&self.config),
            is_retryable: failure.is_retryable(),
        });
    }
}
