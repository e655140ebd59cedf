//! What can be seen of a text without reading it: code, commands, paths, quantities, its form.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::text::Text;

/// Something that can be seen of a text, or of what came with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A block of code between fences, or code between back quotes.
    CodeFence,
    /// Marks that stand together in programs and hardly elsewhere.
    CodeMarks,
    /// What compilers and run times say when something went wrong.
    ErrorMessage,
    /// It begins with the name of a command.
    Command,
    /// Options, pipes and redirections as shells know them.
    ShellMarks,
    /// A path in a file system.
    Path,
    /// An address on the web.
    Url,
    /// The name of a file with a program in it.
    ProgramFile,
    /// The name of a file that people write for people.
    DocumentFile,
    /// A number with a unit, a currency or a per cent sign.
    Quantity,
    /// Numbers with an operator between them.
    Arithmetic,
    /// It is a question, by its mark or by its first word.
    Question,
    /// It exclaims.
    Exclamation,
    /// It has at most two words.
    Brief,
    /// It has more than thirty words.
    Lengthy,
    /// Letters that English does not have.
    Foreign,
    /// Documents came with it.
    Documents,
}

impl Sign {
    pub const ALL: [Self; 17] = [
        Self::CodeFence,
        Self::CodeMarks,
        Self::ErrorMessage,
        Self::Command,
        Self::ShellMarks,
        Self::Path,
        Self::Url,
        Self::ProgramFile,
        Self::DocumentFile,
        Self::Quantity,
        Self::Arithmetic,
        Self::Question,
        Self::Exclamation,
        Self::Brief,
        Self::Lengthy,
        Self::Foreign,
        Self::Documents,
    ];

    /// As a reason is told to a person.
    pub fn told(self) -> &'static str {
        match self {
            Self::CodeFence => "a block of code",
            Self::CodeMarks => "program text",
            Self::ErrorMessage => "an error message",
            Self::Command => "a command",
            Self::ShellMarks => "shell syntax",
            Self::Path => "a path",
            Self::Url => "a web address",
            Self::ProgramFile => "a program file",
            Self::DocumentFile => "a document's name",
            Self::Quantity => "a quantity",
            Self::Arithmetic => "arithmetic",
            Self::Question => "a question",
            Self::Exclamation => "an exclamation",
            Self::Brief => "few words",
            Self::Lengthy => "many words",
            Self::Foreign => "other letters than English",
            Self::Documents => "documents in the context",
        }
    }
}

/// The signs that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Signs(u32);

impl Signs {
    /// What can be seen of the text itself.
    pub fn of(text: &Text<'_>) -> Self {
        let written = &*text.written;
        let mut signs = Self::default();
        let mut see = |sign, seen: bool| {
            if seen {
                signs.add(sign);
            }
        };
        let words = text.each_word().take(31).count();
        see(Sign::CodeFence, written.contains('`'));
        let marks = Marks::of(written);
        see(Sign::CodeMarks, marks.code > 1);
        see(Sign::ErrorMessage, marks.error);
        see(Sign::Command, begins_with_command(written, marks.shell || has_option(written)));
        see(Sign::ShellMarks, marks.shell || has_option(written));
        see(Sign::Url, marks.url);
        see(Sign::Question, is_question(text));
        see(Sign::Exclamation, written.contains(['!', '！']));
        see(Sign::Brief, words <= 2);
        see(Sign::Lengthy, words > 30);
        see(Sign::Foreign, written.chars().any(|c| !c.is_ascii() && c.is_alphabetic()));
        for token in written.split_ascii_whitespace() {
            let token = token.trim_matches(|c: char| "()[]\"',;:!?".contains(c));
            see(Sign::Path, is_path(token));
            let end = token.rsplit_once('.').map_or("", |(_, end)| end.trim_end_matches('.'));
            see(Sign::ProgramFile, PROGRAMS.contains(&end));
            see(Sign::DocumentFile, DOCUMENTS.contains(&end));
        }
        let numbers = Numbers::of(&text.words);
        see(Sign::Quantity, numbers.quantity);
        see(Sign::Arithmetic, numbers.arithmetic);
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

const ERRORS: &[&str] = &[
    "Error:", "error:", "ERROR", "Exception", "Traceback", "panicked at", "undefined reference",
    "Segmentation fault", "error[E", "npm ERR", "stack trace",
];
const CODE: &[&str] = &[
    "();", "){", ") {", "=>", "==", "!=", "->", "::", "&&", "||", "</", "/>", "};", "];", "def ",
    "fn ", "let ", "const ", "var ", "return ", "import ", "#include", "public class", "SELECT ",
    "console.log", "print(", "println", "+=", "++", "//", "[]", "{}", "self.", "this.", "():",
    "function ", "async ", "await ",
];
const PROGRAMS: &[&str] = &[
    "py", "rs", "js", "ts", "tsx", "jsx", "java", "c", "h", "cpp", "hpp", "go", "rb", "php", "cs",
    "kt", "swift", "sql", "vue", "scala", "toml", "css", "html",
];
const DOCUMENTS: &[&str] = &[
    "pdf", "doc", "docx", "ppt", "pptx", "xls", "xlsx", "csv", "odt", "txt", "md", "epub", "eml",
];
/// Commands that are no everyday words: they need no options to be told from those.
const COMMANDS: &[&str] = &[
    "ls", "cd", "df", "du", "ps", "pwd", "mkdir", "rmdir", "chmod", "chown", "chgrp", "grep", "awk",
    "sed", "ssh", "scp", "rsync", "curl", "wget", "tar", "gzip", "unzip", "systemctl",
    "journalctl", "dmesg", "uname", "whoami", "ifconfig", "netstat", "iptables", "ufw", "nslookup",
    "traceroute", "docker", "kubectl", "helm", "podman", "apt", "apt-get", "dpkg", "yum", "dnf",
    "snap", "brew", "pip", "npm", "yarn", "cargo", "git", "sudo", "su", "rm", "mv", "cp", "ln",
    "htop", "lsof", "pkill", "killall", "crontab", "useradd", "usermod", "userdel", "passwd",
    "mount", "umount", "lsblk", "fdisk", "mkfs", "nohup", "tmux", "uptime", "hostname", "lscpu",
    "strace", "tcpdump", "nmap", "openssl", "xargs", "tee", "chroot", "modprobe", "sysctl", "vmstat",
    "iostat", "free", "nginx", "ansible", "terraform", "vagrant", "virsh", "zfs", "lsmod",
];
/// Commands that are everyday words, too.
const AMBIGUOUS: &[&str] = &[
    "find", "kill", "top", "cat", "sort", "head", "tail", "less", "more", "make", "touch", "echo",
    "service", "date", "watch", "cut", "history", "which", "screen", "ip", "dig", "ping", "host",
    "time", "test", "who", "last", "export", "source", "diff", "node", "python", "python3", "go",
];

const SHELL: &[&str] = &[" | ", " && ", " > /", " >> ", "$(", "2>&1", " ./"];
const URLS: &[&str] = &["http://", "https://", "www."];

/// What was found of the marks.
#[derive(Default)]
struct Marks {
    /// Different marks of code: one alone happens in prose.
    code: usize,
    error: bool,
    shell: bool,
    url: bool,
}

/// All marks in one automaton, and where each kind begins in it.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let marks = [CODE, ERRORS, SHELL, URLS].concat();
    AhoCorasick::new(marks).expect("a few short marks make an automaton")
});

