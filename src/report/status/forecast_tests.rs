use super::*;
use crate::queue::EndedExport;
use crate::survey::ExportLoad;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_456_800_000);

fn ends(count: u64, every: Duration, took: Duration) -> Vec<EndedExport> {
    (0..count).map(|n| EndedExport { at: NOW.before(every * u32::try_from(n).expect("few")), took }).collect()
}

struct Lane {
    ends: Vec<EndedExport>,
    learned: Option<f64>,
    cap: u32,
    ceiling: f64,
    waits: Waits,
}

fn lane(ends: Vec<EndedExport>) -> Lane {
    Lane { ends, learned: None, cap: 20, ceiling: 2.0, waits: Waits::default() }
}

impl Lane {
    fn forecast(&self, work: &Work) -> Forecast {
        let Self { ends, learned, cap, ceiling, waits } = self;
        let speed = Speed { ends, took: ends, others: &[], ceiling: *ceiling, learned: *learned, cap: *cap };
        forecast(NOW, "a/b", work, &speed, *waits)
    }
}

fn work(queued: u64, in_flight: u64) -> Work {
    let alike = |exports| ExportLoad::alike(exports, exports, 20);
    Work { queued: alike(queued), in_flight: alike(in_flight), ..Work::default() }
}

fn range(forecast: &Forecast) -> (Duration, Duration) {
    let Forecast::Between { earliest, latest, .. } = forecast else { panic!("{forecast:?}") };
    (earliest.since(NOW), latest.since(NOW))
}

#[test]
fn a_range_names_the_ends_that_it_rests_on() {
    let forecast = lane(ends(91, Duration::from_secs(10), Duration::from_mins(3))).forecast(&work(340, 20));
    let Forecast::Between { rests_on, .. } = forecast else { panic!("a range") };
    assert_eq!(rests_on.text, "going by 91 exports of lane a/b that ended in the last 15 min");
}

#[test]
fn where_nothing_ended_of_late_what_exports_took_and_the_cap_tell() {
    let old: Vec<EndedExport> = (0..6)
        .map(|hours| EndedExport { at: NOW.before(Duration::from_hours(2 + hours)), took: Duration::from_mins(10) })
        .collect();
    let forecast = lane(old).forecast(&work(100, 0));
    let (least, most) = range(&forecast);
    assert!(least >= Duration::from_mins(50) && most >= Duration::from_hours(1), "{least:?} {most:?}");
    let Forecast::Between { rests_on, .. } = forecast else { panic!("a range") };
    assert_eq!(rests_on.text, "going by the rate, the cap of 20 copies, and 6 exports that took 10 min to 10 min each");
}

#[test]
fn a_lane_that_has_just_been_slowed_is_not_taken_for_as_quick_as_it_was() {
    let ends = ends(91, Duration::from_secs(1), Duration::from_mins(3));
    let slowed = Lane { learned: Some(0.1), ..lane(ends) };
    let (_, most) = range(&slowed.forecast(&work(360, 0)));
    assert_eq!(most, Duration::from_mins(63));
}

#[test]
fn an_attempt_without_an_answer_is_waited_for() {
    let ends = ends(91, Duration::from_secs(1), Duration::from_mins(3));
    let nine = Duration::from_mins(9);
    let waits = Waits { settled: Some(NOW.after(nine)), ..Waits::default() };
    let open = Lane { waits, ..lane(ends) };
    let alone = open.forecast(&work(0, 1));
    assert_eq!(range(&alone), (nine, nine));
    let Forecast::Between { rests_on, .. } = alone else { panic!("a range") };
    assert_eq!(rests_on.kind, "reconciliation");
    // Of another batch it may be, and then nobody waits for it.
    let beside = Work { ahead: ExportLoad::alike(1, 1, 20), ..work(0, 1) };
    let (least, most) = range(&open.forecast(&beside));
    assert!(least < nine && most == nine, "{least:?} {most:?}");
    let past = Lane { waits: Waits { settled: Some(NOW.before(nine)), ..Waits::default() }, ..open };
    assert!(range(&past.forecast(&work(0, 1))).1 < nine);
}

#[test]
fn nothing_is_said_where_nothing_was_measured() {
    let none = lane(Vec::new()).forecast(&work(100, 20));
    assert_eq!(none, Forecast::Unmeasured("no export of lane a/b has ended yet".to_owned()));
    let few = lane(ends(4, Duration::from_secs(1), Duration::from_secs(9))).forecast(&work(100, 20));
    assert_eq!(few, Forecast::Unmeasured("only 4 exports of lane a/b ended so far".to_owned()));
    assert_eq!(lane(Vec::new()).forecast(&work(0, 0)), Forecast::Done);
}

