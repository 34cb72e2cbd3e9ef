//! What a scripted account really has and really did, whatever it answers.

use super::weather::{STALE, Weather, one, span};
use fastrand::Rng;
use snapferry::lightsail::ErrorClass;
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::MAX;

#[derive(Debug)]
pub(super) struct Truth {
    pub(super) lane: usize,
    pub(super) rng: Rng,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) exports: Vec<Export>,
    pub(super) calls: Vec<Call>,
    pub(super) reads: Vec<Duration>,
    /// Readings of a list that are under way.
    pub(super) readings: Vec<Reading>,
    /// The troubles and oddities that somebody has met.
    pub(super) met: BTreeSet<String>,
}

/// A name, and the snapshots that have had it one after the other.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) name: String,
    pub(super) disk: bool,
    pub(super) disks: u32,
    pub(super) lives: Vec<Life>,
}

#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) arn: String,
    pub(super) from: Duration,
    pub(super) ready: Duration,
    pub(super) gone: Duration,
    pub(super) broken: bool,
}

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be odd of an export")]
pub(super) struct Export {
    pub(super) name: usize,
    pub(super) arn: String,
    pub(super) begun: Duration,
    /// When its record says that it began, and whether operation and record say when they did.
    pub(super) record_begun: Duration,
    pub(super) says_when: [bool; 2],
    /// The call that began it; none where a person did at the console.
    pub(super) by: Option<usize>,
    pub(super) operations: Vec<(String, &'static str)>,
    /// When its operations and its record come into sight.
    pub(super) operation_at: Duration,
    pub(super) record_at: Duration,
    pub(super) good: bool,
    pub(super) lasting: bool,
    /// When the operation and the record show the end, and the record its destination.
    pub(super) operation_end: Duration,
    pub(super) record_end: Duration,
    pub(super) destination_at: Duration,
    pub(super) destination: String,
    /// Whether the record says of which snapshot it is, and has an ARN of its own.
    pub(super) says_source: bool,
    pub(super) has_arn: bool,
    /// While words are shown that nobody knows.
    pub(super) odd: (Duration, Duration),
    /// Readings of operations and of records that may still miss it.
    pub(super) slips: [u32; 2],
    /// Beyond what the reconciliation window allows for.
    pub(super) late: bool,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: usize,
    pub(super) left: Duration,
    pub(super) arrives: Duration,
    pub(super) fate: Fate,
    pub(super) arrived: bool,
    pub(super) export: Option<usize>,
}

/// What becomes of a call that arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Taken,
    /// Taken, and the answer is lost.
    Lost,
    /// Not taken.
    Refused(ErrorClass),
}

#[derive(Debug)]
pub(super) struct Reading {
    /// The export that this reading misses.
    pub(super) misses: Option<usize>,
    pub(super) newest_first: bool,
    /// How far behind it is.
    pub(super) stale: Duration,
}

impl Truth {
    pub(super) fn new(lane: usize, weather: &Weather) -> Self {
        let mut rng = Rng::with_seed(weather.seed ^ (0x5eed << 32) ^ lane as u64);
        let snapshots = (0..weather.names).map(|number| Snapshot::draw(&mut rng, number, weather)).collect();
        Self {
            lane,
            rng,
            snapshots,
            exports: Vec::new(),
            calls: Vec::new(),
            reads: Vec::new(),
            readings: Vec::new(),
            met: BTreeSet::new(),
        }
    }

    pub(super) fn meets(&mut self, what: impl Into<String>) {
        self.met.insert(what.into());
    }

    pub(super) fn begin_reading(&mut self, kind: usize, weather: &Weather, now: Duration) -> usize {
        let stale = stale(&mut self.rng);
        let mut reading = Reading { misses: None, newest_first: self.rng.bool(), stale };
        if now < weather.clears && self.rng.f64() < weather.slips && !self.exports.is_empty() {
            let export = self.rng.usize(..self.exports.len());
            if self.exports[export].slips[kind] > 0 {
                self.exports[export].slips[kind] -= 1;
                reading.misses = Some(export);
            }
        }
        self.readings.push(reading);
        self.readings.len() - 1
    }

    /// Lets the calls arrive whose time has come.
    pub(super) fn arrive(&mut self, now: Duration, weather: &Weather) {
        let due: Vec<usize> = (0..self.calls.len())
            .filter(|call| !self.calls[*call].arrived && self.calls[*call].arrives <= now)
            .collect();
        for call in due {
            self.calls[call].arrived = true;
            let (name, at) = (self.calls[call].name, self.calls[call].arrives);
            let refused = match self.snapshots[name].life(at) {
                None => Some(ErrorClass::Permanent),
                Some(life) if life.broken => Some(ErrorClass::Permanent),
                Some(life) if life.ready > at => Some(ErrorClass::RetryLater),
                Some(_) => None,
            };
            match (self.calls[call].fate, refused) {
                (Fate::Taken, Some(class)) => self.calls[call].fate = Fate::Refused(class),
                (Fate::Lost, Some(_)) => self.calls[call].fate = Fate::Refused(ErrorClass::Ambiguous),
                (Fate::Taken | Fate::Lost, None) => {
                    self.calls[call].export = Some(self.begin(name, at, Some(call), weather));
                }
                (Fate::Refused(_), _) => {}
            }
        }
    }

