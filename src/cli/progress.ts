/** How a run is shown in a terminal: a bar on one line, or, where the output is no terminal, plain lines. */
import { Presets, SingleBar } from 'cli-progress';
import { duration } from '../duration';
import { type Progress } from '../train';
import { type Reporter } from '../train/runExperiments';

const numbers = (p: Progress): string =>
  `loss ${p.loss.toFixed(3)} · error ${p.error.toFixed(2)} % · ${Math.round(p.imagesPerSecond)} images/s · ${duration(p.secondsLeft)} left`;

/** The reporter that fits the stream. */
export function reporter(stream: NodeJS.WriteStream = process.stderr): Reporter {
  return stream.isTTY ? barReporter(stream) : lineReporter(stream);
}

function lineReporter(stream: NodeJS.WritableStream): Reporter {
  const line = (text: string) => void stream.write(`${text}\n`);
  return {
    onProgress: p => line(`step ${p.step} of ${p.steps} · epoch ${p.epoch.toFixed(1)} · ${numbers(p)}`),
    onValidation: v =>
      line(`step ${v.step}: validation error ${v.error.toFixed(2)} %, loss ${v.loss.toFixed(3)}`),
    onWarning: line,
    stop: () => undefined,
  };
}

function barReporter(stream: NodeJS.WriteStream): Reporter {
  const format = '{bar} {value}/{total} · {numbers}{validated}';
  const bar = new SingleBar({ format, stream, barsize: 24, clearOnComplete: false }, Presets.shades_classic);
  const payload = { numbers: '', validated: '' };
  let started = false;
  const above = (text: string) => {
    stream.write(`\r\x1b[K${text}\n`); // the bar is drawn again below
    if (started) bar.render();
  };
  return {
    onProgress(p) {
      payload.numbers = numbers(p);
      if (!started) bar.start(p.steps, p.step, payload);
      else bar.update(p.step, payload);
      started = true;
    },
    onValidation(v) {
      payload.validated = ` · validation error ${v.error.toFixed(2)} %`;
      if (started) bar.update(payload);
    },
    onWarning: above,
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}
