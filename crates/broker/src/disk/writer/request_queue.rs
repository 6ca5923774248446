//! The requests that wait for the writer. In: requests of publishers, readers and timers. Out: the
//! next request, or the next publish that may share a commit. The only place that takes requests
//! from the channel.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

use super::{QueuedPublish, WriterRequest};

/// The receiving end of the writer's requests.
#[derive(Debug)]
pub(super) struct RequestQueue {
    receiver: mpsc::Receiver<WriterRequest>,
    /// A request that was taken while publishes were collected, and is the next one.
    peeked: Option<WriterRequest>,
}

/// A queue without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRequest {
    /// None at the moment.
    Empty,
    /// None any more: every sender is gone.
    Closed,
}

impl RequestQueue {
    /// The requests of this channel.
    pub(super) const fn new(receiver: mpsc::Receiver<WriterRequest>) -> Self {
        Self { receiver, peeked: None }
    }

    /// The next request, without waiting.
    pub(super) fn take(&mut self) -> Result<WriterRequest, NoRequest> {
        if let Some(request) = self.peeked.take() {
            return Ok(request);
        }
        self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => NoRequest::Empty,
            TryRecvError::Disconnected => NoRequest::Closed,
        })
    }

    /// The next request; blocks until there is one. `None` once every sender is gone.
    pub(super) fn wait(&mut self) -> Option<WriterRequest> {
        match self.take() {
            Ok(request) => Some(request),
            Err(NoRequest::Empty) => self.receiver.blocking_recv(),
            Err(NoRequest::Closed) => None,
        }
    }

    /// The next request if it is a publish, without waiting. Any other request stays the next one,
    /// so that requests are handled in their order.
    pub(super) fn take_publish(&mut self) -> Result<QueuedPublish, NoPublish> {
        match self.take() {
            Ok(WriterRequest::Publish(publish)) => Ok(publish),
            Ok(other) => {
                self.peeked = Some(other);
                Err(NoPublish::OtherRequest)
            }
            Err(NoRequest::Empty) => Err(NoPublish::Empty),
            Err(NoRequest::Closed) => Err(NoPublish::OtherRequest),
        }
    }
}

/// Why the next request is not a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPublish {
    /// There is no request at the moment; the next one may be a publish.
    Empty,
    /// Another request is next, or there will be none any more.
    OtherRequest,
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::{NoPublish, NoRequest, RequestQueue};
    use crate::disk::writer::WriterRequest;

    #[test]
    fn a_request_that_is_no_publish_keeps_its_turn() {
        let (sender, receiver) = mpsc::channel(4);
        let mut queue = RequestQueue::new(receiver);
        assert_eq!(queue.take_publish().unwrap_err(), NoPublish::Empty);
        let (probe, _answer) = oneshot::channel();
        sender.try_send(WriterRequest::Probe(probe)).unwrap();
        sender.try_send(WriterRequest::Tick).unwrap();
        assert_eq!(queue.take_publish().unwrap_err(), NoPublish::OtherRequest);
        assert_eq!(queue.take_publish().unwrap_err(), NoPublish::OtherRequest);
        assert!(matches!(queue.take(), Ok(WriterRequest::Probe(_))));
        assert!(matches!(queue.wait(), Some(WriterRequest::Tick)));
        assert!(matches!(queue.take(), Err(NoRequest::Empty)));
        drop(sender);
        assert!(matches!(queue.take(), Err(NoRequest::Closed)));
        assert_eq!(queue.take_publish().unwrap_err(), NoPublish::OtherRequest);
        assert!(queue.wait().is_none());
    }
}
