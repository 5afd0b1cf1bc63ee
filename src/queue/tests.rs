use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;

use super::retry::MAX_RETRY_AFTER;
use super::*;
use crate::base::clock::UnixMillis;

fn attempt(number: u32) -> AttemptNumber {
    AttemptNumber::new(number).unwrap()
}

fn waits(policy: &RetryPolicy) -> Vec<u64> {
    (1..)
        .map_while(|number| policy.wait(attempt(number), 0.0))
        .map(|wait| wait.as_secs())
        .collect()
}

#[test]
fn banata_makes_five_attempts_within_26_h_35_min() {
    let waits = waits(&RetryPolicy::banata());
    assert_eq!(waits, [0, 300, 1_800, 7_200, 86_400]);
    assert_eq!(waits.iter().sum::<u64>(), 26 * 3_600 + 35 * 60);
}

#[test]
fn standard_webhooks_makes_ten_attempts_within_75_6_h() {
    let waits = waits(&RetryPolicy::standard_webhooks());
    assert_eq!(
        waits,
        [
            0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400
        ]
    );
    assert_eq!(waits.iter().sum::<u64>(), 75 * 3_600 + 35 * 60 + 5);
}

#[test]
fn a_local_handler_is_tried_twelve_times_within_a_day() {
    let waits = waits(&RetryPolicy::local_handler());
    assert_eq!(
        waits,
        [
            0, 1, 5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800
        ]
    );
    assert_eq!(waits.iter().sum::<u64>(), 23 * 3_600 + 42 * 60 + 36);
}

#[test]
fn a_number_of_attempts_cuts_or_extends_banatas_schedule() {
    let of = |number| waits(&RetryPolicy::attempts(NonZeroU32::new(number).unwrap()));
    assert_eq!(of(1), [0]);
    assert_eq!(of(3), [0, 300, 1_800]);
    assert_eq!(of(7), [0, 300, 1_800, 7_200, 86_400, 86_400, 86_400]);
}

#[test]
fn a_schedule_of_ones_own_has_one_attempt_more_than_waits() {
    let policy = RetryPolicy::schedule([1, 2].map(Duration::from_secs)).unwrap();
    assert_eq!(waits(&policy), [0, 1, 2]);
    assert_eq!(policy.max_attempts(), attempt(3));
    assert_eq!(waits(&RetryPolicy::schedule([]).unwrap()), [0]);
}

#[test]
fn a_schedule_without_end_or_with_an_endless_wait_is_refused() {
    let endless = std::iter::repeat(Duration::ZERO);
    assert_eq!(
        RetryPolicy::schedule(endless),
        Err(ScheduleError::TooManyAttempts)
    );
    assert!(RetryPolicy::schedule([Duration::ZERO; 99]).is_ok());
    assert_eq!(
        RetryPolicy::schedule([Duration::MAX]),
        Err(ScheduleError::WaitTooLong {
            wait: Duration::MAX
        })
    );
}

#[test]
fn no_attempt_is_due_later_than_after_the_longest_wait() {
    let policy = RetryPolicy::schedule([RetryPolicy::MAX_WAIT]).unwrap();
    let now = UnixMillis::from_millis(1_000);
    for asked in [None, Some(Duration::MAX)] {
        let due = policy.due_at(attempt(2), now, 1.0, asked).unwrap();
        assert_eq!(due.saturating_since(now), RetryPolicy::LONGEST_WAIT);
    }
}

#[test]
fn jitter_out_of_range_counts_as_the_nearer_end() {
    let wait = |jitter| RetryPolicy::banata().wait(attempt(2), jitter).unwrap();
    for jitter in [f64::NAN, -1.0, f64::NEG_INFINITY] {
        assert_eq!(wait(jitter), Duration::from_secs(300), "{jitter}");
    }
    for jitter in [1.0, 7.0, f64::INFINITY] {
        assert_eq!(wait(jitter), Duration::from_secs(360), "{jitter}");
    }
}

#[test]
fn an_endpoint_can_only_put_the_next_attempt_off_and_by_a_day_at_most() {
    let now = UnixMillis::from_millis(1_000);
    let due = |asked: u64| {
        RetryPolicy::banata()
            .due_at(attempt(2), now, 0.0, Some(Duration::from_secs(asked)))
            .unwrap()
            .saturating_since(now)
            .as_secs()
    };
    assert_eq!(due(0), 300);
    assert_eq!(due(299), 300);
    assert_eq!(due(301), 301);
    assert_eq!(due(u64::MAX), 86_400);
}

#[test]
fn after_the_last_attempt_nothing_is_due() {
    let now = UnixMillis::from_millis(1_000);
    let asked = Some(Duration::from_secs(1));
    let policy = RetryPolicy::banata();
    assert_eq!(policy.due_at(attempt(6), now, 0.0, asked), None);
}

proptest! {
    #[test]
    fn jitter_only_adds_and_at_most_a_fifth(number in 1_u32..12, jitter in any::<f64>()) {
        let policy = RetryPolicy::standard_webhooks();
        let (base, wait) = (policy.wait(attempt(number), 0.0), policy.wait(attempt(number), jitter));
        prop_assert_eq!(base.is_some(), wait.is_some());
        let (base, wait) = (base.unwrap_or_default(), wait.unwrap_or_default());
        prop_assert!(base <= wait && wait <= base.mul_f64(1.2));
    }

    #[test]
    fn jitter_is_added_to_what_the_endpoint_asked_for(
        number in 1_u32..11, asked in 0_u64..100_000, jitter in 0.0..=1.0
    ) {
        let policy = RetryPolicy::standard_webhooks();
        let asked = Duration::from_secs(asked);
        let due = |jitter| {
            let due = policy.due_at(attempt(number), UnixMillis::EPOCH, jitter, Some(asked));
            due.map(|at| at.saturating_since(UnixMillis::EPOCH))
        };
        let (least, wait, most) = (due(0.0), due(jitter), due(1.0));
        let scheduled = policy.wait(attempt(number), 0.0);
        prop_assert_eq!(least, scheduled.map(|it| it.max(asked.min(MAX_RETRY_AFTER))));
        prop_assert_eq!(most, least.map(|it| it.mul_f64(1.2)));
        prop_assert!(least <= wait && wait <= most);
        prop_assert!(jitter < 0.5 || wait > least || least == Some(Duration::ZERO));
    }
}
