//! The interface as C sees it, errors above all.

use crate::inference::mobilenet_rt_begin;
use crate::steps::{
    mobilenet_rt_run_activate, mobilenet_rt_run_argmax, mobilenet_rt_run_chain_f32,
    mobilenet_rt_run_chain_f32_mean_out, mobilenet_rt_run_copy, mobilenet_rt_run_dense_out, mobilenet_rt_run_export,
    mobilenet_rt_run_export_at, mobilenet_rt_run_normalize_out, mobilenet_rt_run_softmax_out,
};
use crate::{Chain, Inference, Status};
use core::ptr::{null, null_mut};
use mobilenet_runtime::rt::{ABI, Activation, ActivationKind, Dense, Epilogue, Link, LinkKind, Map, NONE, Window};

const HEADER: &str = include_str!("../include/mobilenet_runtime.h");

#[repr(align(64))]
struct Memory([u8; 256]);

fn begin(abi: u32, weights: *const u8, arena: *mut u8, arena_bytes: usize) -> Inference {
    let mut inference = std::mem::MaybeUninit::uninit();
    // SAFETY: the inference can be written, and is.
    unsafe {
        mobilenet_rt_begin(inference.as_mut_ptr(), abi, weights, 256, arena, arena_bytes);
        inference.assume_init()
    }
}

/// Two inputs at the arena's start, one output.
static DENSE: Dense =
    Dense { input: 0, k: 2, n: 1, weights: 0, epilogue: Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY) };

#[test]
fn the_header_has_this_version() {
    assert!(HEADER.contains(&format!("#define MOBILENET_RT_ABI {ABI}u\n")));
    for (name, status) in [
        ("OK", Status::Ok),
        ("ERROR_ABI", Status::Abi),
        ("ERROR_NULL", Status::Null),
        ("ERROR_ALIGNMENT", Status::Alignment),
        ("ERROR_REFUSED", Status::Refused),
    ] {
        assert!(HEADER.lines().any(|l| l.starts_with(&format!("#define MOBILENET_RT_{name} {}", status as i32))));
    }
}

#[test]
fn every_function_is_declared() {
    let sources = [include_str!("steps.rs"), include_str!("inference.rs")].concat();
    let defined = sources.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut names: Vec<_> = defined.filter(|word| word.starts_with("mobilenet_rt_")).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 37, "{names:?}");
    for name in names {
        assert!(HEADER.contains(&format!("void {name}(")), "{name}");
    }
}

