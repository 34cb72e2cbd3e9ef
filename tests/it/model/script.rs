//! What may happen, drawn at random. Whom it happens to is a number that the model takes modulo those that fit, so that a
//! deed left out of a script leaves the rest playable.

use super::reference::{LANES, NAMES};
use proptest::prelude::*;
use snapferry::domain::{Act, JobState};

/// What a row of a file says.
#[derive(Debug, Clone)]
pub(super) struct RowSaid {
    pub(super) lane: usize,
    pub(super) name: usize,
    pub(super) priority: i64,
    /// Not before so many milliseconds from now.
    pub(super) wait: Option<i64>,
    pub(super) again: bool,
}

/// What happens to a job, without whom and what for. The delay is until it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    NotExportable,
    AlreadyExported,
    UnderWayAlready,
    Cancel,
    Intend,
    Accepted,
    RefusedByLane,
    Denied(Option<i64>),
    RefusedForNow(i64),
    RefusedForGood,
    OutcomeUnknown,
    OutcomeUnknownInOutage,
    FoundUnderWay,
    FoundDone,
    FoundFailed(Option<i64>),
    ProvenAbsent(i64),
    Contradiction,
    Finished,
    OperationFailed(Option<i64>),
    GaveUp,
    SendAgain,
    AdoptRecord,
    MarkedFailed,
    Retry,
    Pause,
    Resume,
}

/// Which jobs a person means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant {
    All,
    Batch(usize),
    Lane(usize),
    In(JobState),
    Named(usize),
    One(usize),
}

/// In which way a change expects what is not so.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outdated {
    State,
    Attempt,
    Used,
}

#[derive(Debug, Clone)]
pub(super) enum Deed {
    Enqueue(Vec<RowSaid>),
    /// The load dies before it is sealed.
    EnqueueKilled(Vec<RowSaid>),
    /// Killed loads are taken away.
    TakeAway,
    /// An inventory that shows these names, and these of them as pending.
    List {
        lane: usize,
        shown: u8,
        pending: u8,
    },
    /// The ledger says something of a name that nobody has heard yet.
    Hear {
        lane: usize,
        name: usize,
    },
    SettleNews(usize),
    Claim {
        lane: usize,
        most: usize,
    },
    /// What fits the state of one of the jobs in it.
    Happens {
        to: usize,
        what: What,
    },
    /// Whatever it is, to whomever it is.
    Anything {
        to: usize,
        what: What,
    },
    /// What would fit a job that has moved on.
    TooLate {
        to: usize,
        what: What,
        outdated: Outdated,
    },
    /// Answers that come together: one transaction.
    Together(Vec<(usize, What)>),
    Release(usize),
    Forgive(usize),
    Person {
        act: Act,
        meant: Meant,
    },
    PausePlace {
        batch: Option<usize>,
        lane: Option<usize>,
    },
    ResumePlace {
        batch: Option<usize>,
        lane: Option<usize>,
    },
    /// A breaker opens: of a batch in a lane, or of the lane.
    Trip {
        batch: Option<usize>,
        lane: usize,
    },
    /// The open breakers of a lane let the first job go that may.
    Probe(usize),
    /// What an open breaker has let go comes to its end.
    ProbeEnds {
        of: usize,
        well: bool,
    },
    Decide {
        of: usize,
        again: bool,
    },
    /// The clock goes on, or is set.
    Clock(i64),
    Restart,
    /// Everything in memory is lost, in the middle of it.
    Crash,
}

fn row() -> impl Strategy<Value = RowSaid> {
    (0..LANES, 0..NAMES, -1..=1_i64, prop::option::weighted(0.15, 1_000..200_000_i64))
        .prop_map(|(lane, name, priority, wait)| RowSaid { lane, name, priority, wait, again: false })
}

/// The rows of a file; what is there already is one lane's affair, and here all rows'.
fn rows() -> impl Strategy<Value = Vec<RowSaid>> {
    (prop::collection::vec(row(), 1..9), prop::bool::weighted(0.1)).prop_map(|(mut rows, again)| {
        for row in &mut rows {
            row.again = again;
        }
        rows
    })
}

fn delay() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..300_000_i64]
}

pub(super) fn answer() -> impl Strategy<Value = What> {
    prop_oneof![
        4 => Just(What::Accepted),
        1 => Just(What::RefusedByLane),
        1 => prop::option::of(delay()).prop_map(What::Denied),
        2 => delay().prop_map(What::RefusedForNow),
        1 => Just(What::RefusedForGood),
        2 => Just(What::OutcomeUnknown),
        1 => Just(What::OutcomeUnknownInOutage),
    ]
}

