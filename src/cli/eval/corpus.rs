//! What is evaluated: a file of requests for the configured agents, or a public data set.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use agent_orchestrator::AgentCard;
use agent_orchestrator::routing::Sample;
use serde::Deserialize;
use serde_json::Value;

/// Why a file cannot be used.
#[derive(Debug)]
pub(super) struct CorpusError {
    path: PathBuf,
    line: Option<usize>,
    problem: String,
}

impl fmt::Display for CorpusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// A public data set: texts to learn from, and to be judged by.
pub(super) struct Corpus {
    pub train: Vec<(String, String)>,
    /// In scope, to find a threshold; empty where the set has none.
    pub held_out: Vec<Sample>,
    pub test: Vec<Sample>,
}

/// Reads requests, one JSON object a line: `{"text", "agents": [primary, ...]}`; further members
/// are for people.
pub(super) fn requests(path: &Path) -> Result<Vec<Sample>, CorpusError> {
    let text = read(path)?;
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let samples: Result<Vec<Sample>, CorpusError> = lines
        .map(|(number, line)| {
            let fault = |problem: String| fault(path, Some(number + 1), problem);
            let value: Value =
                serde_json::from_str(line).map_err(|error| fault(error.to_string()))?;
            sample(&value)
                .ok_or_else(|| fault(r#"expected {"text": "...", "agents": ["..."]}"#.to_owned()))
        })
        .collect();
    let samples = samples?;
    if samples.is_empty() {
        return Err(fault(path, None, "there are no requests in it".to_owned()));
    }
    Ok(samples)
}

fn sample(value: &Value) -> Option<Sample> {
    let agents = value.get("agents")?.as_array()?.iter();
    let agents: Option<Vec<_>> = agents.map(|agent| Some(agent.as_str()?.into())).collect();
    Some(Sample {
        text: value.get("text")?.as_str()?.to_owned(),
        agents: agents?,
    })
}

/// CLINC150 as its authors publish it (`data_full.json`; Larson and others, 2019, CC BY 3.0).
pub(super) fn clinc(path: &Path) -> Result<Corpus, CorpusError> {
    #[derive(Deserialize)]
    struct Clinc {
        train: Vec<(String, String)>,
        val: Vec<(String, String)>,
        test: Vec<(String, String)>,
        oos_test: Vec<(String, String)>,
    }
    let clinc: Clinc = serde_json::from_str(&read(path)?)
        .map_err(|error| fault(path, None, format!("this is not CLINC150: {error}")))?;
    let mut test: Vec<Sample> = clinc.test.into_iter().map(labelled).collect();
    test.extend(clinc.oos_test.into_iter().map(|(text, _)| Sample {
        text,
        agents: Vec::new(),
    }));
    Ok(Corpus {
        train: clinc.train,
        held_out: clinc.val.into_iter().map(labelled).collect(),
        test,
    })
}

/// Banking77 as its authors publish it: `*train.csv`, and `*test.csv` beside it (Casanueva and others,
/// 2020, CC BY 4.0).
pub(super) fn banking(path: &Path) -> Result<Corpus, CorpusError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let test = path.with_file_name(name.replace("train", "test"));
    if test == path {
        let problem = "expected the file `*train.csv`, with `*test.csv` beside it".to_owned();
        return Err(fault(path, None, problem));
    }
    Ok(Corpus {
        train: rows(path)?,
        held_out: Vec::new(),
        test: rows(&test)?.into_iter().map(labelled).collect(),
    })
}

fn labelled((text, label): (String, String)) -> Sample {
    Sample {
        text,
        agents: vec![label.as_str().into()],
    }
}

/// The rows of a CSV file with the columns `text,category`.
fn rows(path: &Path) -> Result<Vec<(String, String)>, CorpusError> {
    let mut reader = csv::Reader::from_path(path)
        .map_err(|error| fault(path, None, format!("cannot be read: {error}")))?;
    let rows = reader.deserialize();
    rows.map(|row| row.map_err(|error| fault(path, None, error.to_string())))
        .collect()
}

fn read(path: &Path) -> Result<String, CorpusError> {
    std::fs::read_to_string(path)
        .map_err(|error| fault(path, None, format!("cannot be read: {error}")))
}

fn fault(path: &Path, line: Option<usize>, problem: String) -> CorpusError {
    CorpusError {
        path: path.to_owned(),
        line,
        problem,
    }
}

/// An agent for each label, with so many examples (drawn by the seed), or all.
pub(super) fn agents(
    train: &[(String, String)],
    shots: Option<usize>,
    seed: u64,
) -> Vec<AgentCard> {
    let mut examples: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (text, label) in train {
        examples.entry(label).or_default().push(text);
    }
    let mut dice = fastrand::Rng::with_seed(seed);
    let cards = examples.into_iter().map(|(label, mut texts)| {
        if let Some(shots) = shots {
            dice.shuffle(&mut texts);
            texts.truncate(shots);
        }
        AgentCard::named(label).with_examples(texts)
    });
    cards.collect()
}
