//! The command line: an argument becomes a call, a result becomes text. No rules, no SQL, no AWS.

mod context;
mod exit;
mod selftest;
mod session;
mod steer;
mod survey;
mod terminal;
mod upkeep;
mod views;
mod work;

pub use exit::{Exit, UsageError};
pub use session::Session;
pub use steer::act_commands::{CancelArgs, PauseArgs, ResumeArgs, RetryArgs};
pub use steer::consent::Asking;
pub use steer::resolve::ResolveArgs;
pub use terminal::screen::Screen;
pub use upkeep::backup::BackupArgs;
pub use views::failures::FailuresArgs;
pub use views::jobs::JobsArgs;
pub use views::report::ReportArgs;
pub use views::show::ShowArgs;
pub use views::status::StatusArgs;
pub use views::why::WhyArgs;

use clap::{ColorChoice, CommandFactory as _, Parser, Subcommand};
use context::{Access, Context};
use indicatif::MultiProgress;
use std::io::Write as _;
use std::path::PathBuf;
use terminal::logging::{LogFormat, is_coloured};

/// Export Amazon Lightsail snapshots to EC2 in bulk, each exactly once
#[derive(Debug, Parser)]
#[command(
    name = "snapferry",
    version,
    max_term_width = 80,
    after_help = "Examples:
  snapferry run --rehearse fleet.csv     rehearse with a built-in simulator
  snapferry doctor                       check that everything is ready
  snapferry discover > fleet.csv         list what can be exported
  snapferry plan fleet.csv               preview results, duration and cost
  snapferry run fleet.csv                export everything, print the report
  snapferry status                       show progress

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 could not be done, 2 wrong usage or bad input, \
3 finished but some jobs failed or wait for a person, 130 interrupted with nothing lost."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that may stand before or after any command.
#[derive(Debug, clap::Args)]
#[expect(clippy::doc_markdown, reason = "this is what --help prints")]
struct Global {
    /// Settings file [env: SNAPFERRY_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    config: Option<PathBuf>,
    /// Database, as `sqlite://PATH` [env: SNAPFERRY_DATABASE]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    database: Option<String>,
    /// Format of the log
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t, help_heading = "Global options")]
    log_format: LogFormat,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    quiet: bool,
    /// Increase log verbosity (-v info, -vv debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    verbose: u8,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = "Global options")]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(work::run::RunArgs),
    Discover(survey::discover::DiscoverArgs),
    Plan(survey::plan_command::PlanArgs),
    Enqueue(work::enqueue::EnqueueArgs),
    Daemon(work::daemon::DaemonArgs),
    Status(StatusArgs),
    Report(ReportArgs),
    Jobs(JobsArgs),
    Failures(FailuresArgs),
    Show(ShowArgs),
    Why(WhyArgs),
    Retry(RetryArgs),
    Cancel(CancelArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Resolve(ResolveArgs),
    Doctor(survey::doctor::DoctorArgs),
    Backup(BackupArgs),
    Simulate(Box<work::simulate::SimulateArgs>),
    Selftest(selftest::SelftestArgs),
    Completions(upkeep::completions::CompletionsArgs),
    Man(upkeep::man::ManArgs),
}

/// Runs the command of this process.
pub fn main() -> Exit {
    let exit = run_command();
    terminal::stderr::finish();
    exit
}

fn run_command() -> Exit {
    if std::env::args_os().len() < 2 {
        terminal::screen::note(&Cli::command().render_help().to_string());
        return Exit::Usage;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // --help and --version arrive here too, and are no errors.
            if !error.use_stderr() {
                let _ = error.print();
                return Exit::Done;
            }
            let (is_coloured, text) = (is_coloured(ColorChoice::Auto, &std::io::stderr(), no_color()), error.render());
            let text = if is_coloured { text.ansi().to_string() } else { text.to_string() };
            let _ = write!(terminal::screen::notes(), "{text}");
            return Exit::Usage;
        }
    };
    let format = cli.global.log_format;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if !matches!(cli.command, Command::Simulate(_)) {
        // SQLite and files have their own threads, and each worker keeps memory for the longest page that it has read.
        builder.worker_threads(1);
    }
    let runtime = match builder.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&anyhow::Error::new(error).context("cannot start"), LogFormat::Text),
    };
    match runtime.block_on(run(cli)) {
        Ok(exit) => exit,
        Err(error) => complain(&error, format),
    }
}

