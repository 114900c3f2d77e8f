//! Emitted code in this process.

use super::HostError;
use super::temporary::Temporary;
use crate::graph::{DType, half};
use crate::network::Output;
use crate::plan::Plan;
use libloading::{Library, Symbol};
use std::ffi::{c_int, c_void};
use std::path::Path;
use std::time::{Duration, Instant};

type RunChecked = unsafe extern "C" fn(*const c_void, *mut c_void, *mut c_void) -> c_int;

/// Alignment of the buffers handed to the code: as good as a careful caller's.
const ALIGN: usize = 64;

/// A model built and loaded, with an arena of its own.
pub struct Compiled {
    run: RunChecked,
    input: Buffer,
    output: Buffer,
    outputs: Vec<Field>,
    arena: Buffer,
    // Unloaded, then deleted, after everything above is gone.
    library: Library,
    _folder: Option<Temporary>,
}

/// An output in the buffer that the code writes: the only one's array, or the struct of all.
struct Field {
    element: DType,
    offset: usize,
    len: usize,
}

impl Field {
    fn values(&self, output: &[u8]) -> Vec<f32> {
        let bytes = output.get(self.offset..).unwrap_or_default();
        let bytes = bytes.get(..self.len * self.element.bytes()).unwrap_or_default();
        match self.element {
            DType::F16 => bytes.as_chunks().0.iter().map(|b| half::f16_to_f32(u16::from_le_bytes(*b))).collect(),
            DType::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect(),
            DType::U8 => bytes.iter().map(|&b| b.into()).collect(),
            DType::I8 => bytes.iter().map(|&b| b.cast_signed().into()).collect(),
            _ => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        }
    }
}

/// The values of each output of so many inferences, whose bytes lie behind each other.
pub(super) fn values(outputs: &[Output], bytes: &[u8], inferences: usize) -> Option<Vec<Vec<Vec<f32>>>> {
    let (fields, length) = fields(outputs);
    let all =
        || bytes.chunks(length.max(1)).map(|one| fields.iter().map(|field| field.values(one)).collect()).collect();
    (bytes.len() == length * inferences).then(all)
}

/// The outputs in order, and the bytes of all.
fn fields(outputs: &[Output]) -> (Vec<Field>, usize) {
    let (mut fields, mut end, mut align) = (Vec::new(), 0_usize, 1);
    for Output { port, .. } in outputs {
        let element = port.dtype;
        let len = port.shape.iter().fold(1_usize, |len, &size| len.saturating_mul(size));
        let offset = end.next_multiple_of(element.bytes());
        end = offset.saturating_add(len.saturating_mul(element.bytes()));
        align = align.max(element.bytes());
        fields.push(Field { element, offset, len });
    }
    (fields, end.next_multiple_of(align))
}

/// How long inferences took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The middle one.
    pub median: Duration,
    /// The shortest.
    pub best: Duration,
    /// The sum of all.
    pub total: Duration,
    /// How many.
    pub runs: usize,
}

impl Compiled {
    pub(super) fn load(path: &Path, folder: Option<Temporary>, prefix: &str, plan: &Plan) -> Result<Self, HostError> {
        let failed = |error| HostError::Load { path: path.into(), error };
        // SAFETY: the library is emitted C without initialisers.
        let library = unsafe { Library::new(path) }.map_err(failed)?;
        let name = format!("{prefix}_run_checked");
        // SAFETY: the emitted header declares the function so; all object pointers are alike here.
        let run: Symbol<RunChecked> = unsafe { library.get(name.as_bytes()) }.map_err(failed)?;
        let run = *run;
        let (input, _) = plan.lengths();
        let (outputs, output) = fields(&plan.network.outputs);
        Ok(Self {
            run,
            input: Buffer::new(input.saturating_mul(plan.network.input.dtype.bytes())),
            output: Buffer::new(output),
            outputs,
            arena: Buffer::new(plan.arena_bytes.saturating_add(63)),
            library,
            _folder: folder,
        })
    }

    /// A function of the library.
    ///
    /// # Safety
    ///
    /// `F` is the type of the function of that name, a function pointer; it is not called once `self` is gone.
    pub(super) unsafe fn symbol<F: Copy>(&self, name: &str) -> Result<F, HostError> {
        // SAFETY: as the caller promises.
        let symbol = unsafe { self.library.get::<F>(name.as_bytes()) };
        let failed = |error| HostError::Load { path: name.into(), error };
        symbol.map(|symbol| *symbol).map_err(failed)
    }

    /// One inference: the input's elements as bytes in the model's own type and layout, the batch included, to the values
    /// of each output.
    ///
    /// # Errors
    ///
    /// [`HostError::Input`] for an input of another length, [`HostError::Failed`] where the code reports an error.
    pub fn run(&mut self, input: &[u8]) -> Result<Vec<Vec<f32>>, HostError> {
        self.set_input(input)?;
        self.again()?;
        Ok(self.outputs.iter().map(|field| field.values(self.output.bytes())).collect())
    }

    /// Times inferences on one input, after a tenth as many that do not count.
    ///
    /// # Errors
    ///
    /// As [`Compiled::run`].
    pub fn time(&mut self, input: &[u8], runs: usize) -> Result<Timing, HostError> {
        self.set_input(input)?;
        for _ in 0..runs / 10 + 1 {
            self.again()?;
        }
        let mut times = Vec::with_capacity(runs.max(1));
        for _ in 0..runs.max(1) {
            let start = Instant::now();
            self.again()?;
            times.push(start.elapsed());
        }
        let total = times.iter().sum();
        times.sort_unstable();
        Ok(Timing { median: times[times.len() / 2], best: times[0], total, runs: times.len() })
    }

    fn set_input(&mut self, input: &[u8]) -> Result<(), HostError> {
        let own = self.input.bytes_mut();
        if own.len() != input.len() {
            return Err(HostError::Input { expected: own.len(), found: input.len() });
        }
        own.copy_from_slice(input);
        Ok(())
    }

    fn again(&mut self) -> Result<(), HostError> {
        let input = self.input.bytes().as_ptr().cast();
        let (output, arena) = (self.output.bytes_mut().as_mut_ptr().cast(), self.arena.bytes_mut().as_mut_ptr().cast());
        // SAFETY: the buffers have the lengths of the plan that the code was emitted from.
        match unsafe { (self.run)(input, output, arena) } {
            0 => Ok(()),
            code => Err(HostError::Failed(code)),
        }
    }
}

/// Aligned bytes.
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    fn new(len: usize) -> Self {
        let bytes = vec![0; len.saturating_add(ALIGN)];
        let start = bytes.as_ptr().align_offset(ALIGN).min(ALIGN);
        Self { bytes, start, len }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}
