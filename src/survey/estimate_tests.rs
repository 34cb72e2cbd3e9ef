use super::*;
use crate::domain::{BatchId, LaneId};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_456_800_000);
const MINUTE: Duration = Duration::from_mins(1);

fn speed(rate: f64, cap: u32) -> Speed<'static> {
    Speed { ends: &[], took: &[], others: &[], ceiling: rate, learned: None, cap }
}

fn work(queued: u64) -> Work {
    Work { queued: ExportLoad::alike(queued, queued, 20), ..Work::default() }
}

fn ends(count: u32, every: Duration, took: Duration) -> Vec<EndedExport> {
    (0..count).map(|n| EndedExport { at: NOW.before(every * n), took }).collect()
}

fn takes(work: &Work, ends: &[EndedExport]) -> TimeRange {
    estimate(NOW, work, &Speed { ends, took: ends, ..speed(2.0, 20) }).takes
}

#[test]
fn what_an_export_takes_is_what_eight_in_ten_took() {
    let took: Vec<EndedExport> = (1..=20).map(|minutes| EndedExport { at: NOW, took: MINUTE * minutes }).collect();
    let quick = ends(6, MINUTE, MINUTE);
    let each = |took, others| {
        let Estimate { each, basis, .. } = estimate(NOW, &work(1), &Speed { took, others, ..speed(1.0, 20) });
        (each, basis)
    };
    assert_eq!(each(&took, &[]), (TimeRange { least: 3 * MINUTE, most: 18 * MINUTE }, Basis::Lane(20)));
    assert_eq!(each(&quick[..3], &quick).1, Basis::OtherLanes(6));
    assert_eq!(each(&quick[..3], &quick[..3]), (DOCUMENTED, Basis::Documented));
}

#[test]
fn the_cap_binds_a_long_file_and_nothing_a_short_one() {
    let speed = speed(20.0, 20);
    let takes = |work: &Work| estimate(NOW, work, &speed).takes;
    assert_eq!(takes(&work(20)), TimeRange { least: Duration::from_millis(900_950), most: Duration::from_secs(3601) });
    let long = takes(&work(1000));
    assert_eq!(long, TimeRange { least: MINUTE * 15 * 50, most: Duration::from_secs(50 + 3600 * 51) });
    let none = Work { ahead: ExportLoad::alike(1000, 1000, 20), ..Work::default() };
    assert_eq!(takes(&none), TimeRange::default());
}

#[test]
fn ends_of_late_make_a_rate() {
    // 360 at one in ten seconds are an hour.
    let span = takes(&work(360), &ends(91, Duration::from_secs(10), 3 * MINUTE));
    assert!(span.least > 45 * MINUTE && span.least < 60 * MINUTE, "{span:?}");
    assert!(span.most > 63 * MINUTE && span.most < 85 * MINUTE, "{span:?}");
}

#[test]
fn the_time_for_which_a_lane_was_held_is_not_its_speed() {
    // One in ten seconds, each of a minute, before a pause of eight minutes and after it.
    let steady = ends(40, Duration::from_secs(10), MINUTE);
    let mut held = steady.clone();
    held.iter_mut().skip(20).for_each(|end| end.at = end.at.before(8 * MINUTE));
    let (steady, held) = (takes(&work(300), &steady), takes(&work(300), &held));
    assert!(held.most < steady.most + steady.most / 5, "{steady:?} {held:?}");
    // What it sends by its rate is no pause, however quick each is.
    let slow = ends(20, MINUTE, Duration::from_secs(1));
    let learned = Speed { ends: &slow, took: &slow, learned: Some(1.0 / 60.0), ..speed(2.0, 20) };
    let span = estimate(NOW, &work(60), &learned).takes;
    assert!(span.least > 35 * MINUTE, "{span:?}");
}

#[test]
fn batches_of_one_priority_take_turns() {
    let other = |highest| RemainingJobs {
        lane: LaneId(1),
        batch: BatchId(1),
        own: true,
        queued: 5000,
        queued_copies: 10_000,
        in_flight: 20,
        copies_in_flight: 20,
        highest,
        lowest: highest,
    };
    for (theirs, exports, copies) in [(0, 25, 30), (-1, 20, 20), (1, 5020, 10_020)] {
        let ahead = ahead(5, Some(0), [&other(Some(theirs))], 20);
        assert_eq!((ahead.exports, ahead.room), (exports, copies), "{theirs}");
    }
    // What is not known may all go first; nothing goes before what is in flight.
    assert_eq!(ahead(5, Some(0), [&other(None)], 20).exports, 5020);
    assert_eq!(ahead(5, None, [&other(Some(0))], 20).exports, 5020);
    assert_eq!(ahead(0, None, [&other(Some(0))], 20).exports, 20);
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
        before in prop::collection::vec(1..6_u32, 0..20),
        rate in 0.01..5.0_f64,
        cap in 1..25_u32,
        least in 1..50_u64,
        more in 0..200_u64,
    ) {
        let each = TimeRange { least: Duration::from_secs(least), most: Duration::from_secs(least + more) };
        let exact = |share: f64| f64::from(u32::try_from(least).expect("small")) + share * f64::from(u32::try_from(more).expect("small"));
        let mut work = Work::default();
        for (copies, _) in &exports { work.queued = work.queued.plus(ExportLoad::alike(1, u64::from(*copies), cap)); }
        for copies in &before { work.ahead = work.ahead.plus(ExportLoad::alike(1, u64::from(*copies), cap)); }
        let alone: Vec<(u32, f64)> = exports.iter().map(|(copies, share)| (*copies, exact(*share))).collect();
        let slowest = before.iter().map(|copies| (*copies, exact(1.0)));
        let behind: Vec<(u32, f64)> = slowest.chain(alone.iter().copied()).collect();
        let range = by_durations(&work, each, &speed(rate, cap));
        for took in [play(&alone, rate, cap), play(&behind, rate, cap)] {
            prop_assert!(took >= range.least.as_secs_f64() - 1e-6, "{took} {range:?}");
            prop_assert!(took <= range.most.as_secs_f64() + 1e-6, "{took} {range:?}");
        }
    }
}
