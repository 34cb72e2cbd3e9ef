//! How wide, and in colour or not: an argument, so that text is the same wherever it is made.

use std::fmt;

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// No.
    #[default]
    Plain,
    /// The sixteen of ANSI terminals.
    Ansi,
}

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextStyle {
    /// The columns that there are; nothing in a pipe, where lines may be as long as they are.
    pub width: Option<u16>,
    /// Colours.
    pub colour: Colour,
}

impl TextStyle {
    /// The lines as one text that ends with a line end; where there is a width, those that are too long are broken.
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

/// Breaks a line between words where it is too long; what follows is indented a little further.
fn wrap(line: &str, width: u16) -> Vec<String> {
    let body = line.trim_start();
    let indent = line.len() - body.len();
    let (mut lines, mut current, mut seen, mut fresh) = (Vec::new(), " ".repeat(indent), indent, true);
    for word in body.split(' ') {
        let length = visible(word);
        if !fresh && seen + 1 + length > usize::from(width) {
            lines.push(current.trim_end().to_owned());
            (current, seen, fresh) = (" ".repeat(indent + 2), indent + 2, true);
        }
        if !fresh {
            current.push(' ');
            seen += 1;
        }
        current.push_str(word);
        (seen, fresh) = (seen + length, false);
    }
    lines.push(current);
    lines
}

/// How many characters of a word are seen: not those that paint it.
fn visible(word: &str) -> usize {
    let mut escaped = false;
    word.chars()
        .filter(|c| {
            let hidden = escaped || *c == '\u{1b}';
            escaped = hidden && *c != 'm';
            !hidden
        })
        .count()
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
