/** How a program is compiled, as PJRT wants to be told: xla.CompileOptionsProto (xla/pjrt/proto/compile_options.proto). */
import { XlaError } from '../errors';
import { bool, double, type Field, int, ints, message, text } from './proto';

/** Options of a compilation; without any, the plugin's own defaults on one device. */
export interface CompileOptions {
  /**
   * Devices that run the program together, as parts of one computation: XLA's SPMD partitioner splits the program by
   * the shardings of its arguments (`mhlo.sharding`) and inserts the communication. Default 1.
   */
  readonly partitions?: number;
  /** Ids of the devices that run it, one a partition. Default: 0, 1, …, for one partition any device. */
  readonly devices?: readonly number[];
  /** XLA's flags by name, without dashes: `{xla_cpu_use_onednn: true}`. An unknown name is refused by the plugin. */
  readonly flags?: Readonly<Record<string, boolean | number | string>>;
}

/** OptionOverrideProto: one flag's value. Whole numbers go as int64; XLA takes that for a float's value too. */
function flagValue(value: boolean | number | string): Field {
  if (typeof value === 'boolean') return bool(2, value);
  if (typeof value === 'string') return text(1, value);
  return Number.isInteger(value) ? int(3, value) : double(4, value);
}

/** The options as CompileOptionsProto. Equal options give equal bytes, whatever the order of the flags. */
export function encodeCompileOptions(options: CompileOptions = {}): Buffer {
  const partitions = options.partitions ?? 1;
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new XlaError(`partitions is ${partitions}; give a whole number of at least 1.`);
  const devices =
    options.devices ?? (partitions > 1 ? Array.from({ length: partitions }, (_, i) => i) : undefined);
  if (devices && devices.length !== partitions)
    throw new XlaError(`${partitions} partitions need as many devices, not ${devices.length}.`);

  const build: Field[] = [int(1, -1), int(4, 1), int(5, partitions)];
  if (partitions > 1) build.push(bool(6, true));
  if (devices) {
    // DeviceAssignmentProto: one replica, and for each partition the device's id
    const computations = devices.map(id => message(3, ints(1, [id])));
    build.push(message(9, int(1, 1), int(2, partitions), ...computations));
  }
  const flags = Object.entries(options.flags ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const overrides = flags.map(([name, value]) => message(7, text(1, name), message(2, flagValue(value))));
  return Buffer.concat([message(3, ...build), ...overrides]);
}
