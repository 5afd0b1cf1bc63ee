mod conformance {
    crate::__dedupe_store_tests!(async || super::super::MemoryDedupe::new());
}

mod bounds {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use crate::base::clock::UnixMillis;
    use crate::base::error::StoreError;
    use crate::receive::dedupe::handle::Dedupe;
    use crate::receive::dedupe::keys::{DedupeKeys, Identity, Message};
    use crate::receive::dedupe::memory::MemoryDedupe;
    use crate::receive::dedupe::port::Claimed;

    const NOW: UnixMillis = UnixMillis::from_millis(1_700_000_000_000);
    const LEASE: Duration = Duration::from_secs(60);
    const WINDOW: Duration = Duration::from_secs(900);
    const FRESH: Claimed = Claimed::Fresh { other_body: false };
    const DONE: Claimed = Claimed::Done;

    struct Bounded {
        store: MemoryDedupe,
        dedupe: Dedupe,
    }

    impl Bounded {
        fn new(capacity: usize) -> Self {
            let store = MemoryDedupe::with_capacity(NonZeroUsize::new(capacity).unwrap());
            let dedupe = store.dedupe("test").unwrap();
            Self { store, dedupe }
        }

        fn keys(&self, n: usize) -> DedupeKeys {
            self.keys_for(n, WINDOW)
        }

        fn keys_for(&self, n: usize, replayable: Duration) -> DedupeKeys {
            let body = n.to_string();
            self.named(Some(&body), NOW, &body, replayable)
        }

        /// Is kept no longer than it must be held.
        fn anonymous(&self, n: usize) -> DedupeKeys {
            self.named(None, NOW, &n.to_string(), WINDOW)
        }

        fn named(
            &self,
            id: Option<&str>,
            sent_at: UnixMillis,
            body: &str,
            replayable: Duration,
        ) -> DedupeKeys {
            self.dedupe.keys(&Message {
                tenant: None,
                identity: Identity::unsigned(id, body),
                sent_at: Some(sent_at),
                replayable,
            })
        }

        fn claim(&self, n: usize, at: UnixMillis) -> Result<Claimed, StoreError> {
            let until = at.saturating_add(LEASE);
            self.store.claim_now(&self.keys(n), at, until)
        }

        fn handle(&self, n: usize, at: UnixMillis) {
            self.handle_as(&self.keys(n), at);
        }

        fn handle_as(&self, keys: &DedupeKeys, at: UnixMillis) {
            let until = at.saturating_add(LEASE);
            assert_eq!(self.store.claim_now(keys, at, until).unwrap(), FRESH);
            self.store.shard(keys).commit(keys, at).unwrap();
        }
    }

    fn after(duration: Duration) -> UnixMillis {
        NOW.saturating_add(duration)
    }

    #[test]
    fn when_full_nothing_that_could_be_replayed_is_forgotten() {
        let bounded = Bounded::new(3);
        for n in 0..3 {
            bounded.handle(n, NOW);
        }
        let just_before = UnixMillis::from_millis(after(WINDOW).as_millis() - 1);
        assert!(bounded.claim(3, just_before).unwrap_err().is_unavailable());
        for n in 0..3 {
            assert_eq!(bounded.claim(n, just_before).unwrap(), DONE);
        }
        assert_eq!(bounded.store.evicted(), 0);
    }

    #[test]
    fn when_full_the_messages_handled_first_leave_first() {
        let bounded = Bounded::new(3);
        for n in 0..3 {
            bounded.handle(n, after(Duration::from_secs(n as u64)));
        }
        let later = after(2 * WINDOW);
        bounded.handle(3, later);
        assert_eq!(bounded.store.evicted(), 1);
        for n in [1, 2, 3] {
            assert_eq!(bounded.claim(n, later).unwrap(), DONE);
        }
        bounded.handle(0, later);
        assert_eq!(bounded.store.evicted(), 2);
        assert_eq!(bounded.claim(2, later).unwrap(), DONE);
    }

    #[test]
    fn a_message_held_for_longer_does_not_keep_later_ones_from_making_room() {
        let bounded = Bounded::new(3);
        let tolerant = bounded.keys_for(0, 9 * WINDOW);
        let until = after(LEASE);
        assert_eq!(
            bounded.store.claim_now(&tolerant, NOW, until).unwrap(),
            FRESH
        );
        bounded
            .store
            .shard(&tolerant)
            .commit(&tolerant, NOW)
            .unwrap();
        bounded.handle(1, NOW);
        bounded.handle(2, after(Duration::from_secs(1)));

        for n in [3, 4] {
            bounded.handle(n, after(2 * WINDOW));
        }
        assert_eq!(bounded.store.evicted(), 2);
        let later = after(2 * WINDOW);
        for n in [0, 3, 4] {
            assert_eq!(bounded.claim(n, later).unwrap(), DONE, "{n}");
        }
        assert!(bounded.claim(5, later).unwrap_err().is_unavailable());
    }

