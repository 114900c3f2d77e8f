//! Runs compiled models for a test: named by arguments `index:images`, inputs from standard input, outputs (as f32) to
//! standard output. Each inference has a thread with 64 KiB of stack, an arena full of NaNs, and must not allocate. Where the model can
//! read its input by rows, that must give the same bits.

use mobilenet_runtime::{Element, Model};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Stack of the thread that runs a model.
const STACK_BYTES: usize = 64 << 10;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A model behind one signature: how many images to read, run and write.
pub type Server = fn(usize) -> io::Result<()>;

/// Serves what the arguments ask for.
pub fn main(servers: &[Server]) -> io::Result<()> {
    for argument in std::env::args().skip(1) {
        let (index, images) = argument.split_once(':').ok_or_else(|| wrong(&argument))?;
        let index: usize = index.parse().map_err(|_| wrong(&argument))?;
        let images = images.parse().map_err(|_| wrong(&argument))?;
        let server = servers.get(index).ok_or_else(|| wrong(&argument))?;
        server(images).map_err(|e| io::Error::other(format!("model {index}: {e}")))?;
    }
    Ok(())
}

fn wrong(argument: &str) -> io::Error {
    io::Error::other(format!("no model and image count: {argument:?}"))
}

/// An inference by rows of a whole input.
pub type ByRows<I, O, A> = Option<fn(&I, &mut O, &mut A)>;

/// Serves `images` inferences of `M`; `bytes` gives an arena's bytes.
pub fn serve<M: Model>(images: usize, bytes: fn(&mut M::Arena) -> &mut [u8]) -> io::Result<()> {
    serve_twice::<M>(images, bytes, None)
}

/// The same, of a model that may be able to read its input by rows.
pub fn serve_twice<M: Model>(
    images: usize,
    bytes: fn(&mut M::Arena) -> &mut [u8],
    by_rows: ByRows<M::InputArray, M::OutputArray, M::Arena>,
) -> io::Result<()> {
    let memory = || (M::new_input(), M::new_output(), M::new_arena());
    let values = |output: &M::OutputArray| output.as_ref().iter().map(|x| x.to_f32()).collect();
    infer::<M::Input, _, _, _>(images, memory, bytes, (M::run, by_rows), values)
}

/// What computes an output.
pub type Run<I, O, A> = fn(&I, &mut O, &mut A);

/// Input, output and arena.
pub type Memory<I, O, A> = (Box<I>, Box<O>, Box<A>);

/// Serves `images` inferences of `run`, which needs no trait.
pub fn infer<E: Element, I, O, A>(
    images: usize,
    memory: fn() -> Memory<I, O, A>,
    bytes: fn(&mut A) -> &mut [u8],
    (run, by_rows): (Run<I, O, A>, ByRows<I, O, A>),
    values: fn(&O) -> Vec<f32>,
) -> io::Result<()>
where
    I: AsMut<[E]> + Send + 'static,
    O: Send + 'static,
    A: Send + 'static,
{
    for _ in 0..images {
        let (mut input, mut output, mut arena) = memory();
        let (_, mut again, _) = memory();
        let elements = (*input).as_mut();
        let mut raw = vec![0; size_of_val(elements)];
        io::stdin().lock().read_exact(&mut raw)?;
        decode(&raw, elements);
        bytes(&mut arena).fill(0xff);
        // Reading the variable that forces an instruction set allocates, once.
        let forced = std::env::var_os("MOBILENET_ISA").is_some();
        let infer = move || {
            if forced {
                run(&input, &mut output, &mut arena);
                bytes(&mut arena).fill(0xff);
            }
            let before = ALLOCATIONS.load(SeqCst);
            run(&input, &mut output, &mut arena);
            if let Some(by_rows) = by_rows {
                bytes(&mut arena).fill(0xff);
                by_rows(&input, &mut again, &mut arena);
            }
            (output, again, ALLOCATIONS.load(SeqCst) - before)
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(infer)?;
        let (output, again, allocations) = thread.join().map_err(|_| io::Error::other("the model panicked"))?;
        if allocations > 0 {
            return Err(io::Error::other(format!("the model allocated {allocations} times")));
        }
        let bits = |output| values(output).into_iter().map(f32::to_bits).collect::<Vec<_>>();
        if by_rows.is_some() && bits(&output) != bits(&again) {
            return Err(io::Error::other("rows give another output than the whole input"));
        }
        let encoded: Vec<u8> = values(&output).into_iter().flat_map(f32::to_le_bytes).collect();
        io::stdout().lock().write_all(&encoded)?;
    }
    io::stdout().flush()
}

/// Rows of a whole image of one channel order or the other, as a model asks for them.
pub fn rows<E: Copy>(input: &[E], shape: [usize; 4], nchw: bool, first: usize, rows: usize, to: &mut [E]) {
    let [planes, height, row] = if nchw { [shape[1], shape[2], shape[3]] } else { [1, shape[1], shape[2] * shape[3]] };
    assert!(to.len() == planes * rows * row && first + rows <= height, "rows {first} and {rows} in all of {shape:?}");
    for (plane, to) in to.chunks_exact_mut(rows * row).enumerate() {
        to.copy_from_slice(&input[(plane * height + first) * row..][..rows * row]);
    }
}

fn decode<E: Element>(raw: &[u8], input: &mut [E]) {
    let signed = E::from_f32(-1.0).to_f32() < 0.0;
    if size_of::<E>() == 4 {
        for (element, b) in input.iter_mut().zip(raw.chunks_exact(4)) {
            *element = E::from_f32(f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        }
    } else {
        for (element, &b) in input.iter_mut().zip(raw) {
            *element = E::from_f32(if signed { f32::from(b.cast_signed()) } else { f32::from(b) });
        }
    }
}
