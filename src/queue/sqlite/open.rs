//! Opening the file: what is wrong with it is reported before anything is done with it.

use crate::points::Step;
use crate::queue::Queue;
use crate::queue::files::counter::{Counter, Intents};
use crate::queue::files::inode::Inode;
use crate::queue::files::lock::{DatabaseLock, Held};
use crate::queue::files::own_files::folder_of;
use crate::queue::files::paths::DatabaseFiles;
use crate::queue::jobs::wakers::LaneWakers;
use crate::queue::queue_error::{OpenError, QueueError, primary_code};
use crate::queue::sqlite::busy_retry::BusyRetry;
use crate::queue::sqlite::connection::WriteConnection;
use crate::queue::sqlite::readers::{FileReaders, readers};
use crate::queue::sqlite::writer::Writer;
use crate::queue::upkeep::vitals::{self, Foreign, Wanted};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqliteExecutor, SqlitePool};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// `SnFy`: in the header of every file of ours, so that somebody else's database is not taken for one.
const APPLICATION_ID: i32 = 0x536e_4679;
/// Pages that nothing is on any more can be given back, when it is time for that.
const SHRINKABLE: &str = "PRAGMA auto_vacuum = INCREMENTAL";
const WITH_WAL: &str = "PRAGMA journal_mode = WAL";
const MARK: &str = "PRAGMA application_id = 0x536e4679";

/// Every connection copies the log into the file with its commit, from a thousand pages on as `SQLite` sets it. A load waits for 16 MiB: it
/// writes the same pages again and again.
const COPY_LOAD_LOG: &str = "PRAGMA wal_autocheckpoint = 4000";

/// A person waits for the reading. Only a program that locks the whole file makes it wait.
const LOOK_WAITS: Duration = Duration::from_secs(5);

pub(in crate::queue) async fn open(path: &Path) -> Result<Queue, OpenError> {
    check_path(path)?;
    check_access(path, Wanted::Written)?;
    // Before the first connection, whose options hold it. If it cannot be created, SQLite reports why.
    let _ = std::fs::File::create_new(path);
    let options = options(path);
    let owned = path.to_owned();
    let mut writing = match SqliteConnection::connect_with(&options).await {
        Ok(connection) => WriteConnection::new(connection).await.map_err(|error| explain(path, error))?,
        Err(error) => return Err(explain(path, error)),
    };
    let lock = if is_current(writing.connection()).await { None } else { Some(lock_migration(path).await?) };
    let prepared = prepare(&mut writing, path).await;
    lock.into_iter().for_each(DatabaseLock::remove);
    prepared?;
    wait_no_longer(writing.connection()).await.map_err(|error| explain(path, error))?;
    let readers = readers(reading(options));
    let files = Arc::new(DatabaseFiles::of(path).map_err(|error| explain(path, error.into()))?);
    let wakers = LaneWakers::default();
    let busy = Arc::<BusyRetry>::default();
    let writing = writing.staying_at(&files).retrying(Arc::clone(&busy));
    let writer = Writer::start(writing, Counter::of(path), wakers.clone());
    let takeover_waited = Arc::default();
    Ok(Queue { path: owned, readers, at_rest: None, writer, files, takeover_waited, wakers, busy })
}

/// Readers for a database that is only read, and its schema; nothing where there is none yet.
pub(in crate::queue) async fn peek(path: &Path) -> Result<Option<(FileReaders, i64)>, OpenError> {
    if !is_there(path)? {
        return Ok(None);
    }
    let readers = readers_of(path);
    let found = recognise(&readers.pool, path).await;
    readers.check().map_err(|source| OpenError::Other(path.to_owned(), source))?;
    Ok(found?.map(|schema| (readers, schema)))
}

/// Connections to read a file, whatever is in it.
pub(in crate::queue) fn readers_of(path: &Path) -> FileReaders {
    FileReaders::of(path, reading(options(path)).busy_timeout(LOOK_WAITS))
}

