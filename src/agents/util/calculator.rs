//! Evaluates an expression within bounds: of length, of nesting, of time and of stack.
//!
//! The calculator behind it can be interrupted while it computes, but not while it parses, nor
//! while it shifts bits; and it recurses. So an expression is refused beforehand when it could
//! define functions, shift, or make the parser read parentheses over and over, and the rest is
//! evaluated on a thread of its own, which ends as soon as time is up or nobody listens.

use std::thread;
use std::time::{Duration, Instant};

use fend_core::{Context, Interrupt, evaluate_with_interrupt};
use tokio::sync::oneshot;

const TIME_LIMIT: Duration = Duration::from_millis(250);
const MAX_CHARS: usize = 400;
const MAX_NESTING: usize = 32;
/// How many tokens the parser may read, reading again included.
const MAX_PARSING: u64 = 20_000;
const STACK: usize = 16 * 1024 * 1024;

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoResult {
    /// The text is not an expression that may be evaluated.
    NotAnExpression,
    /// It is too long or too deeply nested.
    TooBig,
    /// It takes longer than the time limit.
    TooSlow,
    /// The calculator's own words.
    Refused(String),
    /// The machine has no thread to spare.
    NoThread(String),
}

/// The result of an expression, as the calculator writes it.
pub(super) async fn evaluate(expression: String) -> Result<String, NoResult> {
    admit(&expression)?;
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("calculation".to_owned())
        .stack_size(STACK)
        .spawn(move || run(&expression, sender))
        .map_err(|error| NoResult::NoThread(error.to_string()))?;
    // The sender is dropped without a word only when the calculator panics.
    receiver
        .await
        .unwrap_or_else(|_| Err(NoResult::Refused("the calculator gave up".to_owned())))
}

type Sender = oneshot::Sender<Result<String, NoResult>>;

struct Patience<'a> {
    end: Instant,
    listener: &'a Sender,
}

impl Interrupt for Patience<'_> {
    fn should_interrupt(&self) -> bool {
        Instant::now() >= self.end || self.listener.is_closed()
    }
}

fn run(expression: &str, sender: Sender) {
    let patience = Patience {
        end: Instant::now() + TIME_LIMIT,
        listener: &sender,
    };
    let result = evaluate_with_interrupt(expression, &mut Context::new(), &patience);
    let result = match result {
        Ok(result) => Ok(result.get_main_result().to_owned()),
        Err(_) if patience.should_interrupt() => Err(NoResult::TooSlow),
        Err(message) => Err(NoResult::Refused(message)),
    };
    // Nobody listens when the question was withdrawn.
    let _ = sender.send(result);
}

fn admit(expression: &str) -> Result<(), NoResult> {
    if !expression.chars().all(is_arithmetic) || has_text(expression) {
        return Err(NoResult::NotAnExpression);
    }
    let is_small = expression.chars().count() <= MAX_CHARS && parsing(expression) <= MAX_PARSING;
    if is_small {
        Ok(())
    } else {
        Err(NoResult::TooBig)
    }
}

/// Whether the character may be part of an expression; those that define functions, assign,
/// shift or set options may not.
fn is_arithmetic(c: char) -> bool {
    let is_letter = c.is_alphabetic() && c != '\u{3bb}';
    is_letter || c.is_ascii_digit() || c == ' ' || "+-*/^%(),.!&|_'\"°µ×÷−€$£¥²³√π".contains(c)
}

/// Whether a quote begins a text: those for feet and inches follow a digit.
fn has_text(expression: &str) -> bool {
    let mut before = ' ';
    expression.chars().any(|c| {
        let begins = (c == '\'' || c == '"') && !before.is_ascii_digit();
        before = c;
        begins
    })
}

