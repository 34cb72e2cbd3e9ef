//! Tables for people, made block by block: the first block sets the widths, so that a million lines need no more
//! memory than a thousand.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width};

/// Between two columns.
const GAP: u16 = 2;

/// A column: its title, and the width below which it is not squeezed.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct TableColumn {
    pub(in crate::report) title: &'static str,
    pub(in crate::report) least: u16,
    pub(in crate::report) alignment: CellAlignment,
}

impl TableColumn {
    pub(in crate::report) const fn left(title: &'static str, least: u16) -> Self {
        Self { title, least, alignment: CellAlignment::Left }
    }

    pub(in crate::report) const fn right(title: &'static str) -> Self {
        Self { title, least: u16::MAX, alignment: CellAlignment::Right }
    }
}

/// A table whose lines come in blocks.
#[derive(Debug)]
pub(in crate::report) struct Blocks {
    columns: &'static [TableColumn],
    limit: Option<u16>,
    widths: Option<Vec<u16>>,
}

impl Blocks {
    pub(in crate::report) fn new(columns: &'static [TableColumn], limit: Option<u16>) -> Self {
        Self { columns, limit, widths: None }
    }

    /// The text of the next lines, with the titles above the first ones; it ends with a line end.
    pub(in crate::report) fn text(&mut self, rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        let first = self.widths.is_none();
        if first {
            table.set_header(self.columns.iter().map(|column| column.title));
        }
        for row in rows {
            let cells = row.into_iter().zip(self.columns);
            table.add_row(Row::from(cells.map(|(cell, column)| Cell::new(cell).set_alignment(column.alignment))));
        }
        let widths = self.widths.take().unwrap_or_else(|| {
            let least: Vec<u16> = self.columns.iter().map(|column| column.least).collect();
            fit(&table.column_max_content_widths(), &least, self.limit)
        });
        // In a pipe nothing is wrapped, and a line that is wider than its column is simply longer.
        let wrapped = self.limit.is_some();
        table.set_content_arrangement(if wrapped { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
        table.set_width(u16::MAX);
        for (column, width) in table.column_iter_mut().zip(&widths) {
            let padded = Width::Fixed(width.saturating_add(GAP));
            column.set_padding((0, GAP));
            column.set_constraint(if wrapped {
                ColumnConstraint::Absolute(padded)
            } else {
                ColumnConstraint::LowerBoundary(padded)
            });
        }
        self.widths = Some(widths);
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }
}

/// The widths that fit into `limit`: the last column gives way first, down to the least that it needs, then the one
/// before it. What cannot be made to fit is wider than the limit.
fn fit(wanted: &[u16], least: &[u16], limit: Option<u16>) -> Vec<u16> {
    let mut widths = wanted.to_vec();
    let Some(limit) = limit else { return widths };
    let gaps = GAP * u16::try_from(wanted.len().saturating_sub(1)).unwrap_or(0);
    let all: u32 = wanted.iter().map(|width| u32::from(*width)).sum::<u32>() + u32::from(gaps);
    let mut excess = u16::try_from(all.saturating_sub(u32::from(limit))).unwrap_or(u16::MAX);
    for (width, least) in widths.iter_mut().zip(least).rev() {
        let given = width.saturating_sub(*least).min(excess);
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
        let least = [20, 15, u16::MAX, 24];
        assert_eq!(fit(&[10, 10, 9, 5], &least, Some(80)), [10, 10, 9, 5]);
        assert_eq!(fit(&[30, 17, 12, 90], &least, Some(80)), [23, 15, 12, 24]);
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
        NAME   N   TEXT
        web-1   1  fine
        db-1   12  a longer text
        a                3  fine
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
