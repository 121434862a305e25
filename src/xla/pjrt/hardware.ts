/** What can be told of a machine's hardware without loading anything. */
import * as crypto from 'crypto';
import * as fs from 'fs';
import * as os from 'os';
import { type Plugin } from './types';

/** Files that a driver makes; /dev/dxg is Windows' GPU inside WSL. */
const DRIVERS: Partial<Record<Plugin['kind'], { files: string[]; reason: string }>> = {
  cuda: {
    files: ['/dev/nvidiactl', '/dev/nvidia0', '/proc/driver/nvidia/version', '/dev/nvgpu', '/dev/dxg'],
    reason: 'no NVIDIA driver on this machine',
  },
  rocm: { files: ['/dev/kfd', '/dev/dxg'], reason: 'no AMD GPU driver (/dev/kfd) on this machine' },
  tpu: { files: ['/dev/accel0', '/dev/vfio/0', '/dev/vfio/1'], reason: 'no TPU on this machine' },
};

/** Why this machine can't have a device of that kind; undefined where it may. */
export function missingHardware(kind: Plugin['kind']): string | undefined {
  const driver = process.platform === 'linux' ? DRIVERS[kind] : undefined;
  return driver && !driver.files.some(file => fs.existsSync(file)) ? driver.reason : undefined;
}

const read = (file: string): string => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** The processor's features as Linux names them: `avx2`, `avx512f`, … */
const processorFlags = (): string[] =>
  (/^(?:flags|Features)\s*:(.*)$/m.exec(read('/proc/cpuinfo'))?.[1] ?? '').trim().split(/\s+/);

/** Text that differs where a program compiled for this kind of device may not run: the processor's features, the driver. */
export function hardwareKey(kind: Plugin['kind']): string {
  if (kind !== 'cpu') return read('/proc/driver/nvidia/version') || read('/sys/module/amdgpu/version');
  const features = crypto.createHash('sha256').update(processorFlags().sort().join(' '));
  return `${os.arch()} ${os.cpus()[0]?.model ?? ''} ${features.digest('hex')}`;
}
