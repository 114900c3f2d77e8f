//! `mobilenetc quantize`

use crate::args::{Answers, Format, Quantize};
use crate::failure::{Failure, plain};
use crate::picture::{self, Scaling, Shape};
use crate::pictures::{self, Accuracy, Known};
use crate::progress::Progress;
use crate::session::Session;
use crate::terminal::{Style, Terminal};
use crate::verify::rows;
use mobilenet_compiler::emit::Files;
use mobilenet_compiler::network::Network;
use mobilenet_compiler::quantize::{self, Quantised, Scores, Watch};
use mobilenet_compiler::report::table::{Table, bytes};
use mobilenet_compiler::{Problem, text};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Pictures that are held at a time while the result is measured.
const CHUNK: usize = 32;

/// Makes a model on codes of one of floats.
pub fn quantize(args: &Quantize, terminal: &mut Terminal) -> Result<(), Failure> {
    let [folder, name] = place(args)?;
    let session = Session::open(&args.model, Some(1), None)?;
    let plan = session.plan()?;
    let network = &plan.network;
    let paths = inputs(&args.calibrate)?;
    let prepared = Prepared::new(args, network, &paths)?;
    let chosen = spread(&paths, args.samples as usize);
    let mut images = Vec::new();
    let progress = Progress::of("reading pictures", chosen.len());
    for path in &chosen {
        images.extend(prepared.load(path)?);
        progress.step();
    }
    drop(progress);
    images.truncate(args.samples as usize);
    let measured = if args.evaluate.is_empty() { paths } else { inputs(&args.evaluate)? };
    let answers = Answers { labels: args.labels.clone(), labels_from: args.labels_from };
    let known = Known::new(&answers, &measured, &plan)?;

    let bar = Bar(Mutex::new(None));
    let done = quantize::quantise(network, &images, &args.settings(), &bar);
    drop(bar);
    let quantised = done.map_err(|error| session.failure(error))?;
    let seen = Seen::measure(&quantised, &prepared, &measured, known.right.as_deref())?;
    let mut files = Files::new();
    files.insert(name.to_string_lossy(), quantised.model.clone());
    let written = files.write_to(&folder);
    written.map_err(|error| Failure::Other(Problem::new(format!("can't write {}", plain(&error)))))?;
    match args.format {
        Format::Json => {
            writeln!(terminal, "{:#}", to_json(args, &session, &quantised, &seen, images.len()))?;
            Ok(())
        }
        Format::Text => show(args, &session, &quantised, &seen, images.len(), terminal),
    }
}

/// The folder and the name of the result, which are looked at before anything is computed.
fn place(args: &Quantize) -> Result<[PathBuf; 2], Failure> {
    let output = &args.out;
    let (Some(name), false) = (output.file_name(), output.is_dir()) else {
        let problem = Problem::new(format!("can't write {}: it is a folder", text::path(output)));
        return Err(Failure::Other(problem.hint("name a file: -o net_int8.onnx")));
    };
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if let Err(error) = tempfile::tempfile_in(&folder) {
        return Err(Failure::file("write into", &folder, &error));
    }
    let same = output.canonicalize().ok().is_some_and(|path| Some(path) == args.model.path.canonicalize().ok());
    if same {
        let problem = Problem::new(format!("{} would be overwritten by what is made of it", text::path(output)));
        return Err(Failure::Usage(problem.hint("name another file")));
    }
    Ok([folder, name.into()])
}

/// Pictures, folders of them, and arrays.
fn inputs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let all = pictures::gather(paths)?;
    match all.iter().find(|path| !path.exists()) {
        Some(path) => Err(Failure::file("read", path, &std::io::ErrorKind::NotFound.into())),
        None => Ok(all),
    }
}

/// At most so many of all, evenly.
fn spread(paths: &[PathBuf], most: usize) -> Vec<&PathBuf> {
    let count = paths.len().min(most);
    (0..count).map(|at| &paths[at * paths.len() / count]).collect()
}

fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

/// How files become the model's input.
struct Prepared<'a> {
    args: &'a Quantize,
    network: &'a Network,
    pictures: Option<(Shape, Scaling)>,
}

impl<'a> Prepared<'a> {
    fn new(args: &'a Quantize, network: &'a Network, paths: &[PathBuf]) -> Result<Self, Failure> {
        if paths.iter().chain(&args.evaluate).all(|path| is_array(path)) {
            return Ok(Self { args, network, pictures: None });
        }
        let mut shape = Shape::of(network)?;
        shape.reversed = args.model.adapt.channel_order.is_some();
        let (scaling, _) = Scaling::new(&args.normalize, &args.model.adapt, &shape)?;
        Ok(Self { args, network, pictures: Some((shape, scaling)) })
    }

    fn load(&self, path: &Path) -> Result<Vec<Vec<f32>>, Failure> {
        match &self.pictures {
            Some((shape, scaling)) if !is_array(path) => {
                Ok(vec![picture::load(path, shape, scaling, self.args.normalize.fit)?])
            }
            _ => rows(path, &self.network.input),
        }
    }
}

/// Says on standard error what is under way.
struct Bar(Mutex<Option<Progress>>);

impl Watch for Bar {
    fn phase(&self, what: &str, parts: usize) {
        if let Ok(mut bar) = self.0.lock() {
            *bar = None;
            *bar = Some(Progress::of(what, parts));
        }
    }

    fn step(&self) {
        if let Ok(bar) = self.0.lock() {
            bar.iter().for_each(Progress::step);
        }
    }
}

