/** Live view of a training run: a line of numbers and two curves, redrawn at most twice a second. */
import { duration } from '../duration';
import { type Progress, type Validation } from '../train/options';
import { type LineChart, type Series } from './chart';
import { escapeHtml, Slot } from './display';
import { figureBundle } from './figure';

/** Milliseconds between two updates of the page. */
const UPDATE_INTERVAL = 500;

/** Callbacks for `train` that draw what it reports; see `liveTraining`. */
export interface LiveTraining {
  onProgress(progress: Progress): void;
  onValidation(validation: Validation): void;
  /** Draws the last state; call when the run has ended. */
  finish(): void;
}

function statusHtml(p: Progress, ended: boolean): string {
  const numbers = [
    `step ${p.step.toLocaleString('en-US')} of ${p.steps.toLocaleString('en-US')}`,
    `epoch ${p.epoch.toFixed(1)}`,
    `loss ${p.loss.toFixed(3)}`,
    `error ${p.error.toFixed(1)} %`,
    `learning rate ${Number(p.learningRate.toPrecision(3))}`,
    `${Math.round(p.imagesPerSecond)} images/s`,
    ended ? `took ${duration(p.seconds)}` : `${duration(p.secondsLeft)} left`,
  ];
  const bar = `<progress value="${p.step}" max="${p.steps}"></progress>`;
  return `${ended ? '' : `${bar} `}${escapeHtml(numbers.join(' · '))}`;
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
 * Opens a live view under the cell: `const live = liveTraining(); await train(model, data, { ...options, ...live }); live.finish();`
 * What remains in the stored notebook is the final curve.
 */
export function liveTraining(now: () => number = Date.now): LiveTraining {
  const status = new Slot();
  const curves = new Slot();
  const train: Progress[] = [];
  const validation: Validation[] = [];
  let drawn = -Infinity;
  const draw = (ended: boolean) => {
    drawn = now();
    const last = train[train.length - 1];
    if (last) status.show({ 'text/html': statusHtml(last, ended) });
    if (train.length > 0) curves.show(figureBundle(trainingCharts(train, validation)));
  };
  const drawIfDue = () => {
    if (now() - drawn >= UPDATE_INTERVAL) draw(false);
  };
  return {
    onProgress(progress) {
      train.push(progress);
      drawIfDue();
    },
    onValidation(point) {
      validation.push(point);
      drawIfDue();
    },
    finish: () => draw(true),
  };
}