/// A store that is only read.
pub(in crate::queue) async fn open_to_read(path: &Path) -> Result<Queue, OpenError> {
    match peek(path).await? {
        Some((_, schema)) if schema < newest_schema() => Err(OpenError::Older(path.to_owned(), schema)),
        Some((readers, _)) => Ok(readers_alone(path, readers)),
        None => empty_to_read(path).await,
    }
}

fn readers_alone(path: &Path, readers: FileReaders) -> Queue {
    Queue {
        path: path.to_owned(),
        readers: readers.pool,
        at_rest: readers.at_rest,
        writer: Writer::none(),
        files: Arc::new(DatabaseFiles::nowhere()),
        takeover_waited: Arc::default(),
        wakers: LaneWakers::default(),
        busy: Arc::default(),
    }
}

pub(in crate::queue) async fn empty_to_read(path: &Path) -> Result<Queue, OpenError> {
    let pool = empty().await.map_err(|source| OpenError::Other(path.to_owned(), source))?;
    Ok(readers_alone(path, FileReaders { pool, at_rest: None }))
}

/// What there is where there is no database: one in memory, which has a name of its own that its connections share.
pub(in crate::queue) async fn empty() -> Result<SqlitePool, QueueError> {
    let pool = readers("sqlite::memory:".parse()?);
    MIGRATIONS.run(&pool).await.map_err(|error| QueueError::Database(Arc::new(error)))?;
    Ok(pool)
}

/// Whether there is a file with anything in it.
pub(in crate::queue) fn is_there(path: &Path) -> Result<bool, OpenError> {
    check_path(path)?;
    match std::fs::metadata(path) {
        Ok(file) => Ok(file.len() > 0),
        Err(error) => Ok(error.kind() != std::io::ErrorKind::NotFound),
    }
}

/// What [`Peek`](crate::queue::Peek) would say of the file behind such a connection, and the schema that it has.
pub(in crate::queue) async fn recognise(readers: &SqlitePool, path: &Path) -> Result<Option<i64>, OpenError> {
    let (id, tables) = identify(readers).await.map_err(|error| explain_for(path, error, Wanted::Read))?;
    if id != APPLICATION_ID {
        return if tables == 0 { Ok(None) } else { Err(OpenError::NotADatabase(path.to_owned())) };
    }
    let newest: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(readers).await;
    match newest {
        Ok(None) => Ok(None),
        // Made a moment ago by somebody who has not come to its tables yet.
        Err(error) if error.as_database_error().is_some_and(|said| said.message().starts_with("no such table")) => {
            Ok(None)
        }
        Ok(Some(schema)) if !MIGRATIONS.version_exists(schema) => Err(foreign(path, schema)),
        Ok(Some(schema)) => Ok(Some(schema)),
        Err(error) => Err(explain_for(path, error, Wanted::Read)),
    }
}

/// The mark of a file and how many tables it has; in one statement, as between two another process may have marked the file.
async fn identify<'c, E: SqliteExecutor<'c>>(connection: E) -> Result<(i32, i64), sqlx::Error> {
    sqlx::query_as("SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)")
        .fetch_one(connection)
        .await
}

/// A schema that this program does not have: later than all of its own, or from before the first of them.
fn foreign(path: &Path, schema: i64) -> OpenError {
    let known = if schema > newest_schema() { OpenError::Newer } else { OpenError::PreRelease };
    known(path.to_owned(), schema)
}