impl Marks {
    fn of(text: &str) -> Self {
        let mut marks = Self::default();
        let mut code = 0_u64;
        for found in FINDER.find_overlapping_iter(text) {
            let mark = found.pattern().as_usize();
            if mark < CODE.len() {
                code |= 1 << mark;
            } else if mark < CODE.len() + ERRORS.len() {
                marks.error = true;
            } else if mark < CODE.len() + ERRORS.len() + SHELL.len() {
                marks.shell = true;
            } else {
                marks.url = true;
            }
        }
        marks.code = code.count_ones() as usize;
        marks
    }
}

fn begins_with_command(text: &str, is_shell: bool) -> bool {
    let text = text.trim_start_matches(['$', '>', '#', ' ']);
    let first = text.split_ascii_whitespace().next();
    first.is_some_and(|first| COMMANDS.contains(&first) || is_shell && AMBIGUOUS.contains(&first))
}

/// `-x` or `--long` after the first word.
fn has_option(text: &str) -> bool {
    let option = |token: &str| {
        let letter = token.strip_prefix('-').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
        letter.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    text.contains(" -") && text.split_ascii_whitespace().skip(1).any(option)
}

/// `/etc/hosts`, `~/notes`, `./run.sh`, `src/main.rs`, `C:\Users`, and not `and/or`.
fn is_path(token: &str) -> bool {
    let rooted = ["/", "~/", "./", "../"].iter().find_map(|root| token.strip_prefix(root));
    match rooted {
        Some(rest) => rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'),
        None => {
            token.contains(":\\")
                || token.split('/').count() > 2 && !token.contains(':')
                || token.contains('/') && token.rsplit('/').next().is_some_and(|end| end.contains('.'))
                    && !token.contains("//")
        }
    }
}

fn is_question(text: &Text<'_>) -> bool {
    const ASKING: &[&str] = &[
        "what", "what's", "whats", "who", "who's", "whom", "whose", "which", "when", "where",
        "where's", "why", "how", "how's", "is", "are", "was", "were", "do", "does", "did", "can",
        "could", "should", "would", "will", "has", "have", "am",
    ];
    text.written.contains(['?', '？'])
        || text.each_word().next().is_some_and(|first| ASKING.contains(&first))
}

/// What numbers there are.
#[derive(Default)]
struct Numbers {
    quantity: bool,
    arithmetic: bool,
}

impl Numbers {
    fn of(words: &str) -> Self {
        const UNITS: &[&str] = &[
            "%", "percent", "km", "m", "cm", "mm", "mile", "miles", "feet", "foot", "ft", "inch",
            "inches", "yards", "kg", "g", "grams", "lb", "lbs", "pounds", "ounces", "oz", "liters",
            "litres", "l", "ml", "gallons", "cups", "celsius", "fahrenheit", "degrees", "hours",
            "hour", "minutes", "minute", "min", "seconds", "days", "weeks", "months", "years", "mb",
            "gb", "tb", "kb", "mph", "kmh", "usd", "eur", "gbp", "dollars", "euros", "am", "pm",
            "bytes", "hex", "binary", "decimal",
        ];
        const OPERATORS: &[&str] = &["+", "*", "/", "^", "x", "times", "plus", "minus", "divided", "%"];
        let mut numbers = Self::default();
        let (mut before, mut last) = ("", "");
        for word in words.split_ascii_whitespace() {
            let number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
            let glued = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
            numbers.quantity |= number(last) && UNITS.contains(&word)
                || number(word) && glued != word && UNITS.contains(&glued)
                || number(word) && last == "$";
            numbers.arithmetic |= number(word) && number(before) && OPERATORS.contains(&last);
            (before, last) = (last, word);
        }
        numbers
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

    #[test]
    fn all_signs_are_numbered_in_order() {
        for (number, sign) in Sign::ALL.into_iter().enumerate() {
            assert_eq!(sign as usize, number);
        }
    }
}
