//! A newer token for a session before the one in force ends. In: when that is, the request that
//! carries a newer one, the server's answer. Out: when the app is to be asked. P-39

use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::Scalar;

/// The app is asked when this share of the token's time is left, in percent, at the least; …
const LEFT_MIN: u32 = 10;
/// … and at the most: links whose tokens end together do not all ask together.
const LEFT_MAX: u32 = 20;
/// An app has this long to give a token, or half of the old one's time where that is shorter.
const TIME_TO_GIVE: Span = Span::seconds(10);
/// Nothing is asked anew this close to the end.
const CLOSE_TO_END: Span = Span::seconds(5);

/// The end of a session's token, and what is done about it.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    ends_at: Millis,
    ask_at: Option<Millis>,
    /// The `refresh` that is not answered, and the version of its token.
    request: Option<(Scalar, u32)>,
}

impl Renewal {
    /// A token that the server took now ends after this time.
    pub(crate) fn new(now: Millis, expires_in: Span, rng: &mut Rng) -> Self {
        let share = Span(expires_in.0 / 100).times(rng.between(LEFT_MIN, LEFT_MAX).into());
        let left = share.max(TIME_TO_GIVE.min(Span(expires_in.0 / 2)));
        let ends_at = now + expires_in;
        Self { ends_at, ask_at: Some(now + Span(expires_in.0 - left.0)), request: None }
    }

    /// When the app is to be asked for a newer token.
    pub(crate) const fn ask_at(&self) -> Option<Millis> {
        self.ask_at
    }

    /// Whether the app is to be asked now; true once.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        self.ask_at.take_if(|at| *at <= now).is_some()
    }

    /// The token of this version is sent.
    pub(crate) fn on_sent(&mut self, id: Scalar, version: u32) {
        self.ask_at = None;
        self.request = Some((id, version));
    }

    /// The server answered the request of this id. The version of its token; none where another
    /// request is meant.
    pub(crate) fn take_answered(&mut self, id: Option<&Scalar>) -> Option<u32> {
        let request = self.request.take_if(|(own, _)| Some(&*own) == id)?;
        Some(request.1)
    }

    /// The server did not take the token: the app is asked again halfway to the end.
    pub(crate) fn on_refused(&mut self, now: Millis) {
        let left = self.ends_at.since(now);
        self.ask_at = (left > CLOSE_TO_END).then(|| now + Span(left.0 / 2));
    }
}
