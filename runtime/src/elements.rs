//! Rows of elements in the forms that callers have them.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec::Vec};

use crate::Element;

/// Elements in a row: a slice, an array, either in a `Box`, or a `Vec`.
pub trait Elements<E: Element> {
    /// All of them.
    fn elements(&self) -> &[E];

    /// All of them, to be written.
    fn elements_mut(&mut self) -> &mut [E];
}

impl<E: Element> Elements<E> for [E] {
    fn elements(&self) -> &[E] {
        self
    }

    fn elements_mut(&mut self) -> &mut [E] {
        self
    }
}

impl<E: Element, const N: usize> Elements<E> for [E; N] {
    fn elements(&self) -> &[E] {
        self
    }

    fn elements_mut(&mut self) -> &mut [E] {
        self
    }
}

#[cfg(feature = "alloc")]
impl<E: Element> Elements<E> for Vec<E> {
    fn elements(&self) -> &[E] {
        self
    }

    fn elements_mut(&mut self) -> &mut [E] {
        self
    }
}

#[cfg(feature = "alloc")]
impl<E: Element, T: Elements<E> + ?Sized> Elements<E> for Box<T> {
    fn elements(&self) -> &[E] {
        (**self).elements()
    }

    fn elements_mut(&mut self) -> &mut [E] {
        (**self).elements_mut()
    }
}

impl<E: Element, T: Elements<E> + ?Sized> Elements<E> for &mut T {
    fn elements(&self) -> &[E] {
        (**self).elements()
    }

    fn elements_mut(&mut self) -> &mut [E] {
        (**self).elements_mut()
    }
}
