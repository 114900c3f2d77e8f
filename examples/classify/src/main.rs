//! Classifies the bundled Fashion-MNIST pictures with a MobileNet that the macro compiled into this program.
#![forbid(unsafe_code)]

mod pictures;
mod terminal;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mobilenet_runtime::image::{Image, Normalization};
use mobilenet_runtime::{Ranked, TopK, mobilenet_model, softmax};
use pictures::{Picture, Pictures};
use terminal::Style;

mobilenet_model!("model/fashion_a025_64.onnx", pub struct Fashion, labels = "pictures/labels.txt", top_k = 3);

/// The first pictures are shown, and so are the first ones that the model takes for something else.
const SHOWN: usize = 4;
/// How many of the latter.
const SHOWN_MISTAKES: usize = 2;

fn main() -> ExitCode {
    match classify_all(&mut io::stdout().lock(), Style::of_stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn classify_all(out: &mut impl Write, style: Style) -> Result<(), Box<dyn Error>> {
    let pictures = Pictures::load()?;
    let mut classifier = Classifier::new();
    let (mut right, mut mistakes, mut times) = (0, 0, Vec::new());
    for (index, picture) in pictures.list.iter().enumerate() {
        let start = Instant::now();
        let top = classifier.best(picture)?;
        times.push(start.elapsed());

        let hit = top.first().is_some_and(|best| best.class == picture.class);
        right += usize::from(hit);
        if index < SHOWN || (!hit && mistakes < SHOWN_MISTAKES) {
            show(out, style, picture, &top)?;
        }
        mistakes += usize::from(!hit);
    }
    summarize(out, right, &mut times)?;
    Ok(())
}

/// The model with everything it works on.
struct Classifier {
    arena: Box<FashionArena>,
    input: Box<[f32; Fashion::INPUT_LEN]>,
}

impl Classifier {
    fn new() -> Self {
        Self { arena: Fashion::new_arena(), input: Fashion::new_input() }
    }

    /// One score per class, before softmax.
    fn logits(&mut self, picture: &Picture) -> Result<[f32; Fashion::OUTPUT_LEN], Box<dyn Error>> {
        let image = Image::grey8(&picture.pixels, picture.size)?;
        Fashion::prepare(&image, &Normalization::SIGNED, &mut self.input)?;
        let mut scores = [0.0; Fashion::OUTPUT_LEN];
        Fashion::run(&self.input, &mut scores, &mut self.arena);
        Ok(scores)
    }

    /// The most probable classes.
    fn best(&mut self, picture: &Picture) -> Result<TopK<{ Fashion::TOP_K }>, Box<dyn Error>> {
        let mut scores = self.logits(picture)?;
        softmax::<Fashion>(&mut scores);
        Ok(Fashion::top_k(&scores))
    }
}

/// The picture, and beside it what it is and what the model takes it for.
fn show(out: &mut impl Write, style: Style, picture: &Picture, top: &[Ranked]) -> io::Result<()> {
    let lines = style.draw(&picture.pixels, picture.size);
    let caption = |row: usize| match row {
        1 => format!("{} is: {}", picture.name, label(picture.class)),
        3..6 => top.get(row - 3).map_or(String::new(), |ranked| {
            let mark = if ranked.class == picture.class { '*' } else { ' ' };
            let bar = style.bar(ranked.score, 20);
            format!("{mark} {:<12} {:>5.1} %  {bar}", label(ranked.class), 100.0 * ranked.score)
        }),
        _ => String::new(),
    };
    for (row, line) in lines.iter().enumerate() {
        writeln!(out, "{}", format!("{line}  {}", caption(row)).trim_end())?;
    }
    writeln!(out)
}

/// The name of a class.
fn label(class: usize) -> &'static str {
    Fashion::LABELS.get(class).copied().unwrap_or("?")
}

fn summarize(out: &mut impl Write, right: usize, times: &mut [Duration]) -> io::Result<()> {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    writeln!(out, "{right} of {} right ({:.1} %)", times.len(), 100.0 * right as f64 / times.len().max(1) as f64)?;
    writeln!(out, "{:.0} µs per picture, resizing included (median)", median.as_secs_f64() * 1e6)?;
    let (kib, million) = (|bytes: usize| bytes.div_ceil(1024), Fashion::MULT_ADDS as f64 / 1e6);
    let (weights, arena) = (kib(Fashion::WEIGHT_BYTES), kib(Fashion::ARENA_BYTES));
    writeln!(out, "{million:.1} million mult-adds, {weights} KiB of weights, {arena} KiB of working memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logits_are_those_of_onnxruntime() {
        let pictures = Pictures::load().expect("the bundled pictures");
        let expected = pictures::expected_logits().expect("the bundled logits");
        assert_eq!((pictures.list.len(), expected.len()), (200, 200 * Fashion::OUTPUT_LEN));
        let mut classifier = Classifier::new();
        let mut right = 0;
        for (picture, expected) in pictures.list.iter().zip(expected.chunks(Fashion::OUTPUT_LEN)) {
            let found = classifier.logits(picture).expect("fits");
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-4, "{}: {found} instead of {expected}", picture.name);
            }
            right += usize::from(Fashion::top_k(&found)[0].class == picture.class);
        }
        assert_eq!(right, 188);
    }

    #[test]
    fn plain_output_is_ascii_and_reports_accuracy() {
        let mut out = Vec::new();
        classify_all(&mut out, Style::Plain).expect("runs");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.contains("\n188 of 200 right (94.0 %)\n"), "{text}");
        assert!(text.contains("017.png is: coat"), "{text}");
        assert!(text.chars().all(|c| c.is_ascii() || c == 'µ'), "{text}");
    }
}
