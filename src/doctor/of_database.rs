//! What a check-up of the database means.

use super::diagnosis::Check;
use crate::queue::{Checkup, Content, Foreign, OpenError, QueueError, Vitals};
use std::error::Error;
use std::path::PathBuf;

const MIB: u64 = 1 << 20;

/// So little room that the next writes may find none.
const NO_ROOM: u64 = 100 * MIB;
/// A migration of some thousands needs far less; a million jobs need about this.
const LITTLE_ROOM: u64 = 1024 * MIB;
/// `SQLite` folds its WAL in at 4 MiB; one that is so much larger could not be folded in for long.
const LONG_WAL: u64 = 256 * MIB;

const RESTORE: &str = "stop the daemon, keep a copy of the file and its -wal, and restore the last `snapferry backup`; or \
                       begin with a new database: what is exported is found at Lightsail, and not exported again";

const LOOK_AGAIN: &str =
    "see to its disk and its folder, then look again; nothing says that the database itself is broken";

pub(super) fn checks(checkup: &Checkup) -> Vec<Check> {
    let mut checks = match &checkup.content {
        Ok(None) => vec![Check::note("schema", "there is none yet: the first command that needs it makes it")],
        Ok(Some(content)) => of_content(content, checkup.vitals.as_ref()),
        Err(error) => vec![unopened(error)],
    };
    if let Some(vitals) = &checkup.vitals {
        if matches!(checkup.content, Ok(Some(_))) {
            checks.extend(at_work(vitals));
        }
        checks.extend(of_files(vitals));
    }
    checks
}

fn unopened(error: &OpenError) -> Check {
    // These sentences tell the way out themselves, behind the last semicolon.
    let text = error.to_string();
    match (text.rsplit_once("; "), error.source()) {
        (Some((what, way)), None) => Check::error("schema", what, way),
        (_, None) => Check::error("schema", text, LOOK_AGAIN),
        (_, Some(cause)) => {
            let mut said = text;
            for cause in std::iter::successors(Some(cause), |&cause| cause.source()) {
                let words = cause.to_string();
                // A cause whose words are in the sentence already adds nothing.
                if !said.contains(&words) {
                    said = format!("{said}: {words}");
                }
            }
            Check::error("schema", said, way_out_of(error))
        }
    }
}

/// What has passed leaves a sound file: only one that is broken is given up.
fn way_out_of(error: &OpenError) -> &'static str {
    let OpenError::Other(_, source) = error else { return LOOK_AGAIN };
    if matches!(source, QueueError::DiskFull) {
        "make room on its disk; the database itself has taken no harm"
    } else if matches!(source, QueueError::Busy) {
        "end the program that keeps it locked, or wait for it; the database itself has taken no harm"
    } else if matches!(source, QueueError::Broken(_) | QueueError::Corrupt { .. }) {
        RESTORE
    } else {
        LOOK_AGAIN
    }
}

fn of_content(content: &Content, vitals: Option<&Vitals>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(fault) = content.faults.first() {
        let more = if content.faults.len() > 1 { ", and more" } else { "" };
        let text = format!("SQLite finds the file broken: {}{more}", fault.replace('\n', " "));
        checks.push(Check::error("integrity", text, RESTORE));
        return checks;
    }
    if let Some(schema) = content.half_migrated {
        let text = format!("its change to schema {schema} was begun and has not ended");
        checks.push(Check::error("schema", text, RESTORE));
    } else if content.schema < content.newest_schema {
        let text = format!(
            "its schema is {}, this version's {}: the next command that opens it brings it up to date",
            content.schema, content.newest_schema
        );
        checks.push(Check::note("schema", text));
    }
    for (table, rows) in &content.dangling {
        let s = if *rows == 1 { "row" } else { "rows" };
        checks.push(Check::error("references", format!("{rows} {s} of {table} refer to what is not there"), RESTORE));
    }
    if !content.misfits.is_empty() {
        let text = format!("it is not as Snapferry makes it: {}", content.misfits.join(", "));
        checks.push(Check::error("indexes", text, RESTORE));
    }
    if checks.iter().all(|check| check.way.is_none()) {
        let size = vitals.map(|vitals| format!("{}, ", size(vitals.bytes))).unwrap_or_default();
        let text = format!("{size}schema {}; sound, with every index, and no reference leads nowhere", content.schema);
        checks.insert(0, Check::good("integrity", text));
    }
    checks
}

