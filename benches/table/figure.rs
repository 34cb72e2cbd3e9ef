//! What a figure is, and how one is measured and printed.

use std::path::Path;

/// How a run of a figure ends.
pub(crate) type Outcome = Result<Pair, Box<dyn std::error::Error>>;

/// One line of the table.
pub(crate) struct Figure {
    /// What it is asked for by.
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) what: &'static str,
    /// What it is compared with.
    pub(crate) against: &'static str,
    /// What the ratio of the two is to reach.
    pub(crate) goal: Goal,
    /// Measures both once, in an empty folder of its own. The side that goes first alternates with the number of the run.
    pub(crate) pair: fn(&Path, usize) -> Outcome,
}

/// A goal for the median of the ratios.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// At most, and measured once whatever is asked for: it lasts, and does not vary with what else the machine does.
    Once(f64),
    /// Printed, and not judged.
    Told,
}

/// The two sides of one run.
pub(crate) struct Pair {
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// The unit of both, such as `s` or `jobs/s`.
    pub(crate) unit: &'static str,
    /// What else was counted in it, such as `0 throttled`.
    pub(crate) note: String,
    /// A further condition of the goal, such as a share of calls that were throttled: whether this run kept it.
    pub(crate) kept: bool,
}

/// Measures a figure `runs` times and prints its line; whether it reached its goal.
pub(crate) fn measure(figure: &Figure, runs: usize) -> bool {
    let mut pairs = Vec::new();
    let runs = if matches!(figure.goal, Goal::Once(_)) { 1 } else { runs };
    for run in 0..runs {
        let outcome = tempfile::tempdir().map_err(Into::into).and_then(|folder| (figure.pair)(folder.path(), run));
        match outcome {
            Ok(pair) => pairs.push(pair),
            Err(error) => {
                println!("{}: run {} failed: {error}", figure.name, run + 1);
                return false;
            }
        }
    }
    let ratio = median(pairs.iter().map(|pair| pair.ours / pair.theirs).collect());
    let ours = median(pairs.iter().map(|pair| pair.ours).collect());
    let theirs = median(pairs.iter().map(|pair| pair.theirs).collect());
    let kept = pairs.iter().all(|pair| pair.kept);
    let (goal, reached) = match figure.goal {
        Goal::AtMost(most) | Goal::Once(most) => (format!("<= {most}"), ratio <= most),
        Goal::AtLeast(least) => (format!(">= {least}"), ratio >= least),
        Goal::Told => ("-".to_owned(), true),
    };
    let verdict = if reached && kept { "reached" } else { "MISSED" };
    let unit = pairs.first().map_or("", |pair| pair.unit);
    println!("{}\n  {}\n  against {}", figure.name, figure.what, figure.against);
    println!("  {ours:.3} {unit} : {theirs:.3} {unit} = {ratio:.3}, goal {goal}: {verdict}");
    for pair in pairs.iter().filter(|pair| !pair.note.is_empty()) {
        println!("    {:.3} : {:.3}  {}", pair.ours, pair.theirs, pair.note);
    }
    reached && kept
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match (numbers.get(middle), numbers.get(middle.wrapping_sub(1))) {
        (Some(upper), Some(lower)) if numbers.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        (None, _) => f64::NAN,
    }
}
