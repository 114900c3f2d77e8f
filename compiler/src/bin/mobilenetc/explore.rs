//! `mobilenetc explore`

use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::{Style, Terminal};
use crate::values::{arch, count, number, size, targets};
use clap::{Args, ValueEnum};
use mobilenet_compiler::arch::{Arch, Spec};
use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::plan;
use mobilenet_compiler::report::table::{Table, bytes, short};
use mobilenet_compiler::{Error, Options, Problem, recognise};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;

/// `explore`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  mobilenetc explore --arch mobilenet-v1                   the grid of the paper, in float and in 8 bits
  mobilenetc explore --arch mobilenet-v2 --alpha 1,0.5,0.35 --resolution 128,96 --classes 2
  mobilenetc explore --arch mobilenet-v1 --flash 1MB --ram 256KB --target cortex-m7
                                                           what fits is marked
  mobilenetc explore --arch mobilenet-v1 --format csv > grid.csv

Flash is that of the packed weights, RAM that of the arena, both as `build` plans them; code, and the input and output arrays that \
the caller holds, come on top. 1KB is 1024 bytes where a size is asked for.")]
pub struct Explore {
    /// The network
    #[arg(long, value_name = "NAME", value_parser = arch())]
    pub arch: Arch,
    /// Width multipliers
    #[arg(long, value_name = "α,...", value_delimiter = ',', default_value = "1,0.75,0.5,0.25", value_parser = number)]
    pub alpha: Vec<f32>,
    /// Rows and columns of the input
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "224,192,160,128", value_parser = count)]
    pub resolution: Vec<usize>,
    /// Classes it tells apart
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = count)]
    pub classes: usize,
    /// Channels of the input: 1 for grey pictures
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = count)]
    pub input_channels: usize,
    /// Bytes there are for weights, e.g. 1MB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub flash: Option<usize>,
    /// Bytes there are for the arena, e.g. 256KB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub ram: Option<usize>,
    /// Processor that plans are made for
    #[arg(long, value_parser = targets())]
    pub target: Option<Target>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Form,
}

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// A table for people
    #[default]
    Text,
    /// Comma-separated values with a heading
    Csv,
    /// One JSON object
    Json,
}

/// A network of the grid.
struct Point {
    alpha: f64,
    resolution: usize,
    mult_adds: u64,
    parameters: u64,
    /// In float and in 8 bits.
    costs: [Cost; 2],
}

/// What a plan takes.
#[derive(Clone, Copy)]
struct Cost {
    flash: usize,
    ram: usize,
}

const BITS: [&str; 2] = ["f32", "int8"];

/// Plans a grid of networks.
pub fn explore(args: &Explore, terminal: &mut Terminal) -> Result<(), Failure> {
    if !args.arch.has_widths() {
        let problem = Problem::new(format!("{} has no widths to explore", args.arch.name()));
        return Err(Failure::Usage(problem.hint("the MobileNets have: mobilenetc inspect counts the others")));
    }
    let points = points(args)?;
    match args.format {
        Form::Text => text(args, &points, terminal)?,
        Form::Csv => csv(args, &points, terminal)?,
        Form::Json => writeln!(terminal, "{:#}", to_json(args, &points))?,
    }
    Ok(())
}

fn points(args: &Explore) -> Result<Vec<Point>, Failure> {
    let progress = Progress::of("planning", args.alpha.len() * args.resolution.len());
    let mut points = Vec::new();
    for &alpha in &args.alpha {
        // A decimal fraction as it was written, not the binary one next to it in f32.
        let alpha = alpha.to_string().parse().unwrap_or(f64::from(alpha));
        for &resolution in &args.resolution {
            let (classes, channels) = (args.classes, args.input_channels);
            let spec = Spec { alpha, resolution, classes, channels, ..Spec::new(args.arch) };
            points.push(point(args, spec)?);
            progress.step();
        }
    }
    Ok(points)
}

