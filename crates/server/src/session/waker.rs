//! Wakes the task of a session. In: wakes from any thread. Out: the one task that waits is woken.
//! It is smaller and cheaper than `tokio::sync::Notify`: one waiter, no list, no cleanup.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// Wakes the task of one session.
#[derive(Debug, Default)]
pub struct SessionWaker {
    /// The hub has something to take.
    pub ready: WakeFlag,
    /// The session was closed, and its task may be stuck in a write.
    pub closing: WakeFlag,
}

/// Remembers one wake until the task has noticed it. One task at a time may wait.
#[derive(Debug, Default)]
pub struct WakeFlag {
    is_rung: AtomicBool,
    waker: AtomicWaker,
}

impl WakeFlag {
    /// Wakes the task. Several wakes that it has not noticed count as one.
    pub fn notify_one(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Waits for a wake, or returns at once if there was one since the last call.
    pub async fn notified(&self) {
        poll_fn(|context| self.poll_notified(context)).await;
    }

    /// [`Self::notified`] as a poll function.
    pub fn poll_notified(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        // The wake may have happened before the waker was registered.
        if self.is_rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
mod tests {
    use super::WakeFlag;

    #[tokio::test]
    async fn a_ring_before_the_wait_is_heard_once() {
        let flag = WakeFlag::default();
        flag.notify_one();
        flag.notify_one();
        flag.notified().await;
        let again = tokio::time::timeout(std::time::Duration::ZERO, flag.notified()).await;
        assert!(again.is_err(), "two wakes were heard as two");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_ring_is_lost_between_two_threads() {
        let there = std::sync::Arc::new(WakeFlag::default());
        let back = std::sync::Arc::new(WakeFlag::default());
        let (heard, answers) = (std::sync::Arc::clone(&there), std::sync::Arc::clone(&back));
        let echo = tokio::spawn(async move {
            for _ in 0..20_000 {
                heard.notified().await;
                answers.notify_one();
            }
        });
        for _ in 0..20_000 {
            there.notify_one();
            back.notified().await;
        }
        echo.await.unwrap();
    }
}
