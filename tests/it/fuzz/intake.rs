//! The CSV intake, whatever the file.

use snapferry::domain::{AccountLabel, Region};
use snapferry::intake::{Intake, IntakeError, IntakeOptions, IntakeRecord, PRIORITIES, RECORD_LIMIT, RejectsWriter};
use std::io::Read;

/// Gives its bytes in pieces of this size.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1.min(into.len()).min(self.0.len());
        let (now, later) = self.0.split_at(size);
        into[..size].copy_from_slice(now);
        self.0 = later;
        Ok(size)
    }
}

fn options() -> IntakeOptions {
    IntakeOptions {
        region: Some(Region::parse("eu-west-1").expect("a Region")),
        accounts: ["default", "prod"].map(|label| AccountLabel::parse(label).expect("a label")).into(),
        ..IntakeOptions::default()
    }
}

/// Reads a file: it ends, its lines go up, every row is in order or has a reason, and how the bytes come does not matter.
pub(crate) fn check(data: &[u8]) {
    let read = |size| Intake::new(Dribble(data, size), options());
    let intake = match read(usize::MAX) {
        Ok(intake) => intake,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let (carried, header) = (intake.carried_columns().len(), intake.header().to_vec());
    let mut rejected = RejectsWriter::new(Vec::new(), &header).expect("a header");
    let mut entries = Vec::new();
    let (mut last, mut bad) = (0, 0);
    for entry in intake {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                assert!(matches!(error, IntakeError::Ambiguous { .. }), "memory does not fail: {error}");
                return;
            }
        };
        let line = match &entry {
            IntakeRecord::Accepted(row) => {
                assert_eq!(row.carried.len(), carried);
                assert!(PRIORITIES.contains(&row.priority));
                assert!(row.carried.iter().map(String::len).sum::<usize>() <= RECORD_LIMIT);
                row.line
            }
            IntakeRecord::Rejected(one) => {
                let told = one.to_string();
                assert!(told.starts_with(&format!("line {}", one.line)) && told.len() < 100 * 1024, "{told}");
                rejected.write(one).expect("written");
                bad += 1;
                one.line
            }
        };
        assert!(line > last, "line {line} after line {last}");
        last = line;
        entries.push(entry);
    }
    assert!(entries.len() <= data.len());
    // In other pieces it is the same file.
    let again: Vec<IntakeRecord> = read(3).expect("as before").map(|entry| entry.expect("as before")).collect();
    assert_eq!(again, entries);
    // What was rejected can be put right: the file of it is read again, line for line.
    let rejected = rejected.finish().expect("written");
    if bad > 0 && header.iter().any(|name| !name.is_empty()) {
        let back = Intake::new(rejected.as_slice(), options()).map(Iterator::count);
        assert!(back.is_err() || back.is_ok_and(|rows| rows <= bad), "{bad}: {}", String::from_utf8_lossy(&rejected));
    }
}
