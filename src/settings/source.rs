//! Where settings come from, and where in it a fault lies.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::path::Path;

use config::{Config, Environment, File, FileFormat};
use serde_json::{Map, Value};

use super::{Mistake, SettingsError};
use crate::words::{Fault, Reader};

const PREFIX: &str = "ORCHESTRATOR";
const SEPARATOR: &str = "__";

/// What was found in a configuration directory.
pub(super) struct Files {
    pub orchestrator: Source,
    pub agents: Source,
}

/// One file, with what overrides it.
pub(super) struct Source {
    name: String,
    tree: Value,
    /// Whether the environment may override it.
    overridable: bool,
}

pub(super) fn read(directory: &Path) -> Result<Files, SettingsError> {
    let orchestrator = directory.join("orchestrator.yaml");
    let agents = directory.join("agents.yaml");
    if !orchestrator.exists() && !agents.exists() {
        return Err(SettingsError {
            mistakes: vec![Mistake {
                source: directory.display().to_string(),
                key: String::new(),
                message: "expected a directory with orchestrator.yaml or agents.yaml \
                          (--config DIR names it)"
                    .to_owned(),
            }],
        });
    }
    let environment = Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .try_parsing(true);
    let read = [
        Source::read(&orchestrator, Some(environment)),
        Source::read(&agents, None),
    ];
    match read {
        [Ok(orchestrator), Ok(agents)] => Ok(Files {
            orchestrator,
            agents,
        }),
        read => Err(SettingsError {
            mistakes: read.into_iter().filter_map(Result::err).collect(),
        }),
    }
}

impl Source {
    fn read(path: &Path, environment: Option<Environment>) -> Result<Self, Mistake> {
        let name = path.display().to_string();
        let overridable = environment.is_some();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(unreadable(name, &error)),
        };
        let mut sources = Config::builder();
        if !says_nothing(&text) {
            sources = sources.add_source(File::from_str(&text, FileFormat::Yaml));
        }
        if let Some(environment) = environment {
            sources = sources.add_source(environment);
        }
        let tree = sources
            .build()
            .and_then(Config::try_deserialize::<Option<Value>>);
        match tree {
            Ok(tree) => Ok(Self {
                name,
                tree: tree.unwrap_or_else(|| Value::Object(Map::new())),
                overridable,
            }),
            Err(error) => Err(unreadable(name, &error)),
        }
    }

    /// Reads the tree with `read`, which notes faults, and adds them to the mistakes.
    pub(super) fn check<T>(
        &mut self,
        mistakes: &mut Vec<Mistake>,
        read: impl Fn(&Reader<'_>) -> T,
    ) -> T {
        let faults = RefCell::new(Vec::new());
        let mut found = read(&Reader::new(&self.tree, &faults));
        if self.take_literally(&faults.borrow()) {
            faults.borrow_mut().clear();
            found = read(&Reader::new(&self.tree, &faults));
        }
        let faults = faults.into_inner().into_iter();
        mistakes.extend(faults.map(|fault| self.mistake(fault)));
        found
    }

    /// A variable is text, and may look like a number where text is wanted: what was found at
    /// fault is put back as it was written. Whether there is such a thing.
    fn take_literally(&mut self, faults: &[Fault]) -> bool {
        let mut changed = false;
        for fault in faults {
            let text = self
                .overriding(&steps(&fault.pointer))
                .and_then(|name| std::env::var(name).ok());
            if let (Some(text), Some(value)) = (text, self.tree.pointer_mut(&fault.pointer))
                && (value.is_number() || value.is_boolean())
            {
                *value = Value::String(text);
                changed = true;
            }
        }
        changed
    }

    fn mistake(&self, fault: Fault) -> Mistake {
        let steps = steps(&fault.pointer);
        let variable = self.overriding(&steps);
        Mistake {
            source: variable.unwrap_or_else(|| self.name.clone()),
            key: key(&steps),
            message: fault.message,
        }
    }

    /// The environment variable that the value at this place, or one within it, comes from, if
    /// it does.
    fn overriding(&self, steps: &[String]) -> Option<String> {
        let path = [&[PREFIX.to_owned()], steps].concat().join(SEPARATOR);
        let wanted = path.to_uppercase();
        let within = format!("{wanted}{SEPARATOR}");
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| {
                let name = name.to_uppercase();
                name == wanted || name.starts_with(&within)
            })
            .collect();
        names.sort();
        names.into_iter().next().filter(|_| self.overridable)
    }
}

fn unreadable(source: String, error: &dyn std::error::Error) -> Mistake {
    // The parser shows a key that stands there twice as a program would write it.
    let error = error
        .to_string()
        .replace("String(\"", "`")
        .replace("\")", "`");
    Mistake {
        source,
        key: String::new(),
        message: format!("cannot be read: {error}"),
    }
}

/// Whether there are only comments, which would be no object.
fn says_nothing(text: &str) -> bool {
    let mut said = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim());
    said.all(|line| matches!(line, "" | "---" | "..."))
}

fn steps(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').skip(1);
    steps
        .map(|step| step.replace("~1", "/").replace("~0", "~"))
        .collect()
}

fn key(steps: &[String]) -> String {
    let mut key = String::new();
    for step in steps {
        let is_index = step.parse::<usize>().is_ok();
        let (before, after) = match (is_index, key.is_empty()) {
            (true, _) => ("[", "]"),
            (false, true) => ("", ""),
            (false, false) => (".", ""),
        };
        key.extend([before, step, after]);
    }
    key
}
