//! The sizes that the header asserts in C, asserted here, too.

use crate::{Inference, Source, Stem, Stream};
use mobilenet_runtime::rt::{Clamp, Conv, Dense, Depthwise, Map, Pointwise, Separable, Window};

const fn size(words: usize, clamps: usize) -> usize {
    words * size_of::<usize>() + clamps * size_of::<Clamp>()
}

const _: () = {
    assert!(size_of::<Clamp>() == 8);
    assert!(size_of::<Inference>() == size(5, 0));
    assert!(size_of::<Map>() == size(6, 0));
    assert!(size_of::<Window>() == size(8, 0));
    assert!(size_of::<Source>() == size(4, 0));
    assert!(size_of::<Stem>() == size(21, 1));
    assert!(size_of::<Separable>() == size(23, 2));
    assert!(size_of::<Depthwise>() == size(21, 1));
    assert!(size_of::<Pointwise>() == size(13, 1));
    assert!(size_of::<Conv>() == size(21, 1));
    assert!(size_of::<Dense>() == size(4, 1));
    assert!(size_of::<Stream>() == size(3, 0));
};
