//! What the app publishes: kept until the server has answered it, sent while there is a session,
//! told when its fate is known. In: publishes, answers, ends. Out: frames, and one notice for each
//! ticket.

use alloc::boxed::Box;

use steadfast_machine::Millis;
use steadfast_protocol::{ClientFrame, Epoch, ErrorFrame, PublishFrame, Scalar};

use super::Link;
use crate::phase::Phase;
use crate::publisher::{ErrorOutcome, PublisherStep};
use crate::subscriptions::read_number;
use crate::{Notice, PublishFailure};

impl Link {
    pub(super) fn on_publish(&mut self, ticket: u64, frame: PublishFrame) {
        let failure = match self.phase {
            Phase::Resting => Some(PublishFailure::Closed),
            Phase::Offline | Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {
                self.publisher.add(ticket, frame, &self.config).err()
            }
        };
        if let Some(failure) = failure {
            self.tell_failed(ticket, failure);
        }
    }

    /// Sends what may be sent, and tells of what has waited for an answer for too long.
    pub(super) fn run_publishes(&mut self, now: Millis) {
        while let Some(ticket) = self.publisher.take_overdue(now) {
            self.tell_failed(ticket, PublishFailure::Uncertain);
        }
        while let Some(socket) = self.health.socket() {
            if self.pacer.open_at() > now {
                return;
            }
            match self.publisher.next(now, || self.subscriptions.new_request()) {
                Some(PublisherStep::Send(frame)) => self.send(socket, ClientFrame::Publish(frame)),
                Some(PublisherStep::Fail(ticket, failure)) => self.tell_failed(ticket, failure),
                None => return,
            }
        }
    }

    pub(super) fn on_published(&mut self, id: Option<&Scalar>, epoch: Epoch, offset: u64) {
        let request = id.and_then(read_number);
        if let Some(ticket) = request.and_then(|request| self.publisher.take_answered(request)) {
            self.tell(Notice::Published { ticket, epoch, offset });
        }
    }

    /// Whether the error was about a publish.
    pub(super) fn on_publish_error(&mut self, now: Millis, frame: &ErrorFrame) -> bool {
        let Some(request) = frame.id.as_ref().and_then(read_number) else { return false };
        let jitter = (self.config.jitter_percent, &mut self.rng);
        match self.publisher.refuse(now, request, frame.retry, jitter) {
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
        while let Some((ticket, failure)) = self.publisher.give_up() {
            self.tell_failed(ticket, failure);
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
