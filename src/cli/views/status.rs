//! `snapferry status`: progress, and what needs a person.

use crate::cli::context::{Access, Context};
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::steer::pause_command::no_such_lane;
use crate::cli::steer::selector::find_batch;
use crate::cli::terminal::screen::{Screen, forgive_closed_pipe};
use crate::domain::{AccountLabel, Lane, Region, Timestamp};
use crate::queue::{BatchView, DatabaseLock, Held, Queue};
use crate::report::{ConfiguredLimits, LaneFilter, NEEDS_YOU, StatusView, status_json, status_text};
use crate::settings::{LaneSettings, Settings};
use anyhow::Context as _;
use std::cell::Cell;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  snapferry status                       everything
  snapferry status --batch fleet         one batch and its lanes
  snapferry status --account prod        the lanes of one account
  snapferry status --watch               refreshed every second
  snapferry status --json | jq .needs    what needs a person";

/// The interval of --watch.
const REDRAW: Duration = Duration::from_secs(1);

const CLEAR_ALL: &str = "\u{1b}[2J";

/// From the top left, clearing the rest of each line and what is below the last one, so that nothing flickers.
const HOME: &str = "\u{1b}[H";
const CLEAR_LINE: &str = "\u{1b}[K\n";
const CLEAR_BELOW: &str = "\u{1b}[J";

/// Show progress: batches, lanes, what holds them back and what needs you
///
/// The bar of a batch shows its jobs by state: # succeeded, x failed or cancelled, ? unconfirmed or in review, > in
/// progress, . queued.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// Only this batch
    #[arg(long, value_name = "BATCH")]
    batch: Option<String>,
    /// Only lanes of this account
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    account: Option<AccountLabel>,
    /// Only lanes in this Region
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    region: Option<Region>,
    /// JSON output; names are stable
    #[arg(long)]
    json: bool,
    /// Refresh every second until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// As many lines as fit on a screen of `height`, so that it never scrolls; the last one counts the rest.
fn fitting(text: &str, height: usize) -> String {
    let all = text.lines().count();
    let shown = height.saturating_sub(2).max(1);
    if all <= shown + 1 {
        return text.to_owned();
    }
    // What needs a person comes first.
    let parts: Vec<&str> = text.trim_end_matches('\n').split("\n\n").collect();
    let is_pressing = |part: &&str| part.lines().next().is_some_and(|title| title.contains(NEEDS_YOU));
    let ordered = match parts.split_first() {
        Some((head, rest)) => {
            let (pressing, others): (Vec<&str>, Vec<&str>) = rest.iter().copied().partition(is_pressing);
            [vec![*head], pressing, others].concat().join("\n\n")
        }
        None => text.to_owned(),
    };
    let lines: Vec<&str> = ordered.lines().take(shown).collect();
    format!("{}\n({} more lines)\n", lines.join("\n"), all - shown)
}

impl StatusArgs {
    /// Shows it, with --watch until nobody reads on. The database is opened each time: there may be none yet.
    pub(crate) async fn show(&self, context: &Context) -> anyhow::Result<Exit> {
        let drawn = Cell::default();
        loop {
            let access = if drawn.get() == 0 { Access::Read } else { Access::ReadAgain };
            let exit = context.with_queue(access, async |session| self.run(session, &drawn).await).await?;
            if !self.watch {
                return Ok(exit);
            }
            tokio::select! {
                () = context.clock.sleep(REDRAW) => {}
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    return Ok(Exit::Interrupted);
                }
            }
        }
    }

    /// Draws it once; `drawn` is the width of what is on the screen already, 0 where nothing is.
    pub async fn run(&self, session: Session<'_>, drawn: &Cell<u16>) -> anyhow::Result<Exit> {
        let Session { queue, settings, clock, screen, .. } = session;
        let Screen { out, mut style, terminal, .. } = screen;
        let redraw = self.watch && terminal && !self.json;
        let view = self.read(queue, settings, clock.now()).await?;
        // The window may be resized meanwhile.
        let size = terminal_size::terminal_size().filter(|_| redraw && style.width.is_some());
        if let Some((terminal_size::Width(width), _)) = size {
            style.width = Some(width);
        }
        let text = match (self.json, self.watch) {
            (true, true) => serde_json::to_string(&status_json(&view))? + "\n",
            (true, false) => serde_json::to_string_pretty(&status_json(&view))? + "\n",
            (false, _) => status_text(&view, style),
        };
        let text = match size {
            Some((_, terminal_size::Height(height))) => fitting(&text, usize::from(height)),
            None => text,
        };
        let width = style.width.unwrap_or(1);
        let first = drawn.replace(width) != width;
        let text = match (redraw, first) {
            (true, true) => format!("{CLEAR_ALL}{HOME}{text}"),
            (true, false) => format!("{HOME}{}{CLEAR_BELOW}", text.replace('\n', CLEAR_LINE)),
            (false, false) if !self.json => format!("\n{text}"),
            (false, _) => text,
        };
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        forgive_closed_pipe(written).context("cannot write the status")?;
        Ok(Exit::Done)
    }

    async fn read(&self, queue: &Queue, settings: &Settings, now: Timestamp) -> anyhow::Result<StatusView> {
        let only = match &self.batch {
            Some(name) => Some(find_batch(queue, name).await?),
            None => None,
        };
        let place = LaneFilter { account: self.account.clone(), region: self.region };
        if place.is_narrow() {
            // An account or Region without lanes may be mistyped.
            let lanes: Vec<Lane> = queue.lane_records().await?.into_iter().map(|record| record.lane).collect();
            if !lanes.iter().any(|lane| place.has(lane)) {
                return Err(no_such_lane(&lanes, self.account.as_ref()).into());
            }
        }
        read_status(queue, only, place, settings, now).await
    }
}

/// Reads the status at `now`, by the settings of this process.
pub(crate) async fn read_status(
    queue: &Queue,
    only: Option<BatchView>,
    place: LaneFilter,
    settings: &Settings,
    now: Timestamp,
) -> anyhow::Result<StatusView> {
    let daemon = DatabaseLock::holder(queue.path(), Held::Daemon).context("cannot read the daemon's lock")?;
    Ok(StatusView::read(queue, only, place, now, daemon, |lane| limits(&settings.for_lane(lane))).await?)
}

/// The limits in the settings of a lane.
pub(in crate::cli) fn limits(LaneSettings { export, reconcile, poll, lane, .. }: &LaneSettings) -> ConfiguredLimits {
    ConfiguredLimits {
        ceiling: export.rate,
        cap: export.max_in_flight,
        settle: reconcile.settle,
        looks: reconcile.looks,
        attempt_timeout: export.attempt_timeout,
        max_attempts: export.max_attempts,
        give_up: poll.give_up,
        probe: lane.probe,
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn what_a_screen_has_no_room_for_is_counted() {
        let text = "1\n2\n3\n4\n5\n";
        assert_eq!(fitting(text, 6), text);
        assert_eq!(fitting(text, 5), "1\n2\n3\n(2 more lines)\n");
        assert_eq!(fitting(text, 0), "1\n(4 more lines)\n");
        assert_eq!(fitting("", 3), "");
    }

    #[test]
    fn what_needs_a_person_is_never_what_is_left_out() {
        let text = "said\n\nBATCHES\na\nb\n\nNEEDS YOU\n- this\n";
        assert_eq!(fitting(text, 8), "said\n\nNEEDS YOU\n- this\n\nBATCHES\n(2 more lines)\n");
        assert_eq!(fitting(text, 9), text);
    }
}
