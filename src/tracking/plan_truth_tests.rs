//! `decide` against a tiny truth: attempts that have an effect or none, each effect an operation and a record that come
//! into sight and to their end when they please, and somebody else at the console. What was decided is held against
//! what is true.

use super::*;
use crate::domain::{Destination, EntryStatus, JobVersion, RecordArn, SnapshotArn, apply};
use proptest::prelude::*;

/// Minutes; longer than anything here takes, so that what has no end by then never has one.
const END: i64 = 4000;
const SETTLE_MINUTES: i64 = 10;
const GIVE_UP: i64 = 600;

/// How a call is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    Accepted,
    AcceptedWithoutOperation,
    LostAfterEffect,
    LostBeforeEffect,
    Refused,
}

/// An export as it is going to be.
#[derive(Debug, Clone)]
struct Export {
    fails: bool,
    /// Whether it fails with a code that no second attempt can mend.
    for_good: bool,
    operation_lag: i64,
    record_lag: i64,
    takes: i64,
    record_end_lag: i64,
    record_has_arn: bool,
}

/// An export by another client.
#[derive(Debug, Clone)]
struct ByHand {
    at: i64,
    same_snapshot: bool,
    export: Export,
}

#[derive(Debug, Clone)]
struct Script {
    calls: Vec<(Answered, Export)>,
    by_hand: Vec<ByHand>,
    adopts: bool,
    /// Whether operations are read while it is exporting too, as another job's inventory does.
    both_lists: bool,
}

fn export(most_lag: i64) -> impl Strategy<Value = Export> {
    (any::<(bool, bool)>(), 0..=most_lag, 0..=most_lag, 1..60i64, 0..5i64, prop::bool::weighted(0.9)).prop_map(
        |((fails, for_good), operation_lag, record_lag, takes, record_end_lag, record_has_arn)| Export {
            fails,
            for_good,
            operation_lag,
            record_lag,
            takes,
            record_end_lag,
            record_has_arn,
        },
    )
}

fn script(most_lag: i64, most_by_hand: usize) -> impl Strategy<Value = Script> {
    let answered = prop_oneof![
        Just(Answered::Accepted),
        Just(Answered::AcceptedWithoutOperation),
        Just(Answered::LostAfterEffect),
        Just(Answered::LostBeforeEffect),
        Just(Answered::Refused),
    ];
    let by_hand = (0..120i64, any::<bool>(), export(most_lag)).prop_map(|(at, same_snapshot, export)| ByHand {
        at,
        same_snapshot,
        export,
    });
    (
        prop::collection::vec((answered, export(most_lag)), 1..6),
        prop::collection::vec(by_hand, 0..=most_by_hand),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(calls, by_hand, adopts, both_lists)| Script { calls, by_hand, adopts, both_lists })
}

/// An effect that is true, and its entries once they were seen.
struct Effect {
    /// The attempt that made it; 0 for another client.
    attempt: u32,
    same_snapshot: bool,
    began: i64,
    export: Export,
}

impl Effect {
    fn status(&self, now: i64, lag: i64) -> EntryStatus {
        match (now >= self.began + self.export.takes + lag, self.export.fails) {
            (false, _) => EntryStatus::UnderWay,
            (true, false) => EntryStatus::Succeeded,
            (true, true) => EntryStatus::Failed,
        }
    }
}

struct World {
    now: i64,
    job: Followed,
    effects: Vec<Effect>,
    entries: Vec<LedgerEntry>,
    /// The effect behind each entry.
    behind: Vec<usize>,
    ended_with: Option<Destination>,
    /// What the report says beside that.
    told: String,
    due: i64,
    look_at: i64,
}

fn minutes(minutes: i64) -> Timestamp {
    Timestamp(minutes * 60_000)
}

impl World {
    fn new(adopts: bool) -> Self {
        let mut job = job(JobState::Queued, Vec::new());
        (job.adopts, job.since) = (adopts, minutes(0));
        Self {
            now: 0,
            job,
            effects: Vec::new(),
            entries: Vec::new(),
            behind: Vec::new(),
            ended_with: None,
            told: String::new(),
            due: 0,
            look_at: 0,
        }
    }

