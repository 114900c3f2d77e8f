//! Convolution in groups, a channel at a time: right for any number of channels per group, and no faster than that.

use super::{Row, RowView, Rows, inside, padded_channels};
use crate::rt::Window;

/// # Safety
/// As for [`super::row`]; groups divide both numbers of channels.
// One copy for all instruction sets.
#[inline(never)]
pub(super) unsafe fn row(row: &Row, rows: &Rows) {
    let Window { kernel, stride, dilation, pad } = row.window;
    let (own, padded) = (row.input.channels / row.groups, padded_channels(row.n));
    let per_group = row.n / row.groups;
    let taps = kernel[0] * kernel[1] * own;
    for channel in row.channels.clone() {
        let width = if padded - channel / 16 * 16 == 8 { 8 } else { 16 };
        let first = channel / per_group * own;
        for x in 0..row.width {
            let (begin, end) =
                inside((x * stride[1]) as isize - pad[1] as isize, kernel[1], dilation[1], row.input.width);
            // SAFETY: the caller vouches for panels and pixels; `rows` and the taps lie inside the map.
            unsafe {
                let panel = row.panels.add(channel / 16 * 16 * (1 + taps) + channel % 16);
                let mut sum = *panel;
                if channel < row.n {
                    for ky in rows.first..rows.end {
                        let input = rows.get(ky);
                        for kx in begin..end {
                            let column = x * stride[1] + kx * dilation[1] - pad[1];
                            for c in 0..own {
                                let weight = *panel.add((1 + (ky * kernel[1] + kx) * own + c) * width);
                                sum += weight * value(row, &input, first + c, column);
                            }
                        }
                    }
                }
                let sum = if sum < row.clamp.lo { row.clamp.lo } else { sum };
                let sum = if sum > row.clamp.hi { row.clamp.hi } else { sum };
                row.out.block(channel / 16, width).add(x * width + channel % 16).write(sum);
            }
        }
    }
}

/// # Safety
/// The channel and the column must exist in the row.
#[inline(always)]
unsafe fn value(row: &Row, input: &RowView, channel: usize, column: usize) -> f32 {
    let width = if padded_channels(row.input.channels) - channel / 16 * 16 == 8 { 8 } else { 16 };
    // SAFETY: as for this function.
    unsafe { *input.block(channel / 16, width).add(column * width + channel % 16) }
}
