//! The macros that place the weights, with the values that the C reference gives: whole programs pass their self-test.

use crate::emitted::{Folder, needs, tiny};
use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::c::{COptions, Target, WeightStorage};
use mobilenet_tests::program::c::STRICT;
use mobilenet_tests::program::check;
use mobilenet_tests::shared::workspace;
use std::fs;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("overrides::documented_values_work", documented),
        trial("overrides::every_unit_reads_the_configuration", configuration),
        trial("overrides::static_weights_in_a_single_unit", single_unit),
    ]
}

/// Macros of the reference's table, each as a shell's word.
const MACROS: [&str; 4] =
    ["NET_WEIGHTS_SECTION", "NET_WEIGHTS_ALIGNMENT", "NET_WEIGHTS_STORAGE", "NET_WEIGHTS_ASM_SECTION"];

fn documented() -> Result<(), Stop> {
    needs(&["gcc", "objdump"])?;
    let text = fs::read_to_string(workspace().join("docs/output-format.md")).map_err(|e| e.to_string())?;
    for name in MACROS {
        let word = text.split('`').find(|code| code.trim_start_matches('\'').starts_with(&format!("-D{name}=")));
        let word = word.ok_or_else(|| format!("no value of {name} to copy"))?;
        let assembled = name.contains("_ASM_");
        let weights = if assembled { WeightStorage::Incbin } else { WeightStorage::Source };
        let folder = Folder::new("documented", &tiny()?.self_testing(COptions { weights, ..COptions::default() })?)?;
        let sources = folder.sources()?.join(" ");
        let line = format!("gcc {} -O1 -DNET_TEST_MAIN -o program {word} {sources}", STRICT.join(" "));
        check(folder.command("sh").args(["-c", &line]))?;
        folder.passes()?;
        if word.contains(".extflash") && !sections(&folder)?.contains(" .extflash") {
            return Err(Stop::Failed(format!("{word} has no effect")));
        }
    }
    Ok(())
}

/// `main` is the test's, the section that of the weights.
fn configuration() -> Result<(), Stop> {
    needs(&["gcc", "objdump"])?;
    let folder = Folder::new("configuration", &tiny()?.self_testing(COptions::default())?)?;
    let header = "#define NET_TEST_MAIN\n#define NET_WEIGHTS_STORAGE\n\
                  #define NET_WEIGHTS_SECTION __attribute__((section(\".extram\")))\n";
    folder.write("my.h", header)?;
    folder.build("gcc", &["-O1", "-DNET_CONFIG=\"my.h\"", "-I."])?;
    folder.passes()?;
    let listing = sections(&folder)?;
    if listing.contains(" .extram") { Ok(()) } else { Err(Stop::Failed(listing)) }
}

fn single_unit() -> Result<(), Stop> {
    needs(&["gcc", "clang", "nm"])?;
    for target in [Target::Auto, Target::Generic] {
        let folder = Folder::new("single", &tiny()?.self_testing(COptions { target, ..COptions::default() })?)?;
        let units = ["net_weights.c", "net.c", "net_test.c"];
        folder.write("all.c", &units.map(|unit| format!("#include \"{unit}\"\n")).concat())?;
        for compiler in ["gcc", "clang"] {
            let mut command = folder.command(compiler);
            command.args(STRICT).args(["-O1", "-DNET_TEST_MAIN", "-DNET_WEIGHTS_LINKAGE=static", "-o", "program"]);
            check(command.arg("all.c"))?;
            folder.passes()?;
            let symbols = check(folder.command("nm").args(["-g", "program"]))?;
            if symbols.contains("net_weights") {
                return Err(Stop::Failed(symbols));
            }
        }
    }
    Ok(())
}

fn sections(folder: &Folder) -> Result<String, Stop> {
    Ok(check(folder.command("objdump").args(["-h", "-w", "program"]))?)
}
