//! Results of calculations and conversions of units, exact where an exact result exists.
//!
//! This skill comes last, since nearly any words with a number could be meant as a calculation:
//! it speaks up only when the calculator accepts them, or when they were plainly meant for it.
//! There is no randomness here and there are no exchange rates, which would be outdated facts.

use super::calculator::{NoResult, evaluate};
use super::question::{Answer, Question, has_word};
use super::wording::{asks_to_calculate, expression};
use crate::words::{AgentError, Reply};

/// Answers questions that read as an expression.
pub(super) async fn try_answer(question: &Question<'_>) -> Answer {
    let expression = expression(question.text);
    if !(expression.contains(|c: char| c.is_ascii_digit()) || has_word(&expression, "pi")) {
        return None;
    }
    let reason = match result(&expression).await {
        Ok(result) if is_number(&result) => return Some(Ok(reply(&expression, &result))),
        Ok(_) => NoResult::NotAnExpression,
        Err(reason) => reason,
    };
    let is_meant = asks_to_calculate(question.text) || is_formula(&expression);
    is_meant.then(|| Err(explained(&expression, &reason)))
}

/// Evaluates the expression as it is and, where units were not recognized, in lower case.
async fn result(expression: &str) -> Result<String, NoResult> {
    let first = evaluate(expression.to_owned()).await;
    let lowered = expression.to_lowercase();
    if matches!(first, Err(NoResult::Refused(_))) && lowered != expression {
        return evaluate(lowered).await.or(first);
    }
    first
}

/// A distribution of dice, a function or a truth is no answer to a calculation.
fn is_number(result: &str) -> bool {
    !result.is_empty() && !result.contains(['{', '\\', ':'])
}

/// Begins with a number and goes on with an operator: nobody writes these by accident.
fn is_formula(expression: &str) -> bool {
    let has_operator = expression.contains(['+', '*', '/', '^', '%', '!'])
        || has_word(expression, "to")
        || has_word(expression, "in");
    has_operator && expression.starts_with(|c: char| c.is_ascii_digit() || "(-".contains(c))
}

fn reply(expression: &str, result: &str) -> Reply {
    let exact = result.strip_prefix("approx. ");
    let value = exact.unwrap_or(result);
    Reply::text(value)
        .with("skill", "calculation")
        .with("expression", expression)
        .with("value", value)
        .with("approximate", exact.is_some())
}

fn explained(expression: &str, reason: &NoResult) -> AgentError {
    let expression: String = expression.chars().take(80).collect();
    match reason {
        NoResult::NotAnExpression => AgentError::user(format!(
            "I cannot read `{expression}` as a calculation. Write it like `12 * (3 + 4)` or `5 miles to km`."
        )),
        NoResult::TooBig => AgentError::user(
            "This calculation is too long or too deeply nested. Ask for its parts one by one.",
        ),
        NoResult::TooSlow => AgentError::user(format!(
            "I stopped calculating `{expression}`: it takes longer than a quarter of a second. Try smaller numbers."
        )),
        NoResult::Refused(why) => {
            AgentError::user(format!("I cannot calculate `{expression}`: {why}."))
        }
        NoResult::NoThread(why) => {
            AgentError::failure(format!("No thread could be started to calculate: {why}."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use jiff::Zoned;

    fn answer(text: &str) -> Answer {
        block_on(try_answer(&Question::new(text, Zoned::default())))
    }

    fn content(text: &str) -> String {
        answer(text)
            .unwrap_or_else(|| panic!("{text}"))
            .unwrap()
            .content
    }

    #[test]
    fn percent_of_a_number_is_a_calculation() {
        let reply = answer("What is 17% of 2340?").unwrap().unwrap();
        assert_eq!(reply.content, "397.8");
        assert_eq!(reply.data["skill"], "calculation");
        assert_eq!(reply.data["expression"], "17% of 2340");
        assert_eq!(reply.data["value"], "397.8");
        assert_eq!(reply.data["approximate"], false);
    }

    #[test]
    fn calculations_have_their_result_as_content() {
        for (question, wanted) in [
            ("what is the square root of 144", "12"),
            ("12 * (3 + 4)", "84"),
            ("calculate 15 percent of 80", "12"),
            ("what is 1,234.5 * 2 =?", "2469"),
            ("what's 10 divided by 4", "2.5"),
            ("0xff in decimal", "255"),
            ("Please compute 2 to the power of 10.", "1024"),
            ("Two plus two", "4"),
            ("What is 5!", "120"),
            ("20% off 50", "40"),
            ("What is pi?", "3.1415926536"),
        ] {
            assert_eq!(content(question), wanted, "{question}");
        }
    }

    #[test]
    fn units_are_converted() {
        for (question, wanted) in [
            ("convert 5 miles to km", "8.04672 km"),
            ("Convert 5 Miles to KM", "8.04672 km"),
            ("how many seconds are in a week", "604800 seconds"),
            ("5 ft 3 in to cm", "160.02 cm"),
            ("5 feet and 3 inches in cm", "160.02 cm"),
            ("10 kg in pounds", "22.0462262185 pounds"),
            ("what is 20 degrees celsius in fahrenheit?", "68 fahrenheit"),
            ("sin 30 degrees", "0.5"),
        ] {
            assert_eq!(content(question), wanted, "{question}");
        }
    }

    #[test]
    fn endless_calculations_are_refused_in_words() {
        let error = answer("What is 9^9^9^9?").unwrap().unwrap_err();
        assert!(
            error
                .message()
                .starts_with("I stopped calculating `9^9^9^9`")
        );
    }

    #[test]
    fn mistakes_in_calculations_are_explained() {
        let error = answer("calculate 1/0").unwrap().unwrap_err();
        assert_eq!(
            error.message(),
            "I cannot calculate `1/0`: division by zero."
        );
        assert!(answer("200 USD in EUR").unwrap().is_err());
    }

    #[test]
    fn numbers_alone_do_not_make_a_calculation() {
        for text in [
            "tell me about world war 2",
            "the top 10 films",
            "I ordered 3 shirts",
            "hello",
        ] {
            assert!(answer(text).is_none(), "{text}");
        }
    }
}
