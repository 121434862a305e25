/** PJRT through koffi: plugins, clients, buffers, programs. Knows nothing of tensors. */
export { PjrtBuffer } from './buffer';
export { PjrtClient } from './client';
export { discoverPlugins } from './discover';
export { PjrtExecutable } from './executable';
export { type CompileOptions, type PjrtDevice, type PjrtType, type Plugin } from './types';
