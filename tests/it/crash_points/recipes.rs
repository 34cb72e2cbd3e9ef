//! For each point the snapshots that lead there, and what must have become of them at the end.

use super::people::Deed;
use lightsail_simulator::{Effect, ErrorAnswer, Fault, FaultyAnswer, OperationFailure};
use snapferry::domain::EventKind;
use snapferry::points::{Between, Point, Step};
use std::time::Duration;

/// How long an export takes where nothing else is said.
pub(super) const EXPORT_TIME: Duration = Duration::from_millis(150);

/// The lanes, so that what troubles one does not keep another from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Where most snapshots are.
    Common,
    /// Its answers may take long.
    Patient,
    /// An export is given up after a second.
    Impatient,
    /// It is blocked again and again.
    Blocked,
    /// It denies.
    Denying,
    /// One call at a time, so that what a breaker holds back has not gone yet.
    Breaking,
    /// One that was never used.
    Fresh,
}

/// What there is of a snapshot before it is enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Available,
    Pending,
    Missing,
    /// Somebody in the console has exported it.
    Exported,
    /// Somebody's script is exporting it.
    UnderWay,
}

/// What must have become of a snapshot. Never is an export lost or made for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Exported once.
    Once,
    /// Exported once by Snapferry and once more in the console: the report names both, or a person is asked.
    Twice,
    /// Failed, and never exported.
    Failed,
    /// Refused for good, and never exported; or exported once, where the refusal was lost with a process.
    OnceOrRefused,
    /// Exported once, and no end was seen: a person is asked.
    Review,
    /// The same, or the person has called it failed.
    ReviewOrFailed,
    /// The same, or the person has had it exported once more.
    ReviewOrTwice,
    /// Called off and never exported, or exported once, where the person's word was lost with a process.
    OnceOrCancelled,
}

/// A sort of snapshots.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sort {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) before: Before,
    /// What the calls for each get, in turn.
    pub(super) script: fn() -> Vec<Fault>,
    pub(super) end: End,
    /// How many of them it takes.
    pub(super) count: usize,
}

impl Sort {
    /// Whether the script is for the snapshot of that number.
    pub(super) fn is_scripted(&self, number: usize) -> bool {
        match self.name {
            "breaking" => number % self.count < 2,
            "breaking-longer" => number % self.count < 3,
            _ => true,
        }
    }
}

const PLAIN: Sort =
    Sort { name: "plain", place: Place::Common, before: Before::Available, script: Vec::new, end: End::Once, count: 1 };

/// What is exported, pruned, and brought in once more: it is not exported again.
pub(super) const OVER: &str = "over";

/// What a daemon meets that is told that its database was restored.
pub(super) const RESTORED: &str = "restored";

const ENDLESS: Sort =
    Sort { name: "endless", place: Place::Impatient, script: || named("takes:1h"), end: End::Review, ..PLAIN };

/// The first of them break, two or three; with the next one it is over.
const BREAKING: Sort = Sort {
    name: "breaking",
    place: Place::Breaking,
    script: || named("NotFoundException"),
    end: End::OnceOrRefused,
    count: 4,
    ..PLAIN
};

