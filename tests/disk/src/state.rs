//! What the disk knows: which operation it strikes at, what is safe, and what only seems to be written. No file is
//! touched here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// An operation on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// Bytes, or a new length.
    Write,
    /// A flush of one file.
    Sync,
    /// Bytes read.
    Read,
}

/// What happens at the strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// No room, for this write and all later ones, until the disk is healed.
    Full,
    /// No room, this once.
    FullOnce,
    /// Half of the bytes are written, and then there is no room until the disk is healed.
    Short,
    /// An error of the device, this once.
    Error,
    /// The power goes before the operation has ended. Nothing works from then on.
    PowerLost,
    /// The power goes when the operation has ended and nobody has heard of it.
    PowerLostAfter,
}

/// Where and how the disk strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// At which kind of operation.
    pub op: Op,
    /// At which of them, from 1.
    pub nth: u64,
    /// What happens.
    pub what: What,
}

/// Operations so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Writes and truncations.
    pub writes: u64,
    /// Syncs.
    pub syncs: u64,
    /// Reads.
    pub reads: u64,
}

/// What the shim does with an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// It happens.
    Pass,
    /// It does not, for want of room.
    Full,
    /// Half of it happens, then the same.
    Short,
    /// It does not: an error of the device.
    Error,
    /// It happens, is safe, and is answered with an error.
    PassUnheard,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug, Default)]
struct FileLog {
    /// What stays whatever happens; nothing where the file itself may be gone.
    safe: Option<Vec<u8>>,
    /// A file of that name that was deleted, of which the folder may not know yet.
    ghost: Option<Vec<u8>>,
    unsafe_yet: Vec<Change>,
    deleted: bool,
}

#[derive(Debug)]
pub(crate) struct State {
    strike: Option<Strike>,
    counts: Counts,
    struck: bool,
    full: bool,
    dead: bool,
    files: BTreeMap<PathBuf, FileLog>,
}

impl State {
    pub(crate) fn new(strike: Option<Strike>) -> Self {
        Self { strike, counts: Counts::default(), struck: false, full: false, dead: false, files: BTreeMap::new() }
    }

    pub(crate) fn heal(&mut self) {
        (self.strike, self.full) = (None, false);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn has_struck(&self) -> bool {
        self.struck
    }

    /// Counts an operation and says what is to become of it.
    pub(crate) fn rule(&mut self, op: Op) -> Ruling {
        if self.dead {
            return Ruling::Error;
        }
        let count = match op {
            Op::Write => &mut self.counts.writes,
            Op::Sync => &mut self.counts.syncs,
            Op::Read => &mut self.counts.reads,
        };
        *count += 1;
        let Some(strike) = self.strike.filter(|strike| !self.struck && strike.op == op && strike.nth == *count) else {
            return if self.full && op == Op::Write { Ruling::Full } else { Ruling::Pass };
        };
        self.struck = true;
        match strike.what {
            What::Full => {
                self.full = true;
                Ruling::Full
            }
            What::FullOnce => Ruling::Full,
            What::Short => {
                self.full = true;
                Ruling::Short
            }
            What::Error => Ruling::Error,
            What::PowerLost => {
                self.dead = true;
                Ruling::Error
            }
            What::PowerLostAfter => {
                self.dead = true;
                Ruling::PassUnheard
            }
        }
    }

    /// Whether the power is lost.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    /// A file is opened, which holds these bytes where it was there before the disk was mounted.
    pub(crate) fn opened(&mut self, path: &Path, held: impl FnOnce() -> Option<Vec<u8>>) {
        let log = self.files.entry(path.to_owned()).or_insert_with(|| FileLog { safe: held(), ..FileLog::default() });
        if log.deleted {
            *log = FileLog { ghost: log.ghost.take(), ..FileLog::default() };
        }
    }

    pub(crate) fn wrote(&mut self, path: &Path, at: usize, bytes: &[u8]) {
        self.changed(path, Change::Write(at, bytes.to_vec()));
    }

    pub(crate) fn cut(&mut self, path: &Path, length: usize) {
        self.changed(path, Change::Length(length));
    }

    fn changed(&mut self, path: &Path, change: Change) {
        self.files.entry(path.to_owned()).or_default().unsafe_yet.push(change);
    }

    pub(crate) fn synced(&mut self, path: &Path) {
        let log = self.files.entry(path.to_owned()).or_default();
        let mut bytes = log.safe.take().unwrap_or_default();
        for change in log.unsafe_yet.drain(..) {
            apply(&mut bytes, &change, |_| true);
        }
        (log.safe, log.ghost) = (Some(bytes), None);
    }

    /// The folder is synced: it knows of every file that is there, and of none that is not.
    pub(crate) fn synced_folder(&mut self) {
        for log in self.files.values_mut() {
            log.ghost = None;
            if !log.deleted {
                log.safe.get_or_insert_default();
            }
        }
    }

    /// A file is deleted; `for_good` where its folder was synced as well.
    pub(crate) fn deleted(&mut self, path: &Path, for_good: bool) {
        let Some(log) = self.files.get_mut(path) else { return };
        let ghost = log.safe.take().or(log.ghost.take()).filter(|_| !for_good);
        *log = FileLog { ghost, deleted: true, ..FileLog::default() };
    }

    /// What is there when the power is back.
    pub(crate) fn survivors(&self, chance: &mut fastrand::Rng) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for (path, log) in &self.files {
            let older = log.ghost.as_ref().filter(|_| chance.bool());
            let bytes = match (&log.safe, older) {
                (None, Some(ghost)) => ghost.clone(),
                (None, None) if log.deleted || chance.bool() => continue,
                (safe, _) => after_chance(safe.clone().unwrap_or_default(), &log.unsafe_yet, chance),
            };
            found.push((path.clone(), bytes));
        }
        // The index of the WAL is memory, and its file may hold anything.
        if let Some(wal) = self.files.keys().find(|path| path.to_string_lossy().ends_with("-wal")) {
            let name = wal.to_string_lossy().replace("-wal", "-shm");
            if chance.bool() {
                let garbage = std::iter::repeat_with(|| chance.u8(..)).take(32 << 10).collect();
                found.push((PathBuf::from(name), garbage));
            }
        }
        found
    }
}

