//! One inference on several threads: the caller's threads, or scoped ones.

use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::vec::Vec;

/// Threads that can be asked to do something at the same time: an adapter over the caller's thread pool.
pub trait Pool: Sync {
    /// How many threads there are, the asking one included if it takes part.
    fn threads(&self) -> usize;

    /// Calls `task` once for every thread, at the same time where possible, and returns when all calls have returned.
    fn broadcast(&self, task: &(dyn Fn() + Sync));
}

/// The calling thread and scoped threads that are started for each [`with_pool`] and joined at its end; no more than this process
/// has processors, and no more than 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopedThreads(
    /// How many at most, the calling one included.
    pub usize,
);

/// Threads that can run at the same time, asked once.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

impl Pool for ScopedThreads {
    fn threads(&self) -> usize {
        self.0.clamp(1, processors().min(MOST_THREADS))
    }

    fn broadcast(&self, task: &(dyn Fn() + Sync)) {
        broadcast(self.threads(), task);
    }
}

/// Calls `task` on this thread and on scoped ones.
fn broadcast(threads: usize, task: &(dyn Fn() + Sync)) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(task);
        }
        task();
    });
}

/// Runs `body`, on one of the pool's threads, while the others help with every inference in it. Results are the same, bit
/// for bit, as with one thread.
///
/// The pool is asked once; between stages its threads wait without sleeping. So do several inferences in one `body`, and
/// use no more threads than there are idle cores. An inference is shared by 64 threads at most. Row buffers of the threads are
/// allocated by the first inference in `body` and kept until its end.
///
/// ```ignore
/// with_pool(&ScopedThreads(2), || Classifier::run(&image, &mut scores, &mut arena));
/// ```
///
/// # Panics
/// Where `body` does, and where the pool returns without having called its task.
pub fn with_pool<R: Send>(pool: &dyn Pool, body: impl FnOnce() -> R + Send) -> R {
    let crew = Crew::new(pool.threads().clamp(1, MOST_THREADS));
    let body = Mutex::new(Some(body));
    let result = Mutex::new(None);
    pool.broadcast(&|| {
        // The first to come leads; the others help until it is done.
        let leads = body.lock().ok().and_then(|mut body| body.take());
        match leads {
            Some(body) => {
                let value = crew.lead(body);
                if let Ok(mut result) = result.lock() {
                    *result = Some(value);
                }
            }
            None => crew.help(),
        }
    });
    match result.into_inner() {
        Ok(Some(value)) => value,
        _ => panic!("the pool has not called its task"),
    }
}

const MOST_THREADS: usize = 64;

std::thread_local! {
    /// The crew that this thread leads.
    static CREW: Cell<*const Crew> = const { Cell::new(core::ptr::null()) };
}

/// Calls `f` with the crew that this thread leads.
pub(crate) fn with_crew<R>(f: impl FnOnce(Option<&Crew>) -> R) -> R {
    // SAFETY: `lead` keeps the crew alive while its address is here.
    f(unsafe { CREW.get().as_ref() })
}

/// A leader and its helpers. The leader publishes a task of some parts, dealt to the threads in runs; whoever has done its
/// own run takes over parts of the others'.
pub(crate) struct Crew {
    posted: Posted,
    done: Done,
    runs: Vec<Claimed>,
    joined: AtomicUsize,
    memory: UnsafeCell<Vec<Line>>,
}

/// What helpers watch, in a cache line of its own.
#[repr(align(128))]
struct Posted {
    /// Number of the task and its parts: 48 and 16 bits. [`FINISHED`] at the end.
    state: AtomicU64,
    task: UnsafeCell<Option<Task>>,
}

/// What the leader watches: how many parts the others have done.
#[repr(align(128))]
struct Done(AtomicUsize);

/// The last task of which a part of this run was claimed, and how many parts were: 48 and 16 bits.
#[repr(align(128))]
struct Claimed(AtomicU64);

/// A line of memory for row buffers.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line {
    _bytes: [u8; 64],
}

const FINISHED: u64 = u64::MAX;

/// A task without its lifetime.
type Task = *const (dyn Fn(usize) + Sync);

// SAFETY: `task` and `memory` are written by the leader only, while no part is claimed or claimable.
unsafe impl Sync for Crew {}

