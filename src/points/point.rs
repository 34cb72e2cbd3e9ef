//! The points at which a process may die: at every durable step, in the middle of it and right after it, and between.

use super::step::Step;
use crate::domain::named;
use std::fmt;

/// A point at which a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// The step's statements have run, and it is not committed.
    Within(Step),
    /// It is committed, and no caller has been told.
    After(Step),
    /// Between two steps.
    Between(Between),
}

named! {
    /// What lies between two steps.
    pub enum Between {
        /// A load has the lock and has written nothing.
        LoadLocked = "load-locked",
        /// Every row is loaded; the batch is not sealed.
        LoadComplete = "load-complete",
        /// The daemon has its lock; its run does not exist yet.
        DaemonLocked = "daemon-locked",
        /// The counter file is level with the database; nothing was sent since.
        CounterLevel = "counter-level",
        /// A job may be sent; its intent is not written.
        BeforeIntent = "before-intent",
        /// Intents are committed and counted beside the database; no caller has been told.
        IntentCounted = "intent-counted",
        /// The sender knows that the intent is written, and has not made the call.
        BeforeCall = "before-call",
        /// The call is in progress.
        CallUnderWay = "call-under-way",
        /// The response has arrived, and is not written.
        AnswerHeard = "answer-heard",
        /// A page is read, and not recorded.
        PageRead = "page-read",
        /// An inventory is complete, and not processed.
        InventoryRead = "inventory-read",
        /// An inventory is processed; its batches may not be sent yet.
        InventoryActedUpon = "inventory-acted-upon",
        /// There are unprocessed changes.
        ChangesFound = "changes-found",
        /// Changes are processed, and not marked so.
        ChangesActedUpon = "changes-acted-upon",
        /// An absence check found nothing, and is not counted.
        AbsenceCheckDone = "absence-check-done",
        /// The jobs of a group are moved; their history is not written.
        GroupHalfWritten = "group-half-written",
        /// The daemon is about to end.
        Halted = "halted",
    }
}

impl Point {
    /// Every point: two for each step, and those between.
    pub fn all() -> Vec<Self> {
        let steps = Step::all().flat_map(|step| [Self::Within(step), Self::After(step)]);
        steps.chain(Between::ALL.into_iter().map(Self::Between)).collect()
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(step) => write!(f, "within-{}", step.as_str()),
            Self::After(step) => write!(f, "after-{}", step.as_str()),
            Self::Between(between) => f.write_str(between.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_points_have_one_name() {
        let names: std::collections::BTreeSet<String> = Point::all().iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), Point::all().len());
    }
}
