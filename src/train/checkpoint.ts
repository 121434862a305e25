/**
 * The state of a run in one safetensors file: weights with moving averages, velocities, averaged weights, and, as JSON in the
 * header, step, settings and curves. Order and augmentation are functions of seed and step (order.ts), so nothing else is needed
 * to go on bit for bit.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { z } from 'zod';
import { removePartials, replaceFile, requireWritable } from '../atomicFile';
import { UserError } from '../errors';
import { agreeUpTo, type Schedule } from './schedule';
import { CHECKPOINT_FORMAT, decodeSafetensors, encodeSafetensors, type NamedArrays } from '../weights';

const FORMAT = `${CHECKPOINT_FORMAT} 1`;

/** JSON has no infinity, which a loss can reach. */
const loss = z.number().or(z.null().transform(() => Infinity));
const point = z.object({ step: z.number(), error: z.number(), loss });

const runState = z.object({
  /** Steps done. */
  step: z.number().int().min(0),
  /** When the run's first step was taken, ISO 8601. */
  startedAt: z.string(),
  /** Seconds of training so far. */
  seconds: z.number(),
  /** Reports summed up in the array 'meter' since the last log point. */
  metered: z.number().int(),
  curve: z.array(point),
  trainCurve: z.array(point),
  /** What must be equal in the run that goes on: seed, schedule, batch size … */
  settings: z.record(z.string(), z.unknown()),
});

/** The part of a checkpoint that is not arrays. */
export type RunState = Omit<z.infer<typeof runState>, 'curve' | 'trainCurve'> &
  Record<'curve' | 'trainCurve', Point[]>;

/** Spelled out: without strict null checks, as in a notebook's kernel, zod infers `loss` as optional. */
interface Point {
  step: number;
  error: number;
  loss: number;
}

/** A run's state on the host. */
export interface Checkpoint {
  state: RunState;
  /** 'weights/…', 'velocity/…', 'average/…' by the weight's stable name, and 'meter' `[2]`. */
  arrays: NamedArrays;
}

