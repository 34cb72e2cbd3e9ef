//! Tables for people, written block by block: the first block sets the widths, so that a million lines need no more
//! memory than a thousand.

use std::borrow::Cow;
use textwrap::core::display_width;

/// The gap between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct TableColumn {
    title: &'static str,
    /// The width below which it is not squeezed.
    least: usize,
    right: bool,
}

impl TableColumn {
    pub(in crate::report) const fn left(title: &'static str, least: usize) -> Self {
        Self { title, least, right: false }
    }

    pub(in crate::report) const fn right(title: &'static str) -> Self {
        Self { title, least: usize::MAX, right: true }
    }
}

/// A table whose lines come in blocks.
#[derive(Debug)]
pub(in crate::report) struct Blocks {
    columns: &'static [TableColumn],
    limit: Option<usize>,
    widths: Vec<usize>,
}

impl Blocks {
    pub(in crate::report) fn new(columns: &'static [TableColumn], limit: Option<u16>) -> Self {
        Self { columns, limit: limit.map(usize::from), widths: Vec::new() }
    }

    /// The text of the next lines, with the titles above the first ones; it ends with a line end.
    pub(in crate::report) fn text(&mut self, mut rows: Vec<Vec<String>>) -> String {
        if self.widths.is_empty() && !rows.is_empty() {
            rows.insert(0, self.columns.iter().map(|column| column.title.to_owned()).collect());
            let widest =
                |place: usize| rows.iter().filter_map(|row| row.get(place).map(|cell| display_width(cell))).max();
            let wanted = (0..self.columns.len()).map(|place| widest(place).unwrap_or(0)).collect();
            self.widths = fit(wanted, self.columns, self.limit);
        }
        rows.iter().map(|row| self.row(row)).collect()
    }

    /// A row. In a pipe nothing is wrapped, and a cell that is wider than its column makes the line longer.
    fn row(&self, row: &[String]) -> String {
        let wrapped = |(cell, width)| match self.limit {
            Some(_) => textwrap::wrap(cell, width),
            None => vec![Cow::Borrowed(cell)],
        };
        let cells = row.iter().map(String::as_str).zip(self.widths.iter().copied());
        let cells: Vec<Vec<Cow<'_, str>>> = cells.map(wrapped).collect();
        let mut text = String::new();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut out = String::new();
            for ((cell, width), column) in cells.iter().zip(&self.widths).zip(self.columns) {
                let cell = cell.get(line).map(Cow::as_ref).unwrap_or_default();
                let blank = " ".repeat(width.saturating_sub(display_width(cell)));
                out += &if column.right { blank + cell } else { cell.to_owned() + &blank };
                out += &" ".repeat(GAP);
            }
            text += out.trim_end();
            text.push('\n');
        }
        text
    }
}

/// The widths that fit into `limit`: the last column gives way first, down to its least width, then the one before it.
/// What cannot be made to fit is wider than the limit.
fn fit(mut widths: Vec<usize>, columns: &[TableColumn], limit: Option<usize>) -> Vec<usize> {
    let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    let mut excess = limit.map_or(0, |limit| all.saturating_sub(limit));
    for (width, column) in widths.iter_mut().zip(columns).rev() {
        let given = width.saturating_sub(column.least).min(excess);
        *width -= given;
        excess -= given;
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_gives_way_first() {
        let columns =
            [TableColumn::left("", 20), TableColumn::left("", 15), TableColumn::right(""), TableColumn::left("", 24)];
        assert_eq!(fit(vec![10, 10, 9, 5], &columns, Some(80)), [10, 10, 9, 5]);
        assert_eq!(fit(vec![30, 17, 12, 90], &columns, Some(80)), [23, 15, 12, 24]);
    }

    const COLUMNS: [TableColumn; 3] =
        [TableColumn::left("NAME", 6), TableColumn::right("N"), TableColumn::left("TEXT", 8)];

    fn row(name: &str, number: &str, text: &str) -> Vec<String> {
        vec![name.to_owned(), number.to_owned(), text.to_owned()]
    }

    #[test]
    fn the_first_block_sets_the_widths() {
        let mut piped = Blocks::new(&COLUMNS, None);
        let first = piped.text(vec![row("web-1", "1", "fine"), row("db-1", "12", "a longer text")]);
        let next = piped.text(vec![row("a", "3", "fine"), row("wider-than-all", "4", "b")]);
        insta::assert_snapshot!(format!("{first}{next}"), @"
        NAME    N  TEXT
        web-1   1  fine
        db-1   12  a longer text
        a       3  fine
        wider-than-all   4  b
        ");
    }

    #[test]
    fn a_narrow_terminal_wraps_within_the_columns() {
        let mut narrow = Blocks::new(&COLUMNS, Some(22));
        let first = narrow.text(vec![row("web-1-of-many", "1", "a text of several words")]);
        let next = narrow.text(vec![row("db", "2", "some other words of more")]);
        insta::assert_snapshot!(format!("{first}{next}"), @"
        NAME       N  TEXT
        web-1-of-  1  a text
        many          of
                      several
                      words
        db         2  some
                      other
                      words of
                      more
        ");
    }
}
