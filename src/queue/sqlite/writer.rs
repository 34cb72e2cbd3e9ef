//! The one writer. Whatever waits at a moment goes into one transaction, and nobody is told before it is on the disk.

use crate::points::{Between, Point, Step, reached};
use crate::queue::error::QueueError;
use crate::queue::files::counter::Counter;
use crate::queue::files::takeover::count_intents;
use crate::queue::jobs::transition::Transition;
use crate::queue::jobs::wakers::{self, CommittedStep, LaneWakers};
use crate::queue::jobs::write_transitions;
use crate::queue::sqlite::connection::WriteConnection;
use futures_util::future::BoxFuture;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, Sqlite, SqliteConnection};
use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot};

/// Writes that one transaction takes at most: enough to share an fsync widely, few enough to answer soon.
const GROUP: usize = 512;

/// A write of its own: runs in the group's transaction, and afterwards tells its caller.
type Task = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<Reply, QueueError>> + Send>;

/// Tells a caller how it went, once that is durable.
type Reply = Box<dyn FnOnce(Result<(), QueueError>) + Send>;

/// A statement with its values, to be run later.
pub(in crate::queue) type Statement = Query<'static, Sqlite, SqliteArguments>;

enum Request {
    Transition(Box<Transition>, oneshot::Sender<Result<(), QueueError>>),
    Task(CommittedStep, Task, oneshot::Sender<QueueError>),
    Close(oneshot::Sender<()>),
}

/// What the writer has to do with beside the database.
pub(in crate::queue) struct WriterParts {
    /// Intents are counted there.
    pub(in crate::queue) counter: Counter,
    /// Told of each commit.
    pub(in crate::queue) wakers: LaneWakers,
}

/// A handle to the writer.
#[derive(Debug, Clone)]
pub(in crate::queue) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(in crate::queue) fn start(door: WriteConnection, beside: WriterParts) -> Self {
        let (requests, waiting) = mpsc::channel(GROUP * 2);
        tokio::spawn(serve(door, waiting, beside));
        Self { requests }
    }

    /// One that takes nothing, for a store that is only read.
    pub(in crate::queue) fn none() -> Self {
        Self { requests: mpsc::channel(1).0 }
    }

    /// Moves a job. Many at once share a transaction.
    pub(in crate::queue) async fn transition(&self, transition: Transition) -> Result<(), QueueError> {
        let (tell, told) = oneshot::channel();
        self.send(Request::Transition(Box::new(transition), tell)).await?;
        told.await.map_err(|_| QueueError::Closed)?
    }

    /// Runs `write`, a step, in a transaction, alone or with others that wait; an error undoes what it did, and only that.
    pub(in crate::queue) async fn write<T, F>(&self, done: impl Into<CommittedStep>, write: F) -> Result<T, QueueError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel::<Result<T, QueueError>>();
        let (failed, failure) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            Box::pin(async move {
                let value = write(connection).await?;
                let teller: Reply = Box::new(move |durable| {
                    // A caller that has gone away does not want to know.
                    let _ = tell.send(durable.map(|()| value));
                });
                Ok(teller)
            })
        });
        self.send(Request::Task(done.into(), task, failed)).await?;
        match told.await {
            Ok(told) => told,
            // The task failed before it could tell, or the writer has ended.
            Err(_) => Err(failure.await.unwrap_or(QueueError::Closed)),
        }
    }

    /// Runs statements, together a step, as [`Self::write`] does; how many rows they wrote.
    pub(in crate::queue) async fn execute<S>(
        &self,
        done: impl Into<CommittedStep>,
        statements: S,
    ) -> Result<u64, QueueError>
    where
        S: IntoIterator<Item = Statement, IntoIter: Send> + Send + 'static,
    {
        self.write(done, move |connection| {
            Box::pin(async move {
                let mut rows = 0;
                for statement in statements {
                    rows += statement.execute(&mut *connection).await?.rows_affected();
                }
                Ok(rows)
            })
        })
        .await
    }

    pub(in crate::queue) async fn close(&self) {
        let (tell, told) = oneshot::channel();
        if self.send(Request::Close(tell)).await.is_ok() {
            let _ = told.await;
        }
    }

    async fn send(&self, request: Request) -> Result<(), QueueError> {
        self.requests.send(request).await.map_err(|_| QueueError::Closed)
    }
}

async fn serve(mut door: WriteConnection, mut waiting: mpsc::Receiver<Request>, mut beside: WriterParts) {
    let mut closing = None;
    let mut broken = None;
    while closing.is_none() {
        let Some(first) = waiting.recv().await else { break };
        let mut group = vec![first];
        gather(&mut waiting, &mut group).await;
        closing = serve_group(&mut door, &mut beside, &mut broken, group).await;
    }
    waiting.close();
    if let Err(error) = door.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; what was confirmed is safe");
    }
    if let Some(tell) = closing {
        let _ = tell.send(());
    }
}

