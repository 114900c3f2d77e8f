//! The processors that code is written for: which instruction sets its kernels come in, and how one of them is taken.

use super::isa::{self, Isa};
use super::source::kernel;
use super::{COptions, Kernels};
use crate::diagnostic::Problem;
use crate::plan::{CostModel, LinkOp, Packing, Plan, padded_channels};
use std::fmt::Write;

/// What keeps code for a target from reading a plan's weights.
pub(super) fn check(plan: &Plan, options: &COptions) -> Option<Problem> {
    let wanted = match options.kernels {
        Kernels::Inline => options.target.packing(),
        Kernels::Runtime => Packing::Any,
    };
    let reads = plan.packing == Packing::Any || plan.packing == wanted;
    let codes = plan.links().any(|link| link.codes.is_some());
    let problem = || {
        let expected = format!("layers on codes packed as {wanted:?}");
        Problem::new("weights that are packed for another target").expected(expected, format!("{:?}", plan.packing))
    };
    (codes && !reads).then(problem)
}

/// What the code may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// AVX-512, AVX2, SSE2, NEON, Helium, WebAssembly SIMD where there, C alone elsewhere.
    #[default]
    Auto,
    /// C99 alone, for any compiler.
    Generic,
    /// AVX2 and FMA.
    X86_64V3,
    /// NEON.
    Aarch64,
    /// Cortex-M4 with its floating-point unit.
    CortexM4,
    /// Cortex-M33 with its floating-point unit: the code of Cortex-M4.
    CortexM33,
    /// Cortex-M7 with its floating-point unit.
    CortexM7,
    /// Cortex-M55 with Helium for floats.
    CortexM55,
    /// The base set with floating point.
    Riscv64,
    /// WebAssembly, with SIMD where the compiler is told so.
    Wasm32,
}

/// Instruction sets that the preprocessor finds together.
struct Family {
    /// Macro that is defined where they are.
    flag: &'static str,
    condition: &'static str,
    /// What `condition` asks of the compiler.
    wanted: &'static str,
    isas: &'static [Isa],
}

const X86: Family = Family {
    flag: "@@X86",
    condition: "defined(__GNUC__) && defined(__x86_64__) && defined(__SSE2__)",
    wanted: "gcc or clang for x86-64",
    isas: &[isa::AVX512, isa::AVX2, isa::SSE2],
};
const X86_64_V3: Family = Family { isas: &[isa::AVX2], ..X86 };
const NEON: Family = Family {
    flag: "@@NEON",
    condition: "defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__)",
    wanted: "gcc or clang for aarch64",
    isas: &[isa::NEON],
};
const HELIUM: Family = Family {
    flag: "@@HELIUM",
    condition: "defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 2)",
    wanted: "Helium with floats, such as -mcpu=cortex-m55 -mfloat-abi=hard",
    isas: &[isa::HELIUM],
};
const SIMD128: Family =
    Family { flag: "@@SIMD128", condition: "defined(__wasm_simd128__)", wanted: "-msimd128", isas: &[isa::SIMD128] };

