//! Code written over that of other options, and files of different builds.

use crate::emitted::{Folder, needs, tiny};
use crate::{Stop, scratch, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::emit::c::{COptions, Project, WeightStorage};
use mobilenet_compiler::plan::CostModel;
use mobilenet_tests::case::Case;
use mobilenet_tests::program::check;
use mobilenet_tests::small;
use std::fs;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("used_folders::another_form_of_weights_replaces_the_first", rebuilt),
        trial("used_folders::files_of_others_stay", foreign),
        trial("used_folders::files_of_different_models_do_not_link", mixed),
    ]
}

fn files(seed: u64, weights: WeightStorage, projects: &[Project]) -> Result<Files, Stop> {
    let case = Case::authored("net", &small::tiny_v1(seed), &CostModel::default())?;
    Ok(case.self_testing(COptions { weights, projects: projects.to_vec(), ..COptions::default() })?)
}

/// Another model's weights in another form, and the objects of the first still there.
fn rebuilt() -> Result<(), Stop> {
    needs(&["make", "gcc"])?;
    let folder = Folder(scratch().join("used"));
    for project in [Project::Make, Project::Arduino] {
        let _ = fs::remove_dir_all(&folder.0);
        let projects = [Project::Make, project];
        let code = folder.0.join(if project == Project::Arduino { "src" } else { "" });
        use WeightStorage::{Bin, Incbin, Source};
        for (seed, form) in [(1, Source), (2, Incbin), (3, Source), (4, Bin), (5, Incbin), (6, Source)] {
            files(seed, form, &projects)?.write_to(&folder.0).map_err(|e| e.to_string())?;
            let expected = [form != Incbin && form != Bin, form == Incbin, form != Source];
            let found = ["net_weights.c", "net_weights.S", "net.bin"].map(|name| code.join(name).exists());
            if found != expected {
                return Err(Stop::Failed(format!("{form:?} leaves {found:?}, wanted {expected:?}")));
            }
            check(folder.command("make").args(["CC=gcc", "CFLAGS=-O1"]).env_remove("MAKEFLAGS"))?;
            if form != Bin {
                let test = code.join("net_test.c");
                let mut link = folder.command("gcc");
                link.args(["-DNET_TEST_MAIN", "-o", "program"]).arg(test).args(["net.o", "net_weights.o"]);
                check(&mut link)?;
                folder.passes()?;
            }
        }
    }
    Ok(())
}

fn foreign() -> Result<(), Stop> {
    let folder = Folder::new("foreign", &files(1, WeightStorage::Incbin, &[])?)?;
    let mine = ["net_weights.S", "net.bin", "net_test.c"];
    for name in mine {
        folder.write(name, "/*\n * Not generated.\n */\n")?;
    }
    let plain = tiny()?.c()?.files;
    plain.write_to(&folder.0).map_err(|e| e.to_string())?;
    for name in mine {
        if !folder.0.join(name).exists() {
            return Err(Stop::Failed(format!("{name} was removed")));
        }
    }
    Ok(())
}

fn mixed() -> Result<(), Stop> {
    needs(&["gcc"])?;
    for (form, unit) in [(WeightStorage::Source, "net_weights.c"), (WeightStorage::Incbin, "net_weights.S")] {
        let other = Folder::new("mixed-other", &files(2, form, &[])?)?;
        let folder = Folder::new("mixed", &files(1, form, &[])?)?;
        let build = |weights: &str| {
            let mut command = folder.command("gcc");
            command.args(["-O1", "-DNET_TEST_MAIN", "-o", "program", "net.c", "net_test.c", weights]);
            check(command.arg("-I").arg(&folder.0))
        };
        build(unit)?;
        folder.passes()?;
        fs::copy(other.0.join(unit), folder.0.join(unit)).map_err(|e| e.to_string())?;
        match build(unit) {
            Err(said) if said.contains(&folder.weights()?) => {}
            result => return Err(Stop::Failed(format!("{unit} of another model: {result:?}"))),
        }
    }
    Ok(())
}