/// Of what was not synced each change is kept, dropped, or torn between its sectors.
fn after_chance(mut bytes: Vec<u8>, changes: &[Change], chance: &mut fastrand::Rng) -> Vec<u8> {
    for change in changes {
        match chance.u8(0..3) {
            0 => {}
            1 => apply(&mut bytes, change, |_| true),
            _ => apply(&mut bytes, change, |_| chance.bool()),
        }
    }
    bytes
}

/// Does a change to a file's bytes, in the sectors that `keep` says.
fn apply(bytes: &mut Vec<u8>, change: &Change, mut keep: impl FnMut(usize) -> bool) {
    match change {
        Change::Length(length) => {
            if keep(0) {
                bytes.resize(*length, 0);
            }
        }
        Change::Write(at, written) => {
            let mut from = 0;
            while from < written.len() {
                let place = at + from;
                let until = written.len().min(from + SECTOR - place % SECTOR);
                if keep(place / SECTOR) {
                    let end = at + until;
                    if bytes.len() < end {
                        bytes.resize(end, 0);
                    }
                    bytes[place..end].copy_from_slice(&written[from..until]);
                }
                from = until;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_stays_and_the_rest_is_left_to_chance() {
        let mut state = State::new(None);
        let path = Path::new("/x/db");
        state.opened(path, || None);
        state.wrote(path, 0, &[1; 1024]);
        state.synced(path);
        state.wrote(path, 512, &[2; 1024]);
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let found = state.survivors(&mut fastrand::Rng::with_seed(seed));
            let bytes = &found[0].1;
            assert!(bytes[..512] == [1; 512] && bytes.len() >= 1024, "seed {seed}");
            seen.insert((bytes[512], bytes.get(1024).copied()));
        }
        // Dropped, the first sector alone, the last alone, both.
        assert_eq!(seen, [(1, None), (1, Some(2)), (2, None), (2, Some(2))].into_iter().collect());
    }

    #[test]
    fn a_file_never_synced_may_be_gone_and_one_deleted_may_be_back() {
        let mut state = State::new(None);
        let path = Path::new("/x/db-journal");
        state.opened(path, || None);
        state.wrote(path, 0, &[1; 4]);
        let there = |state: &State| {
            let times = (0..100).filter(|seed| !state.survivors(&mut fastrand::Rng::with_seed(*seed)).is_empty());
            times.count()
        };
        assert!((10..90).contains(&there(&state)));
        state.synced(path);
        assert_eq!(there(&state), 100);
        state.deleted(path, false);
        assert!((10..90).contains(&there(&state)));
        state.synced_folder();
        assert_eq!(there(&state), 0);
    }

    #[test]
    fn the_disk_strikes_once_where_it_was_told_to() {
        let mut state = State::new(Some(Strike { op: Op::Write, nth: 2, what: What::Full }));
        assert_eq!([state.rule(Op::Write), state.rule(Op::Sync)], [Ruling::Pass; 2]);
        assert_eq!([state.rule(Op::Write), state.rule(Op::Write)], [Ruling::Full; 2]);
        assert_eq!(state.rule(Op::Read), Ruling::Pass);
        state.heal();
        assert_eq!(state.rule(Op::Write), Ruling::Pass);
        assert_eq!(state.counts(), Counts { writes: 4, syncs: 1, reads: 1 });
    }
}
