//! Keys of finished work, in the order in which a store in memory may forget them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::UnixMillis;

/// How long a key stays after its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Life {
    /// Time after which the key has ended.
    pub(crate) retention: Duration,
    /// Time after which the key may be forgotten to make room.
    pub(crate) spare_after: Duration,
}

/// Keys with their starts. Of those that may leave, the one that started first leaves first.
///
/// Keys of equal lives end in the order of their starts, and mostly arrive in that order. So each
/// life has a sorted queue, which is a fraction of the size of an ordered set, and faster.
#[derive(Debug)]
pub(crate) struct Expiry<K> {
    queues: Vec<StartQueue<K>>,
}

#[derive(Debug)]
struct StartQueue<K> {
    life: Life,
    /// Sorted by start; keys of one start are in the order of arrival.
    keys: VecDeque<(UnixMillis, K)>,
}

impl<K> Default for Expiry<K> {
    fn default() -> Self {
        let queues = Vec::new();
        Self { queues }
    }
}

impl<K: Copy + Eq> Expiry<K> {
    pub(crate) fn insert(&mut self, life: Life, start: UnixMillis, key: K) {
        let queues = &mut self.queues;
        let of_life = queues.iter().position(|queue| queue.life == life);
        let found = of_life.or_else(|| queues.iter().position(|queue| queue.keys.is_empty()));
        let at = found.unwrap_or(queues.len());
        if at == queues.len() {
            queues.push(StartQueue::new(life));
        }
        queues[at].life = life;
        queues[at].insert(start, key);
    }

    /// Removes and returns the key that started first.
    pub(crate) fn pop_first(&mut self) -> Option<K> {
        self.pop(|_, _| true)
    }

    /// Returns the keys that started before a time; of each life the first ones first.
    pub(crate) fn before(&self, time: UnixMillis) -> impl Iterator<Item = K> {
        let keys = self.queues.iter().flat_map(move |queue| {
            let end = queue.keys.partition_point(|(start, _)| *start < time);
            queue.keys.range(..end)
        });
        keys.map(|(_, key)| *key)
    }

    fn pop(&mut self, may_leave: impl Fn(Life, UnixMillis) -> bool) -> Option<K> {
        let first = |queue: &&mut StartQueue<K>| queue.keys.front().map(|(start, _)| *start);
        let queues = self.queues.iter_mut();
        let ready = queues.filter(|queue| first(queue).is_some_and(|at| may_leave(queue.life, at)));
        ready.min_by_key(first)?.pop()
    }
}

/// What the senders' events do not need: they have no keys that end.
#[cfg(feature = "verify")]
impl<K: Copy + Eq> Expiry<K> {
    /// Removes a key. This is fast for its own start, and slow after [`redate`](Self::redate).
    pub(crate) fn remove(&mut self, start: UnixMillis, key: K) {
        let is_removed = self.queues.iter_mut().any(|queue| queue.remove(start, key));
        if !is_removed {
            for queue in &mut self.queues {
                queue.keys.retain(|(_, other)| *other != key);
            }
        }
    }

    /// Removes and returns a key that has ended.
    pub(crate) fn pop_ended(&mut self, now: UnixMillis) -> Option<K> {
        self.pop(|life, start| start.saturating_add(life.retention) <= now)
    }

    /// Removes and returns a key that may be forgotten to make room.
    pub(crate) fn pop_spare(&mut self, now: UnixMillis) -> Option<K> {
        self.pop(|life, start| start.saturating_add(life.spare_after) <= now)
    }

    /// Dates keys that a clock that was ahead has dated: they count as started now.
    pub(crate) fn redate(&mut self, now: UnixMillis) {
        for queue in &mut self.queues {
            let ahead = queue.keys.iter_mut().rev();
            // The queue stays sorted: these were the last.
            ahead
                .take_while(|(start, _)| *start > now)
                .for_each(|(start, _)| *start = now);
        }
    }
}

impl<K: Copy + Eq> StartQueue<K> {
    const fn new(life: Life) -> Self {
        Self {
            life,
            keys: VecDeque::new(),
        }
    }

    fn insert(&mut self, start: UnixMillis, key: K) {
        if self.keys.back().is_none_or(|(last, _)| *last <= start) {
            self.keys.push_back((start, key));
        } else {
            let at = self.keys.partition_point(|(other, _)| *other <= start);
            self.keys.insert(at, (start, key));
        }
    }

    /// Removes the key if it has this start. Returns whether it had.
    #[cfg(feature = "verify")]
    fn remove(&mut self, start: UnixMillis, key: K) -> bool {
        let from = self.keys.partition_point(|(other, _)| *other < start);
        let of_start = self.keys.range(from..);
        let mut of_start = of_start.take_while(|(other, _)| *other == start);
        let found = of_start.position(|(_, other)| *other == key);
        found.is_some_and(|at| self.keys.remove(from + at).is_some())
    }

