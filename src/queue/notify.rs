//! Notifies workers of the same process about new work.

use std::future;

use tokio::sync::watch;

/// Notifies the listeners of a store that work may be due. Copies notify the same listeners.
///
/// It saves workers of the same process a wait until their next poll. It is no queue and reports
/// nothing that other processes store.
///
/// ```
/// use tower_auth_sync::queue::QueueNotify;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let notify = QueueNotify::new();
/// let mut listener = notify.listen();
/// notify.notify();
/// listener.notified().await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct QueueNotify(watch::Sender<()>);

impl QueueNotify {
    /// Creates a notifier without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Notifies every listener; a busy one learns it when it next waits.
    pub fn notify(&self) {
        self.0.send_replace(());
    }

    /// Starts to listen: the listener misses no notification from now on.
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

/// Waits for notifications that work may be due. Made by a store's `listen`.
#[derive(Clone, Debug)]
pub struct QueueListener(watch::Receiver<()>);

impl QueueListener {
    /// Waits for a notification since the last call, or since listening began.
    ///
    /// Several notifications in between count as one. After the notifier is dropped it waits
    /// forever. Dropping the future loses nothing.
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

    fn is_notified(listener: &mut QueueListener) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        pin!(listener.notified()).poll(&mut cx) == Poll::Ready(())
    }

    #[test]
    fn a_notification_while_nobody_waits_reaches_each_listener_once() {
        let signal = QueueNotify::new();
        let (mut one, mut other) = (signal.listen(), signal.listen());
        assert!(!is_notified(&mut one));
        let copy = signal.clone();
        for notifier in [&signal, &copy] {
            notifier.notify();
        }
        assert!(is_notified(&mut one));
        assert!(!is_notified(&mut one));
        assert!(is_notified(&mut other));
    }

    #[test]
    fn a_listener_whose_store_is_gone_waits() {
        let signal = QueueNotify::new();
        let mut listener = signal.listen();
        drop(signal);
        assert!(!is_notified(&mut listener));
    }
}
