//! What every command needs: the settings, the clock, the connection to Lightsail, and the signals.

use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::steer::consent::Asking;
use crate::cli::terminal::buffered::BufferedOutput;
use crate::cli::terminal::screen::{Screen, notes};
use crate::clock::{SharedClock, Stop, SystemClock};
use crate::daemon::Connect;
use crate::domain::{AccountLabel, Lane, Timestamp};
use crate::intake::UsualRegion;
use crate::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, SharedHttp, usual_region};
use crate::queue::{OpenError, Queue, QueueError, ReadAgain};
use crate::report::{Colour, TextStyle, moment};
use crate::settings::{LaneSettings, Settings, Sources};
use anyhow::Context as _;
use etcetera::BaseStrategy;
use indicatif::MultiProgress;
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The global options, turned into what the commands use.
#[derive(Clone)]
pub(crate) struct Context {
    /// The settings.
    pub(crate) settings: Settings,
    /// The file that they were read from, if there is one.
    pub(crate) settings_file: Option<PathBuf>,
    /// The machine's clock.
    pub(crate) clock: SharedClock,
    /// The progress display.
    pub(crate) progress: MultiProgress,
    /// Whether stdout has colours.
    pub(crate) coloured: bool,
    /// Who acts, for the history.
    pub(crate) person: String,
    /// The folder of the database, if Snapferry may create it: one that a person named has to exist.
    pub(crate) own_folder: Option<PathBuf>,
}

/// Where results go, and everything else.
pub(crate) type Outputs<'a> = (&'a mut (dyn Write + Send), &'a mut (dyn Write + Send));

/// What a command needs of the database.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Access {
    /// It reads: the database is not created, and may be read-only.
    Read,
    /// It reads again, as `--watch` does: the first time has noted if the database is empty.
    ReadAgain,
    /// It changes existing jobs: none is created, and a note says if there are none, as another database may be meant.
    Act,
    /// It writes, or copies.
    Write,
}

/// The settings file that these options and the environment select, if it exists.
pub(crate) fn settings_file(config_file: Option<PathBuf>) -> Option<PathBuf> {
    sources(config_file, None, etcetera::choose_base_strategy().ok().as_ref()).file().filter(|file| file.exists())
}

fn sources(config_file: Option<PathBuf>, database: Option<String>, folders: Option<&impl BaseStrategy>) -> Sources {
    Sources {
        config_file,
        database,
        env: std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
            .collect(),
        user_config_dir: folders.map(BaseStrategy::config_dir),
        user_data_dir: folders.map(BaseStrategy::data_dir),
    }
}

impl Context {
    pub(crate) fn load(
        config_file: Option<PathBuf>,
        database: Option<String>,
        progress: MultiProgress,
        coloured: bool,
    ) -> anyhow::Result<Self> {
        let folders = etcetera::choose_base_strategy().ok();
        let sources = sources(config_file, database, folders.as_ref());
        let person = person(&sources.env);
        let by_variable = |(name, text): &(String, String)| name == "SNAPFERRY_DATABASE" && !text.is_empty();
        let database_was_named = sources.database.is_some() || sources.env.iter().any(by_variable);
        let settings = Settings::load(&sources)?;
        let ours = folders.map(|folders| folders.data_dir().join("snapferry"));
        let own_folder = ours.filter(|ours| !database_was_named && settings.database.path().parent() == Some(ours));
        let settings_file = sources.file().filter(|file| file.exists());
        Ok(Self {
            settings,
            settings_file,
            clock: Arc::new(SystemClock::new()),
            progress,
            coloured,
            person,
            own_folder,
        })
    }

    /// Where a command's words go, and how they are laid out.
    pub(crate) fn screen<'a>(&self, out: &'a mut (dyn Write + Send), notes: &'a mut (dyn Write + Send)) -> Screen<'a> {
        screen(self.coloured, out, notes)
    }

