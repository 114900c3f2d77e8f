//! Several models in one program: in one translation unit, in units of their own, optimised across them, in C and in C++.

use crate::c_targets::{Build, builds};
use crate::emitted::{FORMS, Folder, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::{COptions, Kernels, Target};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::check;
use mobilenet_tests::small;
use std::collections::BTreeSet;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("two_models::every_name_has_the_prefix", names),
        trial("two_models::names_are_found_wherever_they_hide", hidden_names),
    ];
    for build in builds() {
        trials.push(trial(format!("two_models::one_unit_{}", build.name()), move || one_unit(&build)));
    }
    for (name, compiler, flags) in PROGRAMS {
        trials.push(trial(format!("two_models::program_{name}"), move || program(name, compiler, flags)));
    }
    trials
}

/// Models that need every kernel between them, as files of one folder.
const MODELS: [&str; 3] = ["alpha", "beta", "gamma"];

fn cases() -> Result<Vec<Case>, Stop> {
    let models = MODELS.iter().zip(small::all());
    models.map(|(name, (_, author))| Ok(Case::authored(name, &author, &CostModel::default())?)).collect()
}

fn folder(name: &str, options: &COptions) -> Result<Folder, Stop> {
    let mut files = Files::new();
    for case in cases()? {
        for (name, bytes) in case.self_testing(options.clone())?.iter() {
            files.insert(name, bytes.to_vec());
        }
    }
    Folder::new(&format!("two-models-{name}"), &files)
}

/// One unit that includes all others.
fn unity(folder: &Folder) -> Result<String, Stop> {
    let sources = folder.sources()?.into_iter().filter(|name| name.ends_with(".c"));
    Ok(sources.map(|name| format!("#include \"{name}\"\n")).collect())
}

/// Without a warning, in C and in C++.
fn one_unit(build: &Build) -> Result<(), Stop> {
    needs(&[build.driver()])?;
    let folder = folder(&build.name(), &COptions { target: build.target, ..COptions::default() })?;
    build.provide_headers(&folder)?;
    folder.write("unit.c", &unity(&folder)?)?;
    let compile = |compiler: &str, language: &[&str]| {
        let mut command = folder.command(compiler);
        command.args(&STRICT[1..]).arg("-fsyntax-only").args(build.flags).args(language).arg("unit.c");
        check(&mut command)
    };
    compile(build.driver(), &["-std=c99"])?;
    if let Some(cxx) = build.cxx {
        needs(&[cxx])?;
        compile(cxx, &["-x", "c++", "-std=c++17"])?;
    }
    Ok(())
}

const MAIN: &str = r#"#include "alpha.h"
#include "beta.h"
#include "gamma.h"

static alpha_arena first;
static beta_arena second;
static gamma_arena third;

int main(void)
{
    return alpha_self_test(&first) + beta_self_test(&second) + gamma_self_test(&third);
}
"#;

/// Programs of all models: what the test is called, the compiler, its flags.
const PROGRAMS: [(&str, &str, &[&str]); 6] = [
    ("separate", "gcc", &["-std=c99", "-O2", "-fno-common"]),
    ("unity", "gcc", &["-std=c99", "-O2", "-fno-common"]),
    ("optimised_when_linked", "gcc", &["-std=c99", "-O2", "-fno-common", "-flto"]),
    ("cpp", "g++", &["-x", "c++", "-std=c++17", "-O2"]),
    ("cpp_unity", "g++", &["-x", "c++", "-std=c++17", "-O2"]),
    ("clang_unity", "clang", &["-std=c99", "-O2", "-fno-common"]),
];

fn program(name: &str, compiler: &str, flags: &[&str]) -> Result<(), Stop> {
    needs(&[compiler])?;
    let folder = folder(name, &COptions::default())?;
    let unit = unity(&folder)?;
    let mut sources = folder.sources()?;
    folder.write("main.c", MAIN)?;
    if name.ends_with("unity") {
        folder.write("unit.c", &unit)?;
        sources = vec!["unit.c".into()];
    }
    check(folder.command(compiler).args(flags).args(sources).args(["main.c", "-o", "program"]))?;
    folder.passes()
}

/// For every target, the weights in every form, the kernels of either kind.
fn names() -> Result<(), Stop> {
    let mut options = Vec::new();
    for (_, weights) in FORMS {
        options.extend(Target::ALL.map(|target| COptions { target, weights, ..COptions::default() }));
        options.push(COptions { kernels: Kernels::Runtime, weights, ..COptions::default() });
    }
    for options in options {
        let options = COptions { stage_hooks: true, ..options };
        for case in cases()? {
            let mut all = BTreeSet::new();
            for (file, bytes) in case.self_testing(options.clone())?.iter() {
                if file.ends_with(".c") || file.ends_with(".h") {
                    all.extend(file_scope(&String::from_utf8_lossy(bytes)));
                }
            }
            // A program for the self-test, where a macro of the prefix asks for it.
            all.remove("main");
            let [lower, upper] = [format!("{}_", case.name), format!("{}_", case.name.to_uppercase())];
            let what = format!("{}, {:?}, {:?}", case.name, options.target, options.kernels);
            if let Some(name) = all.iter().find(|name| !name.starts_with(&lower) && !name.starts_with(&upper)) {
                return Err(Stop::Failed(format!("{what}: {name}")));
            }
            let must = ["run", "arena", "INPUT_LEN", "self_test"];
            let found = must
                .iter()
                .filter(|end| all.contains(&format!("{lower}{end}")) || all.contains(&format!("{upper}{end}")));
            if found.count() < must.len() || options.kernels == Kernels::Inline && all.len() < 40 {
                return Err(Stop::Failed(format!("{what}: only {all:?} found")));
            }
        }
    }
    Ok(())
}