/// How far both networks agree.
struct Seen {
    pictures: usize,
    agree: usize,
    ranks: bool,
    signal_to_noise: f64,
    accuracy: Option<[Accuracy; 2]>,
}

impl Seen {
    fn measure(
        quantised: &Quantised,
        prepared: &Prepared,
        paths: &[PathBuf],
        right: Option<&[usize]>,
    ) -> Result<Self, Failure> {
        let progress = Progress::of("comparing", paths.len());
        let mut seen =
            Self { pictures: 0, agree: 0, ranks: quantised.ranks(), signal_to_noise: f64::INFINITY, accuracy: None };
        let mut accuracy = [Accuracy::new(1); 2];
        let mut power = [0.0_f64; 2];
        for (chunk, paths) in paths.chunks(CHUNK).enumerate() {
            let mut images = Vec::new();
            for (at, path) in paths.iter().enumerate() {
                images.extend(prepared.load(path)?.into_iter().map(|image| (chunk * CHUNK + at, image)));
            }
            let rows: Vec<&[f32]> = images.iter().map(|(_, image)| image.as_slice()).collect();
            for (Scores { float, codes }, (at, _)) in quantised.all_scores(&rows).iter().zip(&images) {
                seen.pictures += 1;
                let scores = Scores { float: float.clone(), codes: codes.clone() };
                seen.agree += usize::from(scores.agree());
                if let Some(&right) = right.and_then(|right| right.get(*at)) {
                    accuracy[0].add(float, right);
                    accuracy[1].add(codes, right);
                }
                for (x, y) in float.iter().zip(codes) {
                    power[0] += f64::from(*x).powi(2);
                    power[1] += (f64::from(*x) - f64::from(*y)).powi(2);
                }
            }
            paths.iter().for_each(|_| progress.step());
        }
        seen.signal_to_noise = 10.0 * (power[0] / power[1]).log10();
        seen.accuracy = right.map(|_| accuracy);
        Ok(seen)
    }
}

fn show(
    args: &Quantize,
    session: &Session,
    quantised: &Quantised,
    seen: &Seen,
    images: usize,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let title = terminal.paint(Style::Bold, text::path(&session.path)).to_string();
    let aside = format!("calibrated with {}, {}", counted(images, "picture"), args.method_words());
    writeln!(terminal, "{title}  {}\n", terminal.paint(Style::Dim, aside))?;
    let mut table = Table::new(&["layer", "kind", "codes", ">SQNR dB", ">least", ">most"]);
    for loss in &quantised.losses {
        let range = loss.range.map_or([String::new(), String::new()], |range| range.map(|x| format!("{x:.3}")));
        let [least, most] = range;
        let codes = if loss.on_codes { "int8" } else { "float" };
        let ratio = decibels(loss.signal_to_noise);
        table.row([text::printable(&loss.name).into_owned(), loss.kind.into(), codes.into(), ratio, least, most]);
    }
    writeln!(terminal, "{table}")?;
    let float = session.path.metadata().map_or(0, |file| file.len() as usize);
    let sizes = format!("{} of {}", bytes(quantised.model.len()), bytes(float));
    writeln!(terminal, "  wrote {}: {sizes}", text::path(&args.out))?;
    let of = if args.evaluate.is_empty() { "the calibration's" } else { "the evaluation's" };
    let pictures = counted(seen.pictures, "picture");
    if seen.ranks {
        let share = 100.0 * seen.agree as f64 / seen.pictures.max(1) as f64;
        writeln!(terminal, "  top-1 as in float on {} of {of} {pictures} ({share:.2} %)", seen.agree)?;
    }
    writeln!(terminal, "  scores' signal to noise {} dB", decibels(seen.signal_to_noise))?;
    if let Some([float, codes]) = seen.accuracy {
        writeln!(terminal, "  accuracy in float  {float}")?;
        writeln!(terminal, "  accuracy in int8   {codes}")?;
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn decibels(ratio: f64) -> String {
    if ratio.is_finite() { format!("{ratio:.1}") } else { "exact".into() }
}

fn to_json(args: &Quantize, session: &Session, quantised: &Quantised, seen: &Seen, images: usize) -> Value {
    let number = |ratio: f64| ratio.is_finite().then_some(ratio);
    let layer = |loss: &quantize::Loss| {
        json!({
            "name": loss.name,
            "kind": loss.kind,
            "on_codes": loss.on_codes,
            "sqnr_db": number(loss.signal_to_noise),
            "range": loss.range,
        })
    };
    json!({
        "model": session.path,
        "sha256": session.model.sha256(),
        "wrote": args.out,
        "bytes": quantised.model.len(),
        "calibration_pictures": images,
        "method": args.method_words(),
        "layers": quantised.losses.iter().map(layer).collect::<Vec<_>>(),
        "evaluated_pictures": seen.pictures,
        "top_1_agrees": seen.ranks.then_some(seen.agree),
        "sqnr_db": number(seen.signal_to_noise),
        "accuracy": seen.accuracy.map(|[float, codes]| json!({ "float": float.to_json(), "int8": codes.to_json() })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_taken_evenly() {
        let paths: Vec<PathBuf> = (0..10).map(|at| PathBuf::from(at.to_string())).collect();
        let names =
            |most| spread(&paths, most).iter().map(|path| path.to_string_lossy().into_owned()).collect::<Vec<_>>();
        assert_eq!(names(4), ["0", "2", "5", "7"]);
        assert_eq!(names(99).len(), 10);
        assert!(spread(&[], 4).is_empty());
    }
}