    fn policy(&self, asked: OperationChecked) -> Policy {
        Policy {
            now: minutes(self.now),
            again_at: minutes(self.now + 1),
            give_up: Duration::from_mins(GIVE_UP.unsigned_abs()),
            settle: Duration::from_mins(SETTLE_MINUTES.unsigned_abs()),
            looks: 3,
            asked,
        }
    }

    /// Writes down what an effect shows of one kind.
    fn see(&mut self, effect: usize, kind: EntryKind) {
        let truth = &self.effects[effect];
        let (id_there, lag, end_lag) = match kind {
            EntryKind::Operation => (format!("op-of-{effect}"), truth.export.operation_lag, 0),
            EntryKind::Record => (format!("record-of-{effect}"), truth.export.record_lag, truth.export.record_end_lag),
        };
        if self.now < truth.began + lag {
            return;
        }
        let status = truth.status(self.now, end_lag);
        let arn = if truth.same_snapshot { "arn:web-1" } else { "arn:web-1-other" };
        let place = self.entries.iter().position(|entry| key(entry) == id_there).unwrap_or_else(|| {
            let key = match kind {
                EntryKind::Operation => EntryKey::Operation(OperationId::new(id_there)),
                EntryKind::Record => EntryKey::Record(RecordArn::new(id_there)),
            };
            let mut entry = entry(i64::try_from(self.entries.len()).expect("few") + 1, key, EntryStatus::UnderWay);
            entry.sighting.created_at = Some(minutes(truth.began));
            let names_it = kind == EntryKind::Record && (truth.export.record_has_arn || !truth.same_snapshot);
            entry.sighting.snapshot_arn = names_it.then(|| SnapshotArn::new(arn));
            self.entries.push(entry);
            self.behind.push(effect);
            self.entries.len() - 1
        });
        let code = if self.effects[effect].export.for_good { PERMANENT[0] } else { "Boom" };
        let sighting = &mut self.entries[place].sighting;
        sighting.status = status;
        if kind == EntryKind::Record && status == EntryStatus::Succeeded {
            sighting.destination = Some(Destination { service: String::new(), id: format!("ami-{effect}") });
        }
        if kind == EntryKind::Operation && status == EntryStatus::Failed {
            sighting.failure = Some(Failure::new(code, "it went wrong"));
        }
    }

    fn read(&mut self, kind: EntryKind) {
        for effect in 0..self.effects.len() {
            self.see(effect, kind);
        }
    }

    fn standing(&self) -> JobVersion {
        self.job.version(5)
    }

    fn send(&mut self, answered: Answered, export: Export) {
        let baseline = i64::try_from(self.entries.len()).expect("few");
        let intent = apply(&self.standing(), Event::Intend).expect("queued");
        (self.job.state, self.job.attempt, self.job.used) = (intent.to, intent.attempt, intent.used);
        (self.job.adopted, self.job.operation, self.job.record) = (false, None, None);
        let mut sent = attempt(intent.attempt, baseline);
        sent.intended_at = minutes(self.now);
        sent.outcome = Some(match answered {
            Answered::Accepted | Answered::AcceptedWithoutOperation => AttemptOutcome::Accepted,
            Answered::LostAfterEffect | Answered::LostBeforeEffect => AttemptOutcome::Ambiguous,
            Answered::Refused => AttemptOutcome::Refused,
        });
        self.job.attempts.push(sent);
        if !matches!(answered, Answered::LostBeforeEffect | Answered::Refused) {
            self.effects.push(Effect { attempt: intent.attempt, same_snapshot: true, began: self.now, export });
        }
        let failure = Failure::new("Trouble", "trouble");
        let mut trace = ExportRef::default();
        let event = match answered {
            Answered::Accepted => {
                let effect = self.effects.len() - 1;
                let lag = std::mem::take(&mut self.effects[effect].export.operation_lag);
                self.see(effect, EntryKind::Operation);
                self.effects[effect].export.operation_lag = lag;
                let own = self.entries.last_mut().expect("seen");
                own.owner = Some((self.job.job, intent.attempt));
                trace.operation = Some(OperationId::new(key(own)));
                Event::Accepted(trace)
            }
            Answered::AcceptedWithoutOperation => Event::Accepted(trace),
            Answered::LostAfterEffect | Answered::LostBeforeEffect => Event::OutcomeUnknown(failure),
            Answered::Refused => Event::RefusedForNow(failure, minutes(self.now + 1)),
        };
        self.look_at = self.now + 1;
        self.apply(event);
    }

