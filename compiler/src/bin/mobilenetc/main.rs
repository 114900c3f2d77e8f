//! `mobilenetc`: reads an ONNX MobileNet, says what it is, compiles it to C or Rust, runs, checks and times the result.

mod adapt;
mod args;
mod bench;
mod build;
mod color;
mod compare;
mod engine;
mod explore;
mod failure;
mod fit;
mod inputs;
mod inspect;
mod manual;
mod new;
mod npy;
mod oracle;
mod picture;
mod pictures;
mod progress;
mod quantize;
mod run;
mod scores;
mod session;
mod shipped;
mod terminal;
mod values;
mod verify;

use args::{Cli, Command};
use clap::{CommandFactory, FromArgMatches};
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;
use terminal::Terminal;

fn main() -> ExitCode {
    let color = color::early_color(std::env::args_os());
    let command = Cli::command().color(color.for_clap());
    let cli = match command.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => {
            let error = values::with_hint(error);
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    // A shell's status of a program that the user has interrupted. Without a handler the folders stay, and nothing else is lost.
    let _ = ctrlc::set_handler(|| {
        mobilenet_compiler::host::remove_temporary();
        std::process::exit(130);
    });
    if cli.quiet {
        progress::hush();
    }
    let mut terminal = Terminal::new(cli.color);
    let done = dispatch(&cli, &mut terminal).and_then(|()| Ok(terminal.flush()?));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.color, cli.extent(), &mut terminal),
    }
}

fn dispatch(cli: &Cli, terminal: &mut Terminal) -> Result<(), Failure> {
    match &cli.command {
        Command::Inspect(args) => inspect::inspect(args, cli.quiet, terminal),
        Command::Build(args) => build::build(args, cli.quiet, terminal),
        Command::Run(args) => run::run(args, terminal),
        Command::Verify(args) => verify::verify(args, terminal),
        Command::Bench(args) => bench::bench(args, terminal),
        Command::Quantize(args) => quantize::quantize(args, terminal),
        Command::Completions(args) => manual::completions(args, terminal),
        Command::Man(args) => manual::pages(args, cli.quiet, terminal),
        Command::New(args) => new::new(args, terminal),
        Command::Explore(args) => explore::explore(args, terminal),
    }
}