/// What happens to jobs by themselves, most of it in the middle of their way.
fn fitting() -> impl Strategy<Value = What> {
    prop_oneof![
        1 => Just(What::NotExportable),
        1 => Just(What::AlreadyExported),
        1 => Just(What::UnderWayAlready),
        6 => answer(),
        1 => Just(What::FoundUnderWay),
        1 => Just(What::FoundDone),
        1 => prop::option::of(delay()).prop_map(What::FoundFailed),
        1 => delay().prop_map(What::ProvenAbsent),
        2 => Just(What::Contradiction),
        2 => Just(What::Finished),
        2 => prop::option::of(delay()).prop_map(What::OperationFailed),
        1 => Just(What::GaveUp),
    ]
}

fn anything() -> impl Strategy<Value = What> {
    prop_oneof![
        fitting(),
        prop::sample::select(vec![
            What::Cancel,
            What::Intend,
            What::SendAgain,
            What::AdoptRecord,
            What::MarkedFailed,
            What::Retry,
            What::Pause,
            What::Resume,
        ]),
    ]
}

fn place() -> impl Strategy<Value = (Option<usize>, Option<usize>)> {
    (prop::option::of(0..8_usize), prop::option::of(0..LANES))
}

pub(super) fn deed() -> BoxedStrategy<Deed> {
    let number = || 0..64_usize;
    let acts = prop::sample::select(vec![Act::Retry, Act::Cancel, Act::Pause, Act::Resume]);
    let meant = prop_oneof![
        1 => Just(Meant::All),
        2 => number().prop_map(Meant::Batch),
        2 => (0..LANES).prop_map(Meant::Lane),
        2 => prop::sample::select(JobState::ALL.to_vec()).prop_map(Meant::In),
        2 => (0..NAMES).prop_map(Meant::Named),
        4 => number().prop_map(Meant::One),
    ];
    let outdated = prop::sample::select(vec![Outdated::State, Outdated::Attempt, Outdated::Used]);
    prop_oneof![
        6 => rows().prop_map(Deed::Enqueue),
        1 => rows().prop_map(|mut rows| {
            for row in &mut rows {
                row.wait = None;
            }
            Deed::EnqueueKilled(rows)
        }),
        1 => Just(Deed::TakeAway),
        8 => (0..LANES, prop_oneof![3 => Just(u8::MAX), 1 => any::<u8>()], prop_oneof![3 => Just(0), 1 => any::<u8>()])
            .prop_map(|(lane, shown, pending)| Deed::List { lane, shown, pending }),
        2 => (0..LANES, 0..NAMES).prop_map(|(lane, name)| Deed::Hear { lane, name }),
        2 => (0..LANES).prop_map(Deed::SettleNews),
        12 => (0..LANES, 1..5_usize).prop_map(|(lane, most)| Deed::Claim { lane, most }),
        14 => (number(), fitting()).prop_map(|(to, what)| Deed::Happens { to, what }),
        2 => (number(), anything()).prop_map(|(to, what)| Deed::Anything { to, what }),
        2 => (number(), fitting(), outdated).prop_map(|(to, what, outdated)| Deed::TooLate { to, what, outdated }),
        4 => prop::collection::vec((number(), fitting()), 2..6).prop_map(Deed::Together),
        3 => (0..LANES).prop_map(Deed::Release),
        1 => number().prop_map(Deed::Forgive),
        6 => (acts, meant).prop_map(|(act, meant)| Deed::Person { act, meant }),
        2 => place().prop_map(|(batch, lane)| Deed::PausePlace { batch, lane }),
        2 => place().prop_map(|(batch, lane)| Deed::ResumePlace { batch, lane }),
        3 => (prop::option::of(number()), 0..LANES).prop_map(|(batch, lane)| Deed::Trip { batch, lane }),
        4 => (0..LANES).prop_map(Deed::Probe),
        2 => (number(), any::<bool>()).prop_map(|(of, well)| Deed::ProbeEnds { of, well }),
        3 => (number(), any::<bool>()).prop_map(|(of, again)| Deed::Decide { of, again }),
        4 => prop_oneof![4 => 1..400_000_i64, 1 => -90_000_000..90_000_000_i64].prop_map(Deed::Clock),
        1 => Just(Deed::Restart),
        3 => Just(Deed::Crash),
    ]
    .boxed()
}
