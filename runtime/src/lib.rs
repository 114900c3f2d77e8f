//! The `no_std` SIMD kernels and types that compiled MobileNets run on.
#![cfg_attr(not(feature = "std"), no_std)]

#[doc(hidden)]
pub mod rt;
