//! What the app reads: one bounded stream of everything its link tells it, in order. While the app
//! does not read, nothing is dropped: the client stops reading its socket.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use steadfast_link::Notice;
use tokio::sync::mpsc;

use crate::positions::{Positions, SavedPositions};

/// How many notices may wait for the app.
pub(crate) const NOTICES_MAX: usize = 256;

/// Everything that a link tells its app.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Taken out while the client closed, and not read yet.
    left: VecDeque<Notice>,
    incoming: mpsc::Receiver<Notice>,
    positions: SharedPositions,
}

/// Where the app stands, by all that it reads.
#[derive(Clone, Debug)]
pub(crate) struct SharedPositions(Arc<Mutex<Positions>>);

impl SharedPositions {
    /// From what was saved.
    pub(crate) fn new(saved: SavedPositions) -> Self {
        Self(Arc::new(Mutex::new(Positions::new(saved))))
    }

    /// The app is handed this.
    pub(crate) fn hand(&self, notice: &Notice) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hand(notice);
    }

    /// What there is to save.
    pub(crate) fn save(&self) -> SavedPositions {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).save()
    }
}

impl Notices {
    /// Reads from the driver.
    pub(crate) const fn new(incoming: mpsc::Receiver<Notice>, positions: SharedPositions) -> Self {
        Self { left: VecDeque::new(), incoming, positions }
    }

    /// Where the app stands.
    pub(crate) const fn positions(&self) -> &SharedPositions {
        &self.positions
    }

    /// The next one; `None` once the client is closed and everything is read. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Notice> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Notice>> {
        let notice = match self.left.pop_front() {
            Some(notice) => Some(notice),
            None => ready!(self.incoming.poll_recv(context)),
        };
        if let Some(notice) = &notice {
            self.positions.hand(notice);
        }
        Poll::Ready(notice)
    }

    /// Makes room until the driver has ended. What it says until then is little, and kept.
    pub(crate) async fn keep_to_the_end(&mut self) {
        while let Some(notice) = self.incoming.recv().await {
            self.left.push_back(notice);
        }
    }
}

impl Stream for Notices {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notice>> {
        self.poll(context)
    }
}