    #[test]
    fn a_second_commit_does_not_date_a_message_ahead_again() {
        let bounded = Bounded::new(1);
        let ahead = after(LEASE);
        let keys = bounded.keys(0);
        bounded.handle_as(&keys, ahead);
        // The clock is set back, and the message counts as handled now.
        assert!(bounded.claim(1, NOW).unwrap_err().is_unavailable());
        bounded.store.shard(&keys).commit(&keys, ahead).unwrap();
        assert_eq!(bounded.claim(1, after(WINDOW)).unwrap(), FRESH);
    }

    #[test]
    fn claims_in_flight_are_never_forgotten_before_they_lapse() {
        let bounded = Bounded::new(2);
        let slow = bounded.keys(0);
        let later = after(2 * WINDOW);
        let far = later.saturating_add(LEASE);
        assert_eq!(bounded.store.claim_now(&slow, NOW, far).unwrap(), FRESH);
        bounded.handle(1, NOW);
        bounded.handle(2, later);
        assert!(bounded.claim(3, later).unwrap_err().is_unavailable());
        let claimed = bounded.claim(0, later).unwrap();
        assert_eq!(claimed, Claimed::InFlight { until: far });
        bounded.store.shard(&slow).commit(&slow, later).unwrap();
    }

    #[test]
    fn claims_that_lapsed_make_room_even_behind_ones_that_live() {
        let bounded = Bounded::new(100);
        let far = after(3 * WINDOW);
        for n in 0..99 {
            let living = bounded.keys(n);
            assert_eq!(bounded.store.claim_now(&living, NOW, far).unwrap(), FRESH);
        }
        assert_eq!(bounded.claim(99, NOW).unwrap(), FRESH);
        assert!(bounded.claim(100, NOW).unwrap_err().is_unavailable());
        assert_eq!(bounded.claim(100, after(LEASE)).unwrap(), FRESH);
        let full = bounded.claim(101, after(LEASE));
        assert!(full.unwrap_err().is_unavailable());
        assert_eq!(bounded.store.evicted(), 0);
    }

    #[test]
    fn many_messages_held_for_longer_do_not_keep_later_ones_from_making_room() {
        let bounded = Bounded::new(100);
        for n in 0..50 {
            bounded.handle_as(&bounded.keys_for(n, 9 * WINDOW), NOW);
        }
        for n in 50..100 {
            bounded.handle(n, NOW);
        }
        let later = after(WINDOW);
        for n in 100..150 {
            bounded.handle(n, later);
        }
        assert_eq!(bounded.store.evicted(), 50);
        for n in (0..50).chain(100..150) {
            assert_eq!(bounded.claim(n, later).unwrap(), DONE, "{n}");
        }
        assert!(bounded.claim(150, later).unwrap_err().is_unavailable());
    }

    #[test]
    fn of_all_that_may_be_forgotten_the_message_handled_first_leaves_first() {
        let bounded = Bounded::new(4);
        for (n, window) in [(0, 2 * WINDOW), (1, WINDOW), (2, 2 * WINDOW), (3, WINDOW)] {
            let at = after(Duration::from_secs(n as u64));
            bounded.handle_as(&bounded.keys_for(n, window), at);
        }
        let later = after(3 * WINDOW);
        for n in 0..4 {
            bounded.handle(n + 4, later);
            for left in n + 1..n + 5 {
                assert_eq!(bounded.claim(left, later).unwrap(), DONE, "{left} at {n}");
            }
        }
        assert_eq!(bounded.store.evicted(), 4);
    }

    #[test]
    fn nothing_that_lasts_is_forgotten_while_something_has_expired() {
        let bounded = Bounded::new(100);
        for n in 0..50 {
            bounded.handle(n, NOW);
        }
        for n in 50..100 {
            bounded.handle_as(&bounded.anonymous(n), NOW);
        }
        let later = after(2 * WINDOW);
        for n in 100..150 {
            bounded.handle(n, later);
        }
        assert_eq!(bounded.store.evicted(), 0);
        for n in (0..50).chain(100..150) {
            assert_eq!(bounded.claim(n, later).unwrap(), DONE, "{n}");
        }
    }

