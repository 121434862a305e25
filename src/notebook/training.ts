/** Live view of a training run, which an interrupt of the cell ends as a run should end. */
import { duration } from '../duration';
import { type Progress, type Validation } from '../train/options';
import { type LineChart, type Series } from './chart';
import { escapeHtml, Slot } from './display';
import { figureBundle } from './figure';
import { attempt } from './table';

/** Milliseconds between two updates of the page. */
const UPDATE_INTERVAL = 500;

/** What a training under a cell is to be given: callbacks that draw what it reports, and the signal that ends it. */
export interface LiveTraining {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
  onValidation(validation: Validation): void;
}

type State = 'running' | 'stopping' | 'interrupted' | 'ended';

function statusHtml(p: Progress, state: State): string {
  const ending: Record<State, string> = {
    running: `${duration(p.secondsLeft)} left`,
    stopping: 'finishing the step …',
    interrupted: `interrupted after ${duration(p.seconds)}: what was learned is kept`,
    ended: `took ${duration(p.seconds)}`,
  };
  const numbers = [
    `step ${p.step.toLocaleString('en-US')} of ${p.steps.toLocaleString('en-US')}`,
    `epoch ${p.epoch.toFixed(1)}`,
    `loss ${p.loss.toFixed(3)}`,
    `error ${p.error.toFixed(1)} %`,
    `learning rate ${Number(p.learningRate.toPrecision(3))}`,
    `${Math.round(p.imagesPerSecond)} images/s`,
    ending[state],
  ];
  const bar = state === 'running' ? `<progress value="${p.step}" max="${p.steps}"></progress> ` : '';
  return `${bar}${escapeHtml(numbers.join(' · '))}`;
}

/** The curves of a run: error and loss over steps, training (augmented) and validation. */
export function trainingCharts(
  train: readonly Pick<Progress, 'step' | 'error' | 'loss'>[],
  validation: readonly Validation[],
): LineChart[] {
  const chart = (key: 'error' | 'loss', label: string): LineChart => {
    const line = (
      name: string,
      points: readonly { step: number; error: number; loss: number }[],
      marked: boolean,
    ): Series => ({
      name: `${key}, ${name}`,
      x: points.map(point => point.step),
      y: points.map(point => point[key]),
      points: marked,
    });
    const series = [line('training', train, false)];
    if (validation.length > 0) series.push(line('validation', validation, true));
    return { kind: 'line', title: label, x: { label: 'step' }, y: { label }, series };
  };
  return [chart('error', 'error [%]'), chart('loss', 'loss')];
}

/**
 * Runs a training with a live view under the cell: a line of numbers and two curves, redrawn at most twice a second. What remains in the
 * stored notebook is the final curve.
 *
 *     const result = await liveTraining(live => train(model, data, { ...options, ...live }));
 *
 * Interrupting the cell (■) ends the training after the step under way, as `signal` does, and the cell with it: the model keeps what it has
 * learned, and the next cells can use it. A second interrupt is the kernel's own.
 *
 * @returns what `run` returned; undefined when something is missing that the reader can supply, which then stands under the cell
 */
export async function liveTraining<R>(
  run: (live: LiveTraining) => R,
  now: () => number = Date.now,
): Promise<Awaited<R> | undefined> {
  const status = new Slot();
  const curves = new Slot();
  const train: Progress[] = [];
  const validation: Validation[] = [];
  const controller = new AbortController();
  let drawn = -Infinity;
  const draw = (state: State) => {
    drawn = now();
    const last = train[train.length - 1];
    if (last) status.show({ 'text/html': statusHtml(last, state) });
    if (train.length > 0) curves.show(figureBundle(trainingCharts(train, validation)));
  };
  const drawIfDue = () => {
    if (now() - drawn >= UPDATE_INTERVAL) draw(controller.signal.aborted ? 'stopping' : 'running');
  };
  await new Promise(setImmediate); // while a cell's first lines run, node has put the kernel's listener aside
  const giveBack = takeInterrupt(() => {
    controller.abort();
    draw('stopping');
  });
  try {
    return await attempt('This training', () =>
      run({
        signal: controller.signal,
        onProgress(progress) {
          train.push(progress);
          drawIfDue();
        },
        onValidation(point) {
          validation.push(point);
          drawIfDue();
        },
      }),
    );
  } finally {
    giveBack();
    draw(controller.signal.aborted ? 'interrupted' : 'ended');
  }
}

/**
 * Calls `act` at the next interrupt, in place of who listens now: a kernel, which would give up the cell and leave its code running. They
 * listen again after that one, or once the function returned is called.
 */
function takeInterrupt(act: () => void): () => void {
  const others = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  const listener = () => {
    giveBack();
    act();
  };
  const giveBack = () => {
    if (!process.listeners('SIGINT').includes(listener)) return;
    others.forEach(other => process.on('SIGINT', other));
    process.off('SIGINT', listener);
  };
  process.on('SIGINT', listener);
  others.forEach(other => process.off('SIGINT', other));
  return giveBack;
}
