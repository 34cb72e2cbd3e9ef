//! The database: its file, its contents and its disk.

use super::diagnosis::Check;
use crate::queue::{Checkup, Content, Foreign, OpenError, QueueError, Vitals};
use indicatif::BinaryBytes;
use std::error::Error;
use std::path::PathBuf;

const MIB: u64 = 1 << 20;

/// So little room that the next writes may find none.
const NO_ROOM: u64 = 100 * MIB;
/// A migration of some thousands needs far less; a million jobs need about this.
const LITTLE_ROOM: u64 = 1024 * MIB;
/// `SQLite` merges its log at 4 MiB; one that is so much larger could not be merged for long.
const LONG_WAL: u64 = 256 * MIB;

const RESTORE: &str = "stop the daemon, keep a copy of the file and its -wal, and restore the last `snapferry backup`; or \
                       start with a new database: existing exports are found at Lightsail and not repeated";

const CHECK_DISK: &str = "check its disk and its folder, then try again; the database itself need not be broken";

pub(super) fn checks(checkup: &Checkup) -> Vec<Check> {
    let mut checks = match &checkup.content {
        Ok(None) => vec![Check::note("schema", "none yet: the first command that needs it creates it")],
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
        (_, None) => Check::error("schema", text, CHECK_DISK),
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
    let OpenError::Other(_, source) = error else { return CHECK_DISK };
    if matches!(source, QueueError::DiskFull) {
        "free some space on its disk; the database itself is undamaged"
    } else if matches!(source, QueueError::Busy) {
        "end the program that locks it, or wait for it; the database itself is undamaged"
    } else if matches!(source, QueueError::Broken(_) | QueueError::Corrupt { .. }) {
        RESTORE
    } else {
        CHECK_DISK
    }
}

fn of_content(content: &Content, vitals: Option<&Vitals>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(fault) = content.faults.first() {
        let more = if content.faults.len() > 1 { ", and more" } else { "" };
        let text = format!("the file is damaged: {}{more}", fault.replace('\n', " "));
        checks.push(Check::error("integrity", text, RESTORE));
        return checks;
    }
    if let Some(schema) = content.half_migrated {
        let text = format!("its migration to schema {schema} has not completed");
        checks.push(Check::error("schema", text, RESTORE));
    } else if content.schema < content.newest_schema {
        let text = format!(
            "schema {}, this version has {}: the next command that opens it migrates it",
            content.schema, content.newest_schema
        );
        checks.push(Check::note("schema", text));
    }
    for (table, rows) in &content.dangling {
        let text = format!("broken references in {rows} of the rows of {table}");
        checks.push(Check::error("references", text, RESTORE));
    }
    if !content.misfits.is_empty() {
        let text = format!("not as Snapferry creates it: {}", content.misfits.join(", "));
        checks.push(Check::error("indexes", text, RESTORE));
    }
    if checks.iter().all(|check| check.way.is_none()) {
        let size = vitals.map(|vitals| format!("{}, ", BinaryBytes(vitals.bytes))).unwrap_or_default();
        let text = format!("{size}schema {}, intact", content.schema);
        checks.insert(0, Check::good("integrity", text));
    }
    checks
}

/// The daemon that uses it, and its log.
fn at_work(vitals: &Vitals) -> Vec<Check> {
    let mut checks = vec![match &vitals.daemon {
        Some(who) => Check::good("daemon", format!("in use by a daemon ({who})")),
        None => Check::note("daemon", "no daemon uses it: `snapferry daemon` starts one"),
    }];
    match (vitals.wal_bytes, &vitals.daemon) {
        (Some(wal), _) if wal > LONG_WAL => checks.push(Check::warning(
            "wal",
            format!("{} of unmerged log: something keeps reading the file, so it cannot be merged", BinaryBytes(wal)),
            "end what keeps reading the file, such as a copy; the next write merges the log",
        )),
        (Some(wal), None) if wal > 0 => checks.push(Check::note(
            "wal",
            format!("{} of unmerged log after an unclean stop: the next command merges it", BinaryBytes(wal)),
        )),
        _ => {}
    }
    checks
}

fn of_files(vitals: &Vitals) -> Vec<Check> {
    let mut checks = Vec::new();
    match vitals.free_bytes {
        Some(free) if free < NO_ROOM => {
            checks.push(Check::error("room", format!("{} free on its disk", BinaryBytes(free)), "free some space"));
        }
        Some(free) if free < LITTLE_ROOM => checks.push(Check::warning(
            "room",
            format!("{} free on its disk", BinaryBytes(free)),
            "free some space: a million jobs take about 1 GiB, and a full disk stops the daemon",
        )),
        Some(free) => checks.push(Check::good("room", format!("{} free on its disk", BinaryBytes(free)))),
        None => {}
    }
    if let Some(kind) = &vitals.network {
        checks.push(Check::error(
            "disk",
            format!("on a network disk ({kind}): the daemon does not start there, as another host could use it too"),
            "move it to a local disk or a block volume: stop the daemon, copy the file, name it with --database; or start the \
             daemon with --network-disk if no other host has it",
        ));
    }
    if vitals.read_only_disk {
        checks.push(Check::error("disk", "its disk is mounted read-only", "mount it read-write"));
    }
    if let Some(first) = vitals.locked.first() {
        let text = format!("this user may not read and write {}{}", first.display(), more(&vitals.locked));
        let way = vitals.foreign.as_ref().map(Foreign::way);
        let way = way.unwrap_or_else(|| "run as the daemon's user, or correct owner and mode".to_owned());
        checks.push(Check::error("permissions", text, way));
    }
    if let Some(first) = vitals.open_to_all.first() {
        let text = format!("every user of this machine may write {}{}", first.display(), more(&vitals.open_to_all));
        checks.push(Check::warning("permissions", text, format!("chmod o-w {}", paths(&vitals.open_to_all))));
    }
    if !vitals.owners.is_empty() {
        let owners: Vec<String> = vitals.owners.iter().map(ToString::to_string).collect();
        let text = format!("its files belong to several users (ids {}), who lock each other out", owners.join(", "));
        let way = "chown all of them to the daemon's user, and run every command as that user";
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

#[cfg(test)]
#[path = "of_database_tests.rs"]
mod tests;
