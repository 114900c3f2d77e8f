//! Functions of one number that consist of straight pieces: what arithmetic of ReLUs, minima and maxima amounts to.

use crate::graph::Activation;

/// Relative rounding that the constants of a spelling may have.
const TOLERANCE: f64 = 1e-6;

/// A continuous function of straight pieces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piecewise {
    /// Where pieces meet, by x; at least one.
    knots: Vec<(f64, f64)>,
    /// Slope left of the first knot.
    left: f64,
    /// Slope right of the last.
    right: f64,
}

impl Piecewise {
    /// `x`.
    pub fn identity() -> Self {
        Self { knots: vec![(0.0, 0.0)], left: 1.0, right: 1.0 }
    }

    fn constant(y: f64) -> Self {
        Self { knots: vec![(0.0, y)], left: 0.0, right: 0.0 }
    }

    /// `scale * f(x) + shift`.
    pub fn affine(&self, scale: f64, shift: f64) -> Self {
        let knots = self.knots.iter().map(|&(x, y)| (x, scale * y + shift)).collect();
        Self { knots, left: scale * self.left, right: scale * self.right }
    }

    /// `activation(f(x))`, if the activation consists of straight pieces.
    pub fn activated(&self, activation: Activation) -> Option<Self> {
        match activation {
            Activation::Clamp { lo, hi } => {
                let raised =
                    if lo == f32::NEG_INFINITY { self.clone() } else { self.larger(&Self::constant(lo.into())) };
                Some(if hi == f32::INFINITY { raised } else { raised.smaller(&Self::constant(hi.into())) })
            }
            Activation::LeakyRelu { alpha } => {
                let zero = Self::constant(0.0);
                Some(self.larger(&zero).plus(&self.smaller(&zero).affine(alpha.into(), 0.0)))
            }
            Activation::HardSigmoid { alpha, beta } => {
                let line = self.affine(alpha.into(), beta.into());
                Some(line.larger(&Self::constant(0.0)).smaller(&Self::constant(1.0)))
            }
            _ => None,
        }
    }

    /// `f(x) + g(x)`.
    pub fn plus(&self, other: &Self) -> Self {
        let knots = self.places(other).into_iter().map(|x| (x, self.at(x) + other.at(x))).collect();
        Self { knots, left: self.left + other.left, right: self.right + other.right }
    }

    /// `min(f(x), g(x))`.
    pub fn smaller(&self, other: &Self) -> Self {
        self.affine(-1.0, 0.0).larger(&other.affine(-1.0, 0.0)).affine(-1.0, 0.0)
    }

    /// `max(f(x), g(x))`.
    pub fn larger(&self, other: &Self) -> Self {
        let mut places = self.places(other);
        let gap = |x: f64| self.at(x) - other.at(x);
        let mut crossings = Vec::new();
        for pair in places.windows(2) {
            let (a, b) = (gap(pair[0]), gap(pair[1]));
            if a * b < 0.0 {
                crossings.push(pair[0] + (pair[1] - pair[0]) * a / (a - b));
            }
        }
        let (first, last) = (places[0], places[places.len() - 1]);
        let (before, behind) = (self.left - other.left, self.right - other.right);
        if gap(first) * before > 0.0 {
            crossings.push(first - gap(first) / before);
        }
        if gap(last) * behind < 0.0 {
            crossings.push(last - gap(last) / behind);
        }
        places.extend(crossings);
        places.sort_by(f64::total_cmp);
        let knots: Vec<(f64, f64)> = places.iter().map(|&x| (x, self.at(x).max(other.at(x)))).collect();
        let (first, last) = (places[0] - 1.0, places[places.len() - 1] + 1.0);
        Self {
            left: if gap(first) >= 0.0 { self.left } else { other.left },
            right: if gap(last) >= 0.0 { self.right } else { other.right },
            knots,
        }
    }

