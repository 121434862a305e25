/** Importing this registers every kernel of the backend. */
import './einsum';
import './elementwise';
import './reduce';
import './matmul';
import './conv';
import './pool';
import './norm';
import './shape';
import './indexing';
import './image';
import './resize';
import './random';
import './dilation';
import './warp';
import './counting';
import './signal';
import './linalg';
import { registerHostKernels } from './host';

/** Kernels that run on the host's back end: registered last, for what has no program of its own. */
export const hostKernelNames: readonly string[] = registerHostKernels();

export { kernelNames } from './define';