/// How many tokens are read in the worst case; more than allowed when the nesting is.
///
/// Every token before a parenthesis may make the parser read what is in it once more, and so does
/// a number right before it, which might begin a mixed fraction.
fn parsing(expression: &str) -> u64 {
    let mut total: u64 = 0;
    // For every open parenthesis: how often it is read, and how many tokens precede on its level.
    let mut levels = vec![(1_u64, 0_u64)];
    let mut last = Token::Symbol;
    let mut is_apart = true;
    for c in expression.chars() {
        if c == ' ' {
            is_apart = true;
            continue;
        }
        let before = last;
        let continues = !is_apart && before.continues_with(c);
        is_apart = false;
        let Some((weight, count)) = levels.last_mut() else {
            return u64::MAX;
        };
        let again = *count + u64::from(before == Token::Number);
        let inner = weight.saturating_mul(again.max(1));
        total = total.saturating_add(*weight);
        if !continues {
            last = Token::beginning_with(c);
            *count += 1;
        }
        match c {
            '(' => levels.push((inner, 0)),
            // One too many: the parser would open another at the very beginning.
            ')' if levels.len() == 1 => return u64::MAX,
            ')' => drop(levels.pop()),
            _ => {}
        }
        if levels.len() > MAX_NESTING {
            return u64::MAX;
        }
    }
    total
}

#[derive(Clone, Copy, PartialEq)]
enum Token {
    Number,
    Word,
    Symbol,
}

impl Token {
    fn beginning_with(c: char) -> Self {
        match c {
            '.' | '0'..='9' => Self::Number,
            _ if c.is_alphanumeric() => Self::Word,
            _ => Self::Symbol,
        }
    }

    fn continues_with(self, c: char) -> bool {
        match self {
            Self::Number => c.is_alphanumeric() || c == '.',
            Self::Word => c.is_alphanumeric(),
            Self::Symbol => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;

    fn result(expression: &str) -> Result<String, NoResult> {
        block_on(evaluate(expression.to_owned()))
    }

    #[test]
    fn an_expression_has_a_result() {
        assert_eq!(result("12 * (3 + 4)"), Ok("84".to_owned()));
        assert!(matches!(result("1/0"), Err(NoResult::Refused(_))));
    }

    #[test]
    fn an_endless_calculation_is_interrupted() {
        for expression in ["9^9^9^9", "99999999!", "1e999999999", "d4000000000"] {
            assert_eq!(result(expression), Err(NoResult::TooSlow), "{expression}");
        }
    }

    #[test]
    fn what_could_not_be_interrupted_is_not_begun() {
        let slow_to_parse = format!("{}1", "1+(".repeat(20));
        assert_eq!(result(&slow_to_parse), Err(NoResult::TooBig));
        let wide = "1+1+1+1+1+1+1+1+1+1(".repeat(6);
        assert_eq!(result(&wide), Err(NoResult::TooBig));
        let fractions = format!("{}1", "1 (".repeat(30));
        assert_eq!(result(&fractions), Err(NoResult::TooBig));
        for expression in [
            "1<<99999999999",
            r"(\x.x x)(\x.x x)",
            "f = x: f x",
            "@debug 1",
            "'a'",
        ] {
            assert_eq!(
                result(expression),
                Err(NoResult::NotAnExpression),
                "{expression}"
            );
        }
    }

    #[test]
    fn the_longest_recursions_fit_the_stack() {
        for part in [
            "-", "sqrt ", "2^", "/", "m ", "sin ", "light ", "1/", "!", "1 m ", "(", "ln(",
        ] {
            let expression: String = part.chars().cycle().take(MAX_CHARS - 1).collect();
            // Whatever comes of it: it comes back.
            let _ = result(&format!("{expression}1"));
        }
        let nested = format!("{}1", "sin(".repeat(MAX_NESTING - 1));
        assert!(result(&nested).is_ok());
    }

    #[test]
    fn what_is_admitted_is_parsed_in_time() {
        for part in [
            "1+(",
            "1 (",
            "1-1 (",
            "1+1+1+1(",
            "2 m (",
            "1 kg + 1 g (",
            "m (",
            "3% (",
        ] {
            let admitted = |depth: &usize| admit(&format!("{}1", part.repeat(*depth))).is_ok();
            let deepest = (1..MAX_NESTING).take_while(admitted).last().unwrap();
            let start = Instant::now();
            let _ = result(&format!("{}1", part.repeat(deepest)));
            assert!(
                start.elapsed() < Duration::from_secs(3),
                "{part}: {:?}",
                start.elapsed()
            );
        }
    }

    #[test]
    fn ordinary_nesting_is_no_effort() {
        assert!(parsing("((12.5 + 3) * (4 - (2 + 1)) / ((7)))") < 2_000);
    }
}