    fn apply(&mut self, event: Event) {
        let change = apply(&self.standing(), event).expect("the decision fits the state");
        if change.to != self.job.state {
            self.job.since = minutes(self.now);
        }
        (self.job.state, self.job.attempt, self.job.used) = (change.to, change.attempt, change.used);
        self.due = change.due_at.map_or(self.now, |due| due.0 / 60_000);
        if change.reset_export {
            (self.job.operation, self.job.record) = (None, None);
        }
        self.job.adopted = if change.reset_export { change.adopted } else { self.job.adopted || change.adopted };
        self.job.operation = change.export_ref.operation.or(self.job.operation.take());
        self.job.record = change.export_ref.record.or(self.job.record.take());
        self.ended_with = change.export_ref.destination.or(self.ended_with.take());
    }

    /// Decides, holds the decision against the truth, and does it; whether something happened.
    fn settle(&mut self) -> Result<bool, TestCaseError> {
        let mut decision = decide(&self.job, &self.entries, &self.policy(OperationChecked::NotYet));
        if let Some(operation) = decision.ask.take() {
            let place = self.entries.iter().position(|entry| key(entry) == operation.as_str()).expect("it is known");
            let effect = self.behind[place];
            self.see(effect, EntryKind::Operation);
            decision = decide(&self.job, &self.entries, &self.policy(OperationChecked::JustNow));
        }
        let adopts = matches!(decision.event, Some(Event::AlreadyExported(_) | Event::UnderWayAlready(_)));
        let last = if adopts || self.job.adopted { 0 } else { self.job.attempt };
        let given: Vec<(u32, i64)> =
            decision.own.iter().map(|id| (last, *id)).chain(decision.earlier.iter().copied()).collect();
        for (attempt, id) in given {
            let place = usize::try_from(id - 1).expect("an id");
            let effect = &self.effects[self.behind[place]];
            prop_assert!(self.entries[place].owner.is_none(), "an entry of two owners: {:?}", self.entries[place]);
            let is_record = EntryKind::Record.is(&self.entries[place]);
            prop_assert!(effect.same_snapshot || !is_record, "a record of another snapshot");
            self.entries[place].owner = Some((self.job.job, attempt));
        }
        if let Some(late) = decision.late {
            self.told = late.message;
        }
        let Some(event) = decision.event else { return Ok(false) };
        if decision.outcome == Some(AttemptOutcome::Absent) {
            for (entry, effect) in self.entries.iter().zip(&self.behind) {
                let its_own = self.effects[*effect].attempt == self.job.attempt;
                prop_assert!(!its_own || has_failed(entry), "absent, and in sight: {entry:?}");
            }
        }
        if let (Some(outcome), Some(attempt)) = (decision.outcome, self.job.attempts.last_mut()) {
            attempt.outcome = Some(outcome);
        }
        self.apply(event);
        Ok(true)
    }

