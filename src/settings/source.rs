//! Where settings come from, and where in it a fault lies.

use std::cell::RefCell;
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
        let file = File::from(path).format(FileFormat::Yaml).required(false);
        let mut sources = Config::builder().add_source(file);
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
            Err(error) => Err(Mistake {
                source: name,
                key: String::new(),
                message: format!("cannot be read: {error}"),
            }),
        }
    }

    /// Reads the tree with `read`, which notes faults, and adds them to the mistakes.
    pub(super) fn check<T>(
        &self,
        mistakes: &mut Vec<Mistake>,
        read: impl FnOnce(&Reader<'_>) -> T,
    ) -> T {
        let faults = RefCell::new(Vec::new());
        let found = read(&Reader::new(&self.tree, &faults));
        let faults = faults.into_inner().into_iter();
        mistakes.extend(faults.map(|fault| self.mistake(fault)));
        found
    }

    fn mistake(&self, fault: Fault) -> Mistake {
        let steps: Vec<String> = fault
            .pointer
            .split('/')
            .skip(1)
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect();
        let variable = self.overriding(&steps);
        Mistake {
            source: variable.unwrap_or_else(|| self.name.clone()),
            key: key(&steps),
            message: fault.message,
        }
    }

    /// The environment variable that the value at this place comes from, if it does.
    fn overriding(&self, steps: &[String]) -> Option<String> {
        let path = [&[PREFIX.to_owned()], steps].concat().join(SEPARATOR);
        let variable = path.to_uppercase();
        (self.overridable && std::env::var_os(&variable).is_some()).then_some(variable)
    }
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
