use unicode_segmentation::UnicodeSegmentation;

/// The text as rules see it: its words in lower case, each between single spaces, with a space at
/// either end. `What is 17% of it?` is ` what is 17 % of it `.
///
/// Words are those of Unicode (UAX #29), so they are found in every script. Signs that carry
/// meaning, such as `%` or `+`, are words of their own; punctuation is left out.
pub(super) fn normalised(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + 2);
    words.push(' ');
    for word in text.split_word_bounds() {
        if word.chars().all(is_silent) {
            continue;
        }
        push_lowercase(&mut words, word);
        words.push(' ');
    }
    words
}

fn push_lowercase(words: &mut String, word: &str) {
    for c in word.chars() {
        match c {
            '\u{2019}' => words.push('\''),
            c => words.extend(c.to_lowercase()),
        }
    }
}

fn is_silent(c: char) -> bool {
    const SIGNS: &str = "%#@&*/\\";
    c.is_whitespace()
        || c.is_control()
        || (c.is_ascii_punctuation() && !SIGNS.contains(c) && !"+=<>^$|~".contains(c))
        || matches!(
            c,
            '\u{2010}'..='\u{2027}' | '¿' | '¡' | '«' | '»' | '、' | '。' | '！' | '？'
        )
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn words_stand_between_single_spaces() {
        let cases = [
            ("What is 17% of 2340?", " what is 17 % of 2340 "),
            ("  Hello,\n\tWORLD! ", " hello world "),
            ("don\u{2019}t", " don't "),
            ("3.14 + C++", " 3.14 + c + + "),
            ("Größe ÜBER alles", " größe über alles "),
            ("sub-folder (old)", " sub folder old "),
            ("", " "),
        ];
        for (text, expected) in cases {
            assert_eq!(normalised(text), expected);
        }
    }
}
