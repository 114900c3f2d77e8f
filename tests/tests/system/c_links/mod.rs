//! Each kernel of emitted C by itself, with each epilogue, against its definition: every form of kernels, under sanitizers.

mod bench;
mod cases;

use crate::emitted::{Folder, SANITIZED, can_sanitize, levels, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target, emit};
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::check;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("c_links::cortex_m4", || right("cortex-m4", Target::CortexM4, "gcc", &SANITIZED)),
        trial("c_links::riscv64", || right("riscv64", Target::Riscv64, "gcc", &["-O2", "-ffp-contract=fast"])),
    ];
    for target in [Target::Generic, Target::Auto] {
        for compiler in ["gcc", "clang"] {
            let name = format!("{}_{compiler}", target.name());
            trials.push(trial(format!("c_links::{name}"), move || right(&name, target, compiler, &SANITIZED)));
        }
    }
    trials
}

/// All cases in one program, which looks at each of their outputs, by the kernels of each level.
fn right(name: &str, target: Target, compiler: &str, flags: &[&str]) -> Result<(), Stop> {
    needs(&[compiler])?;
    if flags.contains(&SANITIZED[2]) {
        can_sanitize(compiler)?;
    }
    let bench = cases::all();
    let names = bench.clone();
    let (plan, test) = bench.finish();
    let options = COptions { name: "net".into(), target, self_test: Some(test), ..COptions::default() };
    let folder = Folder::new(&format!("c-links-{name}"), &emit(&plan, &options)?)?;
    let sources = folder.sources()?;
    folder.write("main.c", MAIN)?;
    let strict = STRICT.iter().chain(flags).chain(&["-o", "program", "main.c"]);
    check(folder.command(compiler).args(strict).arg(folder.force_level()?).args(&sources))?;
    for level in levels(target) {
        let said = check(folder.command("./program").arg(&level))?;
        match said.trim().parse::<usize>() {
            Ok(0) => {}
            Ok(error) if error >= 64 => {
                return Err(Stop::Failed(format!("level {level}: {} is wrong", names.port_of(error - 64))));
            }
            _ => return Err(Stop::Failed(said)),
        }
    }
    Ok(())
}

const MAIN: &str = r#"#include "net.h"
#include <stdio.h>
#include <stdlib.h>

int forced_level;

int main(int argc, char **argv)
{
    static net_arena arena;
    forced_level = argc > 1 ? atoi(argv[1]) : 0;
    printf("%d\n", net_self_test(&arena));
    return 0;
}
"#;
