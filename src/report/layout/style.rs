//! The width and colours of text: an argument, so that text is the same wherever it is made.

use std::borrow::Cow;
use std::fmt;
use textwrap::{Options, WordSeparator, WordSplitter};

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No.
    #[default]
    Plain,
    /// The sixteen of ANSI terminals.
    Ansi,
}

/// The layout of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// The columns of the terminal; nothing in a pipe, where lines may have any length.
    pub width: Option<u16>,
    /// Colours.
    pub colour: Colour,
}

impl TextStyle {
    /// The lines as one text that ends with a line end; long lines are broken if there is a width.
    pub fn lay_out(self, lines: Vec<String>) -> String {
        let lines = match self.width {
            Some(width) => lines.iter().flat_map(|line| wrap(line, width)).collect(),
            None => lines,
        };
        lines.join("\n") + "\n"
    }
}

/// What a text is painted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Paint {
    Good,
    Bad,
    Care,
    Busy,
    Faint,
    Title,
}

impl Colour {
    pub(in crate::report) fn paint(self, paint: Paint, text: impl fmt::Display) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Bad => "31",
            Paint::Care => "33",
            Paint::Busy => "36",
            Paint::Faint => "2",
            Paint::Title => "1",
        };
        match self {
            Self::Plain => text.to_string(),
            Self::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// Breaks a line between words if it is too long; what follows is indented a little further.
fn wrap(line: &str, width: u16) -> Vec<String> {
    let (indent, rest) = (line.len() - line.trim_start().len(), line.len() - line.trim_end().len());
    let (first, others) = (" ".repeat(indent), " ".repeat(indent + 2));
    let options = Options::new(usize::from(width))
        .initial_indent(&first)
        .subsequent_indent(&others)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let mut lines: Vec<String> = textwrap::wrap(line.trim(), options).into_iter().map(Cow::into_owned).collect();
    // The space behind a question stays.
    if let Some(last) = lines.last_mut() {
        last.push_str(&" ".repeat(rest));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_indented() {
        let text = TextStyle { width: Some(20), colour: Colour::Plain }.lay_out(vec![
            "  a line of several words that is too long".to_owned(),
            String::new(),
            "a-word-that-is-longer-than-the-line and more".to_owned(),
        ]);
        insta::assert_snapshot!(text, @"
          a line of several
            words that is
            too long

        a-word-that-is-longer-than-the-line
          and more
        ");
    }

    #[test]
    fn paint_takes_no_room() {
        let text = format!("one {} three", Colour::Ansi.paint(Paint::Bad, "two"));
        assert_eq!(wrap(&text, 13), [text]);
    }
}
