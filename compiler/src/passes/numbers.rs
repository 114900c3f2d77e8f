//! Constants as plain numbers.

use crate::graph::{DType, Data, Tensor};
use std::sync::Arc;

/// The elements of an f32 tensor, shared.
pub(super) fn f32s(tensor: &Tensor) -> Option<&Arc<[f32]>> {
    match &tensor.data {
        Data::F32(data) if tensor.dtype == DType::F32 => Some(data),
        _ => None,
    }
}

/// An f32 tensor; `None` where a value is beyond f32 or no number.
pub(super) fn from_f64(shape: Vec<usize>, values: &[f64]) -> Option<Tensor> {
    let data: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    data.iter().all(|x| x.is_finite()).then(|| Tensor { dtype: DType::F32, shape, data: Data::F32(data.into()) })
}

/// The one value that all elements share.
pub(super) fn uniform(tensor: &Tensor) -> Option<f64> {
    fn same<T: PartialEq + Copy>(data: &[T]) -> Option<T> {
        let first = *data.first()?;
        data.iter().all(|&x| x == first).then_some(first)
    }
    match &tensor.data {
        Data::F32(data) => same(data).map(f64::from),
        Data::F64(data) => same(data),
        Data::Int(data) => same(data).map(|x| x as f64),
    }
}

/// The values per index of `axis` of a constant that broadcasts to `shape` and varies along `axis` only.
pub(crate) fn per_channel(tensor: &Tensor, shape: &[usize], axis: usize) -> Option<Vec<f64>> {
    let channels = *shape.get(axis)?;
    if tensor.shape.len() > shape.len() {
        return None;
    }
    let first = shape.len() - tensor.shape.len();
    let mut varies = false;
    for (at, &size) in (first..).zip(&tensor.shape) {
        if size != 1 {
            if at != axis || size != channels {
                return None;
            }
            varies = true;
        }
    }
    let values = tensor.to_f64();
    if varies { Some(values) } else { Some(vec![*values.first()?; channels]) }
}

/// `output.shape[i] = tensor.shape[perm[i]]`.
pub(crate) fn permuted(tensor: &Tensor, perm: &[usize]) -> Tensor {
    let mut strides = vec![1; tensor.shape.len()];
    for i in (1..strides.len()).rev() {
        strides[i - 1] = strides[i] * tensor.shape[i];
    }
    let shape: Vec<usize> = perm.iter().map(|&p| tensor.shape[p]).collect();
    let strides: Vec<usize> = perm.iter().map(|&p| strides[p]).collect();
    let data = match &tensor.data {
        Data::F32(data) => Data::F32(gather(data, &shape, &strides).into()),
        Data::F64(data) => Data::F64(gather(data, &shape, &strides).into()),
        Data::Int(data) => Data::Int(gather(data, &shape, &strides).into()),
    };
    Tensor { dtype: tensor.dtype, shape, data }
}

/// The elements at every index of `shape`, `strides` apart, in row-major order.
fn gather<T: Copy>(data: &[T], shape: &[usize], strides: &[usize]) -> Vec<T> {
    let count = data.len();
    let mut out = Vec::with_capacity(count);
    let (inner, step) = match (shape.last(), strides.last()) {
        (Some(&inner), Some(&step)) => (inner, step),
        _ => return data.to_vec(),
    };
    let outer = shape.len() - 1;
    let mut index = vec![0; outer];
    let mut at = 0;
    while out.len() < count {
        if step == 1 {
            out.extend_from_slice(&data[at..at + inner]);
        } else {
            out.extend(data[at..].iter().step_by(step).take(inner));
        }
        for axis in (0..outer).rev() {
            index[axis] += 1;
            at += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize]) -> Tensor {
        let count = shape.iter().product();
        Tensor {
            dtype: DType::F32,
            shape: shape.to_vec(),
            data: Data::F32((0..count).map(|i: usize| i as f32).collect()),
        }
    }

    #[test]
    fn permutes() {
        let out = permuted(&tensor(&[2, 3, 2]), &[2, 0, 1]);
        assert_eq!(out.shape, [2, 2, 3]);
        assert_eq!(out.to_f64(), [0., 2., 4., 6., 8., 10., 1., 3., 5., 7., 9., 11.]);
        let out = permuted(&tensor(&[2, 3, 2]), &[1, 0, 2]);
        assert_eq!(out.to_f64(), [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11.]);
        assert_eq!(permuted(&tensor(&[]), &[]), tensor(&[]));
        assert_eq!(permuted(&tensor(&[0, 4]), &[1, 0]).to_f64(), Vec::<f64>::new());
    }

    #[test]
    fn channels_of_broadcast_constants() {
        let shape = [2, 3, 4, 3];
        assert_eq!(per_channel(&tensor(&[3, 1, 1]), &shape, 1), Some(vec![0., 1., 2.]));
        assert_eq!(per_channel(&tensor(&[1, 3, 1, 1]), &shape, 1), Some(vec![0., 1., 2.]));
        assert_eq!(per_channel(&tensor(&[3]), &shape, 1), None, "varies along the last axis");
        assert_eq!(per_channel(&tensor(&[3]), &shape, 3), Some(vec![0., 1., 2.]));
        assert_eq!(per_channel(&tensor(&[]), &shape, 1), Some(vec![0.; 3]));
        assert_eq!(per_channel(&tensor(&[1, 1, 1, 1, 3]), &shape, 3), None, "grows the shape");
    }
}
