//! Which layers stay in float: those named, or those whose codes cost the scores most.

use super::calibrate::Method;
use super::layers::Layers;
use super::scheme::{self, Scheme};
use super::{Settings, Watch, run};
use crate::graph::Quant;
use crate::{Error, Problem};

/// Layers that stay in float.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum KeepFloat {
    /// None.
    #[default]
    None,
    /// As many of those that hurt most as bring the scores to 25 dB, at most an eighth of all.
    Auto,
    /// Those of these names.
    Names(Vec<String>),
}

/// Signal over noise of the scores, in dB, at which nothing more is kept in float.
pub const ENOUGH: f64 = 25.0;

/// Pictures that layers are compared on.
const PICTURES: usize = 8;

/// What the choice is made from.
pub struct Given<'a> {
    /// The layers in float.
    pub layers: &'a Layers,
    /// The ranges of their values.
    pub ranges: &'a [[f32; 2]],
    /// The codes of an input of bytes.
    pub input: Option<Quant>,
    /// Calibration pictures.
    pub images: &'a [Vec<f32>],
}

/// Whether each layer stays in float.
///
/// # Errors
/// Where a name is that of no layer.
pub fn kept(given: &Given, settings: &Settings, watch: &dyn Watch) -> Result<Vec<bool>, Error> {
    let layers = &given.layers.layers;
    match &settings.keep_float {
        KeepFloat::None => Ok(vec![false; layers.len()]),
        KeepFloat::Names(names) => {
            let unknown = names.iter().filter(|name| layers.iter().all(|layer| layer.name != **name));
            let problems: Vec<Problem> = unknown.map(|name| no_layer(name, given.layers)).collect();
            if !problems.is_empty() {
                return Err(Error { problems });
            }
            Ok(layers.iter().map(|layer| names.contains(&layer.name)).collect())
        }
        KeepFloat::Auto => Ok(given.choose(watch)),
    }
}

fn no_layer(name: &str, layers: &Layers) -> Problem {
    let problem = Problem::new(format!("there is no layer {name:?} to keep in float"));
    let names = layers.layers.iter().map(|layer| layer.name.as_str());
    match names.min_by_key(|other| distance(name, other)) {
        Some(closest) => problem.hint(format!("there is {closest:?}; the report lists all names")),
        None => problem,
    }
}

/// Insertions, deletions and substitutions between two words (Levenshtein); a part of the other word is close to it.
fn distance(a: &str, b: &str) -> usize {
    if b.contains(a) || a.contains(b) {
        return 0;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (above.min(row[j]) + 1).min(diagonal + usize::from(x != *y));
            diagonal = above;
        }
    }
    row[b.len()]
}

impl Given<'_> {
    fn choose(&self, watch: &dyn Watch) -> Vec<bool> {
        let count = self.layers.layers.len();
        let candidates: Vec<usize> = (0..count).filter(|&at| self.layers.layers[at].kind.filters().is_some()).collect();
        let mut kept = vec![false; count];
        let mut best = self.ratio(&kept);
        if best >= ENOUGH {
            return kept;
        }
        watch.phase("comparing layers", candidates.len());
        let mut gains = Vec::new();
        for &at in &candidates {
            let alone: Vec<bool> = (0..count).map(|other| other == at).collect();
            gains.push((self.ratio(&alone), at));
            watch.step();
        }
        gains.sort_by(|a, b| b.0.total_cmp(&a.0));
        let most = candidates.len().div_ceil(8);
        for &(_, at) in &gains {
            if best >= ENOUGH || kept.iter().filter(|kept| **kept).count() == most {
                break;
            }
            kept[at] = true;
            let ratio = self.ratio(&kept);
            if ratio > best {
                best = ratio;
            } else {
                kept[at] = false;
            }
        }
        kept
    }

    /// Signal over noise of the scores, in dB, with these layers in float.
    fn ratio(&self, kept: &[bool]) -> f64 {
        let on_codes = scheme::on_codes(self.layers, kept);
        let quants = scheme::quants(self.layers, self.ranges, &on_codes, self.input);
        let scheme = Scheme::new(self.layers, quants, &on_codes);
        let images = &self.images[..self.images.len().min(PICTURES)];
        let states = run::each(
            images.len(),
            || [0.0_f64; 2],
            |power, item| {
                let float = super::outputs(self.layers, None, &images[item]);
                let codes = super::outputs(&scheme.simulated, Some(&scheme.quants), &images[item]);
                for (x, y) in float.iter().zip(&codes) {
                    power[0] += f64::from(*x).powi(2);
                    power[1] += (f64::from(*x) - f64::from(*y)).powi(2);
                }
            },
        );
        let sum = |part: usize| states.iter().map(|state| state[part]).sum::<f64>();
        10.0 * (sum(0) / sum(1)).log10()
    }
}

impl Settings {
    /// How often calibration runs over the pictures.
    pub(super) fn rounds(&self) -> usize {
        usize::from(self.equalise) + if self.method == Method::MinMax { 1 } else { 2 }
    }
}
