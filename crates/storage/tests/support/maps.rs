//! The `unsafe` constructors of mapped arrays, under the promise that all tests keep: every test has
//! a folder of its own, and changes no file that it has mapped.

#![expect(unsafe_code, reason = "the promise is kept as this file's head says")]

use ndarray::{Dimension, IntoDimension};
use outcore_storage::{
    FileArray, FileArrayMut, MappedArray, MappedArrayCopy, MappedArrayMut, Pod, Result,
};
use std::path::Path;

pub(crate) fn open<T: Pod, D: Dimension>(path: &Path) -> Result<MappedArray<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::open(path) }
}

pub(crate) fn open_mut<T: Pod, D: Dimension>(path: &Path) -> Result<MappedArrayMut<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::open_mut(path) }
}

pub(crate) fn open_copy<T: Pod, D: Dimension>(path: &Path) -> Result<MappedArrayCopy<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::open_copy(path) }
}

pub(crate) fn create<T: Pod, D: Dimension>(
    path: &Path,
    shape: impl IntoDimension<Dim = D>,
) -> Result<MappedArrayMut<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::create(path, shape) }
}

pub(crate) fn map<T: Pod, D: Dimension>(array: FileArray<T, D>) -> Result<MappedArray<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::map(array) }
}

pub(crate) fn map_mut<T: Pod, D: Dimension>(
    array: FileArrayMut<T, D>,
) -> Result<MappedArrayMut<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::map_mut(array) }
}

pub(crate) fn map_copy<T: Pod, D: Dimension>(
    array: FileArray<T, D>,
) -> Result<MappedArrayCopy<T, D>> {
    // SAFETY: see the head of this file.
    unsafe { MappedArray::map_copy(array) }
}