impl Target {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Auto,
        Self::Generic,
        Self::X86_64V3,
        Self::Aarch64,
        Self::CortexM4,
        Self::CortexM33,
        Self::CortexM7,
        Self::CortexM55,
        Self::Riscv64,
        Self::Wasm32,
    ];

    /// As the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Generic => "generic",
            Self::X86_64V3 => "x86-64-v3",
            Self::Aarch64 => "aarch64",
            Self::CortexM4 => "cortex-m4",
            Self::CortexM33 => "cortex-m33",
            Self::CortexM7 => "cortex-m7",
            Self::CortexM55 => "cortex-m55",
            Self::Riscv64 => "riscv64",
            Self::Wasm32 => "wasm32",
        }
    }

    /// What its kernels use, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Auto => "Every instruction set, chosen when the code is compiled or runs",
            Self::Generic => "C99 for any compiler, without extensions",
            Self::X86_64V3 => "AVX2 and FMA",
            Self::Aarch64 => "NEON",
            Self::CortexM4 => "Small code for Cortex-M4F",
            Self::CortexM33 => "Small code for Cortex-M33 with FPU, that of Cortex-M4",
            Self::CortexM7 => "Small code for Cortex-M7 with FPU",
            Self::CortexM55 => "Helium",
            Self::Riscv64 => "Scalar code for RV64 with F and D",
            Self::Wasm32 => "SIMD128 with -msimd128, scalar code without",
        }
    }

    /// How layers on codes are packed for it: for its only way to multiply bytes, or for all.
    pub fn packing(self) -> Packing {
        let mut all = self.isas().into_iter().map(|(isa, _)| isa.codes.packing());
        let first = all.next().unwrap_or_default();
        if all.all(|packing| packing == first) { first } else { Packing::Any }
    }

    /// Bytes of stack that optimised code of a plan takes at most: what docs/output-format.md states, and a test holds it to, with the
    /// codes that kernels spread there.
    pub fn stack_bytes(self, plan: &Plan) -> Option<usize> {
        // Of the frames, and for every four channels: three pixels of halves, or four of bytes.
        let (frames, quad) = match self {
            Self::CortexM4 | Self::CortexM7 => (1_024, 24),
            Self::CortexM33 => (1_280, 24),
            Self::CortexM55 => (1_536, 16),
            Self::Generic | Self::Auto => (4_096, 0),
            Self::X86_64V3 | Self::Aarch64 | Self::Riscv64 => (2_048, 0),
            Self::Wasm32 => return None,
        };
        let summed = plan.links().filter(|link| link.codes.is_some()).map(|link| match link.op {
            LinkOp::Conv { .. } | LinkOp::Pointwise => {
                link.input.as_ref().map_or(0, |map| padded_channels(map.channels) / 4)
            }
            _ => 0,
        });
        Some(frames + quad * summed.max().unwrap_or(0))
    }

    /// What plans for it are ranked by, and how they are packed.
    pub fn cost(self) -> CostModel {
        let model = match self {
            Self::CortexM4 | Self::CortexM33 | Self::CortexM7 | Self::CortexM55 => CostModel::microcontroller(),
            _ => CostModel::default(),
        };
        CostModel { packing: self.packing(), ..model }
    }

    fn families(self) -> &'static [Family] {
        match self {
            Self::Auto => &[X86, NEON, HELIUM, SIMD128],
            Self::X86_64V3 => &[X86_64_V3],
            Self::Aarch64 => &[NEON],
            Self::CortexM55 => &[HELIUM],
            Self::Wasm32 => &[SIMD128],
            Self::Generic | Self::CortexM4 | Self::CortexM33 | Self::CortexM7 | Self::Riscv64 => &[],
        }
    }

    /// The kernels without vectors, where the target has such.
    fn scalar(self) -> Option<Isa> {
        match self {
            Self::X86_64V3 | Self::Aarch64 | Self::CortexM55 => None,
            Self::CortexM4 | Self::CortexM33 | Self::CortexM7 => Some(isa::COMPACT),
            Self::Riscv64 => Some(isa::RISCV),
            Self::Wasm32 => Some(isa::PLAIN),
            Self::Auto | Self::Generic => Some(isa::ARRAYS),
        }
    }

    /// Flags for the floating-point unit, where a compiler may take its absence for granted.
    const fn float_flags(self) -> Option<&'static str> {
        match self {
            Self::CortexM4 => Some("-mfloat-abi=hard -mfpu=fpv4-sp-d16"),
            Self::CortexM33 | Self::CortexM7 => Some("-mfloat-abi=hard -mfpu=fpv5-sp-d16"),
            _ => None,
        }
    }

    /// Whether the code keeps to the C standard.
    pub(super) fn is_standard(self) -> bool {
        self == Self::Generic
    }

    /// What stands in front of the kernels: the vectors, spelled alike for all instruction sets.
    pub(super) fn vectors(self) -> String {
        let mut text = String::from(match self {
            Self::Generic => kernel!("vectors/standard"),
            _ => kernel!("vectors/gnu"),
        });
        if let Some(flags) = self.float_flags() {
            let _ = writeln!(
                text,
                "#if defined(__arm__) && !defined(__ARM_FP) && !defined(@@SOFT_FLOAT)\n\
                 #error \"--target {} needs {flags}; define @@SOFT_FLOAT to do without\"\n#endif",
                self.name()
            );
        }
        text += kernel!("vectors/about");
        let families = self.families();
        for (i, Family { flag, condition, isas, .. }) in families.iter().enumerate() {
            let _ = writeln!(text, "#{} {condition}\n#define {flag} 1", if i == 0 { "if" } else { "elif" });
            text.extend(isas.iter().map(|isa| isa.vectors));
        }
        match (families.last(), self.scalar()) {
            (Some(last), None) => {
                let _ = writeln!(text, "#else\n#error \"--target {} needs {}\"\n#endif", self.name(), last.wanted);
            }
            (Some(_), Some(_)) => text += "#endif\n",
            (None, _) => {}
        }
        if let Some(isa) = self.scalar() {
            text += if self.is_standard() { kernel!("vectors/scalar_plain") } else { kernel!("vectors/scalar_fma") };
            text += isa.vectors;
        }
        text + "\n"
    }

    /// Its instruction sets, each with the condition under which its kernels exist; none where they always do.
    pub(super) fn isas(self) -> Vec<(Isa, String)> {
        let families = self.families();
        let alone = families.is_empty() || self.scalar().is_none();
        let guard = |flag: &str| if alone { String::new() } else { format!("defined({flag})") };
        let mut isas: Vec<_> =
            families.iter().flat_map(|f| f.isas.iter().map(move |&isa| (isa, guard(f.flag)))).collect();
        if let Some(isa) = self.scalar() {
            let others: Vec<_> = families.iter().map(|f| format!("!defined({})", f.flag)).collect();
            isas.push((isa, others.join(" && ")));
        }
        isas
    }

    /// Whether the kernels are chosen when the code runs.
    pub(super) fn asks_the_cpu(self) -> bool {
        self.families().iter().any(|family| family.isas.len() > 1)
    }

    /// The call of the kernels that are there.
    pub(super) fn call(self) -> String {
        let run = |isa: &Isa| format!("        @run_{}(input, output, %IMAGE%floats, weights);\n", isa.suffix);
        let mut text = String::new();
        for (i, family) in self.families().iter().enumerate() {
            let chosen = match family.isas {
                [one] => run(one),
                _ => kernel!("choose").to_string(),
            };
            text += &format!("#{} defined({})\n{chosen}", if i == 0 { "if" } else { "elif" }, family.flag);
        }
        match (self.families(), self.scalar()) {
            ([], Some(isa)) => run(&isa),
            ([only], None) => run(&only.isas[0]),
            (_, scalar) => text + &scalar.map_or(String::new(), |isa| format!("#else\n{}", run(&isa))) + "#endif\n",
        }
    }
}
