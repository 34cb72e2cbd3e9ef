//! A lane's Lightsail as the script has it: what it has done, shown as the weather lets it be seen.

use super::hours::Hours;
use super::truth::{Call, Export, Fate, Truth, stale};
use super::weather::{CLASSES, Weather, one, span};
use async_trait::async_trait;
use snapferry::clock::Clock;
use snapferry::domain::{Destination, EntryStatus, OperationId, RecordArn, SnapshotArn, SnapshotName, Timestamp};
use snapferry::lightsail::{
    Accepted, CallError, ErrorClass, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot, SnapshotKind,
    SnapshotState,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const OPERATIONS: usize = 0;
const RECORDS: usize = 1;

#[derive(Clone)]
pub(super) struct Scripted {
    pub(super) truth: Arc<Mutex<Truth>>,
    pub(super) hours: Hours,
    pub(super) weather: Arc<Weather>,
    /// What the wall showed at first: the service's own clock is never set.
    pub(super) wall: i64,
}

impl Scripted {
    pub(super) fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clears(&self) -> bool {
        self.hours.elapsed() >= self.weather.clears
    }

    fn moment(&self, at: Duration) -> Timestamp {
        Timestamp(self.wall + self.weather.ahead).after(at)
    }

    async fn travel(&self) {
        let leg = span(&mut self.truth().rng, Duration::ZERO, self.weather.leg);
        self.hours.sleep(leg).await;
    }

    /// A reading's way there and back; a trouble ends it on the way.
    async fn read<T>(&self, answer: impl FnOnce(&mut Truth, Duration) -> T) -> Result<T, CallError> {
        let at = self.hours.elapsed();
        self.truth().reads.push(at);
        self.travel().await;
        let at = self.hours.elapsed();
        let trouble = {
            let lane = self.truth().lane;
            let rng = &mut self.truth().rng;
            match self.weather.spell(lane, at, true) {
                Some(spell) => Some(spell.class),
                None if !self.clears() && rng.f64() < self.weather.read_faults => Some(one(rng, &CLASSES)),
                None => None,
            }
        };
        let answer = match trouble {
            Some(class) => {
                self.truth().meets(format!("a read that is {class:?}"));
                Err(error(class))
            }
            None => Ok(answer(&mut self.truth(), at)),
        };
        self.travel().await;
        answer
    }

    /// A page of a list: each reading has its order and its age, and may miss an entry.
    async fn page<T>(
        &self,
        token: Option<PageToken>,
        kind: usize,
        list: impl FnOnce(&Truth, Option<usize>, Duration) -> Vec<T>,
    ) -> Result<Page<T>, CallError> {
        let given = token.clone();
        let (items, next) = self
            .read(move |truth, at| {
                let place = token.as_ref().and_then(|token| {
                    let (reading, offset) = token.as_str().split_once(':')?;
                    Some((reading.parse::<usize>().ok()?, offset.parse::<usize>().ok()?))
                });
                let (reading, offset) = place.unwrap_or_else(|| (truth.begin_reading(kind, &self.weather, at), 0));
                let shown = &truth.readings[reading];
                let slips = shown.misses.is_some();
                let mut items = list(truth, shown.misses, at.saturating_sub(shown.stale));
                if shown.newest_first {
                    items.reverse();
                }
                if slips {
                    truth.meets("an entry that slips between pages");
                }
                let more = offset + self.weather.page < items.len();
                let items: Vec<T> = items.into_iter().skip(offset).take(self.weather.page).collect();
                (items, more.then(|| format!("{reading}:{}", offset + self.weather.page)))
            })
            .await?;
        let circles = !self.clears() && self.truth().rng.f64() < self.weather.odd / 20.0;
        let next = match (next, given) {
            (Some(_), Some(given)) if circles => {
                self.truth().meets("a page token that repeats");
                Some(given)
            }
            (next, _) => next.map(PageToken::new),
        };
        Ok(Page { items, next })
    }

    fn operation(&self, truth: &Truth, export: &Export, number: usize, at: Duration) -> Operation {
        let (id, kind) = &export.operations[number];
        let ended = at >= export.operation_end;
        let status = match (ended, export.good) {
            _ if export.is_odd_at(at) => EntryStatus::UnderWay,
            (false, _) => EntryStatus::UnderWay,
            (true, true) => EntryStatus::Succeeded,
            (true, false) => EntryStatus::Failed,
        };
        let failed = status == EntryStatus::Failed;
        Operation {
            id: OperationId::new(id),
            kind: (*kind).to_owned(),
            resource_name: Some(truth.snapshots[export.name].name.clone()),
            status,
            created_at: export.says_when[OPERATIONS].then(|| self.moment(export.begun)),
            error_code: failed
                .then(|| if export.lasting { "InvalidInputException" } else { "InternalError" }.to_owned()),
            error_details: failed.then(|| "it failed".to_owned()),
        }
    }

    fn operations_at(&self, truth: &Truth, misses: Option<usize>, at: Duration, name: Option<&str>) -> Vec<Operation> {
        let shown = truth.exports.iter().enumerate().filter(|(number, export)| {
            export.operation_at <= at
                && Some(*number) != misses
                && name.is_none_or(|name| truth.snapshots[export.name].name == name)
        });
        shown
            .flat_map(|(_, export)| {
                (0..export.operations.len()).map(|number| self.operation(truth, export, number, at))
            })
            .collect()
    }

    fn records_at(&self, truth: &Truth, misses: Option<usize>, at: Duration) -> Vec<ExportRecord> {
        let shown = truth.exports.iter().enumerate();
        let shown = shown.filter(|(number, export)| export.record_at <= at && Some(*number) != misses);
        shown
            .map(|(number, export)| {
                let name = format!("record-{}-{number}", truth.lane);
                let key = if export.has_arn { format!("arn:{name}") } else { name.clone() };
                ExportRecord {
                    arn: RecordArn::new(key),
                    name: Some(name),
                    created_at: export.says_when[RECORDS].then(|| self.moment(export.record_begun)),
                    state: match (at >= export.record_end, export.good) {
                        _ if export.is_odd_at(at) => EntryStatus::UnderWay,
                        (false, _) => EntryStatus::UnderWay,
                        (true, true) => EntryStatus::Succeeded,
                        (true, false) => EntryStatus::Failed,
                    },
                    source_name: Some(truth.snapshots[export.name].name.clone()),
                    source_arn: export.says_source.then(|| SnapshotArn::new(&export.arn)),
                    destination: (export.good && at >= export.destination_at)
                        .then(|| Destination { service: "Aws::EC2::Image".to_owned(), id: export.destination.clone() }),
                    account: None,
                }
            })
            .collect()
    }

    fn snapshots_at(&self, truth: &Truth, at: Duration, disk: bool, name: Option<&str>) -> Vec<Snapshot> {
        let of = truth.snapshots.iter().filter(|one| one.disk == disk && name.is_none_or(|name| one.name == name));
        of.filter_map(|one| {
            let life = one.life(at)?;
            Some(Snapshot {
                name: one.name.clone(),
                arn: Some(SnapshotArn::new(&life.arn)),
                kind: if disk { SnapshotKind::Disk } else { SnapshotKind::Instance },
                state: match (life.broken, life.ready > at) {
                    (true, _) => SnapshotState::Error,
                    (false, true) => SnapshotState::Pending,
                    (false, false) => SnapshotState::Available,
                },
                attached_disks: if disk { 0 } else { one.disks },
                attached_gb: 0,
                size_gb: Some(20),
                created_at: Some(self.moment(life.from)),
                source: None,
                from_auto: false,
                tags: Vec::new(),
                account: None,
            })
        })
        .collect()
    }
}

fn error(class: ErrorClass) -> CallError {
    let code = match class {
        ErrorClass::Throttled => "ThrottlingException",
        ErrorClass::Ambiguous => "ServiceException",
        ErrorClass::Unfamiliar => "NeverSeenException",
        ErrorClass::CopyLimit => "ResourceLimitExceeded",
        ErrorClass::Quota => "SnapshotLimitExceeded",
        ErrorClass::LaneDenied => "Blocked",
        ErrorClass::RetryLater => "OperationFailureException",
        ErrorClass::Permanent => "NotFoundException",
        ErrorClass::Denied => "AccessDeniedException",
        ErrorClass::Credentials => "ExpiredTokenException",
        ErrorClass::SetupInProgress => "AccountSetupInProgressException",
        ErrorClass::Unreachable => "Unreachable",
    };
    CallError::new(class, code, "so says the script")
}

#[async_trait]
impl Lightsail for Scripted {
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError> {
        let left = self.hours.elapsed();
        let call = {
            let clears = self.clears();
            let mut truth = self.truth();
            let spell = self.weather.spell(truth.lane, left, false).map(|spell| spell.class);
            let rng = &mut truth.rng;
            let class = spell.or_else(|| {
                (!clears && rng.f64() < self.weather.export_faults)
                    .then(|| if rng.u8(..3) == 0 { ErrorClass::Ambiguous } else { one(rng, &CLASSES) })
            });
            let fate = match class {
                None => Fate::Taken,
                Some(ErrorClass::Ambiguous) if rng.bool() => Fate::Lost,
                Some(class) => Fate::Refused(class),
            };
            // One whose answer is lost may arrive after the client has given it up.
            let longest =
                if fate == Fate::Lost { self.weather.settings.export.attempt_timeout } else { self.weather.leg };
            let arrives = left + span(rng, Duration::ZERO, longest);
            let Some(name) = truth.snapshots.iter().position(|one| one.name == name.as_str()) else {
                return Err(error(ErrorClass::Permanent));
            };
            truth.calls.push(Call { name, left, arrives, fate, arrived: false, export: None });
            truth.calls.len() - 1
        };
        let arrives = self.truth().calls[call].arrives;
        self.hours.until(arrives.min(left + self.weather.leg)).await;
        let now = self.hours.elapsed();
        self.truth().arrive(now, &self.weather);
        self.travel().await;
        let mut truth = self.truth();
        let (fate, export) = (truth.calls[call].fate, truth.calls[call].export);
        match fate {
            Fate::Refused(class) => {
                truth.meets(format!("an export that is {class:?}"));
                Err(error(class))
            }
            Fate::Lost => {
                truth.meets("an export whose answer is lost");
                Err(error(ErrorClass::Ambiguous))
            }
            Fate::Taken => {
                let Some(number) = export else { return Err(error(ErrorClass::Ambiguous)) };
                truth.meets("an export that is taken");
                let names = if truth.rng.f64() < self.weather.odd { truth.rng.bool() } else { true };
                let export = &truth.exports[number];
                let all = (0..export.operations.len()).filter(|_| names);
                let operations: Vec<Operation> = all.map(|one| self.operation(&truth, export, one, now)).collect();
                truth.meets(format!("an answer with {} operations", operations.len()));
                Ok(Accepted { operations, request_id: Some(format!("request-{call}")) })
            }
        }
    }

    async fn get_operation(&self, id: &OperationId) -> Result<Option<Operation>, CallError> {
        self.read(|truth, at| {
            let at = at.saturating_sub(stale(&mut truth.rng));
            let all = self.operations_at(truth, None, at, None);
            all.into_iter().find(|one| one.id == *id)
        })
        .await
    }

    async fn operations(
        &self,
        of: Option<&SnapshotName>,
        token: Option<PageToken>,
    ) -> Result<Page<Operation>, CallError> {
        let name = of.map(SnapshotName::as_str);
        self.page(token, OPERATIONS, |truth, misses, at| self.operations_at(truth, misses, at, name)).await
    }

    async fn export_records(&self, token: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        self.page(token, RECORDS, |truth, misses, at| self.records_at(truth, misses, at)).await
    }

    async fn snapshots(&self, kind: SnapshotKind, token: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        let disk = kind == SnapshotKind::Disk;
        self.page(token, RECORDS, |truth, _, at| self.snapshots_at(truth, at, disk, None)).await
    }

    async fn snapshot(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        let disk = kind == SnapshotKind::Disk;
        self.read(|truth, at| self.snapshots_at(truth, at, disk, Some(name.as_str())).pop()).await
    }
}