/// What works on it, and what such a one has left.
fn at_work(vitals: &Vitals) -> Vec<Check> {
    let mut checks = vec![match &vitals.daemon {
        Some(who) => Check::good("daemon", format!("a daemon is at work on it ({who})")),
        None => Check::note("daemon", "no daemon is at work on it: `snapferry daemon` starts one"),
    }];
    match (vitals.wal_bytes, &vitals.daemon) {
        (Some(wal), _) if wal > LONG_WAL => checks.push(Check::warning(
            "wal",
            format!("its WAL holds {}: something reads it for so long that it cannot be folded in", size(wal)),
            "end what reads the file for long, a copy or another program; the next write folds the WAL in",
        )),
        (Some(wal), None) if wal > 0 => checks.push(Check::note(
            "wal",
            format!("its WAL holds {}, as after a kill: the next command takes it in", size(wal)),
        )),
        _ => {}
    }
    checks
}

fn of_files(vitals: &Vitals) -> Vec<Check> {
    let mut checks = Vec::new();
    match vitals.free_bytes {
        Some(free) if free < NO_ROOM => {
            checks.push(Check::error("room", format!("its disk has {} left", size(free)), "make room"));
        }
        Some(free) if free < LITTLE_ROOM => checks.push(Check::warning(
            "room",
            format!("its disk has {} left", size(free)),
            "make room: a million jobs take about 1 GiB, and a full disk stops the daemon",
        )),
        Some(free) => checks.push(Check::good("room", format!("its disk has {} left", size(free)))),
        None => {}
    }
    if let Some(kind) = &vitals.network {
        checks.push(Check::error(
            "disk",
            format!("it is on a network disk ({kind}): the daemon does not start there, as another host could use it too"),
            "move it to a local disk or a block volume: stop the daemon, copy the file, name it with --database; or start the \
             daemon with --network-disk if no other host has it",
        ));
    }
    if vitals.read_only_disk {
        checks.push(Check::error(
            "disk",
            "its disk is mounted read-only: it can be read, and nothing else",
            "mount it for writing",
        ));
    }
    if let Some(first) = vitals.locked.first() {
        let text = format!("this user may not read and write {}{}", first.display(), more(&vitals.locked));
        let way = vitals.foreign.as_ref().map(Foreign::way);
        let way = way.unwrap_or_else(|| "run as the daemon's user, or put owner and mode right".to_owned());
        checks.push(Check::error("permissions", text, way));
    }
    if let Some(first) = vitals.open_to_all.first() {
        let text = format!("everybody on this machine may write {}{}", first.display(), more(&vitals.open_to_all));
        checks.push(Check::warning("permissions", text, format!("chmod o-w {}", paths(&vitals.open_to_all))));
    }
    if !vitals.owners.is_empty() {
        let owners: Vec<String> = vitals.owners.iter().map(ToString::to_string).collect();
        let text = format!("its files belong to several users (ids {}): one locks the other out", owners.join(", "));
        let way = "chown all of them to the daemon's user, and run every command as that one";
        checks.push(Check::warning("permissions", text, way));
    }
    checks
}

fn paths(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn more(files: &[PathBuf]) -> String {
    match files.len() {
        0 | 1 => String::new(),
        several => format!(" and {} more", several - 1),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "a size is read with two digits")]
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

#[cfg(test)]
#[path = "of_database_tests.rs"]
mod tests;
