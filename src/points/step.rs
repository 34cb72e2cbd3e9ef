//! The durable steps. Nothing is written to the database that has no name here: see `queue/door.rs`.

/// An enum with all its members and their names, so that none can be left out.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($(#[$what:meta])* $member:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind {
            $($(#[$what])* $member,)+
        }

        impl $kind {
            /// Every one of them.
            pub const ALL: &[Self] = &[$(Self::$member,)+];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                }
            }
        }
    };
}
pub(super) use named;

named! {
    /// A kind of durable step: what one or several statements write that stand or fall together.
    Step {
        /// A new file is marked as ours.
        Marked = "marked",
        /// The tables are made, or brought to this version.
        Migrated = "migrated",

        /// A batch is there, `loading`.
        LoadBegun = "load-begun",
        /// Some rows of a batch that is being loaded.
        LoadAdded = "load-added",
        /// A batch is sealed: what is in it is to be done.
        LoadSealed = "load-sealed",
        /// Some rows or jobs of a load that came to nothing are taken away, or at last its batch.
        LoadDropped = "load-dropped",

        /// Whether the database is a copy is found out, and written down where it is.
        TakenOver = "taken-over",
        /// How long daemons have waited after a takeover is stored.
        TakeoverWaited = "takeover-waited",
        /// The daemon has started.
        RunBegun = "run-begun",
        /// What an earlier run left in the middle of a call is unknown.
        Recovered = "recovered",
        /// The lanes in which people have acted are about to be woken.
        WakeUpsTaken = "wake-ups-taken",
        /// The daemon has ended in good order.
        RunEnded = "run-ended",

        /// The account number of an inventory is compared and stored.
        Identified = "identified",
        /// A page of snapshots is noted.
        SnapshotsRecorded = "snapshots-recorded",
        /// What an inventory did not show is gone.
        InventoryEnded = "inventory-ended",
        /// Jobs are held for the next inventory, or let go.
        HeldForInventory = "held-for-inventory",
        /// Batches are cleared for sending.
        InventoryRecorded = "inventory-recorded",

        /// A page of the ledger is noted.
        ObservationsRecorded = "observations-recorded",
        /// News has been acted upon.
        ChangesProcessed = "changes-processed",
        /// An entry of the ledger has an owner.
        EntryOwned = "entry-owned",
        /// A second export is noted for the report.
        DuplicateNoted = "duplicate-noted",
        /// A look that did not show an attempt is counted.
        AbsenceChecked = "absence-checked",
        /// The next look at jobs is put off.
        PollPutOff = "poll-put-off",

        /// Jobs whose wait is over may be sent.
        DueReleased = "due-released",
        /// A lane is blocked.
        Blocked = "blocked",
        /// A lane goes on.
        Unblocked = "unblocked",
        /// An export of the lane was accepted.
        Proven = "proven",
        /// The rate that a lane has learned is kept.
        RateLearned = "rate-learned",
        /// The cap on a lane's copies under way is lowered.
        CapLowered = "cap-lowered",
        /// The longest delay of a lane's lists is kept.
        DelayLearned = "delay-learned",

        /// A breaker opens: a batch or a lane is stopped by its circuit breaker.
        BreakerOpened = "breaker-opened",
        /// An open breaker lets one job go.
        ProbeChosen = "probe-chosen",
        /// That one failed: the breaker stays open for longer.
        BreakerKeptOpen = "breaker-kept-open",
        /// It succeeded: the breaker is closed.
        BreakerClosed = "breaker-closed",

        /// A batch's completion report is written.
        Bundled = "bundled",

        /// A batch that is over is out of sight, to be taken away.
        PruneBegun = "prune-begun",
        /// Some of it is taken away, or the last of it.
        Pruned = "pruned",
        /// The file is shorter by pages that nothing was on.
        SpaceGivenBack = "space-given-back",

        /// A job's attempt is meant.
        Intended = "intended",
        /// Lightsail took it.
        Accepted = "accepted",
        /// Refused without effect for the lane's trouble.
        RefusedByLane = "refused-by-lane",
        /// Denied: by the job or by the lane, that is to be told.
        Denied = "denied",
        /// Refused or failed for a limit of EC2's on copies.
        OverLimit = "over-limit",
        /// Refused without effect; later it may be taken.
        RefusedForNow = "refused-for-now",
        /// Refused for good.
        RefusedForGood = "refused-for-good",
        /// It is not known whether Lightsail took it.
        OutcomeUnknown = "outcome-unknown",
        /// The same, in an outage.
        OutcomeUnknownInOutage = "outcome-unknown-in-outage",

        /// Attempts of an outage are not counted.
        AttemptsRefunded = "attempts_refunded",

        /// The snapshot cannot be exported.
        NotExportable = "impossible",
        /// An export that is done is adopted.
        AdoptedDone = "adopted-done",
        /// An export that is under way is adopted.
        AdoptedUnderWay = "adopted-under-way",
        /// An unknown attempt is found under way.
        FoundUnderWay = "found-under-way",
        /// An unknown attempt is found done.
        FoundDone = "found-done",
        /// An unknown attempt is found failed.
        FoundFailed = "found-failed",
        /// An unknown attempt is proven absent.
        ProvenAbsent = "proven-absent",
        /// The ledger cannot be explained: a person is asked.
        Contradicted = "contradicted",
        /// An export has ended well.
        Finished = "finished",
        /// An export has failed.
        OperationFailed = "operation-failed",
        /// No end of an export was seen for too long: a person is asked.
        GaveUp = "gave-up",

        /// A person cancels a job.
        Cancelled = "cancelled",
        /// A person has a job sent again.
        SentAgain = "sent-again",
        /// A person says which record a job became.
        RecordAdopted = "record-adopted",
        /// A person calls a job failed.
        MarkedFailed = "called-failed",
        /// A person has an ended job tried afresh.
        Retried = "retried",
        /// A person pauses a job.
        Paused = "paused",
        /// A person lets a paused job go on.
        Resumed = "resumed",
        /// A person pauses batches or lanes as a whole.
        PlacePaused = "place-paused",
        /// A person lets batches or lanes go on.
        PlaceResumed = "place-resumed",
    }
}
