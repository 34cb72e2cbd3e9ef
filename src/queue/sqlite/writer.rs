//! The one writer. Whatever waits at a moment goes into one transaction, and no caller is answered before that is on the disk.

use crate::points::{Between, Point, Step, reached};
use crate::queue::files::counter::Counter;
use crate::queue::files::takeover::count_intents;
use crate::queue::jobs::transition::Transition;
use crate::queue::jobs::wakers::{self, CommittedStep, LaneWakers};
use crate::queue::jobs::write_transitions;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::connection::WriteConnection;
use futures_util::future::BoxFuture;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Connection, Sqlite, SqliteConnection};
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

/// Writes that one transaction takes at most: enough to share an fsync widely, few enough to answer soon.
const GROUP: usize = 512;

/// A write of its own, with its caller.
trait Task: Send {
    /// Runs in the group's transaction.
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<(), QueueError>>;

    /// Answers the caller, once that is durable.
    fn tell(self: Box<Self>, done: Result<(), QueueError>);
}

struct PendingTask<T, F> {
    write: Option<F>,
    value: Option<T>,
    caller: oneshot::Sender<Result<T, QueueError>>,
}

impl<T, F> Task for PendingTask<T, F>
where
    T: Send,
    F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send,
{
    fn run<'c>(&'c mut self, connection: &'c mut SqliteConnection) -> BoxFuture<'c, Result<(), QueueError>> {
        Box::pin(async move {
            if let Some(write) = self.write.take() {
                self.value = Some(write(connection).await?);
            }
            Ok(())
        })
    }

    fn tell(self: Box<Self>, done: Result<(), QueueError>) {
        let Self { value, caller, .. } = *self;
        // The caller may have gone away.
        let _ = caller.send(done.and_then(|()| value.ok_or(QueueError::Closed)));
    }
}

/// A statement with its values, to be run later.
pub(in crate::queue) type Statement = Query<'static, Sqlite, SqliteArguments>;

enum Request {
    Transition(Box<Transition>, oneshot::Sender<Result<(), QueueError>>),
    Task(CommittedStep, Box<dyn Task>),
    Close(oneshot::Sender<()>),
}

/// What writes the groups.
struct GroupWriter {
    writing: WriteConnection,
    counter: Counter,
    wakers: LaneWakers,
}

/// A handle to the writer.
#[derive(Debug, Clone)]
pub(in crate::queue) struct Writer {
    requests: mpsc::Sender<Request>,
    broken: Broken,
}

/// Why the writer has ended, where it ended by a failure.
type Broken = Arc<OnceLock<QueueError>>;

impl Writer {
    /// Starts the writer; it counts intents in `counter`, and calls `wakers` for each commit.
    pub(in crate::queue) fn start(writing: WriteConnection, counter: Counter, wakers: LaneWakers) -> Self {
        let (requests, queued) = mpsc::channel(GROUP * 2);
        let broken = Broken::default();
        tokio::spawn(serve(GroupWriter { writing, counter, wakers }, queued, Arc::clone(&broken)));
        Self { requests, broken }
    }

    /// One that accepts nothing, for a store that is only read.
    pub(in crate::queue) fn none() -> Self {
        Self { requests: mpsc::channel(1).0, broken: Broken::default() }
    }

    /// Moves a job. Many at once share a transaction.
    pub(in crate::queue) async fn transition(&self, transition: Transition) -> Result<(), QueueError> {
        let (tell, told) = oneshot::channel();
        self.send(Request::Transition(Box::new(transition), tell)).await?;
        told.await.map_err(|_| self.ended())?
    }

    /// Runs `write`, a step, in a transaction, alone or with others that wait; an error undoes what it did, and only that.
    pub(in crate::queue) async fn write<T, F>(&self, done: impl Into<CommittedStep>, write: F) -> Result<T, QueueError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send + 'static,
    {
        let (caller, told) = oneshot::channel();
        let task = PendingTask { write: Some(write), value: None, caller };
        self.send(Request::Task(done.into(), Box::new(task))).await?;
        told.await.map_err(|_| self.ended())?
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
        self.requests.send(request).await.map_err(|_| self.ended())
    }

    fn ended(&self) -> QueueError {
        self.broken.get().cloned().unwrap_or(QueueError::Closed)
    }
}

