//! `snapferry discover`: what there is to export, as a CSV that `enqueue` takes.

use super::context::Context;
use super::exit::{Exit, UsageError};
use super::reading::Readers;
use super::screen::{Flow, forgive_closed_pipe, notes};
use super::selector::pattern;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::SnapshotKind;
use crate::queue::Peek;
use crate::report::{DiscoveredForm, DiscoveredSheet, Output, grouped, several};
use crate::survey::{Choice, Export, Found, NotFound, TagWanted, discover as read_lane};
use anyhow::Context as _;
use futures_util::StreamExt as _;
use glob::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  snapferry discover > fleet.csv               everything
  snapferry discover --newest 1 --not-exported | snapferry plan -
  snapferry discover --older-than 30d --name 'web-*' --tag env=prod
  snapferry discover --not-exported | snapferry enqueue - --batch everything

Exit status: 0 listed, 1 a lane could not be read (the others are listed), 2 wrong usage";

/// Lanes that are read side by side; each keeps a limit of its own.
const SIDE_BY_SIDE: usize = 8;

/// List what can be exported, as a CSV that enqueue takes
///
/// Reads the instance and disk snapshots and the export records of every account and Region of the settings, and prints
/// them lane by lane with size, source, age, tags, attached disks, and whether they have been exported. Snapshots in
/// state error are left out. It only reads, within the read limit of each lane; nothing is exported and nothing written.
///
/// A filter that is given several times fits if one of them does; --tag if all of them do.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct DiscoverArgs {
    /// Only this account, as the settings call it; can be repeated
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    accounts: Vec<AccountLabel>,
    /// Only this Region; can be repeated [default: `regions` of each account, or that of the AWS configuration]
    #[arg(long = "region", value_name = "REGION", value_parser = Region::parse)]
    regions: Vec<Region>,
    /// At least so old, such as 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration, help_heading = "Filters")]
    older_than: Option<Duration>,
    /// Younger than this
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration, help_heading = "Filters")]
    newer_than: Option<Duration>,
    /// With this tag, with any value or with this one; can be repeated
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = tag, help_heading = "Filters")]
    tags: Vec<TagWanted>,
    /// With a name that fits, such as 'web-*'; can be repeated
    #[arg(long = "name", value_name = "GLOB", value_parser = pattern, help_heading = "Filters")]
    names: Vec<Pattern>,
    /// Made of an instance or disk whose name fits; can be repeated
    #[arg(long = "source", value_name = "GLOB", value_parser = pattern, help_heading = "Filters")]
    sources: Vec<Pattern>,
    /// Only snapshots of instances, or only of disks
    #[arg(long, value_name = "KIND", value_enum, help_heading = "Filters")]
    kind: Option<KindArg>,
    /// The newest N of each source, of those that the filters above leave
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Filters")]
    newest: Option<u32>,
    /// Only what is neither exported nor under way nor in the queue; it comes last, so a newest one that is exported
    /// is not made up for by an older one
    #[arg(long, help_heading = "Filters")]
    not_exported: bool,
    /// Write it to this file, which is there whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// As a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    Instance,
    Disk,
}

fn tag(text: &str) -> Result<TagWanted, &'static str> {
    TagWanted::parse(text).ok_or("a tag has a key: write KEY or KEY=VALUE")
}

/// What was listed, to be said at the end.
#[derive(Debug, Default)]
struct Sum {
    lanes: u64,
    unread: u64,
    snapshots: u64,
    gb: u64,
    exported: u64,
    broken: u64,
}

/// Lists what there is.
pub(super) async fn discover(args: &DiscoverArgs, context: &Context) -> anyhow::Result<Exit> {
    let (mut out, mut notes) = (std::io::stdout(), notes());
    args.check_ages()?;
    let lanes = args.lanes(context, &mut notes).await?;
    let peek = context.peek().await?;
    let listed = async {
        match args.output.as_deref().filter(|path| *path != Path::new("-")) {
            None => args.list(context, lanes, peek.as_ref(), &mut out, &mut notes).await,
            Some(path) => {
                let mut output = Output::create(path, context.settings.database.path())?;
                let exit = args.list(context, lanes, peek.as_ref(), output.writer(), &mut notes).await?;
                if matches!(exit, Exit::Done) {
                    output.finish()?;
                } else {
                    // A note that nobody can read any more is no failure.
                    let _ = writeln!(notes, "{} was not written, as not every lane could be read", path.display());
                }
                Ok(exit)
            }
        }
    };
    let exit = tokio::select! {
        exit = listed => exit,
        // What is left half-written has no name yet, and goes.
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Ok(Exit::Interrupted)
        }
    };
    if let Some(peek) = peek {
        peek.close().await;
    }
    exit
}

impl DiscoverArgs {
    fn check_ages(&self) -> Result<(), UsageError> {
        let ages = self.older_than.zip(self.newer_than).filter(|(older, newer)| older >= newer);
        let said = |age| humantime::format_duration(age).to_string();
        ages.map_or(Ok(()), |(older, newer)| {
            let (older, newer) = (said(older), said(newer));
            Err(UsageError(format!(
                "nothing is older than {older} and newer than {newer}: swap --older-than and --newer-than"
            )))
        })
    }

    fn choice(&self) -> Choice {
        Choice {
            older_than: self.older_than,
            newer_than: self.newer_than,
            tags: self.tags.clone(),
            names: self.names.clone(),
            sources: self.sources.clone(),
            kind: self.kind.map(|kind| match kind {
                KindArg::Instance => SnapshotKind::Instance,
                KindArg::Disk => SnapshotKind::Disk,
            }),
            newest: self.newest.map(|newest| usize::try_from(newest).unwrap_or(usize::MAX)),
            not_exported: self.not_exported,
        }
    }

