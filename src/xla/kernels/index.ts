/** Importing this registers every kernel of the backend. */
import './elementwise';
import './reduce';
import './matmul';
import './conv';
import './pool';
import './norm';
import './shape';
import './indexing';
import './image';
import './random';

export { kernelNames } from './define';
