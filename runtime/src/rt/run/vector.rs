//! Steps over vectors and arrays of floats, in the arena or with the caller.

use super::Run;
use super::chain::{meet, vector};
use super::link::Pass;
use crate::rt::kernel::{dense, epilogue, padded_channels};
use crate::rt::share::{self, Shared};
use crate::rt::{Activation, Dense, Epilogue, Map, NONE, check, scores, softmax};
use core::ops::Range;

impl Run<'_> {
    /// Fully connected, to byte `output` of the arena, padding lanes included.
    pub fn dense(&mut self, dense: &Dense, output: usize) {
        let room = padded_channels(dense.n);
        check::extent("the output", output, room, self.len);
        self.dense_to(dense, self.float(output), room, Some(vector(output, dense.n, 4)));
    }

    /// Fully connected, to the caller.
    pub fn dense_out(&mut self, dense: &Dense, output: &mut [f32]) {
        assert!(output.len() == dense.n, "the output has {} values instead of {}", output.len(), dense.n);
        self.dense_to(dense, output.as_mut_ptr(), dense.n, None);
    }

    fn dense_to(&mut self, dense: &Dense, out: *mut f32, room: usize, written: Option<Range<usize>>) {
        let Dense { input, k, n, weights, epilogue } = *dense;
        check::extent("the input", input, k, self.len);
        assert!(n > 0, "a dense layer without outputs");
        let map = Map { offset: 0, height: 1, width: 1, channels: n, group: 1, ring: 1, bytes: 4 };
        self.check_epilogue(&epilogue, &map);
        check::extent("the dense weights", weights, check::panels(n, k), self.weights.len());
        // SAFETY: checked.
        let panels = unsafe { self.weights.as_ptr().add(weights) }.cast::<f32>();
        let (clamp, _, pass) = self.divide(&epilogue, &self.view(&map), self.residual(&epilogue), false);
        let input = self.float(input).cast_const();
        // SAFETY: every thread writes outputs of its own, which nobody reads where threads share the work.
        let shared = unsafe { Shared::new((&*self, input, panels, out, pass.is_some())) };
        let work = |range: Range<usize>| {
            let (run, input, panels, out, passes) = *shared.get();
            let (first, end) = (range.start * 16, (range.end * 16).min(room));
            // SAFETY: checked above and by the callers; every thread has outputs of its own.
            unsafe {
                let (panels, out) = (panels.add(first * (1 + k)), out.add(first));
                let some = n.min(end) - first;
                let job = dense::Job { input, k, panels, n: some, out, room: end - first, clamp };
                (run.kernels.dense)(&job);
                if passes {
                    run.passes(&dense.epilogue, n, range, out, end - first);
                }
            }
        };
        let alone = written.is_some_and(|written| {
            let Epilogue { gate, add, .. } = &epilogue;
            let read = dense.input..dense.input + k * 4;
            let gated = *gate != NONE && meet(&written, &vector(*gate, n, 4));
            meet(&written, &read) || gated || (!add.is_none() && meet(&written, &add.extent()))
        });
        let units = n.div_ceil(16);
        if alone { work(0..units) } else { share::split(units, work) }
    }

    /// The epilogue of some channel blocks of a vector of `n`; `data` is the first one's, with room for `room` floats.
    ///
    /// # Safety
    /// As for [`Self::vector_pass`].
    unsafe fn passes(&self, epilogue: &Epilogue, n: usize, blocks: Range<usize>, data: *mut f32, room: usize) {
        let padded = padded_channels(n);
        for (index, block) in blocks.enumerate() {
            let width = (padded - block * 16).min(16);
            let lanes = width.min(room - index * 16);
            let mut whole = [0.0f32; 16];
            // SAFETY: the block has `lanes` lanes in the vector, and 16 in `whole`.
            unsafe {
                let data = data.add(index * 16);
                whole.as_mut_ptr().copy_from_nonoverlapping(data, lanes);
                self.vector_pass(epilogue, n, block, width, whole.as_mut_ptr());
                data.copy_from_nonoverlapping(whole.as_ptr(), lanes);
            }
        }
    }

    /// Floats at byte `offset` of the arena.
    pub(crate) fn floats(&mut self, offset: usize, extents: &[usize]) -> &mut [f32] {
        let n = check::product(extents);
        check::extent("the array", offset, n, self.len);
        // SAFETY: checked; this run borrows the arena.
        unsafe { core::slice::from_raw_parts_mut(self.float(offset), n) }
    }

    /// An activation of `n` floats at byte `offset` of the arena.
    pub fn activate_at(&mut self, offset: usize, n: usize, activation: Activation) {
        let kernels = self.kernels;
        activate(kernels.epilogue, self.floats(offset, &[n]), activation);
    }

    /// An activation of the caller's output.
    pub fn activate(&mut self, x: &mut [f32], activation: Activation) {
        activate(self.kernels.epilogue, x, activation);
    }

    /// Softmax in place over the middle axis of the caller's `[outer][n][inner]`, or its logarithm.
    pub fn softmax(&mut self, x: &mut [f32], n: usize, inner: usize, log: bool) {
        scores::each(x, n, inner, |row| softmax::strided(row, inner, log));
    }

    /// Softmax in place over the middle axis of `[outer][n][inner]` at byte `offset` of the arena, or its logarithm.
    pub fn softmax_at(&mut self, offset: usize, outer: usize, n: usize, inner: usize, log: bool) {
        scores::each(self.floats(offset, &[outer, n, inner]), n, inner, |row| softmax::strided(row, inner, log));
    }

    /// Divides the caller's `[outer][n][inner]` by the norm along the middle axis, of order `p` (1 or 2) and at least
    /// `epsilon`; what has none stays zero.
    pub fn normalize(&mut self, x: &mut [f32], n: usize, inner: usize, p: u32, epsilon: f32) {
        assert!(matches!(p, 1 | 2), "a norm of order {p}");
        scores::each(x, n, inner, |row| scores::normalize(row, inner, p, epsilon));
    }

    /// The same for `[outer][n][inner]` at byte `offset` of the arena.
    #[allow(clippy::too_many_arguments)]
    pub fn normalize_at(&mut self, offset: usize, outer: usize, n: usize, inner: usize, p: u32, epsilon: f32) {
        assert!(matches!(p, 1 | 2), "a norm of order {p}");
        let x = self.floats(offset, &[outer, n, inner]);
        scores::each(x, n, inner, |row| scores::normalize(row, inner, p, epsilon));
    }

    /// Index of the largest value along the middle axis of `[outer][n][inner]` at byte `offset` of the arena, of several the
    /// first or the `last`, NaN behind every number: `[outer][inner]`.
    pub fn argmax(&mut self, offset: usize, outer: usize, n: usize, inner: usize, last: bool, output: &mut [i64]) {
        let want = check::product(&[outer, inner]);
        assert!(output.len() == want, "the output has {} values instead of {want}", output.len());
        let mut results = output.iter_mut();
        scores::each(self.floats(offset, &[outer, n, inner]), n, inner, |row| {
            if let Some(result) = results.next() {
                *result = scores::largest(row.iter().step_by(inner).copied(), last);
            }
        });
    }
}

fn activate(kernel: unsafe fn(&epilogue::Job), x: &mut [f32], activation: Activation) {
    assert!(activation.is_known(), "an unknown activation: {activation:?}");
    let (pixels, rest) = x.as_chunks_mut::<16>();
    let mut last = [0.0; 16];
    last[..rest.len()].copy_from_slice(rest);
    for (pixels, count) in [(pixels.as_mut_ptr(), pixels.len()), (&raw mut last, 1)] {
        let data = pixels.cast::<f32>();
        // SAFETY: so many pixels of 16 floats.
        unsafe { kernel(&Pass::of(activation).over(data, count)) };
    }
    rest.copy_from_slice(&last[..rest.len()]);
}