/// Names that a text of C gives to the unit around it: macros, types, tags, functions, objects. Statements that it can't
/// take apart are names themselves.
fn file_scope(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut statement = String::new();
    let mut depth = 0;
    for line in without_comments(text).replace("\\\n", " ").lines() {
        if let Some(directive) = line.trim_start().strip_prefix('#') {
            let name = directive.trim_start().strip_prefix("define").map(|rest| identifiers(rest).next());
            names.extend(name.flatten().map(str::to_owned));
            continue;
        }
        for c in line.chars().chain(['\n']) {
            match c {
                '{' if depth == 0 && statement.trim() == "extern \"\"" => statement.clear(),
                // The constants of an enumeration are names of the unit: its braces hide nothing.
                '{' | '}' if depth == 0 && identifiers(&statement).any(|word| word == "enum") => statement.push(c),
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '}' => {}
                ';' if depth == 0 => names.extend(declared(&std::mem::take(&mut statement))),
                c if depth == 0 => statement.push(c),
                _ => {}
            }
            let function = !statement.contains('=') && !statement.trim_start().starts_with("typedef");
            if c == '}' && depth == 0 && function && statement.contains('(') {
                names.extend(declared(&std::mem::take(&mut statement)));
            }
        }
    }
    names
}

/// Comments gone, literals empty.
fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        out += &rest[..at];
        let quote = &rest[at..=at];
        rest = &rest[at + 1..];
        if quote == "/" {
            match rest.strip_prefix('*').and_then(|comment| comment.split_once("*/")) {
                Some((_, behind)) => rest = behind,
                None => out += "/",
            }
            continue;
        }
        let mut escaped = false;
        let end = rest.find(|c| {
            let ends = !escaped && quote.starts_with(c);
            escaped = !escaped && c == '\\';
            ends
        });
        out += quote;
        out += quote;
        rest = end.map_or("", |end| &rest[end + 1..]);
    }
    out + rest
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with(|c: char| !c.is_ascii_digit()))
}

/// What a statement without the insides of its braces names.
fn declared(statement: &str) -> Vec<String> {
    let mut text = statement.to_owned();
    while let Some(start) = text.find("__attribute__") {
        let mut depth = 0;
        let end = text[start..].find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ')' && depth == 0
        });
        text.replace_range(start..end.map_or(text.len(), |end| start + end + 1), " ");
    }
    let mut names = Vec::new();
    let words: Vec<_> = identifiers(&text).collect();
    let is_type = words.first() == Some(&"typedef");
    if words.contains(&"enum") {
        let Some((before, rest)) = text.split_once('{') else { return vec![text.trim().to_owned()] };
        let (constants, after) = rest.split_once('}').unwrap_or((rest, ""));
        let tag = identifiers(before).filter(|word| !matches!(*word, "typedef" | "enum"));
        let constants = constants.split(',').filter_map(|constant| identifiers(constant).next());
        return tag.chain(constants).chain(identifiers(after)).map(str::to_owned).collect();
    }
    // The tag of a structure that is defined, or declared alone.
    let tagged = |pair: &[&str]| matches!(pair[0], "struct" | "union") && (is_type || words.len() == 2);
    names.extend(words.windows(2).filter(|pair| tagged(pair)).map(|pair| pair[1].to_owned()));
    let name = match text.split_once("(*") {
        Some((_, pointer)) if is_type => identifiers(pointer).next(),
        _ => identifiers(text.split(['=', '(', '[']).next().unwrap_or_default()).last(),
    };
    names.extend(name.map(str::to_owned));
    names
}

/// The search itself, on every way to name something.
fn hidden_names() -> Result<(), Stop> {
    let text = r#"
#ifndef GUARD
#  define GUARD
#define TWO(a) \
    other(a)
/* #define COMMENT; int comment; */
extern "C" {
typedef struct { int member; } plain;
typedef struct tag { int member; } tagged;
typedef void (*pointer)(int parameter);
enum { ONE, THREE = 3 };
typedef enum tag_of_enum { FOUR } enumeration;
static inline __attribute__((always_inline, target("avx2"))) f8 function(f8 a, int b)
{
    int local = 1;
    struct hidden { int x; };
    return a + local;
}
int declared(int parameter);
extern const unsigned char array[3][4];
static const char *const strings[] = {"quoted \" text; int no;", "}"};
static const struct tag object = {0};
int a_function_after(void) { return '"'; }
}
#endif
"#;
    let expected = [
        "FOUR",
        "GUARD",
        "ONE",
        "THREE",
        "TWO",
        "a_function_after",
        "array",
        "declared",
        "enumeration",
        "function",
        "object",
        "plain",
        "pointer",
        "strings",
        "tag",
        "tag_of_enum",
        "tagged",
    ];
    let found = file_scope(text);
    if found.iter().map(String::as_str).eq(expected) { Ok(()) } else { Err(Stop::Failed(format!("{found:?}"))) }
}