    #[test]
    fn a_late_commit_counts_whatever_else_was_claimed_since() {
        let bounded = Bounded::new(100);
        let slow = bounded.keys(0);
        let until = after(LEASE);
        assert_eq!(bounded.store.claim_now(&slow, NOW, until).unwrap(), FRESH);
        let just_in_time = UnixMillis::from_millis(after(LEASE * 2).as_millis() - 1);
        for n in 1..100 {
            bounded.handle(n, just_in_time);
        }
        bounded
            .store
            .shard(&slow)
            .commit(&slow, just_in_time)
            .unwrap();
        assert_eq!(bounded.claim(0, just_in_time).unwrap(), DONE);
    }

    #[test]
    fn a_late_commit_counts_after_a_claim_that_was_not_fresh() {
        let bounded = Bounded::new(100);
        let keys = |id, sent_at| bounded.named(Some(id), sent_at, "body", WINDOW);
        let (slow, in_flight) = (keys("a", NOW), keys("b", after(LEASE)));
        let both = keys("a", after(LEASE));
        let far = after(2 * LEASE);
        assert_eq!(
            bounded.store.claim_now(&in_flight, NOW, far).unwrap(),
            FRESH
        );
        let until = after(LEASE);
        assert_eq!(bounded.store.claim_now(&slow, NOW, until).unwrap(), FRESH);
        let claimed = bounded.store.claim_now(&both, until, far).unwrap();
        assert_eq!(claimed, Claimed::InFlight { until: far });
        bounded.store.shard(&slow).commit(&slow, until).unwrap();
    }

    #[test]
    fn requests_that_may_be_replayed_are_not_forgotten_and_others_make_room() {
        let bounded = Bounded::new(3);
        let sent =
            |id, n: u64| bounded.named(Some(id), after(Duration::from_secs(n)), "body", WINDOW);
        let claim = |keys: &DedupeKeys, at: UnixMillis| {
            let until = at.saturating_add(LEASE);
            bounded.store.claim_now(keys, at, until)
        };
        bounded.handle_as(&sent("a", 0), NOW);
        for n in 1..6 {
            assert_eq!(claim(&sent("a", n), NOW).unwrap(), DONE);
        }
        let just_before = UnixMillis::from_millis(after(WINDOW).as_millis() - 1);
        let full = claim(&sent("a", 6), just_before);
        assert!(full.unwrap_err().is_unavailable());
        assert_eq!(claim(&sent("b", 5), just_before).unwrap(), DONE);
        for n in 6..12 {
            assert_eq!(claim(&sent("a", n), after(WINDOW)).unwrap(), DONE);
        }
        assert_eq!(bounded.store.evicted(), 0);
    }

