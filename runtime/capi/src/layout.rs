//! The places and sizes that the header asserts in C, asserted here, too.

use crate::{Chain, Inference, Source, Stem};
use core::mem::offset_of;
use mobilenet_runtime::rt::{Activation, Codes, Dense, Epilogue, Link, Map, Quant, Window};

/// Words and numbers of 4 bytes.
const fn at(words: usize, numbers: usize) -> usize {
    words * size_of::<usize>() + numbers * 4
}

/// Three numbers of 4 bytes, and what aligns the word behind them.
const THREE: usize = if size_of::<usize>() == 8 { 4 } else { 3 };

const _: () = {
    assert!(offset_of!(Inference, weights) == at(0, 0));
    assert!(offset_of!(Inference, weight_bytes) == at(1, 0));
    assert!(offset_of!(Inference, arena) == at(2, 0));
    assert!(offset_of!(Inference, arena_bytes) == at(3, 0));
    assert!(offset_of!(Inference, status) == at(4, 0));
    assert!(size_of::<Inference>() == at(5, 0));
    assert!(offset_of!(Map, offset) == at(0, 0));
    assert!(offset_of!(Map, height) == at(1, 0));
    assert!(offset_of!(Map, width) == at(2, 0));
    assert!(offset_of!(Map, channels) == at(3, 0));
    assert!(offset_of!(Map, group) == at(4, 0));
    assert!(offset_of!(Map, ring) == at(5, 0));
    assert!(offset_of!(Map, bytes) == at(6, 0));
    assert!(size_of::<Map>() == at(7, 0));
    assert!(offset_of!(Quant, scale) == at(0, 0));
    assert!(offset_of!(Quant, zero) == at(0, 1));
    assert!(size_of::<Quant>() == at(0, 2));
    assert!(offset_of!(Codes, input) == at(0, 0));
    assert!(offset_of!(Codes, second) == at(0, 2));
    assert!(offset_of!(Codes, output) == at(0, 4));
    assert!(offset_of!(Codes, lo) == at(0, 6));
    assert!(offset_of!(Codes, hi) == at(0, 7));
    assert!(offset_of!(Codes, product) == at(0, 8));
    assert!(offset_of!(Codes, extras) == at(0, 9));
    assert!(offset_of!(Codes, table) == at(0, 10));
    assert!(size_of::<Codes>() == at(1, 10));
    assert!(offset_of!(Window, kernel) == at(0, 0));
    assert!(offset_of!(Window, stride) == at(2, 0));
    assert!(offset_of!(Window, dilation) == at(4, 0));
    assert!(offset_of!(Window, pad) == at(6, 0));
    assert!(size_of::<Window>() == at(8, 0));
    assert!(offset_of!(Activation, kind) == at(0, 0));
    assert!(offset_of!(Activation, a) == at(0, 1));
    assert!(offset_of!(Activation, b) == at(0, 2));
    assert!(size_of::<Activation>() == at(0, 3));
    assert!(offset_of!(Epilogue, gate) == at(0, 0));
    assert!(offset_of!(Epilogue, add) == at(1, 0));
    assert!(offset_of!(Epilogue, activation) == at(8, 0));
    assert!(offset_of!(Epilogue, slopes) == at(8, THREE));
    assert!(offset_of!(Epilogue, affine) == at(9, THREE));
    assert!(size_of::<Epilogue>() == at(10, THREE));
    assert!(offset_of!(Source, height) == at(0, 0));
    assert!(offset_of!(Source, width) == at(1, 0));
    assert!(offset_of!(Source, channels) == at(2, 0));
    assert!(offset_of!(Source, layout) == at(3, 0));
    assert!(size_of::<Source>() == at(4, 0));
    assert!(offset_of!(Stem, input) == at(0, 0));
    assert!(offset_of!(Stem, window) == at(4, 0));
    assert!(offset_of!(Stem, weights) == at(12, 0));
    assert!(offset_of!(Stem, pad_values) == at(13, 0));
    assert!(offset_of!(Stem, epilogue) == at(14, 0));
    assert!(offset_of!(Stem, output) == at(24, THREE));
    assert!(offset_of!(Stem, scratch) == at(31, THREE));
    assert!(offset_of!(Stem, codes) == at(32, THREE));
    assert!(size_of::<Stem>() == at(33, THREE));
    assert!(offset_of!(Link, kind) == at(0, 0));
    assert!(offset_of!(Link, groups) == at(1, 0));
    assert!(offset_of!(Link, input) == at(2, 0));
    assert!(offset_of!(Link, window) == at(9, 0));
    assert!(offset_of!(Link, weights) == at(17, 0));
    assert!(offset_of!(Link, epilogue) == at(18, 0));
    assert!(offset_of!(Link, output) == at(28, THREE));
    assert!(offset_of!(Link, codes) == at(35, THREE));
    assert!(size_of::<Link>() == at(36, THREE));
    assert!(offset_of!(Chain, stem) == at(0, 0));
    assert!(offset_of!(Chain, links) == at(1, 0));
    assert!(offset_of!(Chain, count) == at(2, 0));
    assert!(size_of::<Chain>() == at(3, 0));
    assert!(offset_of!(Dense, input) == at(0, 0));
    assert!(offset_of!(Dense, k) == at(1, 0));
    assert!(offset_of!(Dense, n) == at(2, 0));
    assert!(offset_of!(Dense, weights) == at(3, 0));
    assert!(offset_of!(Dense, epilogue) == at(4, 0));
    assert!(size_of::<Dense>() == at(14, THREE));
};
