//! What can be seen of a text without reading it: code, commands, paths, quantities, its form.

mod marks;

use marks::{
    DOCUMENTS, Letters, Marks, Numbers, PROGRAMS, asks_by_word, begins_with_command, has_option,
    is_path,
};

use super::text::Text;
use crate::words::Sign;

/// The signs that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Signs(u32);

impl Signs {
    /// What can be seen of the text itself.
    pub fn of(text: &Text<'_>) -> Self {
        let written = &*text.written;
        let has = Letters::of(written);
        let mut signs = Self::default();
        let mut see = |sign, seen: bool| {
            if seen {
                signs.add(sign);
            }
        };
        let words = text.each_word().take(31).count();
        see(Sign::CodeFence, has.any(b"`"));
        let marks = Marks::of(written);
        see(Sign::CodeMarks, marks.code > 1);
        see(Sign::ErrorMessage, marks.error);
        let is_shell = marks.shell || has.any(b"-") && has_option(written);
        see(Sign::Command, begins_with_command(written, is_shell));
        see(Sign::ShellMarks, is_shell);
        see(Sign::Url, marks.url);
        let asks = has.any(b"?") || !has.only_ascii && written.contains('？');
        see(Sign::Question, asks || asks_by_word(text));
        let exclaims = has.any(b"!") || !has.only_ascii && written.contains('！');
        see(Sign::Exclamation, exclaims);
        see(Sign::Brief, words <= 2);
        see(Sign::Lengthy, words > 30);
        let foreign = |c: char| !c.is_ascii() && c.is_alphabetic();
        see(Sign::Foreign, !has.only_ascii && written.contains(foreign));
        if has.any(br"/\.") {
            for token in written.split_ascii_whitespace() {
                let token = token.trim_matches(|c: char| "()[]\"',;:!?".contains(c));
                see(Sign::Path, is_path(token));
                if let Some((_, end)) = token.rsplit_once('.') {
                    let end = end.trim_end_matches('.');
                    see(Sign::ProgramFile, PROGRAMS.contains(end));
                    see(Sign::DocumentFile, DOCUMENTS.contains(end));
                }
            }
        }
        if has.any(b"0123456789") {
            let numbers = Numbers::of(&text.words);
            see(Sign::Quantity, numbers.quantity);
            see(Sign::Arithmetic, numbers.arithmetic);
        }
        signs
    }

    pub fn add(&mut self, sign: Sign) {
        self.0 |= 1 << sign as u32;
    }

    /// These and those.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub fn has(self, sign: Sign) -> bool {
        self.0 & 1 << sign as u32 != 0
    }

    pub fn iter(self) -> impl Iterator<Item = Sign> {
        Sign::ALL.into_iter().filter(move |sign| self.has(*sign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<Sign> {
        Signs::of(&Text::new(text)).iter().collect()
    }

    #[test]
    fn what_is_seen_of_a_text() {
        use Sign::*;
        let cases: &[(&str, &[Sign])] = &[
            ("ls -la", &[Command, ShellMarks, Brief]),
            ("find the wiki page on leave", &[]),
            ("find . -name '*.log'", &[Command, ShellMarks]),
            ("please tail /var/log/syslog on that box", &[Path]),
            ("is it black and/or white", &[Question]),
            ("what's 18% of 2,349.50?", &[Quantity, Question]),
            ("how far is 5 km", &[Quantity, Question]),
            ("17 * 23", &[Arithmetic]),
            ("sum up report.pdf and plan.docx for me", &[DocumentFile]),
            ("why is main.rs so long", &[ProgramFile, Question]),
            ("let x = 5; println!(x);", &[CodeMarks, Exclamation]),
            ("read https://example.org/a for me", &[Url]),
            ("¿Dónde está?", &[Question, Brief, Foreign]),
        ];
        for (text, expected) in cases {
            assert_eq!(seen(text), *expected, "{text}");
        }
    }
}
