//! How long exports take, as a range that holds: the least where each is as quick as the quick ones and nothing else is
//! under way, the most where each is as slow as the slow ones and waits for all that was queued before. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// What public accounts say an export takes, where the database has no better.
const DOCUMENTED: Span = Span { least: Duration::from_mins(15), most: Duration::from_hours(1) };

/// Fewer exports than this say nothing of the next.
const ENOUGH: usize = 5;

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// No less than this.
    pub least: Duration,
    /// No more than this.
    pub most: Duration,
}

/// What the duration of one export rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// So many past exports of the lane.
    Lane(usize),
    /// So many past exports of other lanes.
    OtherLanes(usize),
    /// What is documented.
    Documented,
}

/// Exports to be made: how many there are of each number of EBS copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    by_copies: BTreeMap<u32, u64>,
}

/// How fast a lane goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Exports a second that it may come to.
    pub ceiling: f64,
    /// Exports a second that it is known to take.
    pub rate: f64,
    /// EBS copies that may be under way; one export that takes more goes alone.
    pub cap: u32,
    /// How long one export takes.
    pub each: Span,
}

impl Load {
    /// Adds an export.
    pub fn add(&mut self, copies: u32) {
        self.add_many(copies, 1);
    }

    /// Adds so many of a kind.
    pub fn add_many(&mut self, copies: u32, exports: u64) {
        *self.by_copies.entry(copies.max(1)).or_default() += exports;
    }

    /// How many exports.
    #[must_use]
    pub fn exports(&self) -> u64 {
        self.by_copies.values().sum()
    }

    /// How many EBS copies they make.
    #[must_use]
    pub fn copies(&self) -> u64 {
        self.by_copies.iter().map(|(copies, exports)| u64::from(*copies) * exports).sum()
    }

    /// The room that they take under a cap, and the most that one takes.
    fn under(&self, cap: u32) -> (f64, u32) {
        let room = self.by_copies.iter().map(|(copies, exports)| f64::from((*copies).min(cap)) * count(*exports)).sum();
        (room, self.by_copies.keys().next_back().map_or(0, |copies| (*copies).min(cap)))
    }
}

impl Span {
    /// How long one export takes, by those of the lane, else of the others, else by what is documented: what eight in
    /// ten of them took.
    #[must_use]
    pub fn of_exports(lane: &[Duration], others: &[Duration]) -> (Self, Basis) {
        if let Some(span) = Self::usual(lane) {
            return (span, Basis::Lane(lane.len()));
        }
        let all: Vec<Duration> = lane.iter().chain(others).copied().collect();
        match Self::usual(&all) {
            Some(span) => (span, Basis::OtherLanes(all.len())),
            None => (DOCUMENTED, Basis::Documented),
        }
    }

    fn usual(took: &[Duration]) -> Option<Self> {
        if took.len() < ENOUGH {
            return None;
        }
        let mut took = took.to_vec();
        took.sort_unstable();
        let tenth = took.len() / 10;
        Some(Self { least: *took.get(tenth)?, most: *took.get(took.len() - 1 - tenth)? })
    }

    /// Both at once: the later end of each.
    pub(super) fn beside(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.max(other.most) }
    }
}

