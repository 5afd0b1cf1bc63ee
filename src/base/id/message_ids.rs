//! Message ids in ascending order.

use std::sync::{Mutex, PoisonError};

use super::MessageId;
use crate::base::clock::UnixMillis;
use crate::base::entropy::{Entropy, random};

/// Generates message ids in ascending order: `msg_` and a monotonic ULID.
///
/// Within one millisecond, and when the clock goes back, the next id is the last id plus one. If the
/// random part overflows, the id's time advances by one millisecond.
#[derive(Debug, Default)]
pub(crate) struct MessageIds(Mutex<ulid::Ulid>);

impl MessageIds {
    pub(crate) fn next(&self, now: UnixMillis, entropy: &dyn Entropy) -> MessageId {
        let fresh = |millis| ulid::Ulid::from_parts(millis, u128::from_be_bytes(random(entropy)));
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = fresh(now.as_millis());
        *last = if next.timestamp_ms() > last.timestamp_ms() {
            next
        } else {
            last.increment()
                .unwrap_or_else(|_overflow| fresh(last.timestamp_ms() + 1))
        };
        MessageId(format!("msg_{last}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SystemEntropy;

    /// Only bytes of `0xff`.
    #[derive(Debug)]
    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    #[test]
    fn ids_of_messages_rise_within_a_millisecond_and_when_the_clock_goes_back() {
        for entropy in [&SystemEntropy as &dyn Entropy, &Ones] {
            let ids = MessageIds::default();
            let mut last = ids.next(UnixMillis::EPOCH, entropy);
            for now in [5, 5, 5, 9, 3, 0, 9, 10, 10, 1_700_000_000_000, 7] {
                let next = ids.next(UnixMillis::from_millis(now), entropy);
                assert!(next > last, "{next} {last}");
                last = next;
            }
        }
    }

    #[test]
    fn ids_of_messages_made_by_many_threads_are_all_different() {
        let ids = MessageIds::default();
        let make = || (0..200).map(|_| ids.next(UnixMillis::EPOCH, &SystemEntropy));
        let made: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| make().collect::<Vec<_>>()))
                .collect();
            let made = threads.into_iter().map(|thread| thread.join().unwrap());
            made.flatten().collect()
        });
        assert_eq!(made.len(), 800);
    }
}
