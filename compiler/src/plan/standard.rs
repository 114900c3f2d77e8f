//! The network at one resolution for all, at which is decided what may be chosen by default: the same for every resolution of a
//! model. What each choice needs grows with the resolution, so the smallest of the same choices does, too.

use super::check::Check;
use crate::graph::Window;
use crate::network::{FeatureMap, Network, Shape};

/// Height and width, the family's own.
const RESOLUTION: [usize; 2] = [224, 224];

/// The network at the standard resolution, where it can be had at any: nothing of one that is at that resolution, or that has a
/// layer over a map of just its size.
pub(super) fn at_standard(network: &Network) -> Option<(Network, Check)> {
    let input = network.maps.get(network.input_map.0 as usize)?;
    if [input.height, input.width] == RESOLUTION || (input.height, input.width) == (1, 1) {
        return None;
    }
    let mut scaled = network.clone();
    resize(&mut scaled.maps[network.input_map.0 as usize], RESOLUTION);
    for stage in &network.stages {
        let (output, profile) = (stage.output.0 as usize, stage.kind.profile());
        let from = *scaled.maps.get(stage.inputs.first()?.0 as usize)?;
        let size = match profile.shape {
            Shape::Filtered | Shape::Pooled => {
                let window = profile.window.unwrap_or(Window::ONE);
                [axis(&window, 0, from.height)?, axis(&window, 1, from.width)?]
            }
            Shape::Mixed | Shape::Same | Shape::SameVector | Shape::Joined => [from.height, from.width],
            Shape::Mean | Shape::Vector => [1, 1],
        };
        let one = |map: &FeatureMap| (map.height, map.width) == (1, 1);
        let was_one = one(&network.maps[output]);
        resize(&mut scaled.maps[output], size);
        if one(&scaled.maps[output]) != was_one {
            return None;
        }
    }
    let elements = |network: &Network, map: usize| {
        let FeatureMap { height, width, channels, .. } = network.maps[map];
        height.checked_mul(width)?.checked_mul(channels)
    };
    scaled.input.shape = vec![scaled.batch, elements(&scaled, network.input_map.0 as usize)?];
    for output in 0..scaled.outputs.len() {
        let mut end = 0_usize;
        for piece in 0..scaled.outputs[output].pieces.len() {
            let map = scaled.outputs[output].pieces[piece].map.0 as usize;
            scaled.outputs[output].pieces[piece].offset = end;
            end = end.checked_add(elements(&scaled, map)?)?;
        }
        if scaled.outputs[output].finish.is_empty() {
            scaled.outputs[output].port.shape = vec![scaled.batch, end];
        }
    }
    let check = Check::new(&scaled).ok()?;
    Some((scaled, check))
}

fn resize(map: &mut FeatureMap, [height, width]: [usize; 2]) {
    (map.height, map.width) = (height, width);
}

fn axis(window: &Window, axis: usize, size: usize) -> Option<usize> {
    let span = window.kernel[axis].checked_sub(1)?.checked_mul(window.dilation[axis])?.checked_add(1)?;
    let pads = window.pads[axis].checked_add(window.pads[axis + 2])?;
    let padded = size.checked_add_signed(isize::try_from(pads).ok()?)?;
    Some(padded.checked_sub(span)?.checked_div(window.stride[axis])? + 1)
}