impl Crew {
    fn new(threads: usize) -> Self {
        Self {
            posted: Posted { state: AtomicU64::new(0), task: UnsafeCell::new(None) },
            done: Done(AtomicUsize::new(0)),
            runs: (0..threads).map(|_| Claimed(AtomicU64::new(0))).collect(),
            joined: AtomicUsize::new(0),
            memory: UnsafeCell::new(Vec::new()),
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.runs.len()
    }

    /// At least `bytes` of memory that is kept for the next task.
    ///
    /// # Safety
    /// For the leader, between tasks; what earlier calls returned is void.
    pub(crate) unsafe fn memory(&self, bytes: usize) -> *mut u8 {
        // SAFETY: nobody else has a reference, as the caller promises.
        let memory = unsafe { &mut *self.memory.get() };
        if memory.len() * size_of::<Line>() < bytes {
            *memory = std::vec![Line { _bytes: [0; 64] }; bytes.div_ceil(size_of::<Line>())];
        }
        memory.as_mut_ptr().cast()
    }

    fn lead<R>(&self, body: impl FnOnce() -> R) -> R {
        struct Leading<'a>(&'a Crew, *const Crew);
        impl Drop for Leading<'_> {
            fn drop(&mut self) {
                CREW.set(self.1);
                self.0.posted.state.store(FINISHED, Ordering::Release);
            }
        }
        let _leading = Leading(self, CREW.replace(self));
        body()
    }

    fn help(&self) {
        let me = (self.joined.fetch_add(1, Ordering::Relaxed) + 1) % self.threads();
        let (mut idle, mut seen) = (0, 0);
        loop {
            let state = self.posted.state.load(Ordering::Acquire);
            if state == FINISHED {
                return;
            }
            if state == seen {
                pause(&mut idle);
                continue;
            }
            (idle, seen) = (0, state);
            let count = self.work(me, state);
            if count > 0 {
                self.done.0.fetch_add(count, Ordering::Release);
            }
        }
    }

    /// Calls `task` with every number below `parts` and returns when all calls have returned.
    pub(crate) fn share(&self, parts: usize, task: &(dyn Fn(usize) + Sync)) {
        let number = (self.posted.state.load(Ordering::Relaxed) >> 16) + 1;
        // SAFETY: the previous task is done, so nobody reads the cell. The lifetime ends after the last call: `share`
        // neither returns nor unwinds before.
        unsafe {
            *self.posted.task.get() = Some(core::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Task>(task))
        };
        self.done.0.store(0, Ordering::Relaxed);
        let state = number << 16 | parts as u64 & 0xffff;
        self.posted.state.store(state, Ordering::Release);
        let others = parts - self.work(0, state);
        let mut idle = 0;
        while self.done.0.load(Ordering::Acquire) < others {
            pause(&mut idle);
        }
    }

    /// Does parts of the task in `state`, those of run `me` first, until all are claimed; returns how many.
    fn work(&self, me: usize, state: u64) -> usize {
        let (number, parts, threads) = (state >> 16, (state & 0xffff) as usize, self.threads());
        let abort = AbortOnUnwind;
        let mut count = 0;
        for run in (me..threads).chain(0..me) {
            let (first, end) = (run * parts / threads, (run + 1) * parts / threads);
            while let Some(part) = self.runs[run].next(number, end - first) {
                // SAFETY: the task stays until the part that this thread has claimed is done.
                if let Some(task) = unsafe { *self.posted.task.get() } {
                    // SAFETY: as above.
                    unsafe { (*task)(first + part) };
                }
                count += 1;
            }
        }
        core::mem::forget(abort);
        count
    }
}

impl Claimed {
    /// Claims a part of a run of `parts`; none where all are claimed, or another task has begun since.
    fn next(&self, number: u64, parts: usize) -> Option<usize> {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let claimed = if seen >> 16 < number { 0 } else { (seen & 0xffff) as usize };
            if claimed >= parts || seen >> 16 > number {
                return None;
            }
            let claim = number << 16 | (claimed + 1) as u64;
            match self.0.compare_exchange_weak(seen, claim, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(claimed),
                Err(now) => seen = now,
            }
        }
    }
}

/// Waits a moment; lets other threads run after many moments.
fn pause(idle: &mut u32) {
    if *idle < 10_000 {
        *idle += 1;
        core::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Other threads may still use what unwinding would free.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// As many scoped threads as it says, however few processors there are.
#[cfg(test)]
pub(crate) struct Exactly(pub usize);

#[cfg(test)]
impl Pool for Exactly {
    fn threads(&self) -> usize {
        self.0
    }

    fn broadcast(&self, task: &(dyn Fn() + Sync)) {
        broadcast(self.0, task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scoped_threads_are_as_many_as_can_run() {
        let started = AtomicUsize::new(0);
        let pool = ScopedThreads(10_000);
        pool.broadcast(&|| {
            started.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!((started.into_inner(), pool.threads()), (processors().min(64), processors().min(64)));
        assert_eq!(ScopedThreads(0).threads(), 1);
    }

    const ROUNDS: usize = if cfg!(miri) { 10 } else { 500 };

    #[test]
    fn every_part_is_done_once() {
        let counts: std::vec::Vec<_> = (0..7).map(|_| AtomicUsize::new(0)).collect();
        with_pool(&Exactly(3), || {
            for _ in 0..ROUNDS {
                with_crew(|crew| {
                    crew.unwrap().share(7, &|part| {
                        counts[part].fetch_add(1, Ordering::Relaxed);
                    });
                });
            }
        });
        assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == ROUNDS));
    }

    /// A pool that does not work at the same time at all still gets everything done.
    #[test]
    fn a_serial_pool_works() {
        struct Serial;
        impl Pool for Serial {
            fn threads(&self) -> usize {
                4
            }
            fn broadcast(&self, task: &(dyn Fn() + Sync)) {
                (0..4).for_each(|_| task());
            }
        }
        let sum = AtomicUsize::new(0);
        let value = with_pool(&Serial, || {
            with_crew(|crew| {
                crew.unwrap().share(10, &|part| {
                    sum.fetch_add(part, Ordering::Relaxed);
                })
            });
            "done"
        });
        assert_eq!((value, sum.into_inner()), ("done", 45));
    }
}
