//! `--stage-hooks`: the steps of an inference report themselves in order, under names that C and C++ can read.

use crate::emitted::{Folder, needs, tiny};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, emit};
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::check;

pub fn trials() -> Vec<Trial> {
    vec![trial("hooks::record_the_order_of_steps", order), trial("hooks::are_absent_unless_asked_for", absent)]
}

const HOOKS: &str = "void entered(int i);\nvoid left(int i);\n\
                     #define NET_STAGE_BEGIN(i) entered(i)\n#define NET_STAGE_END(i) left(i)\n";

const RECORDER: &str = r#"#include "net.h"
#include "hooks.h"
#include <stdio.h>

static const char *const names[NET_STAGES] = NET_STAGE_NAMES;
static int inside = -1;

void entered(int i)
{
    inside = i;
}

void left(int i)
{
    if (i == inside) {
        printf("%d %s\n", i, names[i]);
    }
    inside = -1;
}

int main(void)
{
    static float input[NET_INPUT_LEN], output[NET_OUTPUT_LEN];
    static net_arena arena;
    net_run(input, output, &arena);
    return 0;
}
"#;

const CXX: &str = "#include \"net.h\"\n#include <cstdio>\n\nint main()\n{\n    \
                   static const char *const names[] = NET_STAGE_NAMES;\n    \
                   static_assert(sizeof names / sizeof *names == NET_STAGES, \"one name per stage\");\n    \
                   std::puts(names[NET_STAGES - 1]);\n}\n";

fn order() -> Result<(), Stop> {
    needs(&["gcc", "g++"])?;
    let case = tiny()?;
    let files = emit(&case.plan, &COptions { name: "net".into(), stage_hooks: true, ..COptions::default() })?;
    let folder = Folder::new("hooks", &files)?;
    // Without a definition the hooks are nothing.
    check(folder.command("gcc").args(STRICT).args(["-c", "net.c"]))?;
    folder.write("hooks.h", HOOKS)?;
    folder.write("main.c", RECORDER)?;
    folder.build("gcc", &[&STRICT[..], &["-O1", "-DNET_CONFIG=\"hooks.h\""]].concat())?;
    let found = check(&mut folder.command("./program"))?;
    let found: Vec<_> = found.lines().collect();
    let kernels = ["stem", "separable", "separable", "separable", "global average pool", "dense"];
    let wrong = (0..kernels.len().max(found.len()))
        .find(|&i| !found.get(i).zip(kernels.get(i)).is_some_and(|(line, k)| line.starts_with(&format!("{i} {k} "))));
    if wrong.is_some() {
        return Err(Stop::Failed(format!("{found:#?}\ninstead of {kernels:?}")));
    }
    folder.write("main.cpp", CXX)?;
    check(folder.command("g++").args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "main.cpp", "-o", "program"]))?;
    let last = check(&mut folder.command("./program"))?;
    if last.starts_with("dense ") { Ok(()) } else { Err(Stop::Failed(last)) }
}

fn absent() -> Result<(), Stop> {
    let files = emit(&tiny()?.plan, &COptions { name: "net".into(), ..COptions::default() })?;
    let all: Vec<u8> = files.iter().flat_map(|(_, contents)| contents.iter().copied()).collect();
    if String::from_utf8_lossy(&all).contains("STAGE") { Err(Stop::Failed("hooks in net.c".into())) } else { Ok(()) }
}
