import { type SelectedBackend } from '../../src/backends';

/** Steps that a GPU takes as one program: it saves calls. 200, the distance of log points, is a multiple. */
const ON_GPU = 20;

/**
 * Models whose step is cut into several programs because XLA compiles it for too long as one (src/xla/hlo/cut.ts). A loop of steps is
 * never cut.
 */
const CUT: readonly string[] = ['resnet1001'];

/** How many steps are taken as one program unless the command line says. */
export const defaultStepsPerCall = (kind: SelectedBackend['kind'], model: string): number =>
  kind === 'gpu' && !CUT.includes(model) ? ON_GPU : 1;
