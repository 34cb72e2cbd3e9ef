//! A diagnosis for people: a sentence, then each subject with what came of it.

use crate::doctor::{Check, Diagnosis, Outcome};
use crate::report::layout::style::{Colour, Paint, TextStyle};
use crate::report::layout::words::{one_line, several};

/// A diagnosis as text; it ends with a line end.
pub fn doctor_text(diagnosis: &Diagnosis, style: TextStyle) -> String {
    let mut lines = vec![sentence(diagnosis, style.colour)];
    // Of an account that was not reached its lanes say why.
    for section in diagnosis.sections.iter().filter(|section| !section.checks.is_empty()) {
        let title = style.colour.paint(Paint::Title, section.subject.to_uppercase());
        lines.push(String::new());
        lines.push(format!("{title} {}", section.name.as_deref().unwrap_or("without a file")));
        for check in &section.checks {
            line(&mut lines, check, style.colour);
        }
    }
    style.lay_out(lines)
}

fn sentence(diagnosis: &Diagnosis, colour: Colour) -> String {
    let (errors, warnings) = (diagnosis.count(Outcome::Error) as u64, diagnosis.count(Outcome::Warning) as u64);
    let errors_said = (errors > 0).then(|| colour.paint(Paint::Bad, several(errors, "error")));
    let warnings_said = (warnings > 0).then(|| colour.paint(Paint::Care, several(warnings, "warning")));
    match (errors_said, warnings_said) {
        (None, None) => colour.paint(Paint::Good, "all is well"),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(errors), Some(warnings)) => format!("{errors} and {warnings}"),
    }
}

fn line(lines: &mut Vec<String>, check: &Check, colour: Colour) {
    let paint = match check.outcome {
        Outcome::Good => Paint::Good,
        Outcome::Note => Paint::Faint,
        Outcome::Warning => Paint::Care,
        Outcome::Error => Paint::Bad,
    };
    let word = colour.paint(paint, format_args!("{}:", check.outcome.as_str()));
    lines.push(format!("  {word} {}", one_line(&check.text)));
    lines.extend(check.way.as_ref().map(|way| format!("    -> {}", one_line(way))));
}