/// The schema that this program brings a database to.
pub(in crate::queue) fn newest_schema() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// A connection for loading a batch, beside the writer.
///
/// Its transactions are durable only with the one that seals the batch (see [`crate::queue::loading::load`]). Its statements write or
/// delete both ends of each reference together; with the checks on, each job of a killed load would be searched among
/// the rows of every batch.
pub(in crate::queue) async fn connect_for_load(
    path: &Path,
    files: &Arc<DatabaseFiles>,
) -> Result<WriteConnection, QueueError> {
    let options = options(path).foreign_keys(false).synchronous(SqliteSynchronous::Normal);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    wait_no_longer(&mut connection).await?;
    sqlx::query(COPY_LOAD_LOG).execute(&mut connection).await?;
    Ok(WriteConnection::new(connection).await?.staying_at(files))
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = match Inode::of(path) {
        // What is registered with a connection lives until its files are closed, and no longer.
        Ok(inode) => SqliteConnectOptions::new().collation("snapferry_inode", move |one, other| {
            let _held = &inode;
            one.cmp(other)
        }),
        Err(_) => SqliteConnectOptions::new(),
    };
    options
        .filename(path)
        .busy_timeout(Duration::from_mins(1))
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .statement_cache_capacity(200)
        // A page of rows is passed on at once: a connection's thread does not wait in its middle for the consumer.
        .row_buffer_size(1024)
        // 64 MiB: more than the log grows to unless a reader holds it for long. It is overwritten rather than truncated: that would
        // take a hundred milliseconds.
        .pragma("journal_size_limit", "67108864")
        // A mebibyte: what is read again soon; the rest the system's cache has.
        .pragma("cache_size", "-1024")
}

/// Readers share the system's cache: what each keeps for itself is small, so that memory does not grow with the file.
fn reading(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.create_if_missing(false).read_only(true).pragma("cache_size", "-256")
}

/// From here on it is [`BusyRetry`] that waits for other processes.
async fn wait_no_longer(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA busy_timeout = 0").execute(connection).await.map(drop)
}

/// A folder that may not be entered is not a folder that is missing.
fn check_path(path: &Path) -> Result<(), OpenError> {
    let may_not = |at: &&Path| at.metadata().is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = absolute.ancestors().filter(may_not).last().and_then(Path::parent) {
        return Err(OpenError::NoEntry(path.to_owned(), folder.to_owned()));
    }
    if let Ok(target) = path.read_link()
        && path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
    {
        return Err(OpenError::DeadLink(path.to_owned(), target));
    }
    if path.is_dir() {
        return Err(OpenError::IsFolder(path.to_owned()));
    }
    let folder = folder_of(path);
    if folder.is_dir() { Ok(()) } else { Err(OpenError::NoFolder(folder.to_owned())) }
}

/// Whether the file is ours and has every migration; `prepare` reports anything odd about it.
async fn is_current(connection: &mut SqliteConnection) -> bool {
    migrations_done(connection).await >= MIGRATIONS.iter().count()
}

async fn migrations_done(connection: &mut SqliteConnection) -> usize {
    let done: Result<i64, _> =
        sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success").fetch_one(connection).await;
    done.ok().and_then(|done| usize::try_from(done).ok()).unwrap_or(0)
}

/// Two processes that find a new file at one moment take turns: the second finds it made.
async fn lock_migration(path: &Path) -> Result<DatabaseLock, OpenError> {
    let who = format!("a start of Snapferry, pid {}", std::process::id());
    let lock = DatabaseLock::wait(path, Held::Migration, &who).await.map_err(Arc::new);
    lock.map_err(|error| OpenError::Other(path.to_owned(), error.into()))
}

/// Checks what the file is, then migrates it to this version.
async fn prepare(writing: &mut WriteConnection, path: &Path) -> Result<(), OpenError> {
    let (id, tables) = identify(writing.connection()).await.map_err(|error| explain(path, error))?;
    if id != APPLICATION_ID && (tables > 0 || id != 0) {
        return Err(OpenError::NotADatabase(path.to_owned()));
    }
    // Only now: both are properties of the file, and a file that is not ours must stay as it was. One of ours has lost the
    // first where it was restored from a backup or a dump.
    let statements = if id == APPLICATION_ID { &[WITH_WAL][..] } else { &[SHRINKABLE, WITH_WAL, MARK] };
    let mut marking = writing.named(Step::Marked);
    for statement in statements {
        sqlx::query(*statement).execute(marking.connection()).await.map_err(|error| explain(path, error))?;
    }
    if id == APPLICATION_ID {
        drop(marking);
    } else {
        marking.done();
    }
    let (is_new, current) = (migrations_done(writing.connection()).await == 0, is_current(writing.connection()).await);
    let mut migrating = writing.named(Step::Migrated);
    if is_new {
        make(migrating.connection(), path).await?;
    } else {
        MIGRATIONS.run(migrating.connection()).await.map_err(|error| explain_migration(path, error))?;
    }
    if !current {
        migrating.done();
    }
    Ok(())
}