/// After a transaction that failed for another reason than its turn, the state of the connection is unknown: the writer ends.
async fn serve(mut writer: GroupWriter, mut waiting: mpsc::Receiver<Request>, broken: Broken) {
    let mut closing = None;
    while closing.is_none() && broken.get().is_none() {
        let Some(first) = waiting.recv().await else { break };
        let mut group = vec![first];
        gather(&mut waiting, &mut group).await;
        let (mut transitions, mut tasks) = (Vec::new(), Vec::new());
        for request in group {
            match request {
                Request::Transition(transition, tell) => transitions.push((*transition, tell)),
                Request::Task(step, task) => tasks.push((step, task)),
                Request::Close(tell) => closing = Some(tell),
            }
        }
        if !transitions.is_empty() || !tasks.is_empty() {
            writer.commit(&broken, transitions, tasks).await;
        }
    }
    waiting.close();
    if let Err(error) = writer.writing.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; what was confirmed is safe");
    }
    if let Some(tell) = closing {
        let _ = tell.send(());
    }
}

/// Takes whatever waits. Where several do, the callers of the last commit are about to make their next request: they run first, and
/// share this transaction instead of waiting for the next.
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

type PendingWrite = (Transition, oneshot::Sender<Result<(), QueueError>>);

/// The result of each transition and of each task.
type GroupResults = (Vec<Result<(), QueueError>>, Vec<Result<(), QueueError>>);

impl GroupWriter {
    /// Writes a group in one transaction, and answers its callers.
    async fn commit(
        &mut self,
        broken: &Broken,
        transitions: Vec<PendingWrite>,
        mut tasks: Vec<(CommittedStep, Box<dyn Task>)>,
    ) {
        let (transitions, callers): (Vec<_>, Vec<_>) = transitions.into_iter().unzip();
        let written = self.write_group(&transitions, &mut tasks).await;
        if let Err(error) = &written
            && !matches!(error, QueueError::Busy)
        {
            let _ = broken.set(error.clone());
        }
        let all = |error: QueueError| (vec![Err(error.clone()); callers.len()], vec![Err(error); tasks.len()]);
        let (moved, done) = written.unwrap_or_else(all);
        for (caller, moved) in callers.into_iter().zip(moved) {
            let _ = caller.send(moved);
        }
        for ((_, task), done) in tasks.into_iter().zip(done) {
            task.tell(done);
        }
    }

    async fn write_group(
        &mut self,
        transitions: &[Transition],
        tasks: &mut [(CommittedStep, Box<dyn Task>)],
    ) -> Result<GroupResults, QueueError> {
        let mut transaction = self.writing.begin().await?;
        let moved = if transitions.is_empty() {
            Vec::new()
        } else {
            write_transitions::write(&mut transaction, transitions).await?
        };
        let intents = transitions.iter().zip(&moved).filter(|(one, lane)| lane.is_ok() && one.is_intent());
        let intents = intents.map(|(one, _)| one);
        let count = match intents.clone().map(Transition::at).max() {
            Some(at) => Some(count_intents(&mut transaction, intents.count(), at).await?),
            None => None,
        };
        let steps = transitions.iter().zip(&moved);
        let steps = steps.filter_map(|(one, lane)| Some(CommittedStep::from((one.step(), *lane.as_ref().ok()?))));
        let mut all: BTreeSet<CommittedStep> = steps.collect();
        let mut done = Vec::with_capacity(tasks.len());
        for (step, task) in tasks {
            let mut inner = transaction.begin().await?;
            let ran = task.run(&mut inner).await;
            match &ran {
                Ok(()) => {
                    inner.commit().await?;
                    all.insert(*step);
                }
                // A disk that is full or fails has rolled back the outer transaction already: all callers get the error.
                Err(error) => inner.rollback().await.map_err(|_| error.clone())?,
            }
            done.push(ran);
        }
        wakers::add_wake_ups_of(&mut transaction, all.iter()).await?;
        let steps: BTreeSet<Step> = all.iter().map(|done| done.step).collect();
        transaction.commit(&steps.into_iter().collect::<Vec<_>>()).await?;
        // Before any caller is answered, and so before any call: what is sent is counted outside the database too.
        if let Some(count) = count {
            self.counter.write(&count).await?;
            reached(Point::Between(Between::IntentCounted));
        }
        for step in all {
            self.wakers.committed(step);
        }
        Ok((moved.into_iter().map(|lane| lane.map(drop)).collect(), done))
    }
}