#[test]
fn a_dense_layer_computes() {
    let (mut weights, mut arena) = (Memory([0; 256]), Memory([0; 256]));
    // A panel 8 wide: the biases, then a row per input.
    for (at, value) in [(0, 0.5_f32), (8, 2.0), (16, 4.0)] {
        weights.0[at * 4..at * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    for (at, value) in [(0, 3.0_f32), (1, 10.0)] {
        arena.0[at * 4..at * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    let mut inference = begin(ABI, weights.0.as_ptr(), arena.0.as_mut_ptr(), 256);
    let mut output = [0.0];
    // SAFETY: the pointers are valid.
    unsafe { mobilenet_rt_run_dense_out(&raw mut inference, &raw const DENSE, output.as_mut_ptr(), 1) };
    assert_eq!((inference.status, output), (Status::Ok as i32, [46.5]));
}

#[test]
fn what_is_wrong_at_the_beginning_stays() {
    let (weights, mut arena) = (Memory([0; 256]), Memory([0; 256]));
    let (w, a) = (weights.0.as_ptr(), arena.0.as_mut_ptr());
    for (expected, mut inference) in [
        (Status::Abi, begin(ABI + 1, w, a, 256)),
        (Status::Null, begin(ABI, null(), a, 256)),
        (Status::Null, begin(ABI, w, null_mut(), 256)),
        (Status::Alignment, begin(ABI, w.wrapping_add(2), a, 256)),
        (Status::Alignment, begin(ABI, w, a.wrapping_add(4), 128)),
        (Status::Refused, begin(ABI, w, a, usize::MAX)),
    ] {
        let mut output = [7.0];
        // SAFETY: the pointers are valid where the inference has met no error.
        unsafe { mobilenet_rt_run_dense_out(&raw mut inference, &raw const DENSE, output.as_mut_ptr(), 1) };
        assert_eq!((inference.status, output), (expected as i32, [7.0]));
    }
    // SAFETY: a null inference is left alone.
    unsafe {
        mobilenet_rt_begin(null_mut(), ABI, w, 256, a, 256);
        mobilenet_rt_run_chain_f32(null_mut(), null(), null(), 0);
    }
}

#[test]
fn what_is_wrong_with_a_step_is_its_error() {
    let (weights, mut arena) = (Memory([0; 256]), Memory([0; 256]));
    let map = Map { offset: 0, height: 2, width: 2, channels: 3, group: 2, ring: 1, bytes: 4 };
    let mut output = [0.0_f32; 13];
    let out = output.as_mut_ptr();
    let mut status = |step: &dyn Fn(*mut Inference)| {
        let mut inference = begin(ABI, weights.0.as_ptr(), arena.0.as_mut_ptr(), 256);
        step(&raw mut inference);
        inference.status
    };
    // SAFETY: pointers are valid, null or misaligned.
    let found = unsafe {
        [
            status(&|run| mobilenet_rt_run_export(run, &raw const map, 1, out, 12)),
            status(&|run| mobilenet_rt_run_export(run, null(), 1, out, 12)),
            status(&|run| mobilenet_rt_run_export(run, &raw const map, 1, null_mut(), 12)),
            status(&|run| mobilenet_rt_run_chain_f32(run, null(), out, 12)),
            status(&|run| mobilenet_rt_run_export(run, &raw const map, 1, out.cast::<u8>().wrapping_add(1).cast(), 12)),
            status(&|run| mobilenet_rt_run_export(run, &raw const map, 2, out, 12)),
            status(&|run| mobilenet_rt_run_export(run, &raw const map, 1, out, 13)),
            status(&|run| {
                let outside = Map { offset: 132, ..map };
                mobilenet_rt_run_export(run, &raw const outside, 1, out, 12);
            }),
            status(&|run| {
                let dense = Dense { weights: 252, ..DENSE };
                mobilenet_rt_run_dense_out(run, &raw const dense, out, 1);
            }),
            status(&|run| {
                let chain = Chain { stem: null(), links: null(), count: 1 };
                mobilenet_rt_run_chain_f32(run, &raw const chain, null(), 0);
            }),
        ]
    };
    use Status::{Alignment, Null, Ok, Refused};
    let expected = [Ok, Null, Null, Null, Alignment, Refused, Refused, Refused, Refused, Null];
    assert_eq!(found, expected.map(|status| status as i32));
}

const MAP: Map = Map { offset: 0, height: 2, width: 1, channels: 8, group: 1, ring: 2, bytes: 4 };
const LINK: Link = Link {
    kind: LinkKind::Elementwise,
    groups: 1,
    input: MAP,
    window: Window::ONE,
    weights: NONE,
    epilogue: Epilogue { add: MAP, ..Epilogue::clamp(0.0, 5.0) },
    output: MAP,
    codes: None,
};
const MEAN: Link = Link {
    kind: LinkKind::Mean,
    epilogue: Epilogue::clamp(f32::NEG_INFINITY, f32::INFINITY),
    output: Map { height: 1, ring: 1, ..MAP },
    ..LINK
};

fn run_chain(links: &[Link], arena: &mut Memory, output: Option<&mut [f32]>) -> i32 {
    let weights = Memory([0; 256]);
    let mut inference = begin(ABI, weights.0.as_ptr(), arena.0.as_mut_ptr(), 128);
    let chain = Chain { stem: null(), links: links.as_ptr(), count: links.len() };
    // SAFETY: the pointers are valid.
    unsafe {
        match output {
            None => mobilenet_rt_run_chain_f32(&raw mut inference, &raw const chain, null(), 0),
            Some(output) => {
                let (run, chain, to) = (&raw mut inference, &raw const chain, output.as_mut_ptr());
                mobilenet_rt_run_chain_f32_mean_out(run, chain, null(), 0, to, output.len());
            }
        }
    }
    inference.status
}

#[test]
fn chains_compute_and_misfits_are_refused() {
    let mut arena = Memory([0; 256]);
    for row in 0..2 {
        arena.0[row * 32..row * 32 + 4].copy_from_slice(&(row as f32 + 1.5).to_le_bytes());
    }
    let mut means = [7.0; 8];
    assert_eq!(run_chain(&[LINK, MEAN], &mut arena, Some(&mut means)), Status::Ok as i32);
    // 1.5 + 1.5, and 2.5 + 2.5 at the bound.
    assert_eq!(means, [4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let longer = Map { ring: 100, ..MAP };
    let taller = Map { height: 4, ring: 4, ..MAP };
    let outside = Map { offset: 96, ..MAP };
    for links in [
        &[Link { output: longer, ..LINK }][..],
        &[LINK, Link { input: taller, output: taller, ..LINK }],
        &[Link { output: outside, ..LINK }],
        &[Link { kind: LinkKind(9), ..LINK }],
        &[Link { epilogue: Epilogue::of(Activation { kind: ActivationKind(9), a: 0.0, b: 0.0 }), ..LINK }],
        &[Link { kind: LinkKind::Pointwise, ..LINK }],
        &[LINK; 65],
        &[MEAN, MEAN],
    ] {
        assert_eq!(run_chain(links, &mut arena, None), Status::Refused as i32, "{links:?}");
    }
    assert_eq!(run_chain(&[LINK], &mut arena, Some(&mut means)), Status::Refused as i32);
    assert!(arena.0[128..].iter().all(|&byte| byte == 0));
}

#[test]
fn steps_over_arrays_compute_and_misfits_are_refused() {
    let (weights, mut arena) = (Memory([0; 256]), Memory([0; 256]));
    for (at, value) in [-2.0_f32, 3.0, 1.0, -4.0].into_iter().enumerate() {
        arena.0[at * 4..at * 4 + 4].copy_from_slice(&value.to_le_bytes());
    }
    let relu = Activation::clamp(0.0, f32::INFINITY);
    let unknown = Activation { kind: ActivationKind(7), ..relu };
    let (mut output, mut indices) = ([3.0_f32, 4.0], [0_i64; 2]);
    let (out, index) = (output.as_mut_ptr(), indices.as_mut_ptr());
    let (map, narrow) = (MAP, Map { channels: 4, ..MAP });
    let mut status = |step: &dyn Fn(*mut Inference)| {
        let mut inference = begin(ABI, weights.0.as_ptr(), arena.0.as_mut_ptr(), 256);
        step(&raw mut inference);
        inference.status
    };
    // SAFETY: the pointers are valid.
    let found = unsafe {
        [
            status(&|run| mobilenet_rt_run_argmax(run, 0, 2, 2, 1, 0, index, 2)),
            status(&|run| mobilenet_rt_run_argmax(run, 0, 2, 2, 1, 0, index, 1)),
            status(&|run| mobilenet_rt_run_argmax(run, 240, 2, 3, 1, 0, index, 2)),
            status(&|run| mobilenet_rt_run_normalize_out(run, out, 2, 2, 1, 2, 0.0)),
            status(&|run| mobilenet_rt_run_normalize_out(run, out, 2, 2, 1, 3, 0.0)),
            status(&|run| mobilenet_rt_run_normalize_out(run, out, 2, 0, 1, 2, 0.0)),
            status(&|run| mobilenet_rt_run_softmax_out(run, out, 2, 3, 1, 0)),
            status(&|run| mobilenet_rt_run_activate(run, &raw const relu, 0, 4)),
            status(&|run| mobilenet_rt_run_activate(run, &raw const unknown, 0, 4)),
            status(&|run| mobilenet_rt_run_activate(run, &raw const relu, 244, 4)),
            status(&|run| mobilenet_rt_run_copy(run, &raw const narrow, &raw const map, 4)),
            status(&|run| mobilenet_rt_run_copy(run, &raw const narrow, &raw const map, 5)),
            status(&|run| mobilenet_rt_run_export_at(run, &raw const narrow, 1, 128)),
            status(&|run| mobilenet_rt_run_export_at(run, &raw const narrow, 1, 32)),
        ]
    };
    use Status::{Ok, Refused};
    let expected =
        [Ok, Refused, Refused, Ok, Refused, Refused, Refused, Ok, Refused, Refused, Ok, Refused, Ok, Refused];
    assert_eq!(found, expected.map(|status| status as i32));
    assert_eq!((indices, output), ([1, 0], [0.6, 0.8]));
    let floats: Vec<_> = arena.0[..32].chunks(4).map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]])).collect();
    assert_eq!(floats, [0.0, 3.0, 1.0, 0.0, 0.0, 3.0, 1.0, 0.0]);
    assert_eq!(arena.0[128..144], arena.0[..16]);
}