    /// Frees unused capacity: several queues may be long in turn, and together need no more room
    /// than one.
    fn pop(&mut self) -> Option<K> {
        let (_, key) = self.keys.pop_front()?;
        let capacity = self.keys.capacity();
        if self.keys.len() < capacity / 4 {
            self.keys.shrink_to(capacity / 2);
        }
        Some(key)
    }
}

#[cfg(all(test, feature = "verify"))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis::EPOCH.saturating_add(secs(seconds))
    }

    const fn life(retention: u64, spare_after: u64) -> Life {
        Life {
            retention: secs(retention),
            spare_after: secs(spare_after),
        }
    }

    #[test]
    fn a_key_ends_after_its_retention_and_is_spare_before() {
        let mut expiry = Expiry::default();
        expiry.insert(life(9, 5), at(100), 'a');
        expiry.insert(life(9, 5), at(100), 'b');
        assert_eq!(expiry.pop_spare(at(104)), None);
        assert_eq!(expiry.pop_spare(at(105)), Some('a'));
        assert_eq!(expiry.pop_ended(at(108)), None);
        assert_eq!(expiry.pop_ended(at(109)), Some('b'));
        assert_eq!(expiry.pop_ended(at(999)), None);
    }

    #[test]
    fn what_a_clock_that_was_ahead_dated_counts_from_now_and_is_found() {
        let mut expiry = Expiry::default();
        for (start, key) in [(1, 'a'), (900, 'b'), (800, 'c')] {
            expiry.insert(life(9, 9), at(start), key);
        }
        expiry.redate(at(10));
        expiry.remove(at(900), 'b');
        assert_eq!(expiry.pop_ended(at(18)), Some('a'));
        assert_eq!(expiry.pop_ended(at(18)), None);
        assert_eq!(expiry.pop_ended(at(19)), Some('c'));
        assert_eq!(expiry.pop_first(), None);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Insert { life: usize, start: u64 },
        Remove(prop::sample::Index),
        PopEnded(u64),
        PopSpare(u64),
        PopFirst,
        Before(u64),
        Redate(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => (0..3_usize, 0..40_u64).prop_map(|(life, start)| Op::Insert { life, start }),
            1 => any::<prop::sample::Index>().prop_map(Op::Remove),
            1 => (0..60_u64).prop_map(Op::PopEnded),
            1 => (0..60_u64).prop_map(Op::PopSpare),
            1 => Just(Op::PopFirst),
            1 => (0..60_u64).prop_map(Op::Before),
            1 => (0..40_u64).prop_map(Op::Redate),
        ]
    }

    /// The slow obvious version.
    #[derive(Default)]
    struct Naive(Vec<(Life, UnixMillis, usize)>);

    impl Naive {
        /// Whether `popped` was among those that may leave and started first.
        fn pop(&mut self, popped: Option<usize>, may: impl Fn(Life, UnixMillis) -> bool) -> bool {
            let ready = self.0.iter().filter(|(life, start, _)| may(*life, *start));
            let first = ready.map(|(_, start, _)| *start).min();
            let found = self.0.iter().position(|(.., key)| Some(*key) == popped);
            let Some(found) = found else {
                return first.is_none() && popped.is_none();
            };
            let (life, start, _) = self.0.remove(found);
            Some(start) == first && may(life, start)
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_naive_list(ops in prop::collection::vec(op(), 1..80)) {
            let lives = [life(20, 10), life(5, 5), life(20, 0)];
            let mut expiry = Expiry::default();
            let mut naive = Naive::default();
            for (key, op) in ops.into_iter().enumerate() {
                match op {
                    Op::Insert { life, start } => {
                        expiry.insert(lives[life], at(start), key);
                        naive.0.push((lives[life], at(start), key));
                    }
                    Op::Remove(index) => if !naive.0.is_empty() {
                        let (_, start, key) = naive.0.remove(index.index(naive.0.len()));
                        expiry.remove(start, key);
                    },
                    Op::PopEnded(now) => {
                        let may = |life: Life, start: UnixMillis| {
                            start.saturating_add(life.retention) <= at(now)
                        };
                        prop_assert!(naive.pop(expiry.pop_ended(at(now)), may));
                    }
                    Op::PopSpare(now) => {
                        let may = |life: Life, start: UnixMillis| {
                            start.saturating_add(life.spare_after) <= at(now)
                        };
                        prop_assert!(naive.pop(expiry.pop_spare(at(now)), may));
                    }
                    Op::PopFirst => prop_assert!(naive.pop(expiry.pop_first(), |_, _| true)),
                    Op::Before(time) => {
                        let found: BTreeSet<_> = expiry.before(at(time)).collect();
                        let all = naive.0.iter().filter(|(_, start, _)| *start < at(time));
                        prop_assert_eq!(found, all.map(|(.., key)| *key).collect());
                    }
                    Op::Redate(now) => {
                        expiry.redate(at(now));
                        for (_, start, _) in &mut naive.0 {
                            *start = at(now).min(*start);
                        }
                    }
                }
            }
        }
    }
}