    fn places(&self, other: &Self) -> Vec<f64> {
        let mut all: Vec<f64> = self.knots.iter().chain(&other.knots).map(|&(x, _)| x).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    fn at(&self, x: f64) -> f64 {
        let (first, last) = (self.knots[0], self.knots[self.knots.len() - 1]);
        if x <= first.0 {
            return first.1 + (x - first.0) * self.left;
        }
        if x >= last.0 {
            return last.1 + (x - last.0) * self.right;
        }
        let above = self.knots.partition_point(|&(at, _)| at < x);
        let ((a, ya), (b, yb)) = (self.knots[above - 1], self.knots[above]);
        ya + (x - a) / (b - a) * (yb - ya)
    }

    /// The knots at which the slope changes, and the slopes in front of and behind each.
    fn bends(&self) -> Vec<((f64, f64), f64, f64)> {
        let mut bends: Vec<((f64, f64), f64, f64)> = Vec::new();
        let mut slope = self.left;
        for (i, &knot) in self.knots.iter().enumerate() {
            let next = match self.knots.get(i + 1) {
                // Rounding put two knots of one place apart.
                Some(&(x, _)) if (x - knot.0).abs() <= TOLERANCE * (1.0 + knot.0.abs()) => continue,
                Some(&(x, y)) => (y - knot.1) / (x - knot.0),
                None => self.right,
            };
            if !near(slope, next) {
                bends.push((knot, slope, next));
            }
            slope = next;
        }
        bends
    }

    /// The activation that it is; [`Activation::NONE`] for the identity.
    pub fn activation(&self) -> Option<Activation> {
        let bends = self.bends();
        let on_line = |(x, y): (f64, f64)| near(x, y);
        let bound = |(x, _): (f64, f64)| x as f32;
        let found = match bends[..] {
            [] if near(self.left, 1.0) && on_line(self.knots[0]) => Activation::NONE,
            [(at, before, behind)] if near(before, 0.0) && near(behind, 1.0) && on_line(at) => {
                Activation::Clamp { lo: bound(at), hi: f32::INFINITY }
            }
            [(at, before, behind)] if near(before, 1.0) && near(behind, 0.0) && on_line(at) => {
                Activation::Clamp { lo: f32::NEG_INFINITY, hi: bound(at) }
            }
            [(at, alpha, behind)] if near(behind, 1.0) && near(at.0, 0.0) && near(at.1, 0.0) => {
                Activation::LeakyRelu { alpha: alpha as f32 }
            }
            [(low, before, slope), (high, _, behind)] if near(before, 0.0) && near(behind, 0.0) => {
                if near(slope, 1.0) && on_line(low) && on_line(high) {
                    Activation::Clamp { lo: bound(low), hi: bound(high) }
                } else if near(low.1, 0.0) && near(high.1, 1.0) && slope > 0.0 {
                    Activation::HardSigmoid { alpha: slope as f32, beta: (-low.0 * slope) as f32 }
                } else {
                    return None;
                }
            }
            _ => return None,
        };
        let finite = |v: f32| !v.is_nan();
        match found {
            Activation::Clamp { lo, hi } => (finite(lo) && finite(hi)).then_some(found),
            Activation::LeakyRelu { alpha } => alpha.is_finite().then_some(found),
            _ => Some(found),
        }
    }

    /// Slopes left and right of zero, if it bends there only and is zero there.
    pub fn hinge(&self) -> Option<[f64; 2]> {
        let bends = self.bends();
        match bends[..] {
            [] if near(self.at(0.0), 0.0) => Some([self.left, self.left]),
            [(at, left, right)] if near(at.0, 0.0) && near(at.1, 0.0) => Some([left, right]),
            _ => None,
        }
    }
}

/// Equal up to the rounding of the spelling's constants.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * (1.0 + b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELU: Activation = Activation::Clamp { lo: 0.0, hi: f32::INFINITY };

    fn x() -> Piecewise {
        Piecewise::identity()
    }

    #[test]
    fn values_are_those_of_the_formula() {
        let f = x().affine(2.0, -1.0).activated(Activation::Clamp { lo: -0.5, hi: 3.0 }).unwrap();
        let g = x().activated(RELU).unwrap().affine(-1.0, 1.0);
        type Formula = fn(f64, f64) -> f64;
        let cases: [(Piecewise, Formula); 3] =
            [(f.plus(&g), |f, g| f + g), (f.larger(&g), f64::max), (f.smaller(&g), f64::min)];
        for (found, formula) in cases {
            for i in -40..40 {
                let at = f64::from(i) / 8.0 + 0.01;
                let (f, g) = ((2.0 * at - 1.0).clamp(-0.5, 3.0), 1.0 - at.max(0.0));
                assert!((found.at(at) - formula(f, g)).abs() < 1e-12, "{found:?} at {at}");
            }
        }
    }

    #[test]
    fn activations_are_told_by_their_shape() {
        let relu = |f: &Piecewise| f.activated(RELU).unwrap();
        let six = relu(&relu(&x()).affine(-1.0, 6.0)).affine(-1.0, 6.0);
        assert_eq!(six.activation(), Some(Activation::Clamp { lo: 0.0, hi: 6.0 }));
        let six = relu(&x()).plus(&relu(&x().affine(1.0, -6.0)).affine(-1.0, 0.0));
        assert_eq!(six.activation(), Some(Activation::Clamp { lo: 0.0, hi: 6.0 }));
        let leaky = relu(&x()).plus(&relu(&x().affine(-1.0, 0.0)).affine(-0.25, 0.0));
        assert_eq!(leaky.activation(), Some(Activation::LeakyRelu { alpha: 0.25 }));
        let leaky = x().larger(&x().affine(0.25, 0.0));
        assert_eq!(leaky.activation(), Some(Activation::LeakyRelu { alpha: 0.25 }));
        assert_eq!(leaky.hinge(), Some([0.25, 1.0]));
        let absolute = x().larger(&x().affine(-1.0, 0.0));
        assert_eq!(absolute.hinge(), Some([-1.0, 1.0]));
        let gate = x().affine(1.0, 3.0).activated(Activation::Clamp { lo: 0.0, hi: 6.0 }).unwrap();
        let sixth = f64::from(1.0f32 / 6.0);
        let Some(Activation::HardSigmoid { alpha, beta }) = gate.affine(sixth, 0.0).activation() else {
            panic!("a hard sigmoid")
        };
        assert!((alpha - 1.0 / 6.0).abs() < 1e-6 && (beta - 0.5).abs() < 1e-6);
        assert_eq!(x().affine(-1.0, 6.0).affine(-1.0, 6.0).activation(), Some(Activation::NONE));
        assert_eq!(x().affine(1.0, 1.0).activation(), None);
        assert_eq!(gate.activation(), None, "six at the top, but shifted");
    }
}
