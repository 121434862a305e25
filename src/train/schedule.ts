/** Learning-rate schedules: plain data, so that a run's configuration can be written down, and a function of the step. */
import { UserError } from '../errors';

/** The learning rate `values[i]` holds for the steps in [boundaries[i−1], boundaries[i]); the last boundary ends the run. */
export interface PiecewiseSchedule {
  type: 'piecewise';
  values: readonly number[];
  boundaries: readonly number[];
}

/**
 * Linear rise from 0 over `warmupSteps`, the last of which has `peak`, as the step after it has; then a linear fall that would reach `final`
 * one step after the last (DAWNBench's triangle).
 */
export interface LinearSchedule {
  type: 'linear';
  peak: number;
  steps: number;
  warmupSteps?: number;
  /** Default 0. */
  final?: number;
}

/** As 'linear', with half a cosine in place of the fall (Loshchilov & Hutter 2017, SGDR, eq. 5, one period). */
export interface CosineSchedule {
  type: 'cosine';
  peak: number;
  steps: number;
  warmupSteps?: number;
  final?: number;
}

/**
 * One cycle (Smith & Topin 2018, section 3): a linear rise from `peak / startDivisor` over `riseShare` of the steps, the
 * same way down, and a last part in which the rate falls towards `final`, which it would reach one step after the last.
 */
export interface OneCycleSchedule {
  type: 'one_cycle';
  peak: number;
  steps: number;
  /** Share of the steps in which the rate rises. Default 0.4. */
  riseShare?: number;
  /** Default 10. */
  startDivisor?: number;
  /** Share of the steps that the last fall takes. Default 0.1. */
  tailShare?: number;
  final?: number;
}

/** One schedule after the other: several falls of the rate are warm restarts (Loshchilov & Hutter 2017, SGDR, section 3). */
export interface SequenceSchedule {
  type: 'sequence';
  parts: readonly SimpleSchedule[];
}

export type SimpleSchedule = PiecewiseSchedule | LinearSchedule | CosineSchedule | OneCycleSchedule;
export type Schedule = SimpleSchedule | SequenceSchedule;

/**
 * The seed's default, He et al. 2016 (section 4.2, with the warm-up that they need for 110 layers): 0.01 to step 400, 0.1 to
 * 32k, 0.01 to 48k, 0.001 to 64k.
 */
export const DEFAULT_SCHEDULE: PiecewiseSchedule = {
  type: 'piecewise',
  values: [0.01, 0.1, 0.01, 0.001],
  boundaries: [400, 32000, 48000, 64000],
};

/** Number of steps of a run with this schedule. */
export function totalSteps(schedule: Schedule): number {
  switch (schedule.type) {
    case 'piecewise':
      return schedule.boundaries[schedule.boundaries.length - 1];
    case 'sequence':
      return schedule.parts.reduce((sum, part) => sum + totalSteps(part), 0);
    default:
      return schedule.steps;
  }
}

/** Steps after which the parts of a sequence end; of any other schedule its last. */
export function cycleEnds(schedule: Schedule): number[] {
  if (schedule.type !== 'sequence') return [totalSteps(schedule)];
  let end = 0;
  return schedule.parts.map(part => (end += totalSteps(part)));
}

/** Whether two schedules give the first `steps` steps the same rates: then a run of the one can go on as a run of the other. */
export function agreeUpTo(steps: number, a: Schedule, b: Schedule): boolean {
  for (let step = 0; step < steps; step++)
    if (learningRateAt(a, step) !== learningRateAt(b, step)) return false;
  return true;
}