/// Takes whatever waits. Where several do, those who were told of the last commit are about to ask for their next thing: they
/// are let go first, and share this transaction instead of waiting for the next.
async fn gather(waiting: &mut mpsc::Receiver<Request>, group: &mut Vec<Request>) {
    loop {
        let before = group.len();
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        if group.len() == before || group.len() == GROUP {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// After a transaction that failed for another reason than its turn, nobody knows how the connection stands; `broken` keeps
/// why, and whoever asks from then on is told that.
async fn serve_group(
    door: &mut WriteConnection,
    beside: &mut WriterParts,
    broken: &mut Option<QueueError>,
    group: Vec<Request>,
) -> Option<oneshot::Sender<()>> {
    let mut closing = None;
    let mut transitions = Vec::new();
    let mut tasks = Vec::new();
    for request in group {
        if let Some(error) = broken.as_ref() {
            match request {
                Request::Transition(_, tell) => drop(tell.send(Err(error.clone()))),
                Request::Task(_, _, failed) => drop(failed.send(error.clone())),
                Request::Close(tell) => closing = Some(tell),
            }
            continue;
        }
        match request {
            Request::Transition(transition, tell) => transitions.push((*transition, tell)),
            Request::Task(done, task, failed) => tasks.push((done, task, failed)),
            Request::Close(tell) => closing = Some(tell),
        }
    }
    if !transitions.is_empty() || !tasks.is_empty() {
        *broken = commit(door, beside, transitions, tasks).await.filter(|error| !matches!(error, QueueError::Busy));
    }
    closing
}

type PendingWrite = (Transition, oneshot::Sender<Result<(), QueueError>>);

/// Writes a group in one transaction; why it could not, where it could not.
async fn commit(
    door: &mut WriteConnection,
    WriterParts { counter, wakers }: &mut WriterParts,
    transitions: Vec<PendingWrite>,
    tasks: Vec<(CommittedStep, Task, oneshot::Sender<QueueError>)>,
) -> Option<QueueError> {
    let (transitions, tells): (Vec<_>, Vec<_>) = transitions.into_iter().unzip();
    let (tasks, failures): (Vec<_>, Vec<_>) =
        tasks.into_iter().map(|(done, task, failed)| ((done, task), failed)).unzip();
    let mut failures = failures.into_iter();
    let mut told_tasks = Vec::new();
    let outcome = async {
        let mut transaction = door.begin().await?;
        let verdicts = if transitions.is_empty() {
            Vec::new()
        } else {
            write_transitions::write(&mut transaction, &transitions).await?
        };
        let intents = transitions.iter().zip(&verdicts).filter(|(one, done)| done.is_ok() && one.is_intent());
        let intents = intents.map(|(one, _)| one);
        let count = match intents.clone().map(Transition::at).max() {
            Some(at) => Some(count_intents(&mut transaction, intents.count(), at).await?),
            None => None,
        };
        let moved = transitions.iter().zip(&verdicts);
        let moved = moved.filter_map(|(one, lane)| Some(CommittedStep::from((one.step(), *lane.as_ref().ok()?))));
        let mut all: BTreeSet<CommittedStep> = moved.collect();
        for (done, task) in tasks {
            let mut inner = transaction.begin().await?;
            let failed = failures.next();
            match task(&mut inner).await {
                Ok(tell) => {
                    told_tasks.push(tell);
                    inner.commit().await?;
                    all.insert(done);
                }
                Err(error) => {
                    let undone = inner.rollback().await.is_err();
                    if let Some(failed) = failed {
                        let _ = failed.send(error.clone());
                    }
                    if undone {
                        // A disk that is full or fails has undone the outer transaction already: all hear why.
                        return Err(error);
                    }
                }
            }
        }
        wakers::add_wake_ups_of(&mut transaction, all.iter()).await?;
        let steps: BTreeSet<Step> = all.iter().map(|done| done.step).collect();
        transaction.commit(&steps.into_iter().collect::<Vec<_>>()).await?;
        // Before anybody is told, and so before any call: what is sent is counted outside the database too.
        if let Some(count) = count {
            counter.write(&count).await?;
            reached(Point::Between(Between::IntentCounted));
        }
        for done in all {
            wakers.committed(done);
        }
        Ok::<_, QueueError>(verdicts)
    }
    .await;
    let durable = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
    for tell in told_tasks {
        tell(durable.clone());
    }
    if let Err(error) = &durable {
        // Those whose turn never came.
        for failed in failures {
            let _ = failed.send(error.clone());
        }
    }
    match outcome {
        Ok(verdicts) => {
            for (tell, verdict) in tells.into_iter().zip(verdicts) {
                let _ = tell.send(verdict.map(drop));
            }
            None
        }
        Err(error) => {
            for tell in tells {
                let _ = tell.send(Err(error.clone()));
            }
            Some(error)
        }
    }
}
