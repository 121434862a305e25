/** A plugin's errors, told so that one knows what to do. */
import { XlaError } from '../errors';

/** PJRT_Error_Code, the canonical status codes. */
const CODES = [
  ...(['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND'] as const),
  ...([
    'ALREADY_EXISTS',
    'PERMISSION_DENIED',
    'RESOURCE_EXHAUSTED',
    'FAILED_PRECONDITION',
    'ABORTED',
  ] as const),
  ...(['OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'] as const),
];
export type PjrtErrorCode = (typeof CODES)[number];

/** An error that a plugin returned. */
export class PjrtError extends XlaError {
  override readonly name = 'PjrtError';

  constructor(
    message: string,
    /** The plugin's status code. */
    readonly code: PjrtErrorCode,
    /** 'memory': the device has none left. 'device': the device is gone for this process. */
    readonly kind: 'memory' | 'device' | 'other',
  ) {
    super(message);
  }
}

const OUT_OF_MEMORY = new RegExp(
  [
    'RESOURCE_EXHAUSTED|out of memory|OUT_OF_MEMORY|bad_alloc',
    // What cuBLAS and cuDNN say when they find no memory beside XLA's.
    'Failed to initialize BLAS|CUBLAS_STATUS_(NOT_INITIALIZED|ALLOC_FAILED)|CUDNN_STATUS_ALLOC_FAILED',
  ].join('|'),
  'i',
);
/** Memory, but not the device's: a kernel's share of a core's, or the host's pinned pages. */
const OTHER_MEMORY = /shared memory|host memory/i;
/** What CUDA, ROCm and XLA say of a device that will not answer this process any more. */
const LOST_DEVICE = new RegExp(
  [
    'device (was )?lost|device unavailable|gpu is lost|fell off the bus|DEVICE_UNAVAILABLE|uncorrectable',
    'ECC_|ILLEGAL_ADDRESS|illegal memory access|LAUNCH_FAILED|launch failure|LAUNCH_TIMEOUT',
    'MISALIGNED_ADDRESS|HARDWARE_STACK_ERROR|hipErrorUnknown|NODEVICE|CUDA_ERROR_ASSERT',
  ].join('|'),
  'i',
);

/** The error for what function `name` returned: `code` as PJRT_Error_GetCode gave it, `said` its message. */
export function failure(name: string, code: number, said: string): PjrtError {
  const known = CODES[code] ?? 'UNKNOWN';
  const text = `PJRT_${name}: ${said}`;
  if ((known === 'RESOURCE_EXHAUSTED' || OUT_OF_MEMORY.test(said)) && !OTHER_MEMORY.test(said)) {
    return new PjrtError(
      'The device is out of memory. Use a smaller batch or model, dispose of tensors that are not needed, or end other programs that use it (notebooks left ' +
        'open, too); debugNaNs(true) names the operation. A training step that failed so has given its old weights away: make the model anew, or go on from the ' +
        `checkpoint (${text})`,
      known,
      'memory',
    );
  }
  if ((known === 'INTERNAL' || known === 'UNAVAILABLE' || known === 'UNKNOWN') && LOST_DEVICE.test(said)) {
    return new PjrtError(
      `The device was lost: what it held is gone. Start the process (the kernel) again and go on from the last checkpoint (${text})`,
      known,
      'device',
    );
  }
  return new PjrtError(text, known, 'other');
}
