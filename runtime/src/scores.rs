//! From scores to an answer: the best classes, and probabilities.

use core::ops::Deref;

use crate::{Element, Elements, Model};

/// A class and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Index into the row of scores.
    pub class: usize,
    /// Its score.
    pub score: f32,
}

/// The best classes, best first: a slice of `K` entries, or of as many as there are scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopK<const K: usize> {
    ranked: [Ranked; K],
    len: usize,
}

impl<const K: usize> TopK<K> {
    /// Ranks `scores`: the largest first, equal ones by class, NaN behind every number.
    fn new<E: Element>(scores: &[E]) -> Self {
        let mut top = Self { ranked: [Ranked { class: 0, score: f32::NAN }; K], len: 0 };
        for (class, score) in scores.iter().enumerate() {
            top.insert(Ranked { class, score: score.to_f32() });
        }
        top
    }

    fn insert(&mut self, candidate: Ranked) {
        let better =
            |other: &Ranked| candidate.score > other.score || (other.score.is_nan() && !candidate.score.is_nan());
        let kept = &self.ranked[..self.len];
        let place = kept.iter().position(better).unwrap_or(self.len);
        if place == K {
            return;
        }
        self.len = K.min(self.len + 1);
        self.ranked[place..self.len].rotate_right(1);
        self.ranked[place] = candidate;
    }
}

impl<const K: usize> Deref for TopK<K> {
    type Target = [Ranked];
    fn deref(&self) -> &[Ranked] {
        &self.ranked[..self.len]
    }
}

impl<'a, const K: usize> IntoIterator for &'a TopK<K> {
    type Item = &'a Ranked;
    type IntoIter = core::slice::Iter<'a, Ranked>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<const K: usize> IntoIterator for TopK<K> {
    type Item = Ranked;
    type IntoIter = core::iter::Take<core::array::IntoIter<Ranked, K>>;
    fn into_iter(self) -> Self::IntoIter {
        self.ranked.into_iter().take(self.len)
    }
}

/// The `K` best classes of one image's row of scores: the largest first, equal ones by class, NaN behind every number.
/// Allocates nothing.
///
/// ```
/// # use mobilenet_runtime::{top_k, Arena, Element, Layout, Model};
/// # struct Classifier;
/// # impl Model for Classifier {
/// #     type Input = f32; type Output = f32; type InputArray = [f32; 4]; type OutputArray = [f32; 4]; type Arena = Arena<64>;
/// #     type Normalization = mobilenet_runtime::image::Normalization<'static>;
/// #     const INPUT_SHAPE: &'static [usize] = &[1, 1, 2, 2]; const OUTPUT_SHAPE: &'static [usize] = &[1, 4];
/// #     const INPUT_LAYOUT: Layout = Layout::Nchw; const BATCH: usize = 1; const INPUT_LEN: usize = 4; const OUTPUT_LEN: usize = 4;
/// #     const ARENA_BYTES: usize = 64; const WEIGHT_BYTES: usize = 0; const MULT_ADDS: u64 = 0;
/// #     fn run(input: &[f32; 4], output: &mut [f32; 4], _: &mut Arena<64>) { *output = *input; }
/// # }
/// let scores = [0.5, f32::NAN, 2.0, -1.0];
/// let [first, second] = top_k::<Classifier, 2>(&scores)[..] else { unreachable!() };
/// assert_eq!((first.class, first.score), (2, 2.0));
/// assert_eq!((second.class, second.score), (0, 0.5));
/// ```
#[must_use]
pub fn top_k<M: Model, const K: usize>(scores: &(impl Elements<M::Output> + ?Sized)) -> TopK<K> {
    TopK::new(scores.elements())
}

/// Turns each image's row of scores into probabilities, in place: `exp(x - max) / sum`, stable for any finite scores.
/// For models that end in logits; a row holding NaN becomes NaN throughout.
///
/// ```
/// # use mobilenet_runtime::{softmax, Arena, Element, Layout, Model};
/// # struct Classifier;
/// # impl Model for Classifier {
/// #     type Input = f32; type Output = f32; type InputArray = [f32; 4]; type OutputArray = [f32; 4]; type Arena = Arena<64>;
/// #     type Normalization = mobilenet_runtime::image::Normalization<'static>;
/// #     const INPUT_SHAPE: &'static [usize] = &[2, 1, 1, 2]; const OUTPUT_SHAPE: &'static [usize] = &[2, 2];
/// #     const INPUT_LAYOUT: Layout = Layout::Nchw; const BATCH: usize = 2; const INPUT_LEN: usize = 4; const OUTPUT_LEN: usize = 4;
/// #     const ARENA_BYTES: usize = 64; const WEIGHT_BYTES: usize = 0; const MULT_ADDS: u64 = 0;
/// #     fn run(input: &[f32; 4], output: &mut [f32; 4], _: &mut Arena<64>) { *output = *input; }
/// # }
/// // two images, two classes
/// let mut scores = [1000.0, 1000.0, 0.0, f32::ln(3.0)];
/// softmax::<Classifier>(&mut scores);
/// assert!(scores.iter().zip([0.5, 0.5, 0.25, 0.75]).all(|(a, b)| (a - b).abs() < 1e-6));
/// ```
pub fn softmax<M: Model<Output = f32>>(scores: &mut M::OutputArray) {
    let row = (M::OUTPUT_LEN / M::BATCH.max(1)).max(1);
    for row in scores.as_mut().chunks_mut(row) {
        crate::rt::softmax(row, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes<const K: usize>(scores: &[f32]) -> ([usize; K], usize) {
        let top = TopK::<K>::new(scores);
        (core::array::from_fn(|i| top.get(i).map_or(usize::MAX, |ranked| ranked.class)), top.len())
    }

    #[test]
    fn ranks_like_a_stable_sort() {
        let scores: [f32; 97] = core::array::from_fn(|i| ((i * 37) % 13) as f32);
        let mut order: [usize; 97] = core::array::from_fn(|i| i);
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        let (found, len) = classes::<20>(&scores);
        assert_eq!(len, 20);
        assert_eq!(found, order[..20]);
    }

    #[test]
    fn nan_is_last_and_short_rows_are_short() {
        assert_eq!(classes::<4>(&[f32::NAN, f32::NEG_INFINITY, f32::NAN, 1.0]), ([3, 1, 0, 2], 4));
        assert_eq!(classes::<3>(&[1.0, 2.0]), ([1, 0, usize::MAX], 2));
        assert_eq!(classes::<0>(&[1.0]).1, 0);
        assert_eq!(TopK::<2>::new(&[3_u8, 200, 7])[0], Ranked { class: 1, score: 200.0 });
    }
}
