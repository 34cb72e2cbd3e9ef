//! What a run has to bear, drawn from its seed.

use fastrand::Rng;
use snapferry::domain::{Act, Existing};
use snapferry::lightsail::ErrorClass;
use snapferry::queue::TakeoverWait;
use snapferry::settings::LaneSettings;
use std::time::Duration;

/// How far a list may be behind, beside the delay with which an entry comes into sight.
pub(super) const STALE: Duration = Duration::from_secs(5);

pub(super) struct Weather {
    pub(super) seed: u64,
    pub(super) lanes: usize,
    /// Snapshots in each lane.
    pub(super) names: usize,
    pub(super) settings: LaneSettings,
    /// Shares of calls that go wrong.
    pub(super) export_faults: f64,
    pub(super) read_faults: f64,
    /// The longest that a call is on the way, there or back.
    pub(super) leg: Duration,
    /// The longest from an export to its entries' being visible, and the share of those that take longer than allowed.
    pub(super) lag: Duration,
    pub(super) late: f64,
    /// Entries on a page at most.
    pub(super) page: usize,
    /// The share of readings in which an entry slips between two pages.
    pub(super) slips: f64,
    /// The share of steps after which everything in memory is lost.
    pub(super) crashes: f64,
    /// The share of exports that are odd in one way or another, and of those that fail.
    pub(super) odd: f64,
    pub(super) failing: f64,
    /// How long an export takes: so long at least, and at most one of these.
    pub(super) takes: (Duration, [Duration; 3]),
    /// The share of snapshots that are pending, broken, gone, or made anew.
    pub(super) changing: f64,
    /// From here on nothing goes wrong any more: then everything has to come to an end.
    pub(super) clears: Duration,
    pub(super) drowsy: Drowsy,
    /// By how many milliseconds the service's clock is ahead of ours at the beginning.
    pub(super) ahead: i64,
    pub(super) spells: Vec<Spell>,
    /// Whether a daemon that finds its database to be a copy waits.
    pub(super) wait: TakeoverWait,
    /// What people do, in order.
    pub(super) events: Vec<(Duration, Event)>,
}

/// How the loops oversleep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drowsy {
    /// By so many times what they want to sleep.
    pub(super) times: u32,
    /// And by this at most.
    pub(super) most: Duration,
}

/// A time in which a lane's calls all go wrong in one way.
#[derive(Debug)]
pub(super) struct Spell {
    pub(super) lane: usize,
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) class: ErrorClass,
    pub(super) reads: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    /// Lane and name of each row.
    Enqueue {
        rows: Vec<(usize, usize)>,
        existing: Existing,
    },
    Console {
        lane: usize,
        name: usize,
    },
    /// The wall clock is set by so many milliseconds.
    Jump(i64),
    /// What a person does to the jobs of that lane and name; to all, where none is said.
    Act(Act, Option<(usize, usize)>),
    Crash,
    /// The database is copied.
    Backup,
    /// The host is lost, and another one goes on from one of the copies; its counter file may be there from before.
    Restore(CounterFile),
}

/// What becomes of the counter file when a copy is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CounterFile {
    Gone,
    /// It counts what was sent since the copy was made.
    Stays,
    /// It comes from a backup that is older than the copy.
    Older,
    /// It belongs to a database that was made there before the copy was put in its place.
    New,
}

pub(super) fn span(rng: &mut Rng, from: Duration, to: Duration) -> Duration {
    let (from, to) = (from.as_millis(), to.as_millis());
    Duration::from_millis(u64::try_from(if from >= to { from } else { rng.u128(from..=to) }).expect("short"))
}

fn secs(rng: &mut Rng, from: u64, to: u64) -> Duration {
    span(rng, Duration::from_secs(from), Duration::from_secs(to))
}

/// One of these.
pub(super) fn one<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