    /// Opens the database, runs a command on it, and closes it. A command that only reads starts again if another process opened or
    /// closed the database meanwhile, as long as nothing has been printed.
    pub(crate) async fn with_queue(
        &self,
        access: Access,
        run: impl AsyncFn(Session<'_>) -> anyhow::Result<Exit>,
    ) -> anyhow::Result<Exit> {
        if !matches!(access, Access::Read | Access::ReadAgain) {
            return self.once(access, &run, (&mut std::io::stdout(), &mut notes())).await;
        }
        let (mut out, mut notes, mut again) =
            (BufferedOutput::new(std::io::stdout()), BufferedOutput::new(notes()), ReadAgain::default());
        loop {
            match self.once(access, &run, (&mut out, &mut notes)).await {
                Err(error) if may_pass(&error) && out.discard() && again.wait().await => drop(notes.discard()),
                ended => {
                    // A note that cannot be written is no failure.
                    let _ = notes.release();
                    out.release().context("cannot write to standard output")?;
                    return ended;
                }
            }
        }
    }

    async fn once(
        &self,
        access: Access,
        run: &impl AsyncFn(Session<'_>) -> anyhow::Result<Exit>,
        (out, notes): Outputs<'_>,
    ) -> anyhow::Result<Exit> {
        let nowhere;
        let queue = match access {
            Access::Read => self.read_queue(notes).await?,
            Access::ReadAgain => self.read_queue(&mut std::io::sink()).await?,
            Access::Act if is_missing(self.settings.database.path()) => {
                self.read_queue(notes).await?.close().await;
                // There is nothing to act on, and each command says so in its own way.
                nowhere = tempfile::tempdir().context("cannot create a temporary folder")?;
                Queue::open(&nowhere.path().join("empty.db")).await?
            }
            Access::Act => note_if_empty(self.queue().await?, notes).await?,
            Access::Write => self.queue().await?,
        };
        let ended = self.on(&queue, run, (out, notes)).await;
        // What was read from a file that was written meanwhile cannot be trusted.
        let sound = queue.sound();
        queue.close().await;
        sound?;
        ended
    }

    /// Runs a command on an open database.
    pub(crate) async fn on(
        &self,
        queue: &Queue,
        run: impl AsyncFnOnce(Session<'_>) -> anyhow::Result<Exit>,
        (out, notes): Outputs<'_>,
    ) -> anyhow::Result<Exit> {
        let mut answers = std::io::BufReader::new(std::io::stdin());
        run(Session {
            queue,
            settings: &self.settings,
            clock: self.clock.as_ref(),
            person: &self.person,
            screen: self.screen(out, notes),
            asking: asking(&mut answers),
        })
        .await
    }

    /// Whether there cannot be a database yet, because its folder does not exist.
    pub(crate) fn has_no_folder_yet(&self) -> bool {
        self.own_folder.as_deref().is_some_and(is_missing)
    }

    /// Creates the database's folder, if Snapferry may.
    pub(crate) fn make_own_folder(&self) -> anyhow::Result<()> {
        self.own_folder.as_ref().filter(|folder| is_missing(folder)).map_or(Ok(()), |folder| {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))
        })
    }

    /// Opens the database, and creates it if there is none.
    pub(crate) async fn queue(&self) -> anyhow::Result<Queue> {
        self.make_own_folder()?;
        Ok(Queue::open(self.settings.database.path()).await?)
    }

    /// Opens the database to read it: it may belong to another user, or be on a read-only disk.
    async fn read_queue(&self, notes: &mut (dyn Write + Send)) -> anyhow::Result<Queue> {
        let path = self.settings.database.path();
        let queue = if self.has_no_folder_yet() { Queue::empty(path).await? } else { Queue::look(path).await? };
        note_if_empty(queue, notes).await
    }

    /// The Region of an account by the AWS configuration: environment and files only.
    pub(crate) async fn usual_region(&self, account: Option<&AccountLabel>) -> UsualRegion {
        let unnamed = AccountLabel::unnamed();
        let label = account.unwrap_or(&unnamed);
        usual_region(self.settings.account(label).and_then(|account| account.profile.as_deref())).await.transpose()
    }

    /// How an account is reached.
    pub(crate) fn access(&self, label: &AccountLabel) -> AccountAccess {
        access(&self.settings, label)
    }

    /// The connection to Lightsail through the AWS SDK, with one HTTP client for all lanes.
    pub(crate) fn connect(&self) -> Connect {
        let http = SharedHttp::new();
        let settings = self.settings.clone();
        Arc::new(move |lane: &Lane, lane_settings: &LaneSettings| {
            let access = access(&settings, &lane.account);
            let client = AwsLightsail::new(access, lane.region, lane_settings.export.attempt_timeout, http.clone());
            Arc::new(client) as Arc<dyn Lightsail>
        })
    }
}

/// How a lock describes this process. The host is part of it, as in every container the pid is 1.
pub(crate) fn signature(command: &str, now: Timestamp) -> String {
    let read = |file: &str| std::fs::read_to_string(file).ok().filter(|name| !name.trim().is_empty());
    let host = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let host = host.as_deref().map_or("this host", str::trim);
    format!("snapferry {command}, pid {} on {host}, since {}", std::process::id(), moment(now))
}

async fn note_if_empty(queue: Queue, notes: &mut (dyn Write + Send)) -> anyhow::Result<Queue> {
    if queue.job_range().await?.is_none() {
        let path = queue.path();
        let (shown, other) = (path.display(), "choose another with --database");
        // A note that cannot be written is no failure.
        let _ = if is_missing(path) {
            writeln!(notes, "note: there is no database {shown} yet ({other})")
        } else {
            writeln!(notes, "note: the database {shown} has no jobs ({other})")
        };
    }
    Ok(queue)
}

/// Whether nothing is at `path`; what cannot be examined exists.
pub(crate) fn is_missing(path: &Path) -> bool {
    path.metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// Whether it is an error of the database that another try may not meet.
fn may_pass(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(OpenError::may_pass) || cause.downcast_ref().is_some_and(QueueError::may_pass)
    })
}

