//! Rows in: the same bits as the whole image, whatever reads them.

use super::spatial::{image, stem};
use super::*;

/// What gives the rows of a whole image. It panics where they don't come in order.
pub(super) fn give<'a, T: Copy + Sync>(stem: &Stem, all: &'a [T]) -> impl FnMut(usize, usize, &mut [T]) + Send + 'a {
    let Source { height, width, channels, layout } = stem.input;
    let [planes, row] = if layout == Layout::Nchw { [channels, width] } else { [1, width * channels] };
    let mut next = 0;
    move |first, rows, to| {
        assert!(
            first >= next && rows > 0 && first + rows <= height,
            "rows {first} and {rows} of {height} behind {next}"
        );
        next = first + rows;
        assert_eq!(to.len(), planes * rows * row);
        for (plane, to) in to.chunks_exact_mut(rows * row).enumerate() {
            to.copy_from_slice(&all[(plane * height + first) * row..][..rows * row]);
        }
    }
}

#[test]
fn rows_give_what_the_image_gives() {
    let mut random = Random(91);
    for round in 0..ROUNDS / 4 {
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let (stem, input, _) = stem(&mut random, &mut layout, &mut blob, round % 2 > 0);
        let input = image(&stem.input, &input);
        let bytes: Vec<i8> = input.iter().map(|&x| x as i8).collect();
        let row = layout.take(stem.input.width * stem.input.channels * 4);
        let (memory, blob) = (Memory::new(layout.end), blob.leak());
        let chain = Chain { stem: Some(stem), links: &[] };
        for isa in available() {
            for threads in [1, 2] {
                let (mut whole, mut rows) = (Memory(memory.0.clone()), Memory(memory.0.clone()));
                let (all, by_rows) = (whole.bytes(), rows.bytes());
                on_threads(threads, || {
                    let (all, by_rows) =
                        (&mut Run::with_kernels(blob, all, isa), &mut Run::with_kernels(blob, by_rows, isa));
                    if round % 2 > 0 {
                        all.chain_i8(&chain, &bytes);
                        by_rows.chain_rows_i8(&chain, row, &mut give(&stem, &bytes), None);
                    } else {
                        all.chain_f32(&chain, &input);
                        by_rows.chain_rows_f32(&chain, row, &mut give(&stem, &input), None);
                    }
                });
                let of = |memory: &mut Memory| read(memory, &stem.output).data.iter().map(|x| x.to_bits()).collect();
                let [whole, rows]: [Vec<u32>; 2] = [of(&mut whole), of(&mut rows)];
                assert_eq!(whole, rows, "{} round {round} {stem:?}", isa.name);
            }
        }
    }
}

/// Whatever is done with a row, nothing but the stem's own memory is written, and what is not written was something before.
#[test]
fn rows_that_are_not_given_are_any() {
    let mut random = Random(92);
    for round in 0..if cfg!(miri) { 4 } else { 40 } {
        let (mut layout, mut blob) = (Layouter::default(), Blob::default());
        let (stem, ..) = stem(&mut random, &mut layout, &mut blob, false);
        let row = layout.take(stem.input.width * stem.input.channels * 4);
        let memory = Memory::new(layout.end);
        let written = [extent(&stem.output), stem.scratch..layout.end - 64];
        let chain = Chain { stem: Some(stem), links: &[] };
        let body = |run: &mut Run| match round % 4 {
            0 => run.chain_rows_f32(&chain, row, &mut |_, _, _| {}, None),
            1 => run.chain_rows_f32(&chain, row, &mut |_, _, to| to.fill(f32::from_bits(0xffff_ffff)), None),
            2 => run.chain_rows_u8(&chain, row, &mut |first, rows, to| to[..first.min(rows)].fill(0xa5), None),
            _ => run.chain_rows_f16(&chain, row, &mut |_, _, to| to.reverse(), None),
        };
        on_all(&memory, blob.leak(), &written, body, |_, _| {});
    }
}

#[test]
fn a_source_that_panics_leaves_a_run_that_goes_on() {
    let mut random = Random(93);
    let (mut layout, mut blob) = (Layouter::default(), Blob::default());
    let (stem, input, _) = stem(&mut random, &mut layout, &mut blob, false);
    let input = image(&stem.input, &input);
    let row = layout.take(stem.input.width * stem.input.channels * 4);
    let (mut memory, blob) = (Memory::new(layout.end), blob.leak());
    let chain = Chain { stem: Some(stem), links: &[] };
    let mut run = Run::new(blob, memory.bytes());
    let mut broken = |_: usize, _: usize, _: &mut [f32]| panic!("no camera");
    let caught = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        run.chain_rows_f32(&chain, row, &mut broken, None);
    }));
    assert!(caught.is_err());
    run.chain_rows_f32(&chain, row, &mut give(&stem, &input), None);
    let found = read(&mut memory, &stem.output).data;
    let mut whole = Memory::new(layout.end);
    Run::new(blob, whole.bytes()).chain_f32(&chain, &input);
    assert_eq!(found, read(&mut whole, &stem.output).data);
}

#[test]
#[should_panic(expected = "the row that is read")]
fn a_row_outside_the_arena_is_refused() {
    let mut random = Random(94);
    let (mut layout, mut blob) = (Layouter::default(), Blob::default());
    let (stem, ..) = stem(&mut random, &mut layout, &mut blob, false);
    let mut memory = Memory::new(layout.end);
    let end = memory.bytes().len();
    Run::new(blob.leak(), memory.bytes()).chain_rows_f32(
        &Chain { stem: Some(stem), links: &[] },
        end,
        &mut |_, _, _| {},
        None,
    );
}
