//! Contenders that take turns in one loop.
//!
//! On a shared machine the time of one alone says little. The ratio of two that were measured within
//! the same milliseconds does, and the median of many such ratios can be trusted.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "each bench prints, uses a part, and stops at what cannot be"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Turns of each contender; odd, so that there is a median.
const ROUNDS: usize = 61;

/// How long one contender's turn takes, about: so long that it does not consist of filling the caches
/// that the others have emptied.
const TURN: Duration = Duration::from_millis(10);

/// How many inputs are there at once: few, since a server never has hundreds of requests allocated
/// whose freeing in a row would go past the allocator's caches.
const BATCH: usize = 8;

/// A way to do something, called `name`.
pub(crate) struct Contender {
    name: String,
    /// Does it so many times and tells how long that took.
    turn: Box<dyn FnMut(u64) -> Duration>,
}

impl Contender {
    /// Does it by `work`, which tells whether the result was right.
    pub(crate) fn new(name: impl Into<String>, mut work: impl FnMut() -> bool + 'static) -> Self {
        let name = name.into();
        let failed = format!("{name} must succeed");
        let turn = move |calls| {
            let start = Instant::now();
            let right = (0..calls).all(|_| work());
            let elapsed = start.elapsed();
            assert!(right, "{failed}");
            elapsed
        };
        Self {
            name,
            turn: Box::new(turn),
        }
    }

    /// Does it by `work`, with an input of its own each time, which `prepare` makes untimed.
    pub(crate) fn prepared<I: 'static>(
        name: impl Into<String>,
        prepare: impl FnMut() -> I + 'static,
        mut work: impl FnMut(I) -> bool + 'static,
    ) -> Self {
        Self::of_inputs(name, prepare, move |inputs| {
            let start = Instant::now();
            let right = inputs.drain(..).all(|input| work(black_box(input)));
            right.then(|| start.elapsed())
        })
    }

    /// As [`prepared`](Self::prepared); the inputs are dropped untimed.
    pub(crate) fn lent<I: 'static>(
        name: impl Into<String>,
        prepare: impl FnMut() -> I + 'static,
        mut work: impl FnMut(&I) -> bool + 'static,
    ) -> Self {
        Self::of_inputs(name, prepare, move |inputs| {
            let start = Instant::now();
            let right = inputs.iter().all(|input| work(black_box(input)));
            right.then(|| start.elapsed())
        })
    }

    /// `time` tells how long all the inputs took, unless a result was wrong.
    fn of_inputs<I: 'static>(
        name: impl Into<String>,
        mut prepare: impl FnMut() -> I + 'static,
        mut time: impl FnMut(&mut Vec<I>) -> Option<Duration> + 'static,
    ) -> Self {
        let name = name.into();
        let failed = format!("{name} must succeed");
        let turn = move |calls: u64| {
            let batch = |_| {
                let mut inputs = (0..BATCH).map(|_| prepare()).collect();
                time(&mut inputs).expect(&failed)
            };
            let elapsed: Duration = (0..calls).step_by(BATCH).map(batch).sum();
            // The last batch is whole, too.
            elapsed.mul_f64(calls as f64 / calls.next_multiple_of(BATCH as u64) as f64)
        };
        Self {
            name,
            turn: Box::new(turn),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Does it so many times and tells how long that took.
    pub(crate) fn turn(&mut self, calls: u64) -> Duration {
        (self.turn)(calls)
    }

    fn calls_per_turn(&mut self) -> u64 {
        let once = self.turn(100) / 100;
        u64::try_from(TURN.as_nanos() / once.as_nanos().max(1)).map_or(1, |calls| calls + 1)
    }
}

/// The nanoseconds that each contender took for one call, per round.
pub(crate) struct Times(Vec<Vec<f64>>);

impl Times {
    /// Lets all take turns: briefly, if the bench is only to show that it runs.
    pub(crate) fn take(contenders: &mut [Contender]) -> Self {
        let calls: Vec<u64> = contenders
            .iter_mut()
            .map(Contender::calls_per_turn)
            .collect();
        let round = |_| {
            let turns = contenders.iter_mut().zip(&calls);
            turns
                .map(|(contender, &calls)| contender.turn(calls).as_nanos() as f64 / calls as f64)
                .collect()
        };
        Self((0..rounds(ROUNDS)).map(round).collect())
    }

    /// Returns the median of the contender's nanoseconds.
    pub(crate) fn median(&self, index: usize) -> f64 {
        median(self.0.iter().map(|round| round[index]))
    }

    /// Returns the median of the ratios of one contender to another.
    pub(crate) fn ratio(&self, index: usize, to: usize) -> f64 {
        median(self.0.iter().map(|round| round[index] / round[to]))
    }
}

/// Returns `full` under `cargo bench`, and 1 where a bench is only to show that it runs.
pub(crate) fn rounds(full: usize) -> usize {
    let measures = std::env::args().any(|arg| arg == "--bench");
    if measures { full } else { 1 }
}

/// Returns the value in the middle.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints what else the machine was doing, without which a figure says nothing.
pub(crate) fn print_load() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split(' ').take(2).collect();
    println!("load of 1 and 5 minutes: {}", load.join(" "));
}