    #[test]
    fn requests_of_a_clock_that_was_ahead_do_not_keep_later_ones_from_making_room() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let bounded = Bounded::new(10);
        let sent =
            |id, n: u64| bounded.named(Some(id), after(Duration::from_secs(n)), "body", WINDOW);
        let claim = |keys: &DedupeKeys, at: UnixMillis| {
            let until = at.saturating_add(LEASE);
            bounded.store.claim_now(keys, at, until)
        };
        bounded.handle_as(&sent("a", 0), after(DAY));
        for n in 1..10 {
            assert_eq!(claim(&sent("a", n), after(DAY)).unwrap(), DONE);
        }
        for n in 10..200 {
            let at = after(Duration::from_secs(90 * n));
            assert_eq!(claim(&sent("a", n), at).unwrap(), DONE, "{n}");
            assert_eq!(claim(&sent("b", n), at).unwrap(), DONE, "{n}");
        }
    }

    #[test]
    fn what_a_clock_that_was_ahead_handled_does_not_keep_later_ones_from_making_room() {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let bounded = Bounded::new(10);
        for n in 0..5 {
            bounded.handle(n, after(DAY));
        }
        for n in 5..10 {
            bounded.handle(n, NOW);
        }
        assert!(bounded.claim(10, NOW).unwrap_err().is_unavailable());
        for n in 0..5 {
            assert_eq!(bounded.claim(n, NOW).unwrap(), DONE, "{n}");
        }
        for n in 10..30 {
            bounded.handle(n, after(WINDOW * u32::try_from(n / 5).unwrap()));
        }
        assert_eq!(bounded.store.evicted(), 20);
    }

    #[test]
    fn a_claim_that_lapsed_is_forgotten_after_a_minute() {
        let bounded = Bounded::new(100);
        let slow = bounded.keys(0);
        let until = after(LEASE);
        assert_eq!(bounded.store.claim_now(&slow, NOW, until).unwrap(), FRESH);
        let later = after(LEASE * 2);
        bounded.handle(1, later);
        let committed = bounded.store.shard(&slow).commit(&slow, later);
        assert!(committed.unwrap_err().is_lease_lost());
    }

    #[test]
    fn what_has_expired_leaves_by_itself() {
        let bounded = Bounded::new(10);
        for n in 0..10 {
            bounded.handle(n, NOW);
        }
        let week_after = after(Duration::from_secs(7 * 24 * 60 * 60));
        for n in 10..20 {
            bounded.handle(n, week_after);
        }
        assert_eq!(bounded.store.evicted(), 0);
    }

    #[test]
    fn a_message_claimed_again_after_its_time_is_not_forgotten_with_its_past() {
        let bounded = Bounded::new(2);
        bounded.handle(0, NOW);
        let week_after = after(Duration::from_secs(7 * 24 * 60 * 60));
        bounded.handle(0, week_after);
        bounded.handle(1, week_after);
        assert!(bounded.claim(2, week_after).unwrap_err().is_unavailable());
        assert_eq!(bounded.claim(0, week_after).unwrap(), DONE);
    }

    /// Returns the most megabytes that a store of the default capacity allocates while it stays full,
    /// as if all its shards grew in the same moment.
    fn most_megabytes(keys: impl Fn(&Bounded, usize) -> DedupeKeys) -> u64 {
        const SHARDS: usize = 500_000_usize.div_ceil(57_344);
        let capacity = 500_000_usize.div_ceil(SHARDS);
        let bounded = Bounded::new(capacity);
        let interval = 2 * WINDOW / u32::try_from(capacity).unwrap();
        let used = allocation_counter::measure(|| {
            let mut now = NOW;
            for n in 0..6 * capacity {
                now = now.saturating_add(interval);
                bounded.handle_as(&keys(&bounded, n), now);
            }
        });
        assert!(bounded.store.evicted() > 0);
        used.bytes_max * SHARDS as u64 / 1_000_000
    }

    #[test]
    fn a_store_of_the_default_capacity_takes_at_most_90_mb_and_with_unsigned_ids_150() {
        let signed = most_megabytes(|bounded, n| {
            bounded.dedupe.keys(&Message {
                tenant: None,
                identity: Identity::Signed(&n.to_string()),
                sent_at: Some(NOW),
                replayable: WINDOW,
            })
        });
        let unsigned = most_megabytes(Bounded::keys);
        assert!(signed <= 90 && unsigned <= 150, "{signed}, {unsigned}");
    }

    #[test]
    fn many_shards_hold_as_many_messages_as_asked() {
        let capacity = 2 * 57_344;
        let bounded = Bounded::new(capacity);
        let kept = (0..capacity)
            .filter(|&n| bounded.claim(n, NOW).is_ok())
            .count();
        assert!(kept > capacity * 97 / 100, "{kept}");
        for n in (0..capacity).step_by(97) {
            assert_ne!(bounded.claim(n, NOW).ok(), Some(FRESH));
        }
    }
}

mod model {
    use std::collections::HashMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use crate::base::clock::UnixMillis;
    use crate::receive::dedupe::keys::{DedupeKey, DedupeKeys, Identity, Message};
    use crate::receive::dedupe::memory::MemoryDedupe;
    use crate::receive::dedupe::port::Claimed;

    /// How long a lapsed claim may still be committed if nobody has taken it over.
    const LATE: Duration = Duration::from_secs(60);

    #[derive(Clone, Debug)]
    enum Op {
        Claim {
            id: u8,
            body: u8,
            time: u8,
            lease: u64,
        },
        Renew(usize, u64),
        Commit(usize),
        Release(usize),
        Wait(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        let claim = (0..3_u8, 0..2_u8, 0..3_u8, 1..200_u64);
        prop_oneof![
            4 => claim.prop_map(|(id, body, time, lease)| Op::Claim { id, body, time, lease }),
            1 => (0..20_usize, 1..200_u64).prop_map(|(n, by)| Op::Renew(n, by)),
            2 => (0..20_usize).prop_map(Op::Commit),
            2 => (0..20_usize).prop_map(Op::Release),
            2 => (1..100_u64).prop_map(Op::Wait),
        ]
    }

    /// The slow obvious version: what holds each message, and which message each request was first.
    #[derive(Default)]
    struct Naive {
        held: HashMap<DedupeKey, Held>,
        owners: HashMap<DedupeKey, (DedupeKey, UnixMillis)>,
    }

