/**
 * One program on several devices (data parallelism). The program keeps its global meaning: its arguments say how they lie
 * on the devices – the same on each, or split along an axis –, and XLA's partitioner (GSPMD, Xu et al. 2021) makes from
 * it the program that each device runs, with the communication that keeps the results those of one device.
 */
import { DeviceArray } from './deviceArray';
import { XlaError } from './errors';
import { type TensorType, sizeOf } from './hlo';
import { type PjrtBuffer, type PjrtClient } from './pjrt';
import { type Program, type Runtime } from './runtime';

/** How the arguments of a function lie on several devices. */
export interface Sharding {
  /** Devices that run the function together, the client's first. */
  readonly devices: number;
  /**
   * Tensor arguments that are split: their index among the function's tensor arguments → the axis. A batch is split along
   * axis 0; with `scan`, whose arguments have an axis of steps first, along 1. All others, and the variables, are held by
   * every device.
   */
  readonly split: Readonly<Record<number, number>>;
}

/** XLA's notation for an argument that is split along `axis`: tiles by axis, in the order of the devices. */
export function splitAttribute(rank: number, axis: number, devices: number): string {
  const tiles = Array.from({ length: rank }, (_, i) => (i === axis ? devices : 1));
  return `mhlo.sharding = "{devices=[${tiles}]<=[${devices}]}"`;
}

/** @throws XlaError when the client has too few devices, or an argument can't be split evenly. */
export function checkSharding(
  { devices, split }: Sharding,
  types: readonly TensorType[],
  client: PjrtClient,
  name: string,
): void {
  if (!Number.isInteger(devices) || devices < 1)
    throw new XlaError(`jit(${name}): devices is ${devices}; give a whole number of at least 1.`);
  const there = client.devices.length;
  if (devices > there) {
    const mend = client.plugin.kind === 'cpu' ? ` (useXla({ cpuDevices: ${devices} }) makes more)` : '';
    throw new XlaError(`jit(${name}): ${devices} devices are asked for, and there are ${there}${mend}.`);
  }
  for (const [key, axis] of Object.entries(split)) {
    const type = types[Number(key)];
    const size = type?.shape[axis];
    if (size === undefined || size % devices !== 0) {
      const shape = type ? `is [${type.shape}]` : 'does not exist';
      throw new XlaError(
        `jit(${name}): tensor argument ${key} ${shape} and can't be split along axis ${axis} over ${devices} devices.`,
      );
    }
  }
}

/** The parts of row-major data that each device gets. */
export function splitBytes(
  bytes: Uint8Array,
  shape: readonly number[],
  axis: number,
  parts: number,
): Uint8Array[] {
  const outer = sizeOf(shape.slice(0, axis));
  const row = bytes.length / outer; // bytes of all that lies under one index of the outer axes
  const piece = row / parts;
  return Array.from({ length: parts }, (_, part) => {
    const out = new Uint8Array(bytes.length / parts);
    for (let i = 0; i < outer; i++) {
      const start = i * row + part * piece;
      out.set(bytes.subarray(start, start + piece), i * piece);
    }
    return out;
  });
}

/** Uploads to each device its part of an array. */
function uploadParts(array: DeviceArray, axis: number, devices: number, client: PjrtClient): PjrtBuffer[] {
  const { dtype, shape } = array.type;
  const host = array.hostData;
  const bytes = host
    ? new Uint8Array(host.buffer, host.byteOffset, host.byteLength)
    : array.onDevice(client).toHost();
  const dims = shape.map((size, i) => (i === axis ? size / devices : size));
  return splitBytes(bytes, shape, axis, devices).map((part, device) =>
    client.fromHost(part, dtype, dims, device),
  );
}

/**
 * Starts a partitioned program.
 * @param axes the axis along which each argument is split; undefined: every device has all of it
 * @returns the results, each held by every device
 */
export function executeOnDevices(
  runtime: Runtime,
  program: Program,
  inputs: readonly DeviceArray[],
  axes: readonly (number | undefined)[],
  devices: number,
  keep: readonly number[],
): DeviceArray[] {
  const { client } = runtime;
  const temporary: PjrtBuffer[] = [];
  try {
    const columns = inputs.map((array, i) => {
      const axis = axes[i];
      if (axis === undefined) return array.onDevices(client, devices);
      const parts = uploadParts(array, axis, devices, client);
      temporary.push(...parts);
      return parts;
    });
    const rows = Array.from({ length: devices }, (_, device) => columns.map(column => column[device]));
    const results = runtime.start(program, () => program.executable.executeParts(rows, { keep }));
    return program.outputs.map((type, i) =>
      DeviceArray.fromBuffers(
        type,
        results.map(result => result[i]),
      ),
    );
  } finally {
    temporary.forEach(buffer => buffer.destroy());
  }
}
