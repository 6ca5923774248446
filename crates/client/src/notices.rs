//! What the app reads: one bounded stream of everything its link tells it, in order. While the app
//! does not read, nothing is dropped: the client stops reading its socket.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use steadfast_link::Notice;
use tokio::sync::mpsc;

/// How many notices may wait for the app.
pub(crate) const NOTICES_MAX: usize = 256;

/// Everything that a link tells its app.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Taken out while the client closed, and not read yet.
    left: VecDeque<Notice>,
    incoming: mpsc::Receiver<Notice>,
}

impl Notices {
    /// Reads from the driver.
    pub(crate) const fn new(incoming: mpsc::Receiver<Notice>) -> Self {
        Self { left: VecDeque::new(), incoming }
    }

    /// The next one; `None` once the client is closed and everything is read. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Notice> {
        match self.left.pop_front() {
            Some(notice) => Some(notice),
            None => self.incoming.recv().await,
        }
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
        match self.left.pop_front() {
            Some(notice) => Poll::Ready(Some(notice)),
            None => self.incoming.poll_recv(context),
        }
    }
}
