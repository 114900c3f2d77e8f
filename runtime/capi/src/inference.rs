//! The memory of an inference, and what may be wrong with it.

use mobilenet_runtime::rt::{ABI, Run};

/// What became of an inference, by the numbers of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    /// Nothing is wrong so far.
    Ok = 0,
    /// The caller was compiled for another version of this library.
    Abi = 1,
    /// A pointer is null.
    Null = 2,
    /// The arena is not at a multiple of 64, or something else not at one of its own alignment.
    Alignment = 3,
    /// A descriptor does not fit the memory.
    Refused = 4,
}

/// One inference under way.
#[derive(Debug)]
#[repr(C)]
pub struct Inference {
    pub(crate) weights: *const u8,
    pub(crate) weight_bytes: usize,
    pub(crate) arena: *mut u8,
    pub(crate) arena_bytes: usize,
    pub(crate) status: i32,
}

/// Begins an inference over this memory.
///
/// # Safety
/// `inference` is null or can be written. The weights and the arena are as long as said, and lent to it until its last step.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_begin(
    inference: *mut Inference,
    abi: u32,
    weights: *const u8,
    weight_bytes: usize,
    arena: *mut u8,
    arena_bytes: usize,
) {
    if inference.is_null() {
        return;
    }
    let status = match () {
        () if abi != ABI => Status::Abi,
        () if weights.is_null() || arena.is_null() => Status::Null,
        () if !weights.addr().is_multiple_of(4) || !arena.addr().is_multiple_of(64) => Status::Alignment,
        () if weight_bytes.max(arena_bytes) > isize::MAX as usize => Status::Refused,
        () => Status::Ok,
    };
    // SAFETY: as for this function.
    unsafe { inference.write(Inference { weights, weight_bytes, arena, arena_bytes, status: status as i32 }) };
}

/// Executes a step of an inference that has met no error, and keeps the error that it meets.
///
/// # Safety
/// `inference` is null or was set up by [`mobilenet_rt_begin`]; its memory is lent to it.
pub(crate) unsafe fn step(inference: *mut Inference, work: impl FnOnce(&mut Run<'_>) -> Result<(), Status>) {
    // SAFETY: as for this function.
    let Some(inference) = (unsafe { inference.as_mut() }) else { return };
    if inference.status != Status::Ok as i32 {
        return;
    }
    let memory = |bytes, len| core::ptr::slice_from_raw_parts_mut(bytes, len);
    let weights = memory(inference.weights.cast_mut(), inference.weight_bytes).cast_const();
    let arena = memory(inference.arena, inference.arena_bytes);
    let done = guarded(|| {
        // SAFETY: `mobilenet_rt_begin` checked the pointers; nothing keeps the weights when the run has ended.
        let (weights, arena) = unsafe { (&*weights, &mut *arena) };
        work(&mut Run::new(weights, arena))
    });
    if let Err(status) = done {
        inference.status = status as i32;
    }
}

/// A panic of the kernels' checks is a refusal.
#[cfg(feature = "std")]
fn guarded(work: impl FnOnce() -> Result<(), Status>) -> Result<(), Status> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(Err(Status::Refused))
}

#[cfg(not(feature = "std"))]
fn guarded(work: impl FnOnce() -> Result<(), Status>) -> Result<(), Status> {
    work()
}

/// The values that C points to.
///
/// # Safety
/// Where `data` is neither null nor misaligned, it points to `len` values that nothing writes while they are in use.
pub(crate) unsafe fn slice<'a, T>(data: *const T, len: usize) -> Result<&'a [T], Status> {
    if len == 0 {
        return Ok(&[]);
    }
    check(data, len)?;
    // SAFETY: checked, and as for this function.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// The values that C lends to be written.
///
/// # Safety
/// Where `data` is neither null nor misaligned, it points to `len` values that nothing else uses while they are in use.
pub(crate) unsafe fn slice_mut<'a, T>(data: *mut T, len: usize) -> Result<&'a mut [T], Status> {
    if len == 0 {
        return Ok(&mut []);
    }
    check(data, len)?;
    // SAFETY: checked, and as for this function.
    Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

fn check<T>(data: *const T, len: usize) -> Result<(), Status> {
    match () {
        () if data.is_null() => Err(Status::Null),
        () if !data.is_aligned() => Err(Status::Alignment),
        () if len > isize::MAX as usize / size_of::<T>() => Err(Status::Refused),
        () => Ok(()),
    }
}
