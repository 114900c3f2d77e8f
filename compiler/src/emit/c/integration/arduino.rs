//! `library.properties`.

use super::Library;

const PROPERTIES: &str = "\
name=@name@
version=@version@
author=mobilenet-compiler
maintainer=mobilenet-compiler
sentence=A MobileNet compiled to C.
paragraph=Classifies images without an operating system, a framework or a heap. The weights are constants in flash.
category=Data Processing
url=@url@
architectures=*
includes=@includes@
";

pub(super) fn properties(library: &Library) -> String {
    let includes: Vec<_> = library.headers.iter().map(|name| name.trim_start_matches("src/")).collect();
    let text = PROPERTIES.replace("@url@", env!("CARGO_PKG_REPOSITORY")).replace("@includes@", &includes.join(","));
    library.expand(&text)
}
