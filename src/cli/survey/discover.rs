//! `snapferry discover`: the snapshots that can be exported, as a CSV file for `enqueue`.

use crate::cli::context::Context;
use crate::cli::exit::{Exit, UsageError, or_interrupted};
use crate::cli::steer::selector::pattern;
use crate::cli::survey::lane_readers::{LaneReaders, SIDE_BY_SIDE, no_such_regions};
use crate::cli::terminal::screen::notes;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::SnapshotKind;
use crate::queue::Peek;
use crate::report::{DiscoveredSheet, Format, Output, grouped, several};
use crate::survey::{Choice, FoundSnapshot, NotFound, SeenExport, TagWanted, discover as read_lane};
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

/// List the snapshots that can be exported, as a CSV for enqueue
///
/// Reads the instance and disk snapshots and the export records of every account and Region in the settings, and prints
/// the snapshots with size, source, age, tags, attached disks, and whether they have been exported. Snapshots in state
/// error are left out. It only reads, within the read limit of each lane: nothing is exported or changed.
///
/// A filter given several times matches if one of its values does; --tag only if all of them do.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiscoverArgs {
    /// Only this account, as named in the settings; can be repeated
    #[arg(long = "account", value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    accounts: Vec<AccountLabel>,
    /// Only this Region; can be repeated [default: `regions` of each account, or the Region of the AWS configuration]
    #[arg(long = "region", value_name = "REGION", value_parser = Region::parse)]
    regions: Vec<Region>,
    /// Minimum age, e.g. 30d or 12h
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration, help_heading = "Filters")]
    older_than: Option<Duration>,
    /// Maximum age
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration, help_heading = "Filters")]
    newer_than: Option<Duration>,
    /// Required tag, with any value or this one; can be repeated
    #[arg(long = "tag", value_name = "KEY[=VALUE]", value_parser = tag, help_heading = "Filters")]
    tags: Vec<TagWanted>,
    /// Pattern for the snapshot's name, e.g. 'web-*'; can be repeated
    #[arg(long = "name", value_name = "GLOB", value_parser = pattern, help_heading = "Filters")]
    names: Vec<Pattern>,
    /// Pattern for the name of the source instance or disk; can be repeated
    #[arg(long = "source", value_name = "GLOB", value_parser = pattern, help_heading = "Filters")]
    sources: Vec<Pattern>,
    /// Only snapshots of instances, or only of disks
    #[arg(long, value_name = "KIND", value_enum, help_heading = "Filters")]
    kind: Option<SnapshotKind>,
    /// Only the newest N of each source, after the filters above
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Filters")]
    newest: Option<u32>,
    /// Only snapshots that are neither exported nor in progress nor queued. This filter comes last: if the newest snapshot
    /// is exported, no older one replaces it
    #[arg(long, help_heading = "Filters")]
    not_exported: bool,
    /// Output file, written whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// JSON array instead of CSV
    #[arg(long)]
    json: bool,
}

fn tag(text: &str) -> Result<TagWanted, &'static str> {
    TagWanted::parse(text).ok_or("a tag needs a key: write KEY or KEY=VALUE")
}

/// The totals that are printed at the end.
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
pub(crate) async fn discover(args: &DiscoverArgs, context: &Context) -> anyhow::Result<Exit> {
    let (mut out, mut notes) = (std::io::stdout(), notes());
    args.check_ages()?;
    let lanes = args.lanes(context, &mut notes).await?;
    let peek = context.peek().await?;
    let listed = Box::pin(async {
        match args.output.as_deref().filter(|path| *path != Path::new("-")) {
            None => args.list(context, lanes, peek.as_ref(), &mut out, &mut notes).await,
            Some(path) => {
                let mut output = Output::create(path, context.settings.database.path())?;
                let exit = args.list(context, lanes, peek.as_ref(), output.writer(), &mut notes).await?;
                if matches!(exit, Exit::Done) {
                    output.finish()?;
                } else {
                    // A note that cannot be written is no failure.
                    let _ = writeln!(notes, "{} was not written because not every lane could be read", path.display());
                }
                Ok(exit)
            }
        }
    });
    or_interrupted(listed).await
}

