//! How what is stored wakes the workers of the same process.

use std::future;

use tokio::sync::watch;

/// Held by a store: tells its listeners that there may be something to lease. Copies ring for the
/// same listeners.
///
/// It spares workers of the same process the wait for their next look; it is no queue and says
/// nothing of what other processes store.
#[derive(Clone, Debug)]
pub struct QueueNotify(watch::Sender<()>);

impl QueueNotify {
    /// Makes a signal that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Wakes every listener, and lets those that are busy find out when they next listen.
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// Begins to listen: nothing that happens from now on is missed.
    #[must_use]
    pub fn listen(&self) -> QueueListener {
        QueueListener(self.0.subscribe())
    }
}

impl Default for QueueNotify {
    fn default() -> Self {
        Self::new()
    }
}

/// Hears that there may be something to lease. Made by a store's `listen`.
#[derive(Clone, Debug)]
pub struct QueueListener(watch::Receiver<()>);

impl QueueListener {
    /// Waits until the signal has rung since the last call, or since listening began.
    ///
    /// Several rings in between count as one. Without a store that could ring it waits for ever.
    /// Dropping the future loses nothing.
    pub async fn notified(&mut self) {
        if self.0.changed().await.is_err() {
            future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn heard_now(listener: &mut QueueListener) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pin!(listener.notified()).poll(&mut cx) == Poll::Ready(())
    }

    #[test]
    fn a_ring_while_nobody_waits_is_heard_once_by_each_listener() {
        let signal = QueueNotify::new();
        let (mut one, mut other) = (signal.listen(), signal.listen());
        assert!(!heard_now(&mut one));
        let copy = signal.clone();
        for bell in [&signal, &copy] {
            bell.notify();
        }
        assert!(heard_now(&mut one));
        assert!(!heard_now(&mut one));
        assert!(heard_now(&mut other));
    }

    #[test]
    fn a_listener_whose_store_is_gone_waits() {
        let signal = QueueNotify::new();
        let mut listener = signal.listen();
        drop(signal);
        assert!(!heard_now(&mut listener));
    }
}