/// Makes the tables, and the counter file before they are durable: a database without its file is a copy.
async fn make(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let mut making = connection.begin().await.map_err(|error| explain(path, error))?;
    MIGRATIONS.run(&mut *making).await.map_err(|error| explain_migration(path, error))?;
    make_counter(&mut making, path).await.map_err(|source| OpenError::Other(path.to_owned(), source))?;
    making.commit().await.map_err(|error| explain(path, error))
}

/// A file that counts intents stays, as the database that is made here has none of them.
async fn make_counter(making: &mut SqliteConnection, path: &Path) -> Result<(), QueueError> {
    let mut counter = Counter::of(path);
    if counter.read()?.is_some_and(|there| there.intents > 0) {
        return Ok(());
    }
    let origin = sqlx::query_scalar("SELECT id FROM origin").fetch_one(making).await?;
    counter.make(&Intents { origin, intents: 0 }).await
}

fn explain_migration(path: &Path, error: MigrateError) -> OpenError {
    if let MigrateError::VersionMissing(schema) = error {
        return foreign(path, schema);
    }
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return explain(path, error);
    }
    OpenError::Other(path.to_owned(), QueueError::Database(Arc::new(error)))
}

fn explain(path: &Path, error: sqlx::Error) -> OpenError {
    explain_for(path, error, Wanted::Written)
}

/// Whether this user may do with the files of the database what a daemon does.
pub(in crate::queue) fn check_for_sending(path: &Path) -> Result<(), OpenError> {
    check_access(path, Wanted::Sent)
}

/// Whether this user may do with the files of the database what is wanted; `SQLite` says it late, and not of which file.
fn check_access(path: &Path, wanted: Wanted) -> Result<(), OpenError> {
    if wanted != Wanted::Read && vitals::is_read_only(path) {
        return Err(OpenError::ReadOnlyDisk(path.to_owned()));
    }
    vitals::foreign(path, wanted).map_or(Ok(()), |foreign| Err(out_of_reach(path, foreign, wanted)))
}

fn out_of_reach(path: &Path, foreign: Foreign, wanted: Wanted) -> OpenError {
    OpenError::OutOfReach(path.to_owned(), foreign, wanted.as_str())
}

/// What `SQLite` says is seldom the cause: it cannot open a file for want of room, of rights, or of a lock.
fn explain_for(path: &Path, error: sqlx::Error, wanted: Wanted) -> OpenError {
    // SQLite's result codes: 26 SQLITE_NOTADB, 8 SQLITE_READONLY, 14 SQLITE_CANTOPEN, 23 SQLITE_AUTH, 3 SQLITE_PERM, 10 SQLITE_IOERR.
    let code = primary_code(&error);
    if code == Some(26) {
        return OpenError::NotADatabase(path.to_owned());
    }
    if matches!(code, Some(10 | 14)) && vitals::is_full(path) {
        return OpenError::Other(path.to_owned(), QueueError::DiskFull);
    }
    if !matches!(code, Some(3 | 8 | 14 | 23)) {
        return OpenError::Other(path.to_owned(), error.into());
    }
    if let Err(error) = check_access(path, wanted) {
        return error;
    }
    if wanted == Wanted::Read && vitals::log_needs_index(path) {
        return OpenError::LogUnread(path.to_owned());
    }
    if let Some(foreign) = vitals::foreign_folder(path) {
        return out_of_reach(path, foreign, wanted);
    }
    let said = error.as_database_error().map(|said| said.message().to_owned());
    OpenError::Denied(path.to_owned(), wanted.as_str(), said.unwrap_or_else(|| error.to_string()))
}