impl DiscoverArgs {
    fn check_ages(&self) -> Result<(), UsageError> {
        let ages = self.older_than.zip(self.newer_than).filter(|(older, newer)| older >= newer);
        let said = |age| humantime::format_duration(age).to_string();
        ages.map_or(Ok(()), |(older, newer)| {
            let (older, newer) = (said(older), said(newer));
            Err(UsageError(format!(
                "no snapshot is both older than {older} and newer than {newer}; swap --older-than and --newer-than"
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
            kind: self.kind,
            newest: self.newest.map(|newest| usize::try_from(newest).unwrap_or(usize::MAX)),
            not_exported: self.not_exported,
        }
    }

    /// The lanes to read, ordered by account and Region.
    async fn lanes(&self, context: &Context, notes: &mut (dyn Write + Send)) -> anyhow::Result<Vec<Lane>> {
        let mut lanes = Vec::new();
        for account in context.accounts_of(&self.accounts)? {
            let regions = match context.regions_of(&account, &self.regions) {
                Some(regions) => regions,
                None => BTreeSet::from([usual_region(context, &account, notes).await?]),
            };
            lanes.extend(regions.into_iter().map(|region| Lane { account: account.clone(), region }));
        }
        if lanes.is_empty() {
            return Err(no_such_regions(&self.regions).into());
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
        let (choice, now, readers) = (self.choice(), context.clock.now(), LaneReaders::new(context));
        let mut sum = Sum { lanes: lanes.len() as u64, ..Sum::default() };
        let readers: Vec<_> = lanes.into_iter().map(|lane| readers.of(lane)).collect();
        let mut readings = futures_util::stream::iter(&readers)
            .map(|reader| async move { (&reader.lane, read_lane(reader, peek).await) })
            .buffered(SIDE_BY_SIDE);
        let format = if self.json { Format::Json } else { Format::Csv };
        let mut sheet = DiscoveredSheet::begin(out, format, now).context(CANNOT_WRITE)?;
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
                            "note: {other} and {lane} are the same AWS account ({account}); their snapshots are listed twice"
                        );
                    }
                    sheet.add(&chosen.found).context(CANNOT_WRITE)?;
                }
                Err(NotFound::Lane(unread)) => {
                    sum.unread += 1;
                    let unread = context.say_way(lane, unread).await;
                    let _ = writeln!(notes, "{lane}: {unread}");
                }
                Err(error @ NotFound::Database(_)) => return Err(error.into()),
            }
        }
        sheet.end().context(CANNOT_WRITE)?;
        let _ = writeln!(notes, "{}", sum.text());
        Ok(if sum.unread > 0 { Exit::Failed } else { Exit::Done })
    }
}

const CANNOT_WRITE: &str = "cannot write the list";

/// The Region of an account by the AWS configuration, with a note that others are not read.
async fn usual_region(
    context: &Context,
    account: &AccountLabel,
    notes: &mut (dyn Write + Send),
) -> anyhow::Result<Region> {
    let usual = context.usual_region(Some(account)).await.transpose();
    let usual =
        usual.map_err(|error| UsageError(format!("the Region of the AWS configuration: {error}; add --region")))?;
    let region = usual.ok_or_else(|| {
        UsageError(format!(
            "account {account} has no Region: add --region, set AWS_REGION or the profile's region, or list Regions in the \
             settings ([accounts.{account}] regions = [\"eu-west-1\", \"us-east-1\"])"
        ))
    })?;
    // A note that cannot be written is no failure.
    let _ = writeln!(
        notes,
        "note: account {account}: reading only {region}; to read more Regions, list them in the settings: \
         [accounts.{account}] regions = [...]"
    );
    Ok(region)
}

impl Sum {
    fn add(&mut self, found: &[FoundSnapshot]) {
        self.snapshots += found.len() as u64;
        for one in found {
            self.gb += u64::from(one.snapshot.size_gb.unwrap_or_default()) + u64::from(one.snapshot.attached_gb);
            self.exported += u64::from(matches!(one.export, SeenExport::Done { .. }));
        }
    }

    fn text(&self) -> String {
        let (snapshots, lanes) = (several(self.snapshots, "snapshot"), several(self.lanes, "lane"));
        let mut parts = vec![format!("{snapshots}, {} GB, in {lanes}", grouped(self.gb))];
        for (count, what) in [(self.exported, "exported already"), (self.broken, "in state error left out")] {
            if count > 0 {
                parts.push(format!("{} {what}", grouped(count)));
            }
        }
        if self.unread > 0 {
            parts.push(format!("{} could not be read", several(self.unread, "lane")));
        }
        parts.join("; ")
    }
}
