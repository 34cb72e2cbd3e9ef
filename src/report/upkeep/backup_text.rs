//! A backup in a sentence.

use crate::queue::BackedUp;
use crate::report::layout::words::several;
use std::path::Path;

/// What was copied where.
pub fn backup_text(database: &Path, file: &Path, made: BackedUp) -> String {
    let jobs = several(made.jobs, "job");
    format!("Copied {} to {}: {jobs}, {}.\n", database.display(), file.display(), size(made.bytes))
}

fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let exact = bytes as f64;
    match bytes {
        0..1_000_000 => format!("{:.1} kB", exact / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", exact / 1e6),
        _ => format!("{:.1} GB", exact / 1e9),
    }
}