/** Covers every byte that counts, so that no flipped bit goes on training. */
function checkSum(json: string, arrays: NamedArrays): string {
  const hash = createHash('sha256').update(json);
  for (const name of [...arrays.keys()].sort()) {
    const { shape, data } = arrays.get(name)!;
    hash.update(`${name} ${shape.join('×')}`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

/** A checkpoint as bytes of a safetensors file. */
function encodeCheckpoint({ state, arrays }: Checkpoint): Uint8Array {
  const run = JSON.stringify(state);
  return encodeSafetensors(arrays, { metadata: { format: FORMAT, run, sha256: checkSum(run, arrays) } });
}

/** @throws UserError when the file is damaged or no checkpoint. */
function decodeCheckpoint(bytes: Uint8Array, file: string): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes, file);
  if (metadata.format !== FORMAT) throw new UserError(`'${file}' is no checkpoint of this version.`);
  if (metadata.sha256 !== checkSum(metadata.run ?? '', tensors))
    throw new UserError(`'${file}' is damaged: its check sum differs.`);
  return { state: parseState(metadata.run, file), arrays: tensors };
}

/** Steps done in a checkpoint's bytes; undefined when they are none. */
export function checkpointStep(bytes: Uint8Array): number | undefined {
  try {
    return decodeCheckpoint(bytes, 'the checkpoint').state.step;
  } catch {
    return undefined;
  }
}

/** @throws UserError when the state is whole, as its check sum has shown, but another version's. */
function parseState(json: string | undefined, file: string): RunState {
  try {
    return runState.parse(JSON.parse(json ?? '')) as RunState;
  } catch {
    throw new UserError(`'${file}' is no checkpoint of this version.`);
  }
}

/** Tells one version of a file from another; undefined where there is none. */
function identity(file: string): string | undefined {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
}

/** A run's folder: checkpoint.safetensors, the one before it, best.safetensors and final.safetensors. */
export class CheckpointFolder {
  readonly current: string;
  readonly previous: string;
  readonly best: string;
  readonly final: string;
  /** Which file `current` was when this run last read or wrote it, and the step that it holds. */
  private known: { identity: string | undefined; step: number | undefined };

  /** @throws UserError when the folder can't be made or written. */
  constructor(readonly folder: string) {
    const file = (name: string) => path.join(folder, `${name}.safetensors`);
    this.current = file('checkpoint');
    this.previous = file('checkpoint.previous');
    this.best = file('best');
    this.final = file('final');
    requireWritable(folder, 'checkpoints');
    for (const each of [this.current, this.best, this.final]) removePartials(each);
    this.known = { identity: identity(this.current), step: undefined };
  }

  /**
   * @throws UserError when another process has written here since; the system's error when the disk is full, say. The
   * checkpoints that there are stay.
   */
  save(checkpoint: Checkpoint): void {
    if (identity(this.current) !== this.known.identity && this.stepOnDisk() !== this.known.step) {
      throw new UserError(
        `Another process trains in '${this.folder}': end it, or give this run a folder of its own.`,
      );
    }
    replaceFile(this.current, encodeCheckpoint(checkpoint), this.previous);
    this.known = { identity: identity(this.current), step: checkpoint.state.step };
  }

  /** The step of `current`, read again: some file systems give a file another number or time by and by. */
  private stepOnDisk(): number | undefined {
    return fs.existsSync(this.current) ? checkpointStep(fs.readFileSync(this.current)) : undefined;
  }

  /**
   * The newest checkpoint that is whole; undefined when the folder holds none.
   * @throws UserError when it holds only damaged ones: a run is never begun anew in silence.
   */
  load(onWarning: (message: string) => void): Checkpoint | undefined {
    const found = this.newest(onWarning);
    this.known = { identity: identity(this.current), step: found?.state.step };
    return found;
  }

  private newest(onWarning: (message: string) => void): Checkpoint | undefined {
    const damaged: string[] = [];
    for (const file of [this.current, this.previous].filter(candidate => fs.existsSync(candidate))) {
      try {
        const found = decodeCheckpoint(fs.readFileSync(file), file);
        if (damaged.length > 0) {
          onWarning(`${damaged.join('; ')} Going on from the one before it, step ${found.state.step}.`);
          fs.renameSync(this.current, `${this.current}.damaged`); // or the next save would put it in the good one's place
        }
        return found;
      } catch (error) {
        damaged.push((error as Error).message);
      }
    }
    if (damaged.length === 0) return undefined;
    throw new UserError(
      `No checkpoint in '${this.folder}' can be read (${damaged.join('; ')}); delete them to begin anew.`,
    );
  }
}

/**
 * A longer schedule that begins as the saved one did is the same run: so a finished one can be trained on.
 * @throws UserError naming the first setting in which the run differs from the one that the checkpoint is of.
 */
export function requireSameRun(
  folder: string,
  { settings: saved, step }: Pick<RunState, 'settings' | 'step'>,
  now: RunState['settings'],
): void {
  for (const name of new Set([...Object.keys(now), ...Object.keys(saved)])) {
    const [then, asked] = [saved, now].map(settings => JSON.stringify(settings[name]) ?? 'not set');
    if (then === asked) continue;
    if (name === 'layers') {
      if (!(name in saved)) continue; // older versions did not say
      throw new UserError(
        `The checkpoint in '${folder}' is of a model whose layers have other options (dropout, batch norm's epsilon, padding …): ` +
          'give the same to go on, or another folder.',
      );
    }
    if (name === 'schedule' && agreeUpTo(step, saved.schedule as Schedule, now.schedule as Schedule))
      continue;
    throw new UserError(
      `The checkpoint in '${folder}' is of a run whose ${name} is ${then}, not ${asked}: ` +
        'give the same setting to go on, or another folder.',
    );
  }
}
