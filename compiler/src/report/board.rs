//! What a board needs for emitted C, and which boards have it.

use super::table::{Table, bytes};
use crate::emit::c::Target;
use crate::plan::{Element, Plan};

/// A class of microcontrollers, by its largest member.
struct Board {
    name: &'static str,
    flash_kib: usize,
    ram_kib: usize,
    /// The data sheet that says so.
    source: &'static str,
}

/// From small to large. RAM is what one array may have: the largest memory that lies in one piece.
const BOARDS: [Board; 8] = [
    Board { name: "STM32F401 (Cortex-M4)", flash_kib: 512, ram_kib: 96, source: "DS10086" },
    Board { name: "Arduino Nano 33 BLE, nRF52840 (M4)", flash_kib: 1024, ram_kib: 256, source: "nRF52840 PS" },
    Board { name: "Raspberry Pi Pico, RP2040 (M0+)", flash_kib: 2048, ram_kib: 264, source: "RP2040 datasheet" },
    Board { name: "Raspberry Pi Pico 2, RP2350 (M33)", flash_kib: 4096, ram_kib: 520, source: "RP2350 datasheet" },
    Board { name: "STM32F746 (M7)", flash_kib: 1024, ram_kib: 240, source: "DS10916, SRAM1" },
    Board { name: "STM32F767 (M7)", flash_kib: 2048, ram_kib: 368, source: "DS11532, SRAM1" },
    Board { name: "STM32H743 (M7)", flash_kib: 2048, ram_kib: 512, source: "DS12110, AXI SRAM" },
    Board { name: "OpenMV Cam RT1062 (M7)", flash_kib: 16_384, ram_kib: 512, source: "IMXRT1060CEC, OCRAM2" },
];

/// Flash that is left to code: kernels, the network's steps, start-up. Kernels and steps of a MobileNet are 7 to 20 KB.
const CODE: usize = 32 << 10;

/// Bytes that emitted C needs where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Packed weights, tables of codes among them.
    pub weights: usize,
    /// The arena.
    pub arena: usize,
    /// Stack at most, if a test holds the target to it.
    pub stack: Option<usize>,
    /// The caller's input, whole.
    pub input: usize,
    /// The caller's outputs.
    pub output: usize,
}

impl Needs {
    /// Of a plan as C for a target.
    pub fn new(plan: &Plan, target: Target) -> Self {
        let size = |port: &crate::network::Port| {
            let element = Element::of(port.dtype).map_or(8, Element::bytes);
            port.shape.iter().product::<usize>().saturating_mul(element)
        };
        let network = &plan.network;
        Self {
            weights: plan.weights.len(),
            arena: plan.arena_bytes,
            stack: target.stack_bytes(plan),
            input: size(&network.input),
            output: network.outputs.iter().map(|output| size(&output.port)).sum(),
        }
    }

    /// RAM in all.
    pub fn ram(&self) -> usize {
        [self.arena, self.stack.unwrap_or(0), self.input, self.output].into_iter().fold(0, usize::saturating_add)
    }

    /// In words, with a line for each board.
    pub fn text(&self) -> String {
        let Self { weights, arena, stack, input, output } = *self;
        let stack = stack.map_or_else(String::new, |stack| format!(" + {} of stack", bytes(stack)));
        let mut table = Table::new(&["board", ">flash", ">RAM", "fits", "source"]);
        for Board { name, flash_kib, ram_kib, source } in BOARDS {
            let (flash, ram) = (flash_kib << 10, ram_kib << 10);
            let fits = match (weights + CODE <= flash, self.ram() <= ram) {
                (true, true) => "yes".to_string(),
                (true, false) => format!("no: {} of RAM missing", bytes(self.ram() - ram)),
                (false, true) => format!("no: {} of flash missing", bytes(weights + CODE - flash)),
                (false, false) => "no".to_string(),
            };
            table.row([name.into(), format!("{flash_kib} KiB"), format!("{ram_kib} KiB"), fits, source.into()]);
        }
        format!(
            "  flash  {} of weights and tables, and code, for which {} are left\n  \
               RAM    {}: {} of arena{stack} + {} of input + {} of output\n\n{table}",
            bytes(weights),
            bytes(CODE),
            bytes(self.ram()),
            bytes(arena),
            bytes(input),
            bytes(output),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{CostModel, plan, testing};

    #[test]
    fn ram_is_the_sum_of_what_is_held() {
        let plan = plan(testing::mobilenet_v1(0.25, 96, 10), &CostModel::microcontroller()).unwrap();
        let needs = Needs::new(&plan, Target::CortexM4);
        assert_eq!((needs.input, needs.output), (3 * 96 * 96 * 4, 10 * 4));
        let stack = needs.stack.unwrap_or(0);
        assert_eq!(needs.ram(), plan.arena_bytes + stack + needs.input + needs.output);
        let text = needs.text();
        let lines = |end: &str| text.lines().filter(|line| line.contains(end)).count();
        assert_eq!(lines("yes") + lines("missing") + lines("  no "), BOARDS.len(), "{text}");
    }

    /// Three pixels of 1,280 halves; the test of boards gives the same network so much stack and no byte more.
    #[test]
    fn layers_on_codes_spread_them_on_the_stack() {
        let network = testing::on_codes(&testing::mobilenet_v2(0.35, 96, 10), 1);
        let plan = plan(network, &CostModel::microcontroller()).unwrap();
        assert_eq!(Needs::new(&plan, Target::CortexM4).stack, Some(1024 + 3 * 2 * 1280));
        assert_eq!(Needs::new(&plan, Target::Generic).stack, Some(4096));
    }

    #[test]
    fn a_board_of_too_little_says_how_much() {
        let needs = Needs { weights: 100 << 10, arena: 100 << 10, stack: None, input: 0, output: 0 };
        assert!(needs.text().contains("no: 4.1 KB of RAM missing"), "{}", needs.text());
    }
}
