/**
 * Kernels of our own for CPUs, in C: convolutions and batch norm's sums, where XLA's are slow. Programs call them through XLA's foreign
 * functions. Without a C compiler, or with a plugin that knows no foreign functions, XLA computes everything.
 */
import * as fs from 'fs';
import { type DType } from '../hlo';
import { type PjrtClient, loadForGood } from '../pjrt';
import { compile, libraryFile } from './build';

/** Handlers by the name that programs call them by: their functions in kernels.c. */
const HANDLERS = [
  'convolution_forward',
  'convolution_input_gradient',
  'convolution_filter_gradient',
  'winograd',
  'winograd_filter_gradient',
  'channel_sums',
  'channel_affine',
] as const;
export type Handler = (typeof HANDLERS)[number];

/** Whether a client's programs may call the kernels, and why not. */
export interface Native {
  readonly works: boolean;
  /** Whether those for bf16 arrays work as well: the processor has AMX, and the system lets us use it. */
  readonly bfloat16?: boolean;
  /** Why they may not. */
  readonly reason?: string;
}

/** The element types that they compute with. */
export const nativeTypes = ({ works, bfloat16 }: Native): readonly DType[] =>
  works ? (bfloat16 ? ['f32', 'bf16'] : ['f32']) : [];

/** Has the client's programs know the kernels. Never fails: without them XLA computes all. XLA_NATIVE=off does without, too. */
export function loadNative(client: PjrtClient): Native {
  if (process.env.XLA_NATIVE === 'off') return { works: false, reason: 'XLA_NATIVE is off' };
  if (client.platformName !== 'cpu')
    return { works: false, reason: `they are not for ${client.platformName}` };
  try {
    client.requireForeign();
    const library = libraryFile();
    register(client, library);
    return { works: true, bfloat16: loadForGood(library).func('int computes_bfloat16()')() === 1 };
  } catch (error) {
    return { works: false, reason: (error as Error).message };
  }
}

function register(client: PjrtClient, library: string): void {
  const found = fs.existsSync(library);
  if (!found) compile(library);
  try {
    client.registerHandlers(library, HANDLERS);
  } catch (error) {
    if (!found) throw error;
    compile(library); // what was there may have been damaged
    client.registerHandlers(library, HANDLERS);
  }
}
