//! Each kernel of emitted C by itself, with each epilogue, against its definition: every form of kernels, under sanitizers.

mod bench;
mod cases;

use crate::emitted::{Folder, SANITIZED, can_sanitize, needs};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target, emit};
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::{check, isas};

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("c_links::generic_gcc", || right("generic-gcc", Target::Generic, "gcc", &SANITIZED)),
        trial("c_links::generic_clang", || right("generic-clang", Target::Generic, "clang", &SANITIZED)),
        trial("c_links::cortex_m4", || right("cortex-m4", Target::CortexM4, "gcc", &SANITIZED)),
        trial("c_links::riscv64", || right("riscv64", Target::Riscv64, "gcc", &["-O2", "-ffp-contract=fast"])),
    ];
    for level in 0..isas().len() {
        for compiler in ["gcc", "clang"] {
            trials.push(trial(format!("c_links::level{level}_{compiler}"), move || {
                let level_flag = format!("-DNET_LEVEL={level}");
                let flags: Vec<&str> = SANITIZED.into_iter().chain([level_flag.as_str()]).collect();
                right(&format!("level{level}-{compiler}"), Target::Auto, compiler, &flags)
            }));
        }
    }
    trials
}

/// All cases in one program, which looks at each of their outputs.
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
    check(folder.command(compiler).args(strict).args(&sources))?;
    let said = check(&mut folder.command("./program"))?;
    match said.trim().parse::<usize>() {
        Ok(0) => Ok(()),
        Ok(error) if error >= 64 => Err(Stop::Failed(format!("{} is wrong", names.port_of(error - 64)))),
        _ => Err(Stop::Failed(said)),
    }
}

const MAIN: &str = r#"#include "net.h"
#include <stdio.h>

int main(void)
{
    static net_arena arena;
    printf("%d\n", net_self_test(&arena));
    return 0;
}
"#;