impl Weather {
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let settings = settings(rng);
        let lanes = rng.usize(1..=2);
        let names = rng.usize(1..=4);
        let clears = secs(rng, 120, 1200);
        let fair = (settings.reconcile.settle / 3).saturating_sub(STALE);
        let mut weather = Self {
            seed,
            lanes,
            names,
            export_faults: one(rng, &[0.0, 0.1, 0.3, 0.6]),
            read_faults: one(rng, &[0.0, 0.02, 0.1, 0.25]),
            leg: one(rng, &[Duration::from_millis(50), Duration::from_secs(1), settings.export.attempt_timeout / 3]),
            lag: span(rng, Duration::ZERO, fair),
            late: one(rng, &[0.0, 0.0, 0.0, 0.0, 0.3]),
            page: one(rng, &[1, 2, 5, 100]),
            slips: one(rng, &[0.0, 0.0, 0.2, 0.5]),
            crashes: one(rng, &[0.0, 0.0, 0.002, 0.01]),
            odd: one(rng, &[0.0, 0.1, 0.5]),
            failing: one(rng, &[0.0, 0.1, 0.4]),
            takes: (Duration::from_secs(20), [60, 200, 600].map(Duration::from_secs)),
            changing: one(rng, &[0.0, 0.0, 0.2, 0.5]),
            clears,
            drowsy: Drowsy { times: one(rng, &[1, 4, 20]) - 1, most: Duration::from_secs(10) },
            ahead: one(rng, &[-420_000, -90_000, 0, 90_000, 420_000]),
            spells: Vec::new(),
            wait: TakeoverWait::Kept,
            events: Vec::new(),
            settings,
        };
        for _ in 0..one(rng, &[0, 0, 1, 3]) {
            let from = span(rng, Duration::ZERO, clears);
            let class = one(
                rng,
                &[
                    ErrorClass::Ambiguous,
                    ErrorClass::Ambiguous,
                    ErrorClass::Throttled,
                    ErrorClass::Denied,
                    ErrorClass::Credentials,
                    ErrorClass::SetupInProgress,
                    ErrorClass::Unreachable,
                ],
            );
            weather.spells.push(Spell {
                lane: rng.usize(..lanes),
                from,
                to: (from + secs(rng, 30, 1200)).min(clears),
                class,
                reads: rng.bool(),
            });
        }
        weather.events = weather.draw_events(rng);
        if !super::REGRESSIONS.contains(&seed) {
            weather.draw_acts();
        }
        weather
    }

    /// What people do to jobs, by its own chance; in the end they let everything go on.
    fn draw_acts(&mut self) {
        let rng = &mut Rng::with_seed(self.seed ^ 0xac75);
        for _ in 0..one(rng, &[0, 0, 2, 6]) {
            let of = one(rng, &self.every_name());
            let act = one(rng, &[Act::Cancel, Act::Pause, Act::Resume, Act::Retry, Act::Retry]);
            self.events.push((span(rng, Duration::ZERO, self.clears), Event::Act(act, Some(of))));
        }
        self.events.push((self.clears, Event::Act(Act::Resume, None)));
        self.events.sort_by_key(|(at, _)| *at);
    }

    /// Whether somebody cancels a job.
    pub(super) fn cancels(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Act(Act::Cancel, _)))
    }

    /// Two weeks by settings as a user has them: exports that take up to an hour, and new work each day.
    pub(super) fn of_weeks(seed: u64) -> Self {
        const DAY: Duration = Duration::from_hours(24);
        let mut weather = Self::of(seed);
        let mut rng = Rng::with_seed(seed ^ 0xdaf5);
        let rng = &mut rng;
        let settings = LaneSettings::default();
        (weather.lanes, weather.names, weather.clears) = (2, 16, 14 * DAY);
        weather.lag = span(rng, Duration::ZERO, (settings.reconcile.settle / 3).saturating_sub(STALE));
        weather.takes = (Duration::from_mins(15), [20, 30, 60].map(Duration::from_mins));
        weather.crashes = one(rng, &[0.0, 0.0005]);
        weather.drowsy = Drowsy { times: 20, most: Duration::from_mins(10) };
        weather.settings = settings;
        weather.spells.clear();
        let all = weather.every_name();
        weather.events = (0..14_u32)
            .flat_map(|day| {
                let rows = all.iter().copied().filter(|_| day == 0 || rng.u8(..4) == 0).collect();
                let morning = DAY * day + secs(rng, 0, 3600);
                let (lane, name) = one(rng, &all);
                let mut of_day = vec![
                    (morning, Event::Enqueue { rows, existing: Existing::Adopt }),
                    (DAY * day + secs(rng, 0, 86_400), Event::Console { lane, name }),
                    (DAY * day + secs(rng, 0, 86_400), Event::Crash),
                ];
                if rng.u8(..4) == 0 {
                    of_day.push((DAY * day + secs(rng, 0, 86_400), Event::Jump(one(rng, &[-3_600_000, 240_000]))));
                }
                of_day
            })
            .collect();
        weather.events.sort_by_key(|(at, _)| *at);
        weather
    }

    /// Hosts that are lost, and copies of their databases, drawn at random: with lists up to a third of the reconciliation window late,
    /// and all that else goes wrong but for what Lightsail itself cannot explain.
    pub(super) fn of_restores(seed: u64) -> Self {
        let mut weather = Self::of(seed);
        let mut rng = Rng::with_seed(seed ^ 0x7a6e);
        let rng = &mut rng;
        (weather.odd, weather.late, weather.slips, weather.changing) = (0.0, 0.0, 0.0, 0.0);
        let rows = weather.every_name();
        weather.events = vec![(Duration::ZERO, Event::Enqueue { rows, existing: Existing::Adopt })];
        let mut at = Duration::ZERO;
        for _ in 0..rng.usize(1..=4) {
            for _ in 0..rng.usize(1..=2) {
                weather.events.push((at + secs(rng, 0, 8), Event::Backup));
            }
            // Right after something was sent: at once, or when the wait is over.
            let quiet = one(rng, &[Duration::ZERO, weather.settings.reconcile.settle]);
            at += quiet + secs(rng, 9, 40);
            let counter = one(rng, &[CounterFile::Gone, CounterFile::Stays, CounterFile::Older, CounterFile::New]);
            weather.events.push((at, Event::Restore(counter)));
            if rng.bool() {
                weather.events.push((at + secs(rng, 1, 60), Event::Crash));
            }
        }
        weather.clears = weather.clears.max(at);
        weather.events.sort_by_key(|(at, _)| *at);
        weather
    }

    /// The same, where nobody waits.
    pub(super) fn of_restores_without_the_wait(seed: u64) -> Self {
        Self { wait: TakeoverWait::Waived, ..Self::of_restores(seed) }
    }

    /// Lane and name of every snapshot.
    fn every_name(&self) -> Vec<(usize, usize)> {
        (0..self.lanes).flat_map(|lane| (0..self.names).map(move |name| (lane, name))).collect()
    }

    fn draw_events(&self, rng: &mut Rng) -> Vec<(Duration, Event)> {
        let all = self.every_name();
        let mut events = vec![(Duration::ZERO, Event::Enqueue { rows: all.clone(), existing: Existing::Adopt })];
        if rng.f64() < 0.15 {
            events[0].1 = Event::Enqueue { rows: all.clone(), existing: Existing::ExportAgain };
        }
        if rng.f64() < 0.4 {
            let rows = all.iter().copied().filter(|_| rng.bool()).collect();
            let existing = if rng.f64() < 0.3 { Existing::ExportAgain } else { Existing::Adopt };
            events.push((span(rng, Duration::ZERO, self.clears), Event::Enqueue { rows, existing }));
        }
        let by_hand = one(rng, &[0.0, 0.0, 0.2, 0.6]);
        for (lane, name) in all {
            if rng.f64() < by_hand {
                events.push((span(rng, Duration::ZERO, self.clears / 2), Event::Console { lane, name }));
            }
        }
        for _ in 0..one(rng, &[0, 0, 1, 3]) {
            let by = one(rng, &[-3_600_000, -240_000, -5_000, 5_000, 240_000, 3_600_000, 86_400_000]);
            events.push((span(rng, Duration::ZERO, self.clears), Event::Jump(by)));
        }
        for _ in 0..one(rng, &[0, 0, 1, 2]) {
            events.push((span(rng, Duration::ZERO, self.clears / 4), Event::Crash));
        }
        events.sort_by_key(|(at, _)| *at);
        events
    }

    /// Whether a host is lost.
    pub(super) fn restores(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Restore(_)))
    }

    /// Whether the wall clock is set on by that much or more.
    pub(super) fn sets_on_by(&self, span: Duration) -> bool {
        let sets_on = |event: &Event| match event {
            Event::Jump(by) => u128::try_from(*by).is_ok_and(|by| by >= span.as_millis()),
            Event::Enqueue { .. }
            | Event::Console { .. }
            | Event::Act(..)
            | Event::Crash
            | Event::Backup
            | Event::Restore(_) => false,
        };
        self.events.iter().any(|(_, event)| sets_on(event))
    }

    pub(super) fn spell(&self, lane: usize, at: Duration, read: bool) -> Option<&Spell> {
        self.spells
            .iter()
            .find(|spell| spell.lane == lane && (spell.from..spell.to).contains(&at) && (spell.reads || !read))
    }
}

