//! Depth-first execution: each stage runs just far enough ahead of the one behind it.

use super::image::Element;
use super::run::{SeparableJob, StemJob};
use super::share::{self, Shared};
use super::{Map, Run, Separable, Stem, Stream};
use core::ops::Range;

/// Stages behind the stem at most.
const STAGES: usize = 16;

/// How far a thread has come with its rows of a stream.
#[derive(Clone, Copy)]
struct State<'s, T> {
    stages: &'s [Separable],
    jobs: [Option<SeparableJob>; STAGES],
    stem: Option<(&'s Stem, StemJob)>,
    input: &'s [T],
    stem_groups: usize,
    groups: [usize; STAGES],
}

impl Run<'_> {
    /// A run of stages, rows at a time, from a float image.
    pub fn stream_f32(&mut self, stream: &Stream, input: &[f32]) {
        self.stream(stream, input);
    }

    /// A run of stages, rows at a time, from an image of unsigned bytes.
    pub fn stream_u8(&mut self, stream: &Stream, input: &[u8]) {
        self.stream(stream, input);
    }

    /// A run of stages, rows at a time, from an image of signed bytes.
    pub fn stream_i8(&mut self, stream: &Stream, input: &[i8]) {
        self.stream(stream, input);
    }

    fn stream<T: Element>(&mut self, stream: &Stream, input: &[T]) {
        let stages = stream.stages;
        assert!(stages.len() <= STAGES, "a stream has at most {STAGES} stages");
        let mut jobs = [const { None }; STAGES];
        for (job, stage) in jobs.iter_mut().zip(stages) {
            *job = Some(self.begin_separable(stage));
        }
        let stem = stream.stem.as_ref().map(|stem| (stem, self.begin_stem(stem, input.len())));
        let state = State { stages, jobs, stem, input, stem_groups: 0, groups: [0; STAGES] };
        let Some(output) = stages.last().map(|s| s.output).or(stream.stem.map(|s| s.output)) else { return };
        let groups = output.height.div_ceil(output.group);
        let work = Shared::new((&*self, state));
        let rows = |groups: Range<usize>, memory: Option<*mut u8>| {
            let (run, state) = work.get();
            let mut state = *state;
            if let Some(copy) = memory {
                state.start(groups.start);
                state.move_rings(run, copy);
            }
            // SAFETY: the rows exist. Every thread writes rows of its own, and all else to memory of its own.
            unsafe { run.ensure(&mut state, stages.len(), (groups.end * output.group).min(output.height)) };
        };
        if stem.is_some() {
            share::apart(groups, self.arena_bytes(), rows);
        } else {
            // Its output may overwrite its input, of which every thread would read some.
            rows(0..groups, None);
        }
    }

    /// Computes the rows that come out of the stem and `stages` stages behind it, as far as row `rows`.
    ///
    /// # Safety
    /// There must be so many, and nobody else touch what the state's jobs read and write.
    unsafe fn ensure<T: Element>(&self, state: &mut State<T>, stages: usize, rows: usize) {
        let Some(index) = stages.checked_sub(1) else {
            if let Some((stem, job)) = &mut state.stem {
                while state.stem_groups * stem.output.group < rows {
                    // SAFETY: as for this function.
                    unsafe { self.stem_group(job, stem, state.input, state.stem_groups) };
                    state.stem_groups += 1;
                }
            }
            return;
        };
        let stage = &state.stages[index];
        while state.groups[index] * stage.output.group < rows {
            let q = state.groups[index];
            // SAFETY: as for this function.
            unsafe {
                self.ensure(state, index, rows_needed(stage, q));
                if let Some(job) = &state.jobs[index] {
                    self.separable_group(job, q);
                }
            }
            state.groups[index] = q + 1;
        }
    }
}

impl<T> State<'_, T> {
    /// Begins at group `q` of the last stage's output, and at what that needs of the maps before it.
    fn start(&mut self, q: usize) {
        let mut q = q;
        for (stage, first) in self.stages.iter().zip(&mut self.groups).rev() {
            *first = q;
            let top = (q * stage.output.group * stage.window.stride[0]).saturating_sub(stage.window.pad[0]);
            q = top.min(stage.input.height - 1) / stage.input.group;
        }
        self.stem_groups = q;
    }

    /// Lets everything but the last stage's output lie in a copy of the arena.
    fn move_rings(&mut self, run: &Run, copy: *mut u8) {
        let last = self.stages.len().checked_sub(1);
        self.stem = self.stem.map(|(stem, job)| (stem, run.move_stem(&job, copy, last.is_some())));
        for (index, job) in self.jobs.iter_mut().enumerate() {
            *job = job.map(|job| run.move_separable(&job, copy, Some(index) != last));
        }
    }
}

/// Input rows that output group `q` reads, counted from the top.
fn rows_needed(stage: &Separable, q: usize) -> usize {
    let Map { height, group, .. } = stage.output;
    let last = ((q + 1) * group).min(height) - 1;
    let window = &stage.window;
    let end = last * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
    end.saturating_sub(window.pad[0]).min(stage.input.height)
}
