//! Finds the sections of a Markdown document.
//!
//! A heading counts only where Markdown itself sees one on the top level: not in a code fence, a
//! comment, a quotation or a list. Front matter belongs to no section.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag};

/// The sections of a document in order, and the code blocks that should not be torn apart.
pub(super) struct Outline {
    pub(super) sections: Vec<Section>,
    pub(super) code: Vec<Range<usize>>,
}

/// What stands below one heading, up to the next.
#[derive(Debug, PartialEq)]
pub(super) struct Section {
    /// The heading below those it is subordinate to, joined by ` > `; empty above the first heading.
    pub(super) heading: String,
    /// The heading itself, in bytes of the document.
    pub(super) title: Range<usize>,
    /// What follows it, in bytes of the document.
    pub(super) body: Range<usize>,
    /// Whether the next heading is subordinate to this one.
    pub(super) has_subsections: bool,
}

#[derive(Default)]
struct Headings {
    found: Vec<Heading>,
    code: Vec<Range<usize>>,
    front_matter_end: usize,
}

struct Heading {
    level: HeadingLevel,
    title: String,
    range: Range<usize>,
}

/// Reads the outline of a Markdown document.
pub(super) fn outline(text: &str) -> Outline {
    let headings = headings(text);
    let preamble_end = headings.found.first().map_or(text.len(), |h| h.range.start);
    let mut sections = vec![Section {
        heading: String::new(),
        title: 0..0,
        body: headings.front_matter_end..preamble_end,
        has_subsections: true,
    }];
    sections.extend(below_headings(&headings.found, text.len()));
    Outline {
        sections,
        code: headings.code,
    }
}

fn below_headings(headings: &[Heading], end: usize) -> Vec<Section> {
    let mut trail: Vec<&Heading> = Vec::new();
    let mut sections = Vec::with_capacity(headings.len());
    for (i, heading) in headings.iter().enumerate() {
        let next = headings.get(i + 1);
        trail.retain(|above| above.level < heading.level);
        trail.push(heading);
        let titles: Vec<&str> = trail.iter().map(|h| h.title.as_str()).collect();
        sections.push(Section {
            heading: titles.join(" > "),
            title: heading.range.clone(),
            body: heading.range.end..next.map_or(end, |next| next.range.start),
            has_subsections: next.is_some_and(|next| next.level > heading.level),
        });
    }
    sections
}

fn headings(text: &str) -> Headings {
    let options = Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_TABLES;
    let mut headings = Headings::default();
    let mut depth = 0_usize;
    let mut in_heading = false;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                in_heading |= depth == 0 && matches!(tag, Tag::Heading { .. });
                headings.enter(&tag, range, depth);
                depth += 1;
            }
            Event::End(_) => {
                depth -= 1;
                in_heading &= depth > 0;
            }
            Event::Text(words) | Event::Code(words) if in_heading => headings.name(&words),
            Event::SoftBreak | Event::HardBreak if in_heading => headings.name(" "),
            _ => {}
        }
    }
    headings
}

impl Headings {
    fn enter(&mut self, tag: &Tag<'_>, range: Range<usize>, depth: usize) {
        match tag {
            Tag::Heading { level, .. } if depth == 0 => self.found.push(Heading {
                level: *level,
                title: String::new(),
                range,
            }),
            Tag::CodeBlock(_) => self.code.push(range),
            Tag::MetadataBlock(_) if range.start == 0 => self.front_matter_end = range.end,
            _ => {}
        }
    }

    fn name(&mut self, words: &str) {
        if let Some(heading) = self.found.last_mut() {
            heading.title.push_str(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<(String, &str)> {
        let sections = outline(text).sections.into_iter();
        let shown = sections.map(|s| (s.heading, text[s.body].trim()));
        shown
            .filter(|(heading, body)| !heading.is_empty() || !body.is_empty())
            .collect()
    }

    fn headings_of(text: &str) -> Vec<String> {
        sections(text).into_iter().map(|(h, _)| h).collect()
    }

    #[test]
    fn a_heading_is_trailed_by_those_above_it() {
        let text = "# A\na\n## B\nb\n### C\nc\n## D\nd\n# E\ne\n";
        assert_eq!(headings_of(text), ["A", "A > B", "A > B > C", "A > D", "E"]);
    }

    #[test]
    fn text_above_the_first_heading_has_no_heading() {
        assert_eq!(
            sections("hello\n\n# A\na\n"),
            [(String::new(), "hello"), ("A".to_owned(), "a")]
        );
    }

    #[test]
    fn a_comment_in_a_fence_is_no_heading() {
        for fence in ["```", "~~~", "````"] {
            let text = format!("# A\n{fence}sh\n# not a heading\n{fence}\n## B\nb\n");
            assert_eq!(headings_of(&text), ["A", "A > B"]);
        }
    }

    #[test]
    fn underlined_headings_count_and_decoration_is_left_out() {
        let text = "A *fine* `day`\n=====\na\n\nB\n---\nb\n## C ## {#c}\nc\n";
        assert_eq!(
            headings_of(text),
            ["A fine day", "A fine day > B", "A fine day > C"]
        );
    }

    #[test]
    fn headings_in_quotations_and_lists_divide_nothing() {
        assert_eq!(headings_of("# A\n> # B\n\n- # C\n"), ["A"]);
    }

    #[test]
    fn front_matter_belongs_to_no_section() {
        let text = "---\ntitle: x\n---\nhello\n# A\na\n";
        assert_eq!(sections(text)[0], (String::new(), "hello"));
    }
}