pub(super) const SORTS: [Sort; 32] = [
    PLAIN,
    Sort { name: RESTORED, ..PLAIN },
    Sort { name: OVER, ..PLAIN },
    Sort { name: "proving", place: Place::Fresh, ..PLAIN },
    Sort { name: "held-call", place: Place::Patient, script: || vec![slow(20_000, 150)], ..PLAIN },
    Sort { name: "throttled", script: || named("ThrottlingException"), ..PLAIN },
    Sort { name: "blocking", place: Place::Blocked, script: || named("ExpiredTokenException"), ..PLAIN },
    Sort { name: "denied", place: Place::Denying, script: denied, end: End::OnceOrRefused, ..PLAIN },
    Sort { name: "all-denied", place: Place::Denying, script: denied, end: End::OnceOrRefused, count: 4, ..PLAIN },
    Sort { name: "for-now", script: not_now, ..PLAIN },
    Sort { name: "for-good", script: || named("InvalidInputException"), end: End::OnceOrRefused, ..PLAIN },
    Sort { name: "ambiguous", script: || named("ServiceException"), ..PLAIN },
    Sort { name: "lost-before", script: || named("lost-before"), ..PLAIN },
    Sort { name: "outage", place: Place::Fresh, script: || named("lost-before"), count: 6, ..PLAIN },
    Sort { name: "lost", script: || vec![lost(1000)], ..PLAIN },
    Sort { name: "late-answer", script: || vec![slow(2000, 50)], ..PLAIN },
    Sort { name: "lost-failing", script: lost_failing, ..PLAIN },
    Sort { name: "failing", script: || named("operation-fails"), ..PLAIN },
    Sort { name: "twice-lost", script: || named("lost-twice"), end: End::Twice, ..PLAIN },
    Sort { name: "twice", script: absent_then_twice, end: End::Twice, ..PLAIN },
    ENDLESS,
    Sort { name: "over-limit", script: || named("operation-fails:ResourceLimitExceeded"), ..PLAIN },
    Sort { name: "long", script: || named("takes:1s"), ..PLAIN },
    Sort { name: "called-off", end: End::OnceOrCancelled, ..PLAIN },
    Sort { name: "marked-failed", end: End::ReviewOrFailed, ..ENDLESS },
    Sort { name: "sent-again", end: End::ReviewOrTwice, ..ENDLESS },
    Sort { name: "pending", before: Before::Pending, ..PLAIN },
    Sort { name: "missing", before: Before::Missing, end: End::Failed, count: 2, ..PLAIN },
    Sort { name: "exported", before: Before::Exported, ..PLAIN },
    BREAKING,
    Sort { name: "breaking-longer", ..BREAKING },
    Sort { name: "under-way", before: Before::UnderWay, script: || named("takes:2s"), ..PLAIN },
];

fn named(fault: &str) -> Vec<Fault> {
    vec![fault.parse().expect("a fault")]
}

fn denied() -> Vec<Fault> {
    named("AccessDeniedException")
}

/// The answer waits that many milliseconds, the export takes as many.
fn slow(delay: u64, takes: u64) -> Fault {
    let (delay, takes) = (Duration::from_millis(delay), Some(Duration::from_millis(takes)));
    Fault { delay, takes, ..Fault::default() }
}

fn lost(takes: u64) -> Fault {
    Fault { answer: FaultyAnswer::Closed, takes: Some(Duration::from_millis(takes)), ..Fault::default() }
}

fn lost_failing() -> Vec<Fault> {
    let failure = OperationFailure { code: "InternalError".to_owned(), details: "no".to_owned() };
    vec![Fault { operation_failure: Some(failure), ..lost(1) }]
}

fn absent_then_twice() -> Vec<Fault> {
    [named("lost-before"), named("twice")].concat()
}

fn not_now() -> Vec<Fault> {
    let message = "Please try again in a few minutes.".to_owned();
    let answer = ErrorAnswer { message, ..ErrorAnswer::named("InvalidInputException") };
    vec![Fault { effect: Effect::Withheld, answer: FaultyAnswer::Error(answer), ..Fault::default() }]
}

