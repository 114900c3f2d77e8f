//! One measured process: it writes its output, prints `READY`, then answers each line `N` on standard input with N
//! latencies in nanoseconds.

use crate::fma;
use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

/// What a Rust worker process runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Engine {
    /// A shared library exporting `run(const float *, float *)`.
    Library,
    /// tract-onnx.
    Tract,
    /// rten.
    Rten,
    /// Register-only FMA: nanoseconds per million mult-adds.
    Fma,
}

/// The hidden subcommand's arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    engine: Engine,
    model: PathBuf,
    input: PathBuf,
    output: PathBuf,
    #[arg(long)]
    shape: Vec<usize>,
    #[arg(long)]
    outputs: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Loads, runs once, warms up and serves.
pub fn serve(arguments: &Arguments) -> Result<()> {
    if let Engine::Fma = arguments.engine {
        let width = fma::Width::of_this_machine().context("no FMA on this CPU")?;
        return answer(|| {
            let (nanoseconds, mult_adds) = fma::burst(width);
            Some(nanoseconds * 1_000_000 / mult_adds)
        });
    }
    let input: Vec<f32> = std::fs::read(&arguments.input)?
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let mut output = vec![0.0; arguments.outputs];
    let mut run = engine(arguments, input)?;
    run(&mut output)?;
    std::fs::write(&arguments.output, output.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    for _ in 0..5 {
        run(&mut output)?;
    }
    answer(|| {
        let start = Instant::now();
        run(&mut output).ok()?;
        Some(start.elapsed().as_nanos() as u64)
    })
}

fn answer(mut once: impl FnMut() -> Option<u64>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "READY")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse()?;
        let times: Option<Vec<String>> = (0..count).map(|_| once().map(|t| t.to_string())).collect();
        writeln!(out, "{}", times.context("a run failed")?.join(" "))?;
        out.flush()?;
    }
    Ok(())
}

type Run = Box<dyn FnMut(&mut [f32]) -> Result<()>>;

fn engine(arguments: &Arguments, input: Vec<f32>) -> Result<Run> {
    match arguments.engine {
        Engine::Library => library(arguments, input),
        Engine::Tract => tract(arguments, &input),
        Engine::Rten => rten(arguments, &input),
        Engine::Fma => Err(anyhow!("served apart")),
    }
}

fn library(arguments: &Arguments, input: Vec<f32>) -> Result<Run> {
    type Entry = unsafe extern "C" fn(*const f32, *mut f32);
    // SAFETY: the library was built a moment ago from this project's or a peer's emitted code, and has no initialisers.
    let library = unsafe { libloading::Library::new(&arguments.model)? };
    // SAFETY: every such library exports `run` with this signature.
    let entry: Entry = unsafe { *library.get(b"run\0")? };
    let keep = Box::leak(Box::new(library));
    let _ = keep;
    Ok(Box::new(move |output| {
        // SAFETY: both buffers have the lengths the library was compiled for.
        unsafe { entry(input.as_ptr(), output.as_mut_ptr()) };
        Ok(())
    }))
}

fn tract(arguments: &Arguments, input: &[f32]) -> Result<Run> {
    use tract_onnx::prelude::*;
    let tensor: Tensor = Tensor::from_shape(&arguments.shape, input)?;
    let plan = tract_onnx::onnx().model_for_path(&arguments.model)?.into_optimized()?.into_runnable()?;
    let input: TValue = tensor.into();
    Ok(Box::new(move |output| {
        let result = plan.run(tvec!(input.clone()))?;
        output.copy_from_slice(result[0].to_plain_array_view::<f32>()?.as_slice().context("contiguous")?);
        Ok(())
    }))
}

fn rten(arguments: &Arguments, input: &[f32]) -> Result<Run> {
    use rten_tensor::prelude::*;
    let mut options = rten::ModelOptions::with_all_ops();
    options.enable_optimization(true).prepack_weights(true);
    let model = options.load_file(&arguments.model)?;
    let tensor = rten_tensor::Tensor::from_data(&arguments.shape, input.to_vec());
    let pool = std::sync::Arc::new(rten::ThreadPool::with_num_threads(arguments.threads));
    Ok(Box::new(move |output| {
        let options = rten::RunOptions::default().with_thread_pool(Some(pool.clone()));
        let result = model.run_one(tensor.view().into(), Some(options))?;
        let result: rten_tensor::Tensor<f32> = result.try_into().map_err(|_| anyhow!("not a float tensor"))?;
        output.copy_from_slice(&result.to_vec());
        Ok(())
    }))
}