async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let Cli { global, command } = cli;
    let progress = MultiProgress::with_draw_target(terminal::stderr::display());
    let log_is_coloured = is_coloured(global.color, &std::io::stderr(), no_color());
    terminal::logging::set_up(level(&global, &command), global.log_format, log_is_coloured, &progress);
    let coloured = is_coloured(global.color, &std::io::stdout(), no_color());
    let config_file = global.config.clone();
    let context = || Context::load(global.config, global.database, progress, coloured);
    match command {
        Command::Run(args) => work::run::run(&args, &context()?).await,
        Command::Enqueue(args) => work::run::only_enqueue(&args, &context()?).await,
        Command::Discover(args) => survey::discover::discover(&args, &context()?).await,
        Command::Plan(args) => survey::plan_command::plan(&args, &context()?).await,
        Command::Daemon(args) => work::daemon::daemon(&args, &context()?).await,
        Command::Status(args) => args.show(&context()?).await,
        Command::Report(args) => context()?.with_queue(Access::Read, async |it| args.run(it).await).await,
        Command::Jobs(args) => context()?.with_queue(Access::Read, async |it| args.run(it).await).await,
        Command::Failures(args) => context()?.with_queue(Access::Read, async |it| args.run(it).await).await,
        Command::Show(args) => context()?.with_queue(Access::Read, async |it| args.run(it).await).await,
        Command::Why(args) => context()?.with_queue(Access::Read, async |it| args.run(it).await).await,
        Command::Retry(args) => context()?.with_queue(Access::Act, async |it| args.run(it).await).await,
        Command::Cancel(args) => context()?.with_queue(Access::Act, async |it| args.run(it).await).await,
        Command::Pause(args) => context()?.with_queue(Access::Act, async |it| args.run(it).await).await,
        Command::Resume(args) => context()?.with_queue(Access::Act, async |it| args.run(it).await).await,
        Command::Resolve(args) => context()?.with_queue(Access::Act, async |it| args.run(it).await).await,
        Command::Backup(args) => context()?.with_queue(Access::Write, async |it| args.run(it).await).await,
        Command::Doctor(args) => {
            survey::doctor::doctor(&args, context, context::settings_file(config_file), coloured).await
        }
        Command::Simulate(args) => work::simulate::simulate(*args).await.map(|()| Exit::Done),
        Command::Selftest(args) => selftest::selftest(&args, &context()?).await,
        Command::Completions(args) => upkeep::completions::completions(&args),
        Command::Man(args) => upkeep::man::man(&args),
    }
}

#[expect(clippy::disallowed_methods, reason = "NO_COLOR belongs to the terminal and is no setting")]
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The lowest level that is logged.
fn level(global: &Global, command: &Command) -> &'static str {
    match (global.quiet, global.verbose, command) {
        (true, ..) => "error",
        (false, 0, Command::Daemon(_) | Command::Simulate(_)) | (false, 1, _) => "info",
        (false, 0, _) => "warn",
        (false, ..) => "debug",
    }
}

/// Prints an error and its causes, once, in one line.
fn complain(error: &anyhow::Error, format: LogFormat) -> Exit {
    if is_closed_pipe(error) {
        return Exit::Done;
    }
    let mut message = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // A cause that the sentence already contains adds nothing.
        if !message.contains(&cause) {
            message = if message.is_empty() { cause } else { format!("{message}: {cause}") };
        }
    }
    match format {
        LogFormat::Text => terminal::screen::note(&format!("error: {message}")),
        LogFormat::Json => tracing::error!("{message}"),
    }
    Exit::of_error(error)
}

/// The reader of our output has seen enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