/// Every class that an answer may be of.
pub(super) const CLASSES: [ErrorClass; 9] = [
    ErrorClass::Ambiguous,
    ErrorClass::Throttled,
    ErrorClass::CopyLimit,
    ErrorClass::RetryLater,
    ErrorClass::Permanent,
    ErrorClass::Denied,
    ErrorClass::Credentials,
    ErrorClass::SetupInProgress,
    ErrorClass::Unreachable,
];

fn settings(rng: &mut Rng) -> LaneSettings {
    let mut settings = LaneSettings::default();
    settings.export.rate = one(rng, &[0.5, 2.0, 10.0, 20.0]);
    settings.export.burst = one(rng, &[1, 2, 3, 10]);
    settings.export.max_in_flight = one(rng, &[1, 2, 4, 20]);
    settings.export.attempt_timeout = secs(rng, 5, 30);
    settings.export.max_attempts = one(rng, &[1, 2, 3, 5]);
    settings.export.backoff_max = Duration::from_mins(1);
    settings.read.rate = one(rng, &[2.0, 10.0]);
    settings.read.burst = one(rng, &[1, 2, 10]);
    settings.poll.min = secs(rng, 2, 10);
    settings.poll.max = secs(rng, 20, 60);
    settings.poll.give_up = secs(rng, 1800, 3600);
    settings.reconcile.settle = secs(rng, 60, 180);
    settings.reconcile.looks = one(rng, &[3, 4]);
    settings.lane.probe = secs(rng, 10, 30);
    // Drawn by their own chance, so that a seed tells the rest of its story as before there were breakers.
    let rng = &mut Rng::with_seed(rng.get_seed() ^ 0xb4ea);
    settings.breaker.at_least = one(rng, &[1, 2, 3, 50]);
    settings.breaker.in_a_row = one(rng, &[0, 0, 1, 2]);
    settings.breaker.wait = secs(rng, 5, 60);
    settings.breaker.wait_max = settings.breaker.wait * 4;
    settings
}
