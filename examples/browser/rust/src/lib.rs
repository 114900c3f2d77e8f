//! What the page calls. `../../c/module.c` exports the same.
#![no_std]

use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use mobilenet_runtime::mobilenet_model;

mobilenet_model!("../../classify/model/fashion_a025_64.onnx", struct Fashion);

struct State {
    image: [f32; Fashion::INPUT_LEN],
    logits: [f32; Fashion::OUTPUT_LEN],
    arena: FashionArena,
}

struct Single(UnsafeCell<State>);

// SAFETY: the module's memory is not shared, so one thread runs it.
unsafe impl Sync for Single {}

static STATE: Single = Single(UnsafeCell::new(State {
    image: [0.0; Fashion::INPUT_LEN],
    logits: [0.0; Fashion::OUTPUT_LEN],
    arena: FashionArena::new(),
}));

/// Where the page writes the image.
#[unsafe(no_mangle)]
pub extern "C" fn input() -> *mut f32 {
    // SAFETY: a place inside the static, of which no reference is made.
    unsafe { (&raw mut (*STATE.0.get()).image).cast() }
}

/// Where the page finds the scores.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *mut f32 {
    // SAFETY: a place inside the static, of which no reference is made.
    unsafe { (&raw mut (*STATE.0.get()).logits).cast() }
}

/// One inference.
#[unsafe(no_mangle)]
pub extern "C" fn run() {
    // SAFETY: one thread, and no other reference lives while this function runs.
    let state = unsafe { &mut *STATE.0.get() };
    Fashion::run(&state.image, &mut state.logits, &mut state.arena);
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
