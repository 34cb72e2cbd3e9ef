//! The one writer. Whatever waits at a moment goes into one transaction, and nobody is told before it is on the disk.

use super::error::QueueError;
use super::patience::Patience;
use super::transition::{self, Transition};
use futures_util::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

/// Writes that one transaction takes at most: enough to share an fsync widely, few enough to answer soon.
const GROUP: usize = 512;

/// A write of its own: runs in the group's transaction, and afterwards tells its caller.
type Task = Box<dyn for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<Tell, QueueError>> + Send>;

/// Tells a caller how it went, once that is durable.
type Tell = Box<dyn FnOnce(Result<(), QueueError>) + Send>;

enum Request {
    Transition(Box<Transition>, oneshot::Sender<Result<(), QueueError>>),
    Task(Task, oneshot::Sender<QueueError>),
    DataVersion(oneshot::Sender<Result<i64, QueueError>>),
    Close(oneshot::Sender<()>),
}

/// A handle to the writer.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (requests, waiting) = mpsc::channel(GROUP * 2);
        tokio::spawn(serve(connection, waiting));
        Self { requests }
    }

    /// Moves a job. Many at once share a transaction.
    pub(super) async fn transition(&self, transition: Transition) -> Result<(), QueueError> {
        let (tell, told) = oneshot::channel();
        self.send(Request::Transition(Box::new(transition), tell)).await?;
        told.await.map_err(|_| QueueError::Closed)?
    }

    /// Runs `write` in a transaction, alone or with others that wait; an error undoes what it did, and only that.
    pub(super) async fn write<T, F>(&self, write: F) -> Result<T, QueueError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, QueueError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel::<Result<T, QueueError>>();
        let (failed, failure) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            Box::pin(async move {
                let value = write(connection).await?;
                let teller: Tell = Box::new(move |durable| {
                    // A caller that has gone away does not want to know.
                    let _ = tell.send(durable.map(|()| value));
                });
                Ok(teller)
            })
        });
        self.send(Request::Task(task, failed)).await?;
        match told.await {
            Ok(told) => told,
            // The task failed before it could tell, or the writer has ended.
            Err(_) => Err(failure.await.unwrap_or(QueueError::Closed)),
        }
    }

    pub(super) async fn data_version(&self) -> Result<i64, QueueError> {
        let (tell, told) = oneshot::channel();
        self.send(Request::DataVersion(tell)).await?;
        told.await.map_err(|_| QueueError::Closed)?
    }

    pub(super) async fn close(&self) {
        let (tell, told) = oneshot::channel();
        if self.send(Request::Close(tell)).await.is_ok() {
            let _ = told.await;
        }
    }

    async fn send(&self, request: Request) -> Result<(), QueueError> {
        self.requests.send(request).await.map_err(|_| QueueError::Closed)
    }
}

async fn serve(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Request>) {
    let mut closing = None;
    while closing.is_none() {
        let Some(first) = waiting.recv().await else { break };
        let mut group = vec![first];
        while group.len() < GROUP {
            let Ok(next) = waiting.try_recv() else { break };
            group.push(next);
        }
        closing = serve_group(&mut connection, group).await;
    }
    waiting.close();
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; what was confirmed is safe");
    }
    if let Some(tell) = closing {
        let _ = tell.send(());
    }
}

async fn serve_group(connection: &mut SqliteConnection, group: Vec<Request>) -> Option<oneshot::Sender<()>> {
    let mut closing = None;
    let mut transitions = Vec::new();
    let mut tasks = Vec::new();
    for request in group {
        match request {
            Request::Transition(transition, tell) => transitions.push((*transition, tell)),
            Request::Task(task, failed) => tasks.push((task, failed)),
            Request::DataVersion(tell) => {
                let _ = tell.send(read_data_version(connection).await);
            }
            Request::Close(tell) => closing = Some(tell),
        }
    }
    if !transitions.is_empty() || !tasks.is_empty() {
        commit(connection, transitions, tasks).await;
    }
    closing
}

async fn read_data_version(connection: &mut SqliteConnection) -> Result<i64, QueueError> {
    let mut patience = Patience::new();
    loop {
        match sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await {
            Ok(version) => return Ok(version),
            Err(error) => patience.wait(error).await?,
        }
    }
}

type Waiting = (Transition, oneshot::Sender<Result<(), QueueError>>);

async fn commit(
    connection: &mut SqliteConnection,
    transitions: Vec<Waiting>,
    tasks: Vec<(Task, oneshot::Sender<QueueError>)>,
) {
    let (transitions, tells): (Vec<_>, Vec<_>) = transitions.into_iter().unzip();
    let (tasks, failures): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
    let mut failures = failures.into_iter();
    let mut told_tasks = Vec::new();
    let outcome = async {
        let mut patience = Patience::new();
        let mut transaction = loop {
            match connection.begin_with("BEGIN IMMEDIATE").await {
                Ok(transaction) => break transaction,
                Err(error) => patience.wait(error).await?,
            }
        };
        let verdicts = transition::write(&mut transaction, &transitions).await?;
        for task in tasks {
            let mut inner = transaction.begin().await?;
            let failed = failures.next();
            match task(&mut inner).await {
                Ok(tell) => {
                    inner.commit().await?;
                    told_tasks.push(tell);
                }
                Err(error) => {
                    // A full disk has undone the outer transaction already; the commit below says so to all.
                    let _ = inner.rollback().await;
                    if let Some(failed) = failed {
                        let _ = failed.send(error);
                    }
                }
            }
        }
        transaction.commit().await?;
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
                let _ = tell.send(verdict);
            }
        }
        Err(error) => {
            for tell in tells {
                let _ = tell.send(Err(error.clone()));
            }
        }
    }
}
