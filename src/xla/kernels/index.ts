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
import { registerHostKernels } from './host';

registerHostKernels();

export { kernelNames } from './define';
export { hostKernelNames } from './host';
