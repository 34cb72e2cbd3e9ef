//! The table of speed: `cargo bench` measures each figure beside what it is compared with, in one run, and prints both.
//!
//! `cargo bench -- NAME...` measures those whose name begins so; `--runs N` (5) says how many times each pair is measured.
//! The two of a pair take turns, and what counts is the median of their ratios: a machine that is busy for a while slows both.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is printed")]

mod figure;
mod files;
mod flat;
mod lanes;
mod load;
mod pipeline;
mod store;

use figure::{Figure, measure};
use std::process::ExitCode;

/// Every figure, in the order in which they are printed.
fn figures() -> Vec<Figure> {
    [store::figures(), load::figures(), flat::figures(), lanes::figures(), pipeline::figures()]
        .into_iter()
        .flatten()
        .collect()
}

fn main() -> ExitCode {
    let mut runs = 5;
    let mut wanted = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            // Cargo says this to every benchmark.
            "--bench" => {}
            "--runs" => {
                let Some(number) = words.next().and_then(|number| number.parse().ok()).filter(|runs| *runs > 0) else {
                    eprintln!("--runs takes a whole number from 1");
                    return ExitCode::from(2);
                };
                runs = number;
            }
            _ => wanted.push(word),
        }
    }
    let chosen = figures()
        .into_iter()
        .filter(|figure| wanted.is_empty() || wanted.iter().any(|word| figure.name.starts_with(word.as_str())));
    let mut missed = 0;
    for figure in chosen {
        missed += usize::from(!measure(&figure, runs));
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