    #[derive(Clone, Copy)]
    struct Held {
        token: u64,
        is_done: bool,
        until: UnixMillis,
    }

    impl Held {
        fn is_known(&self, now: UnixMillis) -> bool {
            let late = if self.is_done { Duration::ZERO } else { LATE };
            self.until.saturating_add(late) > now
        }

        fn lives(&self, now: UnixMillis, lease: u64) -> bool {
            let is_ahead = self.until > now.saturating_add(Duration::from_secs(2 * lease));
            self.until > now && (self.is_done || !is_ahead)
        }
    }

    impl Naive {
        fn claim(&mut self, keys: &DedupeKeys, now: UnixMillis, lease: u64) -> &'static str {
            let replay_key = keys.replay_key().unwrap();
            let hold = now.saturating_add(keys.replay_window());
            self.owners.retain(|_, (_, until)| *until > now);
            let owner = self.owners.entry(replay_key).or_insert((keys.key(), hold));
            let is_other = owner.0 != keys.key();
            let held = [keys.key(), owner.0].map(|key| self.held.get(&key));
            let held = held.into_iter().flatten();
            let held: Vec<_> = held.filter(|held| held.lives(now, lease)).collect();
            if held.iter().any(|held| held.is_done) {
                return "done";
            }
            if !held.is_empty() {
                return "in flight";
            }
            if is_other {
                return "done";
            }
            let until = now.saturating_add(Duration::from_secs(lease));
            self.set(keys, false, until);
            "fresh"
        }

        /// Whether the keys holds its key; one that lapsed long ago may be either.
        fn holds(&self, keys: &DedupeKeys) -> Option<Held> {
            let held = self.held.get(&keys.key()).copied();
            held.filter(|held| held.token == keys.token())
        }

        fn set(&mut self, keys: &DedupeKeys, is_done: bool, until: UnixMillis) {
            let token = keys.token();
            let held = Held {
                token,
                is_done,
                until,
            };
            self.held.insert(keys.key(), held);
        }
    }

    fn name(claimed: Claimed) -> &'static str {
        match claimed {
            Claimed::Fresh { .. } => "fresh",
            Claimed::InFlight { .. } => "in flight",
            Claimed::Done => "done",
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_naive_store(ops in proptest::collection::vec(op(), 1..120)) {
            let store = MemoryDedupe::new();
            let dedupe = store.dedupe("model").unwrap();
            let mut naive = Naive::default();
            let mut now = UnixMillis::from_millis(1_700_000_000_000);
            let mut all_keys: Vec<DedupeKeys> = Vec::new();
            let later = |now: UnixMillis, secs| now.saturating_add(Duration::from_secs(secs));
            for op in ops {
                naive.held.retain(|_, held| held.is_known(now));
                match op {
                    Op::Wait(secs) => now = later(now, secs),
                    Op::Claim { id, body, time, lease } => {
                        let id = id.to_string();
                        let keys = dedupe.keys(&Message {
                            tenant: None,
                            identity: Identity::unsigned(Some(&id), &[body]),
                            sent_at: Some(UnixMillis::from_millis(time.into())),
                            replayable: Duration::from_secs(900),
                        });
                        let claimed = store.claim_now(&keys, now, later(now, lease)).unwrap();
                        prop_assert_eq!(name(claimed), naive.claim(&keys, now, lease));
                        all_keys.push(keys);
                    }
                    Op::Renew(n, secs) => if let Some(keys) = all_keys.get(n) {
                        let held = naive.holds(keys);
                        let renewed = store.shard(keys).renew(keys, later(now, secs)).is_ok();
                        prop_assert!(renewed || held.is_none_or(|held| held.is_done));
                        if renewed {
                            naive.set(keys, false, later(now, secs));
                        }
                    },
                    Op::Commit(n) => if let Some(keys) = all_keys.get(n) {
                        let held = naive.holds(keys);
                        let committed = store.shard(keys).commit(keys, now).is_ok();
                        prop_assert!(committed || held.is_none());
                        if committed && held.is_none_or(|held| !held.is_done) {
                            naive.set(keys, true, now.saturating_add(keys.retention()));
                        }
                    },
                    Op::Release(n) => {
                        let keys = all_keys.get(n);
                        if let Some(keys) = keys.filter(|keys| store.shard(keys).release(keys).is_ok()) {
                            naive.held.remove(&keys.key());
                        }
                    }
                }
            }
        }
    }
}