    /// Lives through a script; how many exports of ours did not fail.
    fn live(&mut self, script: &Script) -> Result<usize, TestCaseError> {
        let mut calls = script.calls.iter().cloned();
        while self.now < END && self.job.state.is_live() && self.job.state != JobState::NeedsReview {
            for by_hand in script.by_hand.iter().filter(|one| one.at == self.now) {
                self.effects.push(Effect {
                    attempt: 0,
                    same_snapshot: by_hand.same_snapshot,
                    began: self.now,
                    export: by_hand.export.clone(),
                });
            }
            self.read(EntryKind::Record);
            if script.both_lists || self.job.state != JobState::Exporting {
                self.read(EntryKind::Operation);
            }
            let mut rounds = 0;
            while self.settle()? {
                rounds += 1;
                prop_assert!(rounds < 20, "no end of deciding");
            }
            if self.job.state == JobState::Unknown && self.now >= self.look_at {
                let attempt = self.job.attempts.last_mut().expect("an attempt");
                attempt.absence_checks += 1;
                attempt.first_check_at.get_or_insert(minutes(self.now));
                attempt.last_check_at = Some(minutes(self.now));
                self.look_at = self.now + SETTLE_MINUTES / 2;
                self.settle()?;
            }
            if self.job.state == JobState::Queued && self.now >= self.due {
                let Some((answered, export)) = calls.next() else { break };
                self.send(answered, export);
            }
            self.now += 1;
        }
        prop_assert!(self.now < END, "stuck in {}", self.job.state);
        if let Some(destination) = self.ended_with.as_ref().filter(|_| self.job.state == JobState::Succeeded) {
            let effect: usize = destination.id.trim_start_matches("ami-").parse().expect("one of ours");
            prop_assert!(self.effects[effect].same_snapshot && !self.effects[effect].export.fails);
        }
        self.outlive(script.both_lists)?;
        Ok(self.effects.iter().filter(|effect| effect.attempt > 0 && !effect.export.fails).count())
    }

    /// Lets everything come into sight, and holds what the report tells by then against what was made.
    fn outlive(&mut self, both_lists: bool) -> Result<(), TestCaseError> {
        if self.job.state.is_live() {
            return Ok(());
        }
        let shown = |effect: &Effect| {
            let export = &effect.export;
            effect.began + export.takes + export.record_end_lag + export.record_lag.max(export.operation_lag)
        };
        let until = self.effects.iter().map(shown).max().unwrap_or_default();
        while self.now <= until {
            self.now += 1;
            self.read(EntryKind::Record);
            if both_lists {
                self.read(EntryKind::Operation);
            }
            prop_assert!(!self.settle()?, "what has ended stays so");
        }
        for (number, effect) in self.effects.iter().enumerate() {
            let name = format!("ami-{number}");
            let taken =
                self.job.state == JobState::Succeeded && self.ended_with.as_ref().is_some_and(|one| one.id == name);
            let told = taken || self.told.contains(&name);
            prop_assert!(
                told || effect.attempt == 0 || effect.export.fails,
                "{name} of attempt {} is told by nobody: {}, {:?}",
                effect.attempt,
                self.job.state,
                self.told
            );
        }
        Ok(())
    }
}

fn seen_after(fails: bool, operation_lag: i64, record_lag: i64, takes: i64, record_has_arn: bool) -> Export {
    Export { fails, for_good: false, operation_lag, record_lag, takes, record_end_lag: 0, record_has_arn }
}

fn holds(script: &Script) {
    World::new(script.adopts).live(script).unwrap_or_else(|broken| panic!("{broken}"));
}

/// The answer named no operation, and another client's that failed was taken for it; a second one of that hand's was adopted.
#[test]
fn beside_an_adopted_export_ours_is_told_where_a_failure_was_found_for_it() {
    holds(&Script {
        calls: vec![(Answered::AcceptedWithoutOperation, seen_after(false, 0, 120, 43, false))],
        by_hand: vec![
            ByHand { at: 0, same_snapshot: true, export: seen_after(false, 1, 42, 1, true) },
            ByHand { at: 0, same_snapshot: true, export: seen_after(true, 1, 1, 1, false) },
        ],
        adopts: true,
        both_lists: false,
    });
}

/// The answer named no operation, and another client's was taken for it: ours is told when it shows.
#[test]
fn beside_an_operation_that_no_answer_named_ours_is_told() {
    holds(&Script {
        calls: vec![(Answered::AcceptedWithoutOperation, seen_after(false, 35, 58, 1, false))],
        by_hand: vec![ByHand { at: 1, same_snapshot: true, export: seen_after(false, 0, 0, 1, false) }],
        adopts: false,
        both_lists: true,
    });
}

/// The answer named no operation, another client's failure was taken for it, and what it had made showed beside the next
/// attempt's: it is told, though it belongs to the attempt that failed.
#[test]
fn what_an_attempt_made_for_which_a_failure_was_found_is_told() {
    holds(&Script {
        calls: vec![
            (Answered::AcceptedWithoutOperation, seen_after(false, 119, 119, 1, false)),
            (Answered::LostAfterEffect, seen_after(false, 0, 2, 1, false)),
        ],
        by_hand: vec![ByHand { at: 11, same_snapshot: false, export: seen_after(true, 107, 0, 1, false) }],
        adopts: false,
        both_lists: true,
    });
}