/// Who gets to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Whoever opens a file that is not there.
    Opening,
    /// An enqueue.
    Enqueue,
    /// An enqueue of a file with a bad row.
    BadEnqueue,
    /// The daemon, given a snapshot of this sort.
    Daemon(&'static str),
    /// The daemon that finds what an earlier one has left in the middle of a call.
    DaemonAfterACall,
    /// The daemon, killed from outside: the point is in nobody's code.
    Outside(&'static str),
    /// The daemon that finds a batch that is over for long.
    Pruning,
    /// A person's command.
    Person(Deed),
}

impl By {
    pub(super) fn of(point: Point) -> Self {
        match point {
            Point::Within(step) | Point::After(step) => Self::of_step(step),
            Point::Between(between) => Self::of_between(between),
        }
    }

    fn of_step(step: Step) -> Self {
        match step {
            Step::Marked | Step::Migrated => Self::Opening,
            Step::LoadBegun | Step::LoadAdded | Step::LoadSealed => Self::Enqueue,
            Step::LoadDropped => Self::BadEnqueue,
            Step::Recovered => Self::DaemonAfterACall,
            Step::TakeoverWaited => Self::Daemon(RESTORED),
            Step::TakenOver
            | Step::RunBegun
            | Step::WakeUpsTaken
            | Step::RunEnded
            | Step::SnapshotsRecorded
            | Step::InventoryEnded
            | Step::InventoryRecorded
            | Step::ObservationsRecorded
            | Step::ChangesProcessed
            | Step::Moved(EventKind::Intend | EventKind::Accepted | EventKind::Finished)
            | Step::Bundled => Self::Daemon("plain"),
            Step::PruneBegun | Step::Pruned | Step::SpaceGivenBack => Self::Pruning,
            Step::PollPutOff => Self::Daemon("long"),
            Step::HeldForInventory => Self::Daemon("pending"),
            Step::EntryOwned | Step::DuplicateNoted => Self::Daemon("twice"),
            Step::AbsenceChecked | Step::Moved(EventKind::ProvenAbsent) => Self::Daemon("lost-before"),
            Step::Moved(EventKind::OverLimit) | Step::CapLowered => Self::Daemon("over-limit"),
            Step::DueReleased | Step::Moved(EventKind::RefusedForNow) => Self::Daemon("for-now"),
            Step::Blocked | Step::Unblocked => Self::Daemon("blocking"),
            Step::Identified | Step::Proven | Step::DelayLearned => Self::Daemon("proving"),
            Step::RateLearned | Step::Moved(EventKind::RefusedByLane) => Self::Daemon("throttled"),
            Step::Moved(EventKind::Denied) => Self::Daemon("denied"),
            Step::Moved(EventKind::RefusedForGood) => Self::Daemon("for-good"),
            Step::Moved(EventKind::OutcomeUnknown) => Self::Daemon("ambiguous"),
            Step::Moved(EventKind::OutcomeUnknownInOutage) | Step::AttemptsRefunded => Self::Daemon("outage"),
            Step::BreakerOpened | Step::ProbeChosen | Step::BreakerClosed => Self::Daemon("breaking"),
            Step::BreakerKeptOpen => Self::Daemon("breaking-longer"),
            Step::Moved(EventKind::NotExportable) => Self::Daemon("missing"),
            Step::Moved(EventKind::AlreadyExported) => Self::Daemon("exported"),
            Step::Moved(EventKind::UnderWayAlready) => Self::Daemon("under-way"),
            Step::Moved(EventKind::FoundUnderWay) => Self::Daemon("lost"),
            Step::Moved(EventKind::FoundDone) => Self::Daemon("late-answer"),
            Step::Moved(EventKind::FoundFailed) => Self::Daemon("lost-failing"),
            Step::Moved(EventKind::Contradiction) => Self::Daemon("twice-lost"),
            Step::Moved(EventKind::OperationFailed) => Self::Daemon("failing"),
            Step::Moved(EventKind::GaveUp) => Self::Daemon("endless"),
            Step::Moved(EventKind::Cancel) => Self::Person(Deed::Cancel),
            Step::Moved(EventKind::SendAgain) => Self::Person(Deed::SendAgain),
            Step::Moved(EventKind::AdoptRecord) => Self::Person(Deed::Adopt),
            Step::Moved(EventKind::MarkedFailed) => Self::Person(Deed::Fail),
            Step::Moved(EventKind::Retry) => Self::Person(Deed::Retry),
            Step::Moved(EventKind::Pause) => Self::Person(Deed::Pause),
            Step::Moved(EventKind::Resume) => Self::Person(Deed::Resume),
            Step::PlacePaused => Self::Person(Deed::PausePlace),
            Step::PlaceResumed => Self::Person(Deed::ResumePlace),
        }
    }

    fn of_between(between: Between) -> Self {
        match between {
            Between::LoadLocked | Between::LoadComplete => Self::Enqueue,
            Between::DaemonLocked
            | Between::CounterLevel
            | Between::BeforeIntent
            | Between::IntentCounted
            | Between::BeforeCall
            | Between::AnswerHeard
            | Between::PageRead
            | Between::InventoryRead
            | Between::InventoryActedUpon
            | Between::ChangesFound
            | Between::ChangesActedUpon
            | Between::Halted => Self::Daemon("plain"),
            Between::CallUnderWay => Self::Outside("held-call"),
            Between::AbsenceCheckDone => Self::Daemon("lost-before"),
            Between::GroupHalfWritten => Self::Daemon("missing"),
        }
    }
}

/// How a call is left unanswered by a process that is killed at `point`, so that the next one has to recover it; or why
/// that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// A process before it has left the call; the one that is killed does not get to it.
    Earlier,
    /// It makes the call before it gets to the point.
    Itself,
    Never(&'static str),
}

impl Leaving {
    pub(super) fn at(point: Point) -> Self {
        let by = By::of(point);
        match point {
            Point::Within(Step::Recovered) => Self::Earlier,
            Point::After(Step::Recovered) => Self::Never("everything is recovered by then"),
            Point::Between(Between::Halted) | Point::Within(Step::RunEnded) | Point::After(Step::RunEnded) => {
                Self::Never("what has drained has no call left")
            }
            _ if by == By::Opening => Self::Never("a new file has no calls"),
            _ if by == By::Pruning => Self::Never("a daemon has to have drained before"),
            Point::Between(Between::DaemonLocked | Between::CounterLevel)
            | Point::Within(Step::TakenOver | Step::TakeoverWaited | Step::RunBegun)
            | Point::After(Step::TakenOver | Step::TakeoverWaited | Step::RunBegun) => Self::Earlier,
            _ if matches!(by, By::Enqueue | By::BadEnqueue) => Self::Earlier,
            _ if matches!(by, By::Person(deed) if deed.after().is_some()) => {
                Self::Never("a daemon has to have drained before")
            }
            _ if matches!(by, By::Person(_)) => Self::Earlier,
            Point::Within(_) | Point::After(_) | Point::Between(_) => Self::Itself,
        }
    }
}

/// Why one crash cannot follow another on one database; nothing where it can.
pub(super) fn impossible(first: Point, second: Point) -> Option<&'static str> {
    let step = |point: Point| match point {
        Point::Within(step) | Point::After(step) => Some(step),
        Point::Between(_) => None,
    };
    match (By::of(first), By::of(second)) {
        (By::Opening, By::Opening) => match (first, second) {
            (Point::After(Step::Migrated), _) => Some("a file is made once"),
            (_, _) if step(first) == Some(Step::Migrated) && step(second) == Some(Step::Marked) => {
                Some("a file is marked before it is migrated")
            }
            (Point::After(Step::Marked), _) if step(second) == Some(Step::Marked) => Some("a file is marked once"),
            _ => None,
        },
        (_, By::Opening) => Some("a file that is used has been made"),
        (By::Enqueue | By::BadEnqueue, By::Pruning) => None,
        (By::Person(deed), By::Pruning) if deed.after().is_none() => None,
        (_, By::Pruning) => Some("a daemon on its way there takes away what is over"),
        (By::Opening, By::Person(deed)) if deed.after().is_some() => Some("a daemon has to have drained in between"),
        (_, By::DaemonAfterACall) => match Leaving::at(first) {
            Leaving::Never(reason) => Some(reason),
            Leaving::Earlier | Leaving::Itself => None,
        },
        _ => None,
    }
}
