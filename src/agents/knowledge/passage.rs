//! Turns a document into the passages that can be found and quoted.
//!
//! Every passage is a verbatim part of its document, and says where it stands there.

use std::ops::Range;
use std::path::Path;

use super::outline::{Outline, Section, outline};
use super::pieces::{cut, packed, paragraphs};

/// A verbatim part of a document, short enough to be an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Passage {
    /// The headings it stands below, joined by ` > `; empty where there is none.
    pub(super) heading: String,
    /// What it says.
    pub(super) text: String,
    /// The line it begins in, counted from 1.
    pub(super) line: u64,
}

/// Divides a document, by its headings where its name says that it is Markdown.
pub(super) fn passages(path: &str, text: &str) -> Vec<Passage> {
    if is_markdown(Path::new(path)) {
        of_markdown(text)
    } else {
        of_text(text)
    }
}

/// Whether the file's name says that it can be read: Markdown or plain text.
pub(super) fn is_document(path: &Path) -> bool {
    is_markdown(path) || has_extension(path, "txt")
}

fn is_markdown(path: &Path) -> bool {
    has_extension(path, "md") || has_extension(path, "markdown")
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

fn of_markdown(text: &str) -> Vec<Passage> {
    let places = Places::of(text);
    let outline = outline(text);
    let mut passages = Vec::new();
    for section in &outline.sections {
        let pieces = pieces_of(section, &outline, text);
        passages.extend(
            pieces
                .into_iter()
                .map(|p| places.quote(&section.heading, p)),
        );
    }
    passages
}

/// A heading that nothing stands below is a passage itself: it may be all there is to say.
fn pieces_of(section: &Section, outline: &Outline, text: &str) -> Vec<Range<usize>> {
    let mut found = paragraphs(text, section.body.clone(), &outline.code);
    if found.is_empty() && !section.has_subsections {
        found.push(section.title.clone());
    }
    packed(text, found.into_iter().flat_map(|p| cut(text, p)))
}

fn of_text(text: &str) -> Vec<Passage> {
    let places = Places::of(text);
    paragraphs(text, 0..text.len(), &[])
        .into_iter()
        .flat_map(|paragraph| cut(text, paragraph))
        .map(|piece| places.quote("", piece))
        .collect()
}

/// Where the lines of a text end.
struct Places<'a> {
    text: &'a str,
    line_ends: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { text, line_ends }
    }

    fn quote(&self, heading: &str, range: Range<usize>) -> Passage {
        let lines_before = self.line_ends.partition_point(|end| *end < range.start);
        Passage {
            heading: heading.to_owned(),
            text: self.text[range].trim_end().to_owned(),
            line: lines_before as u64 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces::LIMIT;
    use super::*;

    fn shown(path: &str, text: &str) -> Vec<(String, String, u64)> {
        let all = passages(path, text).into_iter();
        all.map(|p| (p.heading, p.text, p.line)).collect()
    }

    fn row(heading: &str, text: &str, line: u64) -> (String, String, u64) {
        (heading.to_owned(), text.to_owned(), line)
    }

    #[test]
    fn a_section_is_a_passage_that_knows_its_line() {
        let text = "# A\n\none\ntwo\n\nthree\n\n## B\nfour\n";
        assert_eq!(
            shown("a.md", text),
            [row("A", "one\ntwo\n\nthree", 3), row("A > B", "four", 9)]
        );
    }

    #[test]
    fn lines_are_counted_the_same_with_carriage_returns() {
        assert_eq!(shown("a.md", "# A\r\n\r\none\r\n"), [row("A", "one", 3)]);
    }

    #[test]
    fn a_long_section_is_split_at_blank_lines() {
        let paragraph = "All work and no play makes Jack a dull boy.\n".repeat(20);
        let text = format!("# A\n\n{paragraph}\n{paragraph}\n{paragraph}");
        let split = passages("a.md", &text);
        let lines: Vec<u64> = split.iter().map(|p| p.line).collect();
        assert_eq!(lines, [3, 24, 45]);
        assert!(split.iter().all(|p| p.text.chars().count() <= LIMIT));
        assert!(split.iter().all(|p| p.heading == "A"));
    }

    #[test]
    fn code_stays_in_one_piece() {
        let code = format!("```\n{}```\n", "let x = 1;\n\n".repeat(50));
        let filler = "Words before the code.\n".repeat(30);
        let text = format!("# A\n\n{filler}\n{code}");
        let split = passages("a.md", &text);
        assert_eq!(split[1].text, code.trim_end());
    }

    #[test]
    fn a_heading_with_nothing_below_it_is_a_passage() {
        let text = "# Contact\n## Phone 12345\n## Post\nBox 1\n";
        assert_eq!(
            shown("a.md", text),
            [
                row("Contact > Phone 12345", "## Phone 12345", 2),
                row("Contact > Post", "Box 1", 4),
            ]
        );
    }

    #[test]
    fn a_text_file_is_split_at_blank_lines_and_knows_no_headings() {
        assert_eq!(
            shown("a.txt", "# one\ntwo\n\n\nthree"),
            [row("", "# one\ntwo", 1), row("", "three", 5)]
        );
    }

    #[test]
    fn an_empty_document_has_no_passages() {
        assert_eq!(passages("a.md", " \n\n"), []);
        assert_eq!(passages("a.txt", ""), []);
    }

    #[test]
    fn documents_are_told_by_their_extension() {
        for name in ["a.md", "a.MD", "a.markdown", "a.txt"] {
            assert!(is_document(Path::new(name)), "{name}");
        }
        for name in ["a.rs", "md", "a.md.bak"] {
            assert!(!is_document(Path::new(name)), "{name}");
        }
    }
}