#[test]
fn what_is_not_to_be_sent_before_a_time_is_not_done_before_it() {
    let ends = ends(50, Duration::from_secs(1), Duration::from_secs(9));
    let due = NOW.after(Duration::from_hours(5));
    let waits = Waits { due: Some(due), ..Waits::default() };
    let Forecast::Between { earliest, .. } = (Lane { waits, ..lane(ends) }).forecast(&work(1, 0)) else {
        panic!("a range")
    };
    assert_eq!(earliest, due.after(Duration::from_secs(9)));
}

#[test]
fn a_whole_is_as_late_as_its_latest_part_and_a_held_part_holds_it() {
    let between = |from, to| Forecast::Between {
        earliest: NOW.after(Duration::from_mins(from)),
        latest: NOW.after(Duration::from_mins(to)),
        rests_on: RestsOn { kind: "ends", text: String::new() },
    };
    assert_eq!(
        range(&all_of(vec![between(5, 9), Forecast::Done, between(3, 20)])),
        (Duration::from_mins(5), Duration::from_mins(20))
    );
    let held = |what: &str| Forecast::NotBefore(what.to_owned());
    let missing = Forecast::Unmeasured("no end".to_owned());
    assert_eq!(all_of(vec![between(5, 9), missing.clone()]), missing);
    assert_eq!(all_of(vec![missing, held("x"), held("y"), held("x"), between(5, 9)]), held("x, and y"));
    let many = all_of(vec![held("lane x goes on"), held("y"), held("z")]);
    assert_eq!(many, held("lane x goes on (and 2 other holds end)"));
    assert_eq!(all_of(vec![Forecast::Done, Forecast::Done]), Forecast::Done);
}

prop_compose! {
    fn any_ends()(gaps in prop::collection::vec((0..60_000_u64, 1..1_200_000_u64), 10..200)) -> Vec<EndedExport> {
        let mut at = NOW;
        gaps.into_iter().map(|(gap, took)| {
            at = at.before(Duration::from_millis(gap));
            EndedExport { at, took: Duration::from_millis(took) }
        }).collect()
    }
}

proptest! {
    #[test]
    fn a_range_is_ordered_and_comes_nearer_as_work_ends(
        ends in any_ends(),
        queued in 0..3000_u64,
        in_flight in 0..40_u64,
        others in 0..100_u64,
        fewer in 0.0..=1.0_f64,
        rate in 0.05..20.0_f64,
        cap in 1..100_u32,
        due in proptest::option::of(0..1_000_000_i64),
        settled in proptest::option::of(0..1_000_000_i64),
    ) {
        let [due, settled] = [due, settled].map(|ms| ms.map(|ms| Timestamp(NOW.0 + ms)));
        let lane = Lane { ends, ceiling: rate, learned: None, cap, waits: Waits { due, settled } };
        let ahead = ExportLoad::alike(others, others, cap);
        let all = Work { ahead, ..work(queued, in_flight) };
        let (less_queued, less_in_flight) = (part(queued, fewer), part(in_flight, fewer));
        let less = Work { ahead, ..work(less_queued, less_in_flight) };
        match (lane.forecast(&all), lane.forecast(&less)) {
            (Forecast::Between { earliest, latest, .. }, after) => {
                prop_assert!(NOW <= earliest && earliest <= latest);
                if let Forecast::Between { earliest: sooner, latest: last, .. } = after {
                    prop_assert!(sooner <= earliest && last <= latest, "{sooner} {earliest} {last} {latest}");
                } else {
                    prop_assert_eq!((after, less_queued + less_in_flight), (Forecast::Done, 0));
                }
            }
            (Forecast::Done, after) => prop_assert_eq!((queued + in_flight, after), (0, Forecast::Done)),
            (Forecast::Unmeasured(_), _) => {}
            (held @ Forecast::NotBefore(_), _) => prop_assert!(false, "{:?}", held),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn part(number: u64, share: f64) -> u64 {
    (number as f64 * share) as u64
}

#[test]
fn a_range_names_the_day_where_it_is_another() {
    let at = |text: &str| Timestamp::parse(text).expect("a time");
    let now = at("2026-11-24T03:10:20Z");
    for (from, to, wanted) in [
        ("2026-11-24T03:40:00Z", "2026-11-24T04:10:59Z", "between 03:40 and 04:10 UTC"),
        ("2026-11-24T03:40:00Z", "2026-11-24T03:40:30Z", "at about 03:40 UTC"),
        ("2026-11-24T23:40:00Z", "2026-11-25T04:10:00.500Z", "between 23:40 and 2026-11-25 04:10 UTC"),
        ("2026-11-26T01:00:00Z", "2026-11-26T02:00:00Z", "between 2026-11-26 01:00 and 02:00 UTC"),
    ] {
        assert_eq!(super::range(now, at(from), at(to)), wanted);
    }
}
