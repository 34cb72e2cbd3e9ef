//! One line of many megabytes takes no more memory than one of a hundred kilobytes, by the count of the allocator.

use snapferry::domain::Region;
use snapferry::intake::{Intake, IntakeOptions};
use std::io::Read;

/// A line far beyond the limit of a record, and one beyond it by little.
const HUGE: u64 = 8 << 20;
const LONG: u64 = 100 << 10;

/// What the allocations of two readings may differ by: growth with the line would be hundreds of times that.
const SLACK: u64 = 64 << 10;

/// The most bytes that were allocated at a time while `size` repetitions of `piece` were read between `head` and `tail`;
/// and how many rows that were.
fn peak(head: &'static str, piece: &'static [u8], size: u64, tail: &'static str) -> (u64, usize) {
    let mut rows = 0;
    let measured = allocation_counter::measure(|| {
        let reader = head.as_bytes().chain(Repeated(piece, 0).take(size)).chain(tail.as_bytes());
        let options = IntakeOptions { region: Region::parse("eu-west-1").ok(), ..IntakeOptions::default() };
        match Intake::new(reader, options) {
            Ok(intake) => rows = intake.count(),
            Err(error) => assert!(error.to_string().len() < 1000),
        }
    });
    (measured.bytes_max, rows)
}

/// A piece again and again, made while it is read.
struct Repeated(&'static [u8], usize);

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        for byte in &mut *into {
            *byte = self.0[self.1];
            self.1 = (self.1 + 1) % self.0.len();
        }
        Ok(into.len())
    }
}

#[test]
fn memory_does_not_grow_with_a_line() {
    let shapes: [(&str, &[u8], &str); 8] = [
        ("snapshot_name\nweb-1\n", b"x", "\nweb-2\n"),
        ("snapshot_name\nweb-1\n\"", b"x", "\"\nweb-2\n"),
        ("snapshot_name\nweb-1\n\"", b"x\n", ""),
        ("snapshot_name\nweb-1\n", b",", "\nweb-2\n"),
        ("snapshot_name\nweb-1\n", b"\"\",", "\nweb-2\n"),
        ("snapshot_name\nweb-1\n\"a\" ", b"\"", "\nweb-2\n"),
        ("snapshot_name,", b"c,", "\nweb-1\n"),
        ("", b"\xff", "\nweb-1\n"),
    ];
    for (head, piece, tail) in shapes {
        let (long, _) = peak(head, piece, LONG, tail);
        let (huge, rows) = peak(head, piece, HUGE, tail);
        assert!(huge <= long + SLACK, "{head:?} {piece:?}: {long} bytes for {LONG}, {huge} for {HUGE}");
        assert!(huge < 4 << 20, "{head:?} {piece:?}: {huge} bytes");
        assert!(rows <= 3, "{head:?} {piece:?}: {rows} rows");
    }
}

#[test]
fn memory_does_not_grow_with_blank_lines() {
    let (few, _) = peak("snapshot_name\n", b" \n", LONG, "web-1\n");
    let (many, rows) = peak("snapshot_name\n", b" \n", HUGE, "web-1\n");
    assert!(many <= few + SLACK && rows == 1, "{few} {many} {rows}");
}
