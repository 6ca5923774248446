//! A newer token for the live session, so that it outlives the one that opened it. In: when that
//! one ends, tokens of the app, the server's answers. Out: a request to the app, and `refresh`.
//! P-39

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, Scalar};

use super::Link;
use crate::Output;
use crate::credential::Renewal;

impl Link {
    /// The server took the token of this version, which ends the session after this time.
    pub(super) fn on_token_accepted(&mut self, now: Millis, version: u32, ends_in: Option<u64>) {
        self.credential.accept(version);
        self.session_token_version = version;
        self.renewal = ends_in.map(|span| Renewal::new(now, Span(span), &mut self.rng));
        self.refresh_session();
    }

    /// Sends the token in use to the session, where that has an older one and knows `refresh`.
    pub(super) fn refresh_session(&mut self) {
        let version = self.credential.version();
        if version == self.session_token_version {
            return;
        }
        let (Some(socket), Some(renewal), Some(token)) =
            (self.health.socket(), &mut self.renewal, self.credential.token().cloned())
        else {
            return;
        };
        let id = Scalar::number(self.subscriptions.new_request().into());
        renewal.on_sent(id.clone(), version);
        self.send(socket, ClientFrame::Refresh { id: Some(id), token });
    }

    pub(super) fn on_refreshed(&mut self, now: Millis, id: Option<&Scalar>, ends_in: Option<u64>) {
        if let Some(version) = self.renewal.as_mut().and_then(|one| one.take_answered(id)) {
            self.on_token_accepted(now, version, ends_in);
        }
    }

    /// Whether an error was the answer to a `refresh`: the session goes on with the token it has.
    pub(super) fn on_refresh_error(&mut self, now: Millis, id: Option<&Scalar>) -> bool {
        let Some(renewal) = &mut self.renewal else { return false };
        let is_answer = renewal.take_answered(id).is_some();
        if is_answer {
            renewal.on_refused(now);
        }
        is_answer
    }

    /// When the app is to be asked for the session's next token.
    pub(super) fn renewal_at(&self) -> Option<Millis> {
        self.renewal.as_ref()?.ask_at().filter(|_| self.health.session().is_some())
    }

    pub(super) fn run_renewal(&mut self, now: Millis) {
        let is_due = self.renewal_at().is_some()
            && self.renewal.as_mut().is_some_and(|renewal| renewal.take_due(now));
        if is_due && self.credential.want_early() {
            self.out.push_back(Output::WantToken);
        }
    }
}