fn point(args: &Explore, spec: Spec) -> Result<Point, Failure> {
    let broken = |error: Error| Failure::Model(PathBuf::from(args.arch.name()), error);
    let cost = args.target.unwrap_or_default().cost();
    let planned = |int8: bool| -> Result<_, Failure> {
        let bytes = Spec { int8, ..spec }.author().map_err(Failure::Usage)?.to_bytes();
        let network = Model::decode(bytes, None).and_then(|model| recognise(&model, &Options::default()));
        let plan = network.and_then(|network| plan::plan(network, &cost)).map_err(broken)?;
        let cost = Cost { flash: plan.weights.len(), ram: plan.arena_bytes };
        Ok((cost, plan.network.facts()))
    };
    let (float, facts) = planned(false)?;
    let (codes, _) = planned(true)?;
    Ok(Point {
        alpha: spec.alpha,
        resolution: spec.resolution,
        mult_adds: facts.mult_adds,
        parameters: facts.parameters,
        costs: [float, codes],
    })
}

impl Explore {
    /// Whether a plan fits, where anything was said that it could not fit.
    fn fits(&self, cost: Cost) -> Option<bool> {
        let within = |most: Option<usize>, bytes: usize| most.is_none_or(|most| bytes <= most);
        (self.flash.is_some() || self.ram.is_some())
            .then(|| within(self.flash, cost.flash) && within(self.ram, cost.ram))
    }

    /// What of the two fits, in words.
    fn verdict(&self, point: &Point) -> String {
        let fitting = |(cost, name): (&Cost, &&'static str)| (self.fits(*cost) == Some(true)).then_some(*name);
        let names: Vec<&str> = point.costs.iter().zip(&BITS).filter_map(fitting).collect();
        if names.is_empty() { "none".to_string() } else { names.join(", ") }
    }
}

fn text(args: &Explore, points: &[Point], terminal: &mut Terminal) -> Result<(), Failure> {
    let limits = args.flash.is_some() || args.ram.is_some();
    let mut headings = vec![">α", ">input", ">mult-adds", ">parameters", ">f32 flash", ">RAM", ">int8 flash", ">RAM"];
    headings.extend(limits.then_some("fits"));
    let mut table = Table::new(&headings);
    for point in points {
        let [float, codes] = point.costs;
        table.row([
            point.alpha.to_string(),
            point.resolution.to_string(),
            short(point.mult_adds),
            short(point.parameters),
            bytes(float.flash),
            bytes(float.ram),
            bytes(codes.flash),
            bytes(codes.ram),
            if limits { args.verdict(point) } else { String::new() },
        ]);
    }
    let title = terminal.paint(Style::Bold, args.arch.name()).to_string();
    writeln!(terminal, "{title}  {}\n\n{table}", args.arch.about())?;
    let size = |limit: Option<usize>| limit.map_or("any".to_string(), bytes);
    if limits {
        writeln!(terminal, "  fits: weights in {} of flash, arena in {} of RAM", size(args.flash), size(args.ram))?;
    }
    writeln!(terminal, "  flash: packed weights; RAM: the arena; code, input and output arrays come on top")?;
    Ok(())
}

fn csv(args: &Explore, points: &[Point], terminal: &mut Terminal) -> Result<(), Failure> {
    writeln!(
        terminal,
        "alpha,resolution,mult_adds,parameters,f32_flash,f32_ram,f32_fits,int8_flash,int8_ram,int8_fits"
    )?;
    for point in points {
        let of = |cost: Cost| {
            let fits = args.fits(cost).map_or(String::new(), |fits| fits.to_string());
            format!("{},{},{fits}", cost.flash, cost.ram)
        };
        let [float, codes] = point.costs.map(of);
        let Point { alpha, resolution, mult_adds, parameters, .. } = point;
        writeln!(terminal, "{alpha},{resolution},{mult_adds},{parameters},{float},{codes}")?;
    }
    Ok(())
}

fn to_json(args: &Explore, points: &[Point]) -> Value {
    let of = |cost: Cost| json!({"flash_bytes": cost.flash, "arena_bytes": cost.ram, "fits": args.fits(cost)});
    let point = |point: &Point| {
        json!({
            "width_multiplier": point.alpha,
            "resolution": point.resolution,
            "mult_adds": point.mult_adds,
            "parameters": point.parameters,
            "f32": of(point.costs[0]),
            "int8": of(point.costs[1]),
        })
    };
    json!({
        "arch": args.arch.name(),
        "classes": args.classes,
        "target": args.target.map(Target::name),
        "flash": args.flash,
        "ram": args.ram,
        "points": points.iter().map(point).collect::<Vec<_>>(),
    })
}