fn access(settings: &Settings, label: &AccountLabel) -> AccountAccess {
    let Some(account) = settings.account(label).cloned() else {
        // A job may belong to an account that is no longer in the settings. The default credentials may belong to another one,
        // with snapshots of the same names.
        let message = format!("the settings have no account {label}: add [accounts.{label}] and restart");
        return AccountAccess { credentials: CredentialSource::NoAccount(message), ..AccountAccess::default() };
    };
    AccountAccess {
        profile: account.profile,
        role_arn: account.role_arn,
        external_id: account.external_id.map(|id| id.expose().to_owned()),
        endpoint_url: account.endpoint_url,
        ..AccountAccess::default()
    }
}

/// The screen of a command that runs without settings.
pub(crate) fn screen<'a>(
    coloured: bool,
    out: &'a mut (dyn Write + Send),
    notes: &'a mut (dyn Write + Send),
) -> Screen<'a> {
    let terminal = std::io::stdout().is_terminal();
    let width = terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0);
    let colour = if coloured { Colour::Ansi } else { Colour::Plain };
    Screen { out, notes, style: TextStyle { width, colour }, terminal }
}

/// A person can be asked if both the question and the answer go through a terminal.
fn asking(answers: &mut (dyn BufRead + Send)) -> Asking<'_> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if terminal { Asking::Person(answers) } else { Asking::Nobody }
}

/// The user's name from the environment, or else the user id, for the history; never `daemon`, the daemon's own name there.
fn person(env: &[(String, String)]) -> String {
    let named = |wanted: &str| env.iter().find(|(name, text)| name == wanted && !text.trim().is_empty());
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(named).map(|(_, text)| text.trim());
    match name {
        None => format!("uid {}", rustix::process::getuid().as_raw()),
        Some("daemon") => "user daemon".to_owned(),
        Some(name) => name.chars().filter(|c| !c.is_control()).take(64).collect(),
    }
}

/// The signals that ask a process to stop.
pub(crate) struct Signals {
    /// Whether one came.
    pub(crate) stop: Stop,
    /// How many came that ask for a stop; the second one exits at once.
    requests: Arc<AtomicU32>,
}

impl Signals {
    /// The work is over, and only its result remains to be printed: from now on each signal exits.
    pub(crate) fn work_is_over(&self) {
        self.requests.store(2, Ordering::Relaxed);
    }
}

/// Listens for SIGTERM, Ctrl-C and SIGHUP. The first one starts an orderly stop; a second SIGTERM or Ctrl-C exits at once,
/// which is safe too. When a terminal closes, SIGHUP may come twice or before a SIGTERM; under nohup it stays ignored.
pub(crate) fn hear_signals() -> anyhow::Result<Signals> {
    let (sender, stop) = watch::channel(false);
    let requests = Arc::<AtomicU32>::default();
    for (kind, counts) in [(SignalKind::terminate(), 1), (SignalKind::interrupt(), 1), (SignalKind::hangup(), 0)] {
        if kind == SignalKind::hangup() && hangup_is_ignored() {
            continue;
        }
        let mut signals = signal(kind).context("cannot listen for signals")?;
        let (sender, requests) = (sender.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if requests.fetch_add(counts, Ordering::Relaxed) + counts > 1 {
                    std::process::exit(130);
                }
                if !sender.send_replace(true) {
                    tracing::info!("stopping: waiting for calls in progress; a second signal stops at once");
                }
            }
        });
    }
    Ok(Signals { stop, requests })
}

/// Whether SIGHUP was ignored when the process started, as nohup does.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