    /// Begins an export; its number.
    pub(super) fn begin(&mut self, name: usize, at: Duration, by: Option<usize>, weather: &Weather) -> usize {
        let number = self.exports.len();
        let id = format!("{}-{number}", self.lane);
        let rng = &mut self.rng;
        let Some(life) = self.snapshots[name].life(at) else { unreachable!("looked up before") };
        let late = rng.f64() < weather.late;
        let settle = weather.settings.reconcile.settle;
        let lag =
            |rng: &mut Rng| if late { span(rng, settle, settle * 3) } else { span(rng, Duration::ZERO, weather.lag) };
        let odd = |rng: &mut Rng| rng.f64() < weather.odd;
        let (shortest, longest) = (weather.takes.0, one(rng, &weather.takes.1));
        let ends = at + span(rng, shortest, longest);
        let good = rng.f64() >= weather.failing;
        let record_end = ends + span(rng, Duration::ZERO, 60 * SECOND);
        let mut operations = vec![(format!("op-{id}"), "ExportSnapshot")];
        if odd(rng) {
            let kind = one(rng, &["CreateCloudFormationStack", "ExportSnapshot"]);
            operations.insert(rng.usize(..2), (format!("op-{id}-b"), kind));
        }
        let destination_at = if !odd(rng) {
            record_end
        } else if rng.f64() < 0.2 {
            NEVER
        } else {
            record_end + span(rng, Duration::ZERO, 900 * SECOND)
        };
        let odd_from = at + span(rng, Duration::ZERO, 60 * SECOND);
        let odd_to = if odd(rng) { odd_from + span(rng, Duration::ZERO, 900 * SECOND) } else { odd_from };
        let says_when = [!odd(rng) || rng.bool(), !odd(rng) || rng.bool()];
        let record_begun = at + span(rng, Duration::ZERO, 3 * SECOND);
        let (says_source, has_arn) = (!odd(rng) || rng.bool(), !odd(rng) || rng.bool());
        let operation_at = if odd(rng) && rng.f64() < 0.3 { NEVER } else { at + lag(rng) };
        let record_at = at + lag(rng);
        let lasting = rng.f64() < 0.3;
        for (what, is_so) in [
            ("a record without destination", good && destination_at > record_end),
            ("a record whose destination never shows", good && destination_at == NEVER),
            ("a status never seen before", odd_to > odd_from),
            ("a record that does not say of which snapshot it is", !says_source),
            ("a record without an ARN", !has_arn),
            ("an entry without a time", says_when.contains(&false)),
            ("an operation that never shows", operation_at == NEVER),
            ("entries later than the reconciliation window", late),
            ("an export that fails", !good),
            ("an export by another client", by.is_none()),
        ] {
            if is_so {
                self.met.insert(what.to_owned());
            }
        }
        let slips = weather.settings.reconcile.looks - 1;
        self.exports.push(Export {
            name,
            arn: life.arn.clone(),
            begun: at,
            record_begun,
            says_when,
            by,
            operations,
            operation_at,
            record_at,
            good,
            lasting,
            operation_end: ends + span(rng, Duration::ZERO, 60 * SECOND),
            record_end,
            destination_at,
            destination: format!("ami-{id}"),
            says_source,
            has_arn,
            odd: (odd_from, odd_to),
            slips: [slips, slips],
            late,
        });
        number
    }

    /// Everything in memory is gone: what was not there yet may never come.
    pub(super) fn cut(&mut self) {
        for call in &mut self.calls {
            if !call.arrived && self.rng.bool() {
                call.arrived = true;
                call.arrives = NEVER;
            }
        }
    }
}

impl Snapshot {
    fn draw(rng: &mut Rng, number: usize, weather: &Weather) -> Self {
        let name = format!("snap-{number}");
        let life = |number: usize| Life {
            arn: format!("arn:{name}:{number}"),
            from: Duration::ZERO,
            ready: Duration::ZERO,
            gone: NEVER,
            broken: false,
        };
        let mut lives = vec![life(1)];
        if rng.f64() < weather.changing {
            match rng.usize(..4) {
                0 => lives[0].ready = span(rng, Duration::ZERO, weather.clears),
                1 => lives[0].broken = true,
                2 => lives[0].gone = span(rng, Duration::ZERO, weather.clears),
                _ => {
                    let gone = span(rng, Duration::ZERO, weather.clears);
                    let from = gone + span(rng, Duration::ZERO, 300 * SECOND);
                    lives[0].gone = gone;
                    lives.push(Life { from, ready: from + span(rng, Duration::ZERO, 120 * SECOND), ..life(2) });
                }
            }
        }
        Self { disk: rng.f64() < 0.2, disks: rng.u32(..3), name, lives }
    }

    pub(super) fn life(&self, at: Duration) -> Option<&Life> {
        self.lives.iter().find(|life| (life.from..life.gone).contains(&at))
    }

    /// Whether a sender may rightly have found it missing, broken or pending at some time.
    pub(super) fn changes(&self) -> bool {
        self.lives.len() > 1
            || self.lives[0].gone < NEVER
            || self.lives[0].broken
            || self.lives[0].ready > Duration::ZERO
    }
}

impl Export {
    pub(super) fn is_odd_at(&self, at: Duration) -> bool {
        (self.odd.0..self.odd.1).contains(&at)
    }

    /// Whether nobody but a person can tell of it what it became.
    pub(super) fn is_dark(&self) -> bool {
        self.destination_at == NEVER
    }

    pub(super) fn is_ours(&self) -> bool {
        self.by.is_some()
    }
}

/// How far behind a page is.
pub(super) fn stale(rng: &mut Rng) -> Duration {
    span(rng, Duration::ZERO, STALE)
}