    /// The lanes to be read, in the order of account and Region.
    async fn lanes(&self, context: &Context, notes: &mut (dyn Write + Send)) -> anyhow::Result<Vec<Lane>> {
        let known = context.settings.accounts();
        let accounts = if self.accounts.is_empty() { known.clone() } else { self.accounts.iter().cloned().collect() };
        if let Some(stranger) = accounts.iter().find(|account| !known.contains(account)) {
            let known: Vec<&str> = known.iter().map(AccountLabel::as_str).collect();
            let message = format!("{:?} is no account of the settings; it has {}", stranger.as_str(), known.join(", "));
            return Err(UsageError(message).into());
        }
        let wanted: BTreeSet<Region> = self.regions.iter().copied().collect();
        let mut lanes = Vec::new();
        for account in accounts {
            let set = context.settings.account(&account).is_some_and(|account| !account.regions.is_empty());
            // Where the settings name none, whatever is asked for is looked at.
            let regions = match (set, wanted.is_empty()) {
                (false, false) => wanted.clone(),
                (true, false) => context.regions_of(&account).await?.intersection(&wanted).copied().collect(),
                (_, true) => context.regions_of(&account).await?,
            };
            if regions.is_empty() && wanted.is_empty() {
                return Err(UsageError(format!(
                    "account {account} has no Region: give --region, set AWS_REGION or the profile's region, or name \
                     some in the settings ([accounts.{account}] regions = [\"eu-west-1\", \"us-east-1\"])"
                ))
                .into());
            }
            if !set && wanted.is_empty() {
                let regions: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
                // A note that nobody can read any more is no failure.
                let _ = writeln!(
                    notes,
                    "note: account {account}: only {}, as the settings name no Regions; [accounts.{account}] regions = \
                     [...] names more",
                    regions.join(", ")
                );
            }
            lanes.extend(regions.into_iter().map(|region| Lane { account: account.clone(), region }));
        }
        if lanes.is_empty() {
            let wanted: Vec<&str> = wanted.iter().map(|region| region.as_str()).collect();
            let message = format!(
                "{}: not among the `regions` of these accounts in the settings; add it there to have it looked at",
                wanted.join(", ")
            );
            return Err(UsageError(message).into());
        }
        Ok(lanes)
    }

    async fn list(
        &self,
        context: &Context,
        lanes: Vec<Lane>,
        peek: Option<&Peek>,
        out: &mut (dyn Write + Send),
        notes: &mut (dyn Write + Send),
    ) -> anyhow::Result<Exit> {
        let (choice, now, readers) = (self.choice(), context.clock.now(), Readers::new(context));
        let mut sum = Sum { lanes: lanes.len() as u64, ..Sum::default() };
        let readers: Vec<_> = lanes.into_iter().map(|lane| readers.of(lane)).collect();
        let mut readings = futures_util::stream::iter(&readers)
            .map(|reader| async move { (&reader.lane, read_lane(reader, peek).await) })
            .buffered(SIDE_BY_SIDE);
        let form = if self.json { DiscoveredForm::Json } else { DiscoveredForm::Csv };
        let written = DiscoveredSheet::begin(out, form, now);
        let mut sheet = match written {
            Ok(sheet) => sheet,
            Err(error) => return closed(forgive_closed_pipe(Err(error))),
        };
        let mut owners = BTreeMap::new();
        while let Some((lane, read)) = readings.next().await {
            match read {
                Ok((found, reading)) => {
                    let chosen = choice.choose(found, now);
                    sum.add(&chosen.found);
                    sum.broken += chosen.broken;
                    if let Some(account) = reading.account
                        && let Some(other) = owners.insert((account.clone(), lane.region), lane)
                    {
                        let _ = writeln!(
                            notes,
                            "note: {other} and {lane} are the same AWS account ({account}); what they have is listed twice"
                        );
                    }
                    if forgive_closed_pipe(sheet.add(&chosen.found)).context("the list could not be written")?
                        == Flow::Closed
                    {
                        return Ok(Exit::Done);
                    }
                }
                Err(NotFound::Lane(unread)) => {
                    sum.unread += 1;
                    let unread = context.say_way(lane, unread).await;
                    let _ = writeln!(notes, "{lane}: {unread}");
                }
                Err(error @ NotFound::Database(_)) => return Err(error.into()),
            }
        }
        if forgive_closed_pipe(sheet.end()).context("the list could not be written")? == Flow::Closed {
            return Ok(Exit::Done);
        }
        let _ = sum.write(notes);
        Ok(if sum.unread > 0 { Exit::Failed } else { Exit::Done })
    }
}

fn closed(written: std::io::Result<Flow>) -> anyhow::Result<Exit> {
    written.context("the list could not be written").map(|_| Exit::Done)
}

impl Sum {
    fn add(&mut self, found: &[Found]) {
        self.snapshots += found.len() as u64;
        for one in found {
            self.gb += u64::from(one.snapshot.size_gb.unwrap_or_default()) + u64::from(one.snapshot.attached_gb);
            self.exported += u64::from(matches!(one.export, Export::Done { .. }));
        }
    }

    fn write(&self, notes: &mut (dyn Write + Send)) -> std::io::Result<()> {
        let (snapshots, lanes) = (several(self.snapshots, "snapshot"), several(self.lanes, "lane"));
        write!(notes, "{snapshots}, {} GB, in {lanes}", grouped(self.gb))?;
        if self.exported > 0 {
            write!(notes, "; {} exported already", grouped(self.exported))?;
        }
        if self.broken > 0 {
            write!(notes, "; {} in state error left out", grouped(self.broken))?;
        }
        if self.unread > 0 {
            write!(notes, "; {} could not be read", several(self.unread, "lane"))?;
        }
        writeln!(notes)
    }
}