/** Learning rate of step `step`, counted from 0. Beyond the end: what it ends at, the last of `values` or `final`. */
export function learningRateAt(schedule: Schedule, step: number): number {
  switch (schedule.type) {
    case 'piecewise': {
      const interval = schedule.boundaries.findIndex(boundary => step < boundary);
      return schedule.values[interval < 0 ? schedule.values.length - 1 : interval];
    }
    case 'linear':
    case 'cosine': {
      const { peak, steps, warmupSteps = 0, final = 0 } = schedule;
      if (step < warmupSteps) return (peak * (step + 1)) / warmupSteps;
      const done = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
      const left = schedule.type === 'linear' ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
      return final + (peak - final) * left;
    }
    case 'one_cycle': {
      const { peak, steps, riseShare = 0.4, startDivisor = 10, tailShare = 0.1, final = 0 } = schedule;
      const rise = riseShare * steps;
      const tail = (1 - tailShare) * steps;
      const start = peak / startDivisor;
      if (step < rise) return start + ((peak - start) * step) / rise;
      if (step < tail) return peak + ((start - peak) * (step - rise)) / (tail - rise);
      return (
        start + ((final - start) * Math.min(steps, step) - (final - start) * tail) / Math.max(1, steps - tail)
      );
    }
    case 'sequence': {
      const { parts } = schedule;
      let [i, begin] = [0, 0];
      while (i < parts.length - 1 && step >= begin + totalSteps(parts[i])) begin += totalSteps(parts[i++]);
      return learningRateAt(parts[i], step - begin);
    }
    default:
      return schedule satisfies never;
  }
}

/**
 * Checks what the types can't.
 * @throws UserError naming the field that makes no sense.
 */
export function checkSchedule(schedule: Schedule): void {
  if (schedule.type === 'piecewise') return checkPiecewise(schedule);
  if (schedule.type === 'sequence') {
    if (schedule.parts.length === 0)
      throw new UserError('Schedule: a sequence without parts; give at least one schedule.');
    return schedule.parts.forEach(checkSchedule);
  }
  requirePositive('peak', schedule.peak);
  requireSteps('steps', schedule.steps);
  if (schedule.final !== undefined) requireNotNegative('final', schedule.final);
  if (schedule.type === 'one_cycle') {
    const { riseShare = 0.4, tailShare = 0.1 } = schedule;
    if (!(riseShare > 0 && tailShare >= 0 && riseShare + tailShare <= 1)) {
      throw new UserError(
        `Schedule: riseShare ${riseShare} and tailShare ${tailShare} must be shares of the run that sum to at most 1.`,
      );
    }
    if (schedule.startDivisor !== undefined) requirePositive('startDivisor', schedule.startDivisor);
    return;
  }
  const warmup = schedule.warmupSteps ?? 0;
  if (!(Number.isInteger(warmup) && warmup >= 0 && warmup < schedule.steps)) {
    throw new UserError(
      `Schedule: warmupSteps is ${warmup}; give a whole number below the ${schedule.steps} steps.`,
    );
  }
}

function checkPiecewise({ values, boundaries }: PiecewiseSchedule): void {
  if (values.length !== boundaries.length || values.length === 0) {
    throw new UserError(
      `Schedule: ${values.length} learning rates and ${boundaries.length} boundaries; ` +
        'each rate needs the step at which it ends, the last boundary being the end of the run.',
    );
  }
  boundaries.forEach((boundary, i) => {
    requireSteps(`boundaries[${i}]`, boundary);
    if (i > 0 && boundary <= boundaries[i - 1]) {
      throw new UserError(
        `Schedule: boundaries[${i}] is ${boundary}, not after boundaries[${i - 1}] = ${boundaries[i - 1]}.`,
      );
    }
  });
  values.forEach((value, i) => requireNotNegative(`values[${i}]`, value));
}

function requirePositive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new UserError(`Schedule: ${name} is ${value}; give a positive number.`);
}

function requireNotNegative(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value)))
    throw new UserError(`Schedule: ${name} is ${value}; give a number of at least 0.`);
}

function requireSteps(name: string, value: number): void {
  if (!(Number.isInteger(value) && value > 0))
    throw new UserError(`Schedule: ${name} is ${value}; give a positive whole number of steps.`);
}
