//! Depth-first execution: each stage runs just far enough ahead of the one behind it.

use super::image::Element;
use super::run::{SeparableJob, StemJob};
use super::{Map, Run, Separable, Stem, Stream};

/// Stages behind the stem at most.
const STAGES: usize = 16;

/// How far a stream has come.
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
        let mut state = State { stages, jobs, stem, input, stem_groups: 0, groups: [0; STAGES] };
        let last = stages.last().map(|s| s.output).or(stream.stem.map(|s| s.output));
        if let Some(output) = last {
            self.ensure(&mut state, stages.len(), output.height);
        }
    }

    /// Computes the first `rows` rows that come out of the stem and `stages` stages behind it.
    fn ensure<T: Element>(&mut self, state: &mut State<T>, stages: usize, rows: usize) {
        let Some(index) = stages.checked_sub(1) else {
            if let Some((stem, job)) = &mut state.stem {
                while state.stem_groups * stem.output.group < rows {
                    self.stem_group(job, stem, state.input, state.stem_groups);
                    state.stem_groups += 1;
                }
            }
            return;
        };
        let stage = &state.stages[index];
        while state.groups[index] * stage.output.group < rows {
            let q = state.groups[index];
            self.ensure(state, index, rows_needed(stage, q));
            if let Some(job) = &state.jobs[index] {
                self.separable_group(job, q);
            }
            state.groups[index] = q + 1;
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
