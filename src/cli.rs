//! What can be asked of the binary.

mod ask;
mod check;
mod eval;
mod route;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use agent_orchestrator::http::listen_address;
use agent_orchestrator::{App, StartError};
use clap::{Args, Parser, Subcommand};

/// Takes a user's question, finds the right AI agents, and gets one good answer out of them,
/// while agents crash, hang and overload around it.
#[derive(Parser)]
#[command(name = "agent-orchestrator", version)]
struct Cli {
    /// The directory of orchestrator.yaml and agents.yaml
    #[arg(long, global = true, value_name = "DIR", default_value = "config")]
    config: PathBuf,

    /// Where to listen, instead of server.listen: ADDRESS:PORT
    #[arg(long, global = true, value_name = "ADDR", value_parser = listen_address)]
    listen: Option<String>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP until SIGINT or SIGTERM (the default)
    Serve,
    /// Validate the configuration and print what would run
    Check,
    /// Print which agents would work on a text, and why
    Route(Question),
    /// Measure how often the right agents are found
    Eval(eval::Evaluate),
    /// Have a text answered, without HTTP, and print the answer
    Ask(Question),
}

#[derive(Args)]
struct Question {
    /// What the user asks
    text: String,
    /// Print the object of the API instead of text for people
    #[arg(long)]
    json: bool,
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve);
    init_log(&command);
    let done = App::from_config(&cli.config).and_then(|mut app| {
        if let Some(listen) = cli.listen {
            app.settings_mut().server.listen = listen;
        }
        obey(command, app)
    });
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn obey(command: Command, app: App) -> Result<ExitCode, StartError> {
    match command {
        Command::Serve => {
            actix_web::rt::System::new().block_on(app.run())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check => check::print(&app),
        Command::Route(question) => {
            actix_web::rt::System::new().block_on(route::print(&app, &question))
        }
        Command::Eval(what) => eval::print(&app, &what),
        Command::Ask(question) => actix_web::rt::System::new().block_on(ask::print(app, question)),
    }
}

/// Prints to whoever reads; one who has read enough, as `head` has, is no error.
fn print(text: &str) {
    let printed = std::io::stdout().write_all(text.as_bytes());
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("error: the answer could not be printed: {error}");
    }
}

/// A server tells what it does; a command that prints an answer tells only what is wrong.
/// `RUST_LOG` says otherwise.
fn init_log(command: &Command) {
    let level = match command {
        Command::Serve => "info,tantivy=warn",
        _ => "warn",
    };
    let env = env_logger::Env::default().default_filter_or(level);
    env_logger::Builder::from_env(env).init();
}
