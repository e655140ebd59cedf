//! Cuts text where a reader would, so that an answer is neither a fragment nor a chapter.
//!
//! Ranges are in bytes, begin and end at characters, and never begin or end with a blank line.

use std::ops::Range;

/// The most characters that a passage has.
pub(super) const LIMIT: usize = 1200;

/// The paragraphs within `span`: what blank lines divide, save those inside one of the `whole` ranges.
pub(super) fn paragraphs(
    text: &str,
    span: Range<usize>,
    whole: &[Range<usize>],
) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut divided = true;
    for line in lines(text, span) {
        if text[line.clone()].trim().is_empty() {
            divided |= !whole.iter().any(|range| range.contains(&line.start));
        } else {
            match found.last_mut().filter(|_| !divided) {
                Some(paragraph) => paragraph.end = line.end,
                None => found.push(line),
            }
            divided = false;
        }
    }
    found
}

/// Cuts what is longer than [`LIMIT`] at the ends of lines, and lines too long for that between words.
pub(super) fn cut(text: &str, paragraph: Range<usize>) -> Vec<Range<usize>> {
    if length(text, &paragraph) <= LIMIT {
        return vec![paragraph];
    }
    let parts = lines(text, paragraph).flat_map(|line| cut_line(text, line));
    let kept = parts.filter(|part| !text[part.clone()].trim().is_empty());
    packed(text, kept)
}

/// Joins neighbours for as long as the whole stays within [`LIMIT`].
pub(super) fn packed(
    text: &str,
    pieces: impl IntoIterator<Item = Range<usize>>,
) -> Vec<Range<usize>> {
    let mut packs: Vec<Range<usize>> = Vec::new();
    let mut room = 0;
    for piece in pieces {
        let gap_start = packs.last().map_or(piece.start, |pack| pack.end);
        let added = length(text, &(gap_start..piece.end));
        if let Some(pack) = packs.last_mut().filter(|_| added <= room) {
            pack.end = piece.end;
            room -= added;
        } else {
            room = LIMIT.saturating_sub(length(text, &piece));
            packs.push(piece);
        }
    }
    packs
}

fn cut_line(text: &str, line: Range<usize>) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = line.start;
    while let Some((beyond, _)) = text[start..line.end].char_indices().nth(LIMIT) {
        let fitting = &text[start..start + beyond];
        let end = fitting
            .rfind(char::is_whitespace)
            .filter(|at| !fitting[..*at].trim().is_empty())
            .map_or(beyond, |at| after_char(fitting, at));
        parts.push(start..start + end);
        start += end;
    }
    parts.push(start..line.end);
    parts
}

fn after_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(0, char::len_utf8)
}

fn lines(text: &str, span: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    text[span.clone()]
        .split_inclusive('\n')
        .scan(span.start, |start, line| {
            let range = *start..*start + line.len();
            *start = range.end;
            Some(range)
        })
}

fn length(text: &str, range: &Range<usize>) -> usize {
    text[range.clone()].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> String {
        vec!["word"; count].join(" ")
    }

    #[test]
    fn blank_lines_divide_paragraphs() {
        let text = "one\ntwo\n\n \t\nthree\n";
        assert_eq!(paragraphs(text, 0..text.len(), &[]), [0..8, 12..18]);
    }

    #[test]
    fn blank_lines_within_a_whole_range_do_not_divide() {
        let text = "```\na\n\nb\n```\n";
        let fence = 0..text.len();
        assert_eq!(
            paragraphs(text, 0..text.len(), std::slice::from_ref(&fence)),
            [fence]
        );
    }

    #[test]
    fn a_short_paragraph_is_not_cut() {
        let paragraph = 0..12;
        assert_eq!(cut("short\nlines\n", paragraph.clone()), vec![paragraph]);
    }

    #[test]
    fn a_long_paragraph_is_cut_at_the_ends_of_lines() {
        let line = format!("{}\n", words(100));
        let text = line.repeat(5);
        let parts = cut(&text, 0..text.len());
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| text[part.clone()].ends_with('\n')));
    }

    #[test]
    fn a_long_line_is_cut_between_words_and_nothing_is_lost() {
        let text = words(1000);
        let parts = cut(&text, 0..text.len());
        assert!(parts.iter().all(|part| length(&text, part) <= LIMIT));
        let read: Vec<&str> = parts
            .iter()
            .flat_map(|part| text[part.clone()].split_whitespace())
            .collect();
        assert_eq!(read, vec!["word"; 1000]);
    }

    #[test]
    fn a_word_longer_than_a_passage_is_cut_between_characters() {
        let text = "ü".repeat(LIMIT + 1);
        let parts = cut(&text, 0..text.len());
        assert_eq!(parts.len(), 2);
        assert_eq!(length(&text, &parts[1]), 1);
    }

    #[test]
    fn neighbours_are_packed_up_to_the_limit() {
        let text = format!("{}\n\n{}\n\n{}", words(100), words(100), words(100));
        let all = paragraphs(&text, 0..text.len(), &[]);
        let packs = packed(&text, all.clone());
        assert_eq!(packs, [all[0].start..all[1].end, all[2].clone()]);
    }
}
