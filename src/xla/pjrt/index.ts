/** PJRT through koffi: plugins, clients, buffers, programs. Knows nothing of tensors. */
export { loadForGood } from './api';
export { type Completion, PjrtBuffer } from './buffer';
export { PjrtClient } from './client';
export { type CompileOptions, encodeCompileOptions } from './compileOptions';
export { type CompilerTools, compilerTools } from './cudaTools';
export { discoverPlugins, pluginAt } from './discover';
export { type ExecuteOptions, PjrtExecutable, PjrtProgram, type ProgramMemory } from './executable';
export { PjrtError, type PjrtErrorCode } from './failure';
export { hardwareKey } from './hardware';
export { PjrtTopology, type TopologyOptions } from './topology';
export {
  type ClientOptions,
  type DeviceMemory,
  type PassedOver,
  type PjrtDevice,
  PJRT_TYPES,
  type PjrtType,
  type Plugin,
} from './types';
