//! What a model answered, believed only as far as it makes sense.

use serde::Deserialize;

use super::prompt::NONE;
use crate::llm::Said;
use crate::words::AgentName;

/// Whom a model chose.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// In order; empty when it found that no agent fits.
    pub agents: Vec<AgentName>,
    /// How probable the name of the first was, where that is known.
    pub probability: Option<f64>,
    /// Names that it made up.
    pub unknown: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    agents: Vec<String>,
}

/// Reads an answer; otherwise says what is wrong with it.
pub(super) fn read(said: &Said, known: &[&AgentName]) -> Result<Choice, String> {
    let object = object_in(&said.content).ok_or("there is no JSON object in it")?;
    let answer: Answer = serde_json::from_str(object).map_err(|error| error.to_string())?;
    let Some(first) = answer.agents.first() else {
        return Err("it names no agent, and not `none` either".to_owned());
    };
    let probability = probability_of(first, said);
    let is_none = answer.agents.iter().all(|name| name == NONE);
    let mut choice = Choice {
        agents: Vec::new(),
        probability,
        unknown: Vec::new(),
    };
    for name in answer.agents.iter().filter(|name| *name != NONE) {
        match known.iter().find(|agent| ****agent == **name) {
            Some(agent) if !choice.agents.contains(agent) => choice.agents.push((*agent).clone()),
            Some(_) => {}
            None => choice.unknown.push(name.chars().take(64).collect()),
        }
    }
    if choice.agents.is_empty() && !is_none {
        return Err(format!(
            "there is no agent `{}`",
            choice.unknown.join("`, `")
        ));
    }
    Ok(choice)
}

/// Models like to talk around what they were asked for.
fn object_in(text: &str) -> Option<&str> {
    let (begin, end) = (text.find('{')?, text.rfind('}')?);
    text.get(begin..=end)
}

/// The product of the probabilities of the pieces that make up a name, at its first place.
fn probability_of(name: &str, said: &Said) -> Option<f64> {
    let whole: String = said
        .tokens
        .iter()
        .map(|(token, _)| token.as_str())
        .collect();
    let begin = whole.find(&format!("\"{name}\""))? + 1;
    let end = begin + name.len();
    let mut at = 0;
    let mut logarithm = 0.0;
    for (token, probability) in &said.tokens {
        let span = at..at + token.len();
        at = span.end;
        if span.start < end && span.end > begin {
            logarithm += probability;
        }
    }
    Some(logarithm.exp().clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(content: &str) -> Said {
        Said {
            content: content.to_owned(),
            tokens: Vec::new(),
        }
    }

    fn read_names(content: &str) -> Result<Vec<String>, String> {
        let known: Vec<AgentName> = vec!["a".into(), "b_agent".into()];
        let known: Vec<&AgentName> = known.iter().collect();
        let choice = read(&said(content), &known)?;
        Ok(choice.agents.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_what_makes_sense_is_believed() {
        assert_eq!(
            read_names(r#"{"agents": ["b_agent", "a"]}"#).unwrap(),
            ["b_agent", "a"]
        );
        assert_eq!(
            read_names("Sure! ```json\n{\"agents\": [\"a\"]}\n```").unwrap(),
            ["a"]
        );
        assert_eq!(
            read_names(r#"{"agents": ["a", "a", "kabuki"]}"#).unwrap(),
            ["a"]
        );
        assert!(read_names(r#"{"agents": ["none"]}"#).unwrap().is_empty());
        for nonsense in [
            "",
            "a",
            "{}",
            r#"{"agents": []}"#,
            r#"{"agents": "a"}"#,
            r#"{"agents": ["kabuki"]}"#,
            r#"{"agents": [{"#,
        ] {
            assert!(read_names(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_name_is_as_probable_as_its_pieces() {
        let known: AgentName = "b_agent".into();
        let mut said = said(r#"{"agents": ["b_agent"]}"#);
        let tokens = [
            ("{\"agents\": [", -9.0),
            ("\"b", 0.5_f64.ln()),
            ("_agent", 0.8_f64.ln()),
            ("\"]}", -9.0),
        ];
        said.tokens = tokens.map(|(token, log)| (token.to_owned(), log)).to_vec();
        let choice = read(&said, &[&known]).unwrap();
        assert!((choice.probability.unwrap() - 0.4).abs() < 1e-9);
    }
}
