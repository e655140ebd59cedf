//! The agent that answers when no other does: it makes conversation, within honest bounds.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::words::{Agent, AgentCard, AgentContext, AgentError, Reply, Task};

/// What the agents of this orchestrator are known for; cheap to clone, all clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    cards: Arc<ArcSwap<Vec<AgentCard>>>,
}

impl Roster {
    /// Replaces what is known.
    pub fn publish(&self, cards: Vec<AgentCard>) {
        self.cards.store(Arc::new(cards));
    }
}

/// Greets, and says what this orchestrator can do and for what it needs a language model.
///
/// It has none, and does not pretend to: whoever wants a conversation is told so.
#[derive(Debug, Clone)]
pub struct ChatAgent {
    roster: Roster,
}

impl ChatAgent {
    /// An agent that recommends the agents of the roster.
    #[must_use]
    pub fn new(roster: Roster) -> Self {
        Self { roster }
    }

    fn offers(&self, me: &str) -> String {
        let cards = self.roster.cards.load();
        let others = cards.iter().filter(|card| card.name.as_ref() != me);
        let offers: Vec<String> = others.map(offer).collect();
        if offers.is_empty() {
            return "There is no other agent here yet; an operator can add some.".to_owned();
        }
        format!(
            "This is what I can have done for you:\n{}",
            offers.join("\n")
        )
    }
}

impl Agent for ChatAgent {
    async fn handle(&self, task: Task, _: &AgentContext) -> Result<Reply, AgentError> {
        let words = match Small::talk(&task.content) {
            Some(Small::Greeting) => {
                "Hello! Ask me something, or \"what can you do?\" for a list.".to_owned()
            }
            Some(Small::Help) => self.offers("chat_agent"),
            Some(Small::Thanks) => "You are welcome.".to_owned(),
            Some(Small::Farewell) => "Goodbye!".to_owned(),
            None => format!(
                "I have no answer to that: for free conversation this orchestrator would need a \
                 language model, which it does not have. {}",
                self.offers("chat_agent")
            ),
        };
        Ok(Reply::text(words))
    }
}

fn offer(card: &AgentCard) -> String {
    let what = match card.description.as_str() {
        "" => "no description",
        description => description,
    };
    match card.examples.first() {
        Some(example) => format!("- {}: {what} (for example: \"{example}\")", card.name),
        None => format!("- {}: {what}", card.name),
    }
}

/// What can be answered without understanding.
enum Small {
    Greeting,
    Thanks,
    Farewell,
    /// What can be done here?
    Help,
}

impl Small {
    /// A few words, the first or second of which says what they are.
    fn talk(content: &str) -> Option<Self> {
        let content = content.to_lowercase();
        let words = content.split(|c: char| !c.is_alphanumeric() && c != '\'');
        let words = words.map(|word| word.trim_matches('\''));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).take(8).collect();
        if words.len() == 8 {
            return None;
        }
        if asks_for_help(&words) {
            return Some(Self::Help);
        }
        words.iter().take(2).find_map(|word| match *word {
            "hello" | "hi" | "hey" | "greetings" | "morning" | "evening" | "afternoon" => {
                Some(Self::Greeting)
            }
            "thanks" | "thank" | "thx" => Some(Self::Thanks),
            "bye" | "goodbye" | "farewell" => Some(Self::Farewell),
            _ => None,
        })
    }
}

fn asks_for_help(words: &[&str]) -> bool {
    const ASKING: [&[&str]; 5] = [
        &["what", "can", "you", "do"],
        &["what", "can", "i", "ask"],
        &["what", "do", "you", "do"],
        &["how", "can", "you", "help"],
        &["who", "are", "you"],
    ];
    let says = |phrase: &&[&str]| words.windows(phrase.len()).any(|it| it == *phrase);
    matches!(words, ["help"] | ["help", "me"]) || ASKING.iter().any(says)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::words::RequestId;

    async fn answer(content: &str) -> String {
        let roster = Roster::default();
        roster.publish(vec![AgentCard {
            description: "Calculations".to_owned(),
            ..AgentCard::named("util_agent").with_examples(["what is 2 + 2"])
        }]);
        let deadline = Instant::now() + Duration::from_secs(1);
        let cx = AgentContext::new("chat_agent", RequestId::new(), deadline);
        let agent = ChatAgent::new(roster);
        let reply = agent.handle(Task::new(content), &cx).await;
        reply.unwrap().content
    }

    #[actix_rt::test]
    async fn a_greeting_is_returned_and_says_what_to_ask() {
        for greeting in ["hello there", "Hi!", "'hello'", "it's morning"] {
            let answer = answer(greeting).await;
            assert!(answer.starts_with("Hello!"), "{answer}");
            assert!(answer.contains("what can you do?"), "{answer}");
        }
    }

    #[actix_rt::test]
    async fn whoever_asks_is_told_what_can_be_done() {
        for question in ["What can you do?", "hi, who are you?", "help"] {
            let answer = answer(question).await;
            assert!(answer.contains("util_agent: Calculations"), "{answer}");
            assert!(answer.contains("what is 2 + 2"), "{answer}");
        }
    }

    #[actix_rt::test]
    async fn what_needs_a_model_is_said_to_need_one() {
        let answer = answer("write me a poem about the sea, and say hello to it").await;
        assert!(answer.contains("language model"), "{answer}");
    }

    #[actix_rt::test]
    async fn thanks_and_farewells_are_answered_in_kind() {
        assert_eq!(answer("thanks a lot").await, "You are welcome.");
        assert_eq!(answer("bye").await, "Goodbye!");
    }
}
