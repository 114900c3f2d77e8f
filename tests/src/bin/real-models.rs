//! Every float model of `../shared/models`, compiled by the macro, in alphabetical order.

#[allow(dead_code, reason = "without ../shared there is no model to serve")]
#[path = "../program/serve.rs"]
mod serve;

include!(concat!(env!("OUT_DIR"), "/models.rs"));

fn main() -> std::io::Result<()> {
    serve::main(SERVERS)
}
