/** Gather and scatter. */
import { i64s, list } from './attributes';
import { type Combine, combiner } from './region';
import { Value } from './value';

export interface GatherDims {
  readonly offsetDims: readonly number[];
  readonly collapsedSliceDims: readonly number[];
  readonly startIndexMap: readonly number[];
  readonly indexVectorDim: number;
}

/** Gather; out-of-range starts are clamped (StableHLO spec, "gather"). */
export function gather(x: Value, indices: Value, dims: GatherDims, sliceSizes: readonly number[]): Value {
  const batch = indices.shape.filter((_, i) => i !== dims.indexVectorDim);
  const offsets = sliceSizes.filter((_, i) => !dims.collapsedSliceDims.includes(i));
  const shape: number[] = [];
  let b = 0;
  let o = 0;
  for (let i = 0; i < batch.length + offsets.length; i++) {
    shape.push(dims.offsetDims.includes(i) ? offsets[o++] : batch[b++]);
  }
  return new Value('gather', [x, indices], x.dtype, shape, {
    dimension_numbers:
      `#stablehlo.gather<offset_dims = ${list(dims.offsetDims)}, collapsed_slice_dims = ${list(dims.collapsedSliceDims)}, ` +
      `start_index_map = ${list(dims.startIndexMap)}, index_vector_dim = ${dims.indexVectorDim}>`,
    slice_sizes: i64s(sliceSizes),
    indices_are_sorted: 'false',
  });
}

export interface ScatterDims {
  readonly updateWindowDims: readonly number[];
  readonly insertedWindowDims: readonly number[];
  readonly scatterDimsToOperandDims: readonly number[];
  readonly indexVectorDim: number;
}

/** Scatter; updates out of range are dropped. `combine(old, update)`. */
export function scatter(
  x: Value,
  indices: Value,
  updates: Value,
  dims: ScatterDims,
  combine: Combine,
): Value {
  const attrs = {
    scatter_dimension_numbers:
      `#stablehlo.scatter<update_window_dims = ${list(dims.updateWindowDims)}, ` +
      `inserted_window_dims = ${list(dims.insertedWindowDims)}, ` +
      `scatter_dims_to_operand_dims = ${list(dims.scatterDimsToOperandDims)}, index_vector_dim = ${dims.indexVectorDim}>`,
    indices_are_sorted: 'false',
    unique_indices: 'false',
  };
  return new Value('scatter', [x, indices, updates], x.dtype, x.shape, attrs, [combiner(combine, x.dtype)]);
}
