//! Cells that a spreadsheet would run as a formula: the escape for what Snapferry writes, and its inverse for what
//! it reads, so that a report is itself a valid input. (OWASP, "CSV Injection".)

use std::borrow::Cow;

/// The mark that makes a spreadsheet take a cell as text.
const MARK: char = '\'';

/// The cell as it may be opened in a spreadsheet: one that would be run gets a leading `'`. A cell that already is a
/// row of `'` before something that would be run gets one more, so that [`restore`] gives back what came in.
pub fn neutralise(cell: &str) -> Cow<'_, str> {
    if would_run(cell.trim_start_matches(MARK)) { Cow::Owned(format!("{MARK}{cell}")) } else { Cow::Borrowed(cell) }
}

/// The cell as it was before [`neutralise`]; any other cell stays as it is.
pub fn restore(cell: &str) -> &str {
    match cell.strip_prefix(MARK) {
        Some(rest) if would_run(rest.trim_start_matches(MARK)) => rest,
        _ => cell,
    }
}

/// Spreadsheets cut blanks before they look for a formula, and some read the full-width forms too. A tab or a line
/// end in front can move what follows into a cell of its own.
fn would_run(cell: &str) -> bool {
    cell.starts_with(['\t', '\r', '\n'])
        || cell
            .trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}'))
            .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_spreadsheet_would_run_is_marked() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\nx",
            " =1",
            "\u{a0}@x",
            "\u{ff1d}1",
            "\u{feff}=1",
            "'=1",
            "''-1",
        ] {
            assert_eq!(neutralise(cell), format!("'{cell}"));
            assert_eq!(restore(&neutralise(cell)), cell);
        }
    }

    #[test]
    fn every_other_cell_stays_as_it_is() {
        for cell in ["", "web-1", "'", "'quoted'", "O'Brien", "1=1", "a@b", "''x", " x"] {
            assert_eq!(neutralise(cell), cell);
            assert_eq!(restore(cell), cell);
        }
    }

    proptest! {
        #[test]
        fn restore_undoes_neutralise(cell in "['=+@ \t\r\n\u{ff1d}a-]{0,6}|\\PC*") {
            let written = neutralise(&cell);
            prop_assert!(!would_run(&written), "{written:?}");
            prop_assert_eq!(restore(&written), cell.as_str());
        }
    }
}
