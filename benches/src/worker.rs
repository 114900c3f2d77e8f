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
        return answer(|count| {
            let bursts = (0..count).map(|_| fma::burst(width));
            Ok(bursts.map(|(nanoseconds, mult_adds)| nanoseconds * 1_000_000 / mult_adds).collect())
        });
    }
    let input: Vec<f32> = std::fs::read(&arguments.input)?
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let mut output = vec![0.0; arguments.outputs];
    let mut run = engine(arguments, input)?;
    run(&mut output, 1)?;
    std::fs::write(&arguments.output, output.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    run(&mut output, 5)?;
    answer(|count| run(&mut output, count))
}

fn answer(mut times: impl FnMut(usize) -> Result<Vec<u64>>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "READY")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let times: Vec<String> = times(line?.trim().parse()?)?.iter().map(u64::to_string).collect();
        writeln!(out, "{}", times.join(" "))?;
        out.flush()?;
    }
    Ok(())
}

/// Calls `once` so many times and says how long each took.
fn time(count: usize, mut once: impl FnMut() -> Result<()>) -> Result<Vec<u64>> {
    (0..count)
        .map(|_| {
            let start = Instant::now();
            once()?;
            Ok(start.elapsed().as_nanos() as u64)
        })
        .collect()
}

/// Runs so many inferences into the output and gives their latencies in nanoseconds.
type Run = Box<dyn FnMut(&mut [f32], usize) -> Result<Vec<u64>>>;

fn engine(arguments: &Arguments, input: Vec<f32>) -> Result<Run> {
    match arguments.engine {
        Engine::Library => library(arguments, input),
        Engine::Tract => tract(arguments, &input),
        Engine::Rten => rten(arguments, &input),
        Engine::Fma => Err(anyhow!("served apart")),
    }
}

fn library(arguments: &Arguments, input: Vec<f32>) -> Result<Run> {
    type Once = unsafe extern "C" fn(*const f32, *mut f32);
    type Many = unsafe extern "C" fn(*const f32, *mut f32, *mut u64, usize);
    // SAFETY: the library was built a moment ago from emitted code; at most it reads its weights when loaded.
    let library = Box::leak(Box::new(unsafe { libloading::Library::new(&arguments.model)? }));
    // SAFETY: whoever exports this name does so with this signature.
    if let Ok(many) = unsafe { library.get::<Many>(b"run_many\0") } {
        return Ok(Box::new(move |output, count| {
            let mut times = vec![0; count];
            // SAFETY: the buffers have the lengths the library was compiled for, and `count` times fit.
            unsafe { many(input.as_ptr(), output.as_mut_ptr(), times.as_mut_ptr(), count) };
            Ok(times)
        }));
    }
    // SAFETY: as above.
    let once: Once = unsafe { *library.get(b"run\0")? };
    Ok(Box::new(move |output, count| {
        time(count, || {
            // SAFETY: both buffers have the lengths the library was compiled for.
            unsafe { once(input.as_ptr(), output.as_mut_ptr()) };
            Ok(())
        })
    }))
}

fn tract(arguments: &Arguments, input: &[f32]) -> Result<Run> {
    use tract_onnx::prelude::*;
    let tensor: Tensor = Tensor::from_shape(&arguments.shape, input)?;
    let plan = tract_onnx::onnx().model_for_path(&arguments.model)?.into_optimized()?.into_runnable()?;
    let input: TValue = tensor.into();
    Ok(Box::new(move |output, count| {
        time(count, || {
            let result = plan.run(tvec!(input.clone()))?;
            output.copy_from_slice(result[0].to_plain_array_view::<f32>()?.as_slice().context("contiguous")?);
            Ok(())
        })
    }))
}

fn rten(arguments: &Arguments, input: &[f32]) -> Result<Run> {
    use rten_tensor::prelude::*;
    let mut options = rten::ModelOptions::with_all_ops();
    options.enable_optimization(true).prepack_weights(true);
    let model = options.load_file(&arguments.model)?;
    let tensor = rten_tensor::Tensor::from_data(&arguments.shape, input.to_vec());
    let pool = std::sync::Arc::new(rten::ThreadPool::with_num_threads(arguments.threads));
    Ok(Box::new(move |output, count| {
        time(count, || {
            let options = rten::RunOptions::default().with_thread_pool(Some(pool.clone()));
            let result = model.run_one(tensor.view().into(), Some(options))?;
            let result: rten_tensor::Tensor<f32> = result.try_into().map_err(|_| anyhow!("not a float tensor"))?;
            output.copy_from_slice(&result.to_vec());
            Ok(())
        })
    }))
}