/// How long a lane takes for `load`, with `ahead` queued or under way before it.
///
/// The most: before the last export begins, the lane waits either for its rate, all in all `exports / rate`, or for the
/// cap. While it waits for the cap, no less than `cap - widest + 1` copies are under way, so that lasts no longer than
/// `room * each / (cap - widest + 1)`; and then the last one takes its time.
#[must_use]
pub fn duration(load: &Load, ahead: &Load, pace: &Pace) -> Span {
    if load.exports() == 0 {
        return Span::default();
    }
    let cap = pace.cap.max(1);
    let (least, most) = (pace.each.least.as_secs_f64(), pace.each.most.as_secs_f64());
    let (room, widest) = load.under(cap);
    let sending = count(load.exports() - 1) / pace.ceiling.max(pace.rate) + least;
    let least = sending.max(least * (room / f64::from(cap)).max(1.0));
    let (room_ahead, widest_ahead) = ahead.under(cap);
    let sending = count(load.exports() + ahead.exports()) / pace.rate;
    let all = room + room_ahead;
    let waiting =
        if all <= f64::from(cap) { 0.0 } else { all * most / f64::from(cap - widest.max(widest_ahead).min(cap) + 1) };
    Span { least: seconds(least), most: seconds(sending + waiting + most) }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a number of exports is far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn pace(rate: f64, cap: u32, least: u64, most: u64) -> Pace {
        let each = Span { least: Duration::from_secs(least), most: Duration::from_secs(most) };
        Pace { ceiling: rate, rate, cap, each }
    }

    #[test]
    fn what_an_export_takes_is_what_eight_in_ten_took() {
        let took: Vec<Duration> = (1..=20).map(|minutes| MINUTE * minutes).collect();
        assert_eq!(Span::of_exports(&took, &[]), (Span { least: 3 * MINUTE, most: 18 * MINUTE }, Basis::Lane(20)));
        let few = [MINUTE; 3];
        assert_eq!(Span::of_exports(&few, &few).1, Basis::OtherLanes(6));
        assert_eq!(Span::of_exports(&few, &[]), (DOCUMENTED, Basis::Documented));
    }

    #[test]
    fn the_cap_binds_a_long_file_and_nothing_a_short_one() {
        let mut load = Load::default();
        load.add_many(1, 20);
        let short = duration(&load, &Load::default(), &pace(20.0, 20, 900, 3600));
        assert_eq!(short, Span { least: Duration::from_millis(900_950), most: Duration::from_secs(3601) });
        load.add_many(1, 980);
        let long = duration(&load, &Load::default(), &pace(20.0, 20, 900, 3600));
        assert_eq!(long.least, Duration::from_mins(15 * 50));
        assert_eq!(long.most, Duration::from_secs(50 + 3600 * 51));
        assert_eq!(duration(&Load::default(), &load, &pace(20.0, 20, 900, 3600)), Span::default());
    }

    /// What a lane does: in order, each as soon as the rate and the cap let it.
    fn play(exports: &[(u32, f64)], rate: f64, cap: u32) -> f64 {
        let mut under_way: Vec<(f64, u32)> = Vec::new();
        let (mut now, mut end) = (0.0_f64, 0.0_f64);
        for (copies, takes) in exports {
            loop {
                let taken: u32 = under_way.iter().map(|(_, copies)| copies).sum();
                if taken == 0 || taken + copies <= cap {
                    break;
                }
                let next = under_way.iter().map(|(ends, _)| *ends).fold(f64::INFINITY, f64::min);
                now = now.max(next);
                under_way.retain(|(ends, _)| *ends > now);
            }
            under_way.push((now + takes, *copies));
            end = end.max(now + takes);
            now += 1.0 / rate;
            under_way.retain(|(ends, _)| *ends > now);
        }
        end
    }

    proptest! {
        #[test]
        fn what_a_lane_takes_is_within_the_range(
            exports in prop::collection::vec((1..6_u32, 0.0..=1.0_f64), 1..80),
            ahead in prop::collection::vec(1..6_u32, 0..20),
            rate in 0.01..5.0_f64,
            cap in 1..25_u32,
            least in 1..50_u64,
            more in 0..200_u64,
        ) {
            let pace = pace(rate, cap, least, least + more);
            let exact = |share: f64| f64::from(u32::try_from(least).expect("small")) + share * f64::from(u32::try_from(more).expect("small"));
            let (mut load, mut before) = (Load::default(), Load::default());
            for (copies, _) in &exports { load.add(*copies); }
            for copies in &ahead { before.add(*copies); }
            let alone: Vec<(u32, f64)> = exports.iter().map(|(copies, share)| (*copies, exact(*share))).collect();
            let slowest = ahead.iter().map(|copies| (*copies, exact(1.0)));
            let behind: Vec<(u32, f64)> = slowest.chain(alone.iter().copied()).collect();
            let range = duration(&load, &before, &pace);
            for took in [play(&alone, rate, cap), play(&behind, rate, cap)] {
                prop_assert!(took >= range.least.as_secs_f64() - 1e-6, "{took} {range:?}");
                prop_assert!(took <= range.most.as_secs_f64() + 1e-6, "{took} {range:?}");
            }
        }
    }
}
