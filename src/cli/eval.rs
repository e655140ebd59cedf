//! How good routing is, on requests of which is known who should get them.

mod corpus;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agent_orchestrator::routing::{
    Evaluation, Mode, Question, Report, Routes, RoutingStrategy, Sample,
};
use agent_orchestrator::{App, StartError};
use clap::Args;
use corpus::Corpus;

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Evaluate {
    /// Requests, a line each: {"text": "...", "agents": ["primary", ...]}
    #[arg(group = "what", value_name = "FILE.jsonl")]
    file: Option<PathBuf>,
    /// CLINC150 (`data_full.json`), instead of the configured agents
    #[arg(long, group = "what", value_name = "FILE")]
    clinc: Option<PathBuf>,
    /// Banking77 (`train.csv`, with `test.csv` beside it), instead of the configured agents
    #[arg(long, group = "what", value_name = "FILE")]
    banking: Option<PathBuf>,
    /// Public sets: learn from so many examples of each class only, and so three times
    #[arg(long, value_name = "N", conflicts_with = "file")]
    shots: Option<usize>,
    /// Ask no language model
    #[arg(long)]
    without_llm: bool,
    /// Print one JSON object instead of text for people
    #[arg(long)]
    json: bool,
}

/// Draws of examples that are averaged.
const DRAWS: u64 = 3;

/// Measures, and prints what it comes to.
pub(super) fn print(app: &App, what: &Evaluate) -> Result<ExitCode, StartError> {
    let reports = match (&what.file, &what.clinc, &what.banking) {
        (Some(file), _, _) => match corpus::requests(file) {
            Ok(samples) => Ok(vec![configured(app, samples, what)?]),
            Err(error) => Err(error),
        },
        (_, Some(file), _) => corpus::clinc(file).map(|corpus| public(&corpus, what.shots)),
        (_, _, Some(file)) => corpus::banking(file).map(|corpus| public(&corpus, what.shots)),
        (None, None, None) => unreachable!("clap requires one of them"),
    };
    Ok(match reports {
        Ok(reports) if what.json => {
            let report = Report::mean(&reports);
            super::print(&format!("{}\n", super::ask::pretty(&report)));
            ExitCode::SUCCESS
        }
        Ok(reports) => {
            super::print(&table::of(&Report::mean(&reports)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    })
}

/// The configured agents.
fn configured(app: &App, samples: Vec<Sample>, what: &Evaluate) -> Result<Report, StartError> {
    let strategy = match app.settings().pipeline.routing_strategy {
        _ if what.without_llm => RoutingStrategy::Simple,
        strategy => strategy,
    };
    let routes = app.routes()?;
    let time = app.settings().pipeline.request_timeout;
    let evaluation = async {
        if strategy == RoutingStrategy::Hybrid
            && let Err(problem) = routes.embed_examples().await
        {
            eprintln!("evaluated without embeddings: {problem}");
        }
        measure(&routes, samples, strategy, None, time).await
    };
    Ok(actix_web::rt::System::new()
        .block_on(evaluation)
        .report(&[]))
}

/// An agent for each class of a public set, one set of examples after the other if they are drawn.
fn public(corpus: &Corpus, shots: Option<usize>) -> Vec<Report> {
    let draws = if shots.is_some() { DRAWS } else { 1 };
    let system = actix_web::rt::System::new();
    let reports = (0..draws).map(|seed| {
        let cards = corpus::agents(&corpus.train, shots, seed);
        let routes = Routes::new(cards[0].name.clone());
        let schooling = routes
            .publish(&cards)
            .expect("there are no keywords to fail at");
        let judge = |samples: &[Sample]| {
            let (strategy, mode) = (RoutingStrategy::Simple, Some(Mode::Single));
            system.block_on(measure(
                &routes,
                samples.to_vec(),
                strategy,
                mode,
                Duration::MAX,
            ))
        };
        let reference = judge(&corpus.held_out).confidences();
        Report {
            training_ms: schooling.map(|it| it.took.as_secs_f64() * 1000.0),
            ..judge(&corpus.test).report(&reference)
        }
    });
    reports.collect()
}

async fn measure(
    routes: &Routes,
    samples: Vec<Sample>,
    strategy: RoutingStrategy,
    mode: Option<Mode>,
    time: Duration,
) -> Evaluation {
    let mut evaluation = Evaluation::default();
    for sample in samples {
        let question = Question {
            mode,
            strategy,
            ..Question::new(&sample.text)
        };
        let began = Instant::now();
        let plan = routes.decide(&question, time).await;
        let took = began.elapsed();
        let plan = plan.expect("nobody is forbidden anything");
        // Public sets count what is found, and ask beside it how well it is told what is not there.
        match mode {
            Some(_) => evaluation.note_favourite(sample, &plan, took),
            None => evaluation.note(sample, &plan, took),
        }
    }
    evaluation
}
