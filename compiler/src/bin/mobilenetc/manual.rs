//! `mobilenetc completions` and `mobilenetc man`: what shells and `man` know of the command line, from its own grammar.

use crate::args::{Cli, Completions, Man};
use crate::failure::{Failure, plain};
use crate::terminal::Terminal;
use clap::CommandFactory;
use clap_mangen::roff::{Roff, roman};
use mobilenet_compiler::report::table::{Table, bytes};
use mobilenet_compiler::{Problem, text};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Prints a shell's completions.
pub fn completions(args: &Completions, terminal: &mut Terminal) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "mobilenetc", &mut script);
    Ok(terminal.write_all(&script)?)
}

/// Writes a page for the program and one for each command.
pub fn pages(args: &Man, quiet: bool, terminal: &mut Terminal) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::Other(Problem::new(format!("can't write {}: {}", text::path(path), plain(error))))
    };
    fs::create_dir_all(&args.folder).map_err(|error| failed(&args.folder, &error))?;
    let mut table = Table::new(&["wrote", ">size"]);
    for (name, page) in rendered()? {
        let path = args.folder.join(name);
        fs::write(&path, &page).map_err(|error| failed(&path, &error))?;
        table.row([text::path(&path), bytes(page.len())]);
    }
    if !quiet {
        writeln!(terminal, "{table}")?;
    }
    Ok(())
}

/// File names and contents of all pages.
fn rendered() -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    // Built, each command knows that it is shown as `mobilenetc-NAME`.
    let all: Vec<clap::Command> = std::iter::once(&program).chain(program.get_subcommands()).cloned().collect();
    let mut pages = Vec::new();
    for command in all {
        let more = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        let man = clap_mangen::Man::new(command.after_long_help(None::<&str>));
        let mut page = Vec::new();
        man.render(&mut page)?;
        sections(&more).to_writer(&mut page)?;
        pages.push((man.get_filename(), page));
    }
    Ok(pages)
}

/// What stands behind a command's help: under headings, which end in a colon, indented lines as they are; then paragraphs.
fn sections(text: &str) -> Roff {
    let mut page = Roff::new();
    for line in text.lines() {
        if line.starts_with(' ') {
            page.text([roman(line)]);
        } else if let Some(heading) = line.strip_suffix(':') {
            page.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
        } else if !line.is_empty() {
            page.control("fi", []).control("PP", []).text([roman(line)]);
        }
    }
    page.control("fi", []);
    page
}