/// Everything shows later than the reconciliation window, and each attempt takes the one's before for its own: what the second has
/// made belongs to nobody, and is told.
#[test]
fn what_began_before_the_next_attempts_own_is_told_though_that_has_the_earlier_ones_operation() {
    let ends_later = |export: Export, record_end_lag| Export { record_end_lag, ..export };
    holds(&Script {
        calls: vec![
            (Answered::AcceptedWithoutOperation, ends_later(seen_after(true, 62, 0, 49, false), 1)),
            (Answered::LostAfterEffect, ends_later(seen_after(false, 13, 12, 12, false), 2)),
            (Answered::LostAfterEffect, seen_after(false, 2, 0, 1, false)),
        ],
        by_hand: Vec::new(),
        adopts: false,
        both_lists: false,
    });
}

/// Another hand's failures were taken for the second and the third: what the second has made is told beside the third's.
#[test]
fn what_began_before_the_next_attempt_was_meant_is_told_whatever_that_one_was_given() {
    let by_hand = Export { for_good: true, ..seen_after(true, 162, 160, 1, false) };
    holds(&Script {
        calls: vec![
            (Answered::Accepted, seen_after(true, 0, 162, 1, false)),
            (Answered::AcceptedWithoutOperation, seen_after(false, 0, 87, 1, false)),
            (Answered::LostAfterEffect, seen_after(false, 12, 12, 1, false)),
        ],
        by_hand: vec![ByHand { at: 89, same_snapshot: true, export: by_hand }],
        adopts: false,
        both_lists: false,
    });
}

/// Whatever lags, and whoever else is at work: nothing absent that is in sight, no entry of two owners, nothing of another
/// snapshot, no panic, an end.
fn is_read_for_what_it_shows(script: &Script) -> Result<(), TestCaseError> {
    World::new(script.adopts).live(script).map(drop)
}

/// Where the ledger shows everything within the reconciliation window, a snapshot is exported once.
fn means_one_export(script: &Script) -> Result<(), TestCaseError> {
    let mut world = World::new(script.adopts);
    let exports = world.live(script)?;
    prop_assert!(exports <= 1, "{exports} exports");
    prop_assert_ne!(world.job.state, JobState::NeedsReview);
    prop_assert!(exports == 0 || world.job.state == JobState::Succeeded, "{}", world.job.state);
    Ok(())
}

/// The same with another client: a person may be asked, but nothing is sent twice.
fn is_never_sent_twice(script: &Script) -> Result<(), TestCaseError> {
    let exports = World::new(script.adopts).live(script)?;
    prop_assert!(exports <= 1, "{exports} exports");
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn every_ledger_is_read_for_what_it_shows(script in script(200, 2)) {
        is_read_for_what_it_shows(&script)?;
    }

    #[test]
    fn a_ledger_that_keeps_the_reconciliation_window_means_one_export(script in script(SETTLE_MINUTES - 1, 0)) {
        means_one_export(&script)?;
    }

    #[test]
    fn another_client_never_makes_us_send_twice(script in script(SETTLE_MINUTES - 1, 2)) {
        is_never_sent_twice(&script)?;
    }
}

proptest! {
    #![proptest_config(config(20_000))]

    #[test]
    #[ignore = "exhaustive"]
    fn exhaustive_every_ledger_is_read_for_what_it_shows(script in script(200, 2)) {
        is_read_for_what_it_shows(&script)?;
    }

    #[test]
    #[ignore = "exhaustive"]
    fn exhaustive_a_ledger_that_keeps_the_window_means_one_export(script in script(SETTLE_MINUTES - 1, 0)) {
        means_one_export(&script)?;
    }

    #[test]
    #[ignore = "exhaustive"]
    fn exhaustive_another_client_never_makes_us_send_twice(script in script(SETTLE_MINUTES - 1, 2)) {
        is_never_sent_twice(&script)?;
    }
}
