//! Rows in: `net_run_rows`, and what a first convolution reads its input by.

use super::Kernels;
use super::needs::Needs;
use super::outputs::Outputs;
use super::source::kernel;
use crate::network::Layout;
use crate::plan::Plan;

/// The type of what reads rows.
pub(super) fn types(needs: &Needs) -> String {
    if needs.rows_in.is_some() { kernel!("rows").into() } else { String::new() }
}

/// The function that has a row, wherever it is from.
pub(super) fn reading(needs: &Needs) -> String {
    let Some(rows) = needs.rows_in else { return String::new() };
    let ahead = match rows.image.layout {
        Layout::Nchw => rows.image.width,
        Layout::Nhwc => rows.len(),
    };
    kernel!("row_read").replace("%OFFSET%", &rows.offset.to_string()).replace("%ROW%", &ahead.to_string())
}

/// `net_run` and `net_run_rows`, of which one function computes both.
pub(super) fn entries(kernels: Kernels) -> String {
    let ignored = if kernels == Kernels::Runtime { "(void)" } else { "" };
    kernel!("rows_entries").replace("%IGNORED%", ignored)
}

/// The declarations of the header, or why there are none.
pub(super) fn declarations(plan: &Plan, outputs: &Outputs) -> String {
    let rows = match plan.rows_in() {
        Ok(rows) => rows,
        Err(why) => return format!("\n/* There is no @run_rows: {}. */\n", super::names::comment(&why)),
    };
    let order = match rows.image.layout {
        Layout::Nhwc => "[rows][W][C], as they lie in the input",
        Layout::Nchw => "[C][rows][W], of each channel's plane the rows, one plane behind the other",
    };
    let order = format!("{order}, W = {}, C = {}", rows.image.width, rows.image.channels);
    kernel!("header_rows")
        .replace("%ORDER%", &order)
        .replace("%ROW%", &rows.len().to_string())
        .replace("%OUTPUT%", outputs.ty())
}
