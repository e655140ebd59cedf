//! The marks by which code, commands, paths and quantities are known.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::routing::text::{Text, Words, words_of};

const ERRORS: &[&str] = &[
    "Error:",
    "error:",
    "ERROR",
    "Exception",
    "Traceback",
    "panicked at",
    "undefined reference",
    "Segmentation fault",
    "error[E",
    "npm ERR",
    "stack trace",
];
const CODE: &[&str] = &[
    "();",
    "){",
    ") {",
    "=>",
    "==",
    "!=",
    "->",
    "::",
    "&&",
    "||",
    "</",
    "/>",
    "};",
    "];",
    "def ",
    "fn ",
    "let ",
    "const ",
    "var ",
    "return ",
    "import ",
    "#include",
    "public class",
    "SELECT ",
    "console.log",
    "print(",
    "println",
    "+=",
    "++",
    "//",
    "[]",
    "{}",
    "self.",
    "this.",
    "():",
    "function ",
    "async ",
    "await ",
];
pub(super) static PROGRAMS: LazyLock<Words> = LazyLock::new(|| {
    words_of(
        "py rs js ts tsx jsx java c h cpp hpp go rb php cs kt swift sql vue scala toml css \
         html",
    )
});
pub(super) static DOCUMENTS: LazyLock<Words> =
    LazyLock::new(|| words_of("pdf doc docx ppt pptx xls xlsx csv odt txt md epub eml"));
/// Commands that are no everyday words: they need no options to be told from those.
static COMMANDS: LazyLock<Words> = LazyLock::new(|| {
    words_of(
        "ls cd df du ps pwd mkdir rmdir chmod chown chgrp grep awk sed ssh scp rsync curl \
         wget tar gzip unzip systemctl journalctl dmesg uname whoami ifconfig netstat \
         iptables ufw nslookup traceroute docker kubectl helm podman apt apt-get dpkg yum dnf \
         snap brew pip npm yarn cargo git sudo su rm mv cp ln htop lsof pkill killall crontab \
         useradd usermod userdel passwd mount umount lsblk fdisk mkfs nohup tmux uptime \
         hostname lscpu strace tcpdump nmap openssl xargs tee chroot modprobe sysctl vmstat \
         iostat free nginx ansible terraform vagrant virsh zfs lsmod",
    )
});
/// Commands that are everyday words, too.
static AMBIGUOUS: LazyLock<Words> = LazyLock::new(|| {
    words_of(
        "find kill top cat sort head tail less more make touch echo service date watch cut \
         history which screen ip dig ping host time test who last export source diff node \
         python python3 go",
    )
});

const SHELL: &[&str] = &[" | ", " && ", " > /", " >> ", "$(", "2>&1", " ./"];
const URLS: &[&str] = &["http://", "https://", "www."];

/// Which bytes a text has: most of what there is to look for needs some that most texts lack.
pub(super) struct Letters {
    has: [bool; 256],
    pub only_ascii: bool,
}

impl Letters {
    pub fn of(text: &str) -> Self {
        let mut has = [false; 256];
        for byte in text.bytes() {
            has[usize::from(byte)] = true;
        }
        Self {
            has,
            only_ascii: text.is_ascii(),
        }
    }

    pub fn any(&self, bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| self.has[usize::from(*byte)])
    }
}

/// What was found of the marks.
#[derive(Default)]
pub(super) struct Marks {
    /// Different marks of code: one alone happens in prose.
    pub code: usize,
    pub error: bool,
    pub shell: bool,
    pub url: bool,
}

/// All marks in one automaton, and where each kind begins in it.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let marks = [CODE, ERRORS, SHELL, URLS].concat();
    AhoCorasick::new(marks).expect("a few short marks make an automaton")
});

impl Marks {
    pub fn of(text: &str) -> Self {
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

pub(super) fn begins_with_command(text: &str, is_shell: bool) -> bool {
    let text = text.trim_start_matches(['$', '>', '#', ' ']);
    let first = text.split_ascii_whitespace().next();
    first.is_some_and(|first| COMMANDS.contains(first) || is_shell && AMBIGUOUS.contains(first))
}

/// `-x` or `--long` after the first word.
pub(super) fn has_option(text: &str) -> bool {
    let option = |token: &str| {
        let letter = token
            .strip_prefix('-')
            .map(|rest| rest.strip_prefix('-').unwrap_or(rest));
        letter.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    text.contains(" -") && text.split_ascii_whitespace().skip(1).any(option)
}

/// `/etc/hosts`, `~/notes`, `./run.sh`, `src/main.rs`, `C:\Users`, and not `and/or`.
pub(super) fn is_path(token: &str) -> bool {
    let rooted = ["/", "~/", "./", "../"]
        .iter()
        .find_map(|root| token.strip_prefix(root));
    match rooted {
        Some(rest) => rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.'),
        None => {
            token.contains(":\\")
                || token.split('/').count() > 2 && !token.contains(':')
                || token.contains('/')
                    && token
                        .rsplit('/')
                        .next()
                        .is_some_and(|end| end.contains('.'))
                    && !token.contains("//")
        }
    }
}

/// Whether the first word asks.
pub(super) fn asks_by_word(text: &Text<'_>) -> bool {
    static ASKING: LazyLock<Words> = LazyLock::new(|| {
        words_of(
            "what what's whats who who's whom whose which when where where's why how how's is \
             are was were do does did can could should would will has have am",
        )
    });
    let first = text.each_word().next();
    first.is_some_and(|first| ASKING.contains(first))
}

/// What numbers there are.
#[derive(Default)]
pub(super) struct Numbers {
    pub quantity: bool,
    pub arithmetic: bool,
}

impl Numbers {
    pub fn of(words: &str) -> Self {
        static UNITS: LazyLock<Words> = LazyLock::new(|| {
            words_of(
                "% percent km m cm mm mile miles feet foot ft inch inches yards kg g grams lb \
                 lbs pounds ounces oz liters litres l ml gallons cups celsius fahrenheit \
                 degrees hours hour minutes minute min seconds days weeks months years mb gb \
                 tb kb mph kmh usd eur gbp dollars euros am pm bytes hex binary decimal",
            )
        });
        static OPERATORS: LazyLock<Words> =
            LazyLock::new(|| words_of("+ * / ^ x times plus minus divided %"));
        let mut numbers = Self::default();
        let (mut before, mut last) = ("", "");
        for word in words.split_ascii_whitespace() {
            let number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
            let glued =
                word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
            numbers.quantity |= number(last) && UNITS.contains(word)
                || number(word) && glued != word && UNITS.contains(glued)
                || number(word) && last == "$";
            numbers.arithmetic |= number(word) && number(before) && OPERATORS.contains(last);
            (before, last) = (last, word);
        }
        numbers
    }
}
