//! The durable steps. Every write to the database has its name here: see `queue/sqlite/connection.rs`.

use crate::domain::EventKind;

macro_rules! steps {
    ($($(#[$what:meta])* $member:ident = $name:literal,)+) => {
        /// A kind of durable step: one or several statements that are committed together.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Step {
            $($(#[$what])* $member,)+
            /// A job is moved by an event.
            Moved(EventKind),
        }

        impl Step {
            /// Every step.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$member,)+].into_iter().chain(EventKind::ALL.into_iter().map(Self::Moved))
            }

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                    Self::Moved(event) => event.as_str(),
                }
            }
        }
    };
}

steps! {
    /// A new file is marked as a Snapferry database.
    Marked = "marked",
    /// The tables are created, or migrated to this version.
    Migrated = "migrated",

    /// A batch exists, `loading`.
    LoadBegun = "load-begun",
    /// Some rows of a batch that is being loaded.
    LoadAdded = "load-added",
    /// A batch is sealed: its jobs may be sent.
    LoadSealed = "load-sealed",
    /// Some rows and jobs of an abandoned load are deleted, or finally its batch.
    LoadDropped = "load-dropped",

    /// The database was compared with its counter file; a takeover is recorded.
    TakenOver = "taken-over",
    /// The time waited since a takeover is stored.
    TakeoverWaited = "takeover-waited",
    /// The daemon has started.
    RunBegun = "run-begun",
    /// Jobs that an earlier run left in the middle of a call become unknown.
    Recovered = "recovered",
    /// The lanes in which people have acted are taken, to be woken.
    WakeUpsTaken = "wake-ups-taken",
    /// The daemon has shut down in order.
    RunEnded = "run-ended",

    /// The account number that an inventory showed is stored.
    Identified = "identified",
    /// A page of snapshots is recorded.
    SnapshotsRecorded = "snapshots-recorded",
    /// Snapshots that an inventory did not show are deleted.
    InventoryEnded = "inventory-ended",
    /// Jobs are held for the next inventory, or released.
    HeldForInventory = "held-for-inventory",
    /// An inventory covers these batches: they may be sent.
    InventoryRecorded = "inventory-recorded",

    /// A page of the ledger is recorded.
    ObservationsRecorded = "observations-recorded",
    /// Changes of the ledger have been processed.
    ChangesProcessed = "changes-processed",
    /// An entry of the ledger has an owner.
    EntryOwned = "entry-owned",
    /// A duplicate export is noted for the report.
    DuplicateNoted = "duplicate-noted",
    /// An absence check is counted.
    AbsenceChecked = "absence-checked",
    /// The next poll of jobs is put off.
    PollPutOff = "poll-put-off",

    /// Jobs whose wait is over may be sent.
    DueReleased = "due-released",
    /// A lane is blocked.
    Blocked = "blocked",
    /// A lane's block ends.
    Unblocked = "unblocked",
    /// An export of the lane was accepted.
    Proven = "proven",
    /// The rate that a lane has learned is stored.
    RateLearned = "rate-learned",
    /// The cap on a lane's copies in progress is lowered.
    CapLowered = "cap-lowered",
    /// The longest delay of a lane's lists is stored.
    DelayLearned = "delay-learned",

    /// A circuit breaker opens for a batch or a lane.
    BreakerOpened = "breaker-opened",
    /// An open breaker has chosen its probe.
    ProbeChosen = "probe-chosen",
    /// The probe failed: the breaker stays open for longer.
    BreakerKeptOpen = "breaker-kept-open",
    /// The probe succeeded: the breaker closes.
    BreakerClosed = "breaker-closed",

    /// A batch's completion report is written.
    Bundled = "bundled",

    /// A batch that is over is hidden, to be deleted.
    PruneBegun = "prune-begun",
    /// Some of it is deleted, or the last of it.
    Pruned = "pruned",
    /// The file has given back free pages.
    SpaceGivenBack = "space-given-back",

    /// Attempts made in an outage are refunded.
    AttemptsRefunded = "attempts-refunded",

    /// A person pauses batches or lanes.
    PlacePaused = "place-paused",
    /// A person resumes batches or lanes.
    PlaceResumed = "place-resumed",
}
