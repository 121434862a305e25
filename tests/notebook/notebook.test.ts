import { PNG } from 'pngjs';
import { UserError } from '../../src/errors';
import {
  attempt,
  confusionChart,
  figureBundle,
  filterPictures,
  gridSvg,
  histogram,
  type LiveTraining,
  liveTraining,
  picturesOf,
  setOutputSink,
  tableHtml,
  duration,
  type LineChart,
  type MimeBundle,
} from '../../src/notebook';
import { logAxis } from '../../src/notebook/axes';
import { type Progress } from '../../src/train/options';

interface Output {
  bundle: MimeBundle;
  id?: string;
  update: boolean;
}
let outputs: Output[] = [];
beforeEach(() => {
  outputs = [];
  setOutputSink((bundle, id, update) => outputs.push({ bundle, id, update }));
});
afterAll(() => setOutputSink(undefined));

const line: LineChart = {
  kind: 'line',
  title: 'Error <test>',
  x: { label: 'step' },
  y: { label: 'error [%]', log: true, range: [1, 100] },
  series: [
    { name: 'train', x: [0, 1, 2], y: [90, 50, 10] },
    { name: 'test', x: [0, 2], y: [91, 20], dashed: true },
  ],
};

/** Well-formed enough: every tag that is opened is closed, in order. */
function expectBalanced(svg: string): void {
  const open: string[] = [];
  for (const [, slash, name, self] of svg.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
    if (slash) expect(open.pop()).toBe(name);
    else if (!self) open.push(name);
  }
  expect(open).toEqual([]);
}

describe('figure', () => {
  test('gives an interactive and a static picture of the same data, without a script', () => {
    const bundle = figureBundle(line);
    const plotly = bundle['application/vnd.plotly.v1+json'] as {
      data: { y: number[] }[];
      layout: { yaxis: { range: number[] } };
    };
    expect(plotly.data.map(trace => trace.y)).toEqual([
      [90, 50, 10],
      [91, 20],
    ]);
    expect(plotly.layout.yaxis.range).toEqual([0, 2]); // plotly takes exponents on a logarithmic axis
    const svg = bundle['image/svg+xml']!;
    expectBalanced(svg);
    expect(svg).toContain('error [%]');
    expect(svg).toContain('Error &lt;test&gt;');
    expect(JSON.stringify(bundle)).not.toContain('<script');
  });

  test('draws several charts side by side in one SVG with separate class names', () => {
    const svg = figureBundle([line, histogram([1, 2, 2, 3], 3, 'value')])['image/svg+xml']!;
    expectBalanced(svg);
    expect(svg).toContain('viewBox="0 0 740 340"');
    expect(svg).not.toMatch(/zr\d+-/);
  });

  test('bars begin at zero, lines where their data do', () => {
    const values = [90, 100];
    const bars = { kind: 'bar', x: { label: 'x' }, y: { label: 'y' }, categories: ['a', 'b'], series: [{ name: 's', values }] } as const; // prettier-ignore
    const lines = { kind: 'line', x: { label: 'x' }, y: { label: 'y' }, series: [{ name: 's', x: [10, 11], y: values }] } as const; // prettier-ignore
    expect(figureBundle(bars)['image/svg+xml']).toContain('>0</text>');
    expect(figureBundle(lines)['image/svg+xml']).not.toContain('>0</text>');
  });

  test('thins long lines and keeps their ends', () => {
    const x = Array.from({ length: 64_000 }, (_, i) => i);
    const bundle = figureBundle({ ...line, series: [{ name: 'long', x, y: x }] });
    const [trace] = (bundle['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] }).data;
    expect(trace.x.length).toBeLessThanOrEqual(601);
    expect([trace.x[0], trace.x[trace.x.length - 1]]).toEqual([0, 63_999]);
  });

  test('names what does not fit', () => {
    expect(() => figureBundle({ ...line, series: [{ name: 'bad', x: [1], y: [] }] })).toThrow(
      /"bad" has 1 x and 0 y/,
    );
    expect(() => histogram([], 3, 'nothing')).toThrow(UserError);
  });
});

test('histogram counts every value once', () => {
  const { series, middles, categories, x } = histogram([0, 0.1, 0.9, 1], 2, 'v');
  expect([series[0].values, middles, categories, x.label]).toEqual([[2, 2], [0.25, 0.75], ['0 to 0.5', '0.5 to 1'], 'v']); // prettier-ignore
  expect(histogram([5, 5, 5], 4, 'v').series[0].values.reduce((a, b) => a + b)).toBe(3);
});

test('histogram leaves out what is not finite, and says so', () => {
  const { series, x, middles } = histogram([0, NaN, 1, Infinity, -Infinity, 1], 2, 'v');
  expect([series[0].values, middles]).toEqual([[1, 2], [0.25, 0.75]]); // prettier-ignore
  expect(x.label).toBe('v (3 of 6 not finite, left out)');
  expect(() => histogram([NaN, Infinity], 3, 'v')).toThrow(/"v" has no numbers/);
});

test('a histogram stands over an axis of numbers', () => {
  const bundle = figureBundle(histogram([0, 100, 200, 200], 4, 'v'));
  const ticks = [...bundle['image/svg+xml']!.matchAll(/>(\d+)<\/text>/g)].map(match => Number(match[1]));
  expect(ticks.filter(tick => tick > 2 && tick % 10 !== 0)).toEqual([]); // not 25, 75 …
  const plotly = bundle['application/vnd.plotly.v1+json'] as {
    data: { x: number[] }[];
    layout: { xaxis: object };
  };
  expect(plotly.data[0].x).toEqual([25, 75, 125, 175]);
  expect(plotly.layout.xaxis).not.toHaveProperty('type', 'category');
});

describe('logarithmic axes', () => {
  const ticksOf = (y: number[], bars = false) => {
    const { ticks, text } = logAxis(y, { label: 'y', log: true }, bars);
    return ticks.map(text).join(' ');
  };

  test('few decades have plain numbers, many have powers', () => {
    expect(ticksOf([8.2, 50])).toBe('8 10 20 30 40 50');
    expect(ticksOf([0.0008, 0.1])).toBe('0.001 0.002 0.005 0.01 0.02 0.05 0.1');
    expect(ticksOf([40, 10_689])).toBe('50 100 200 500 1,000 2,000 5,000 10,000');
    expect(ticksOf([1e-6, 1e-5, 5])).toBe('10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰');
    expect(ticksOf([1e-20, 1])).toBe('10⁻¹⁸ 10⁻¹⁵ 10⁻¹² 10⁻⁹ 10⁻⁶ 10⁻³ 10⁰');
  });

  test('what has no logarithm is left out; bars stand on a power of ten below the shortest', () => {
    expect(ticksOf([0, -1, NaN, 2, 200])).toBe('2 5 10 20 50 100 200');
    expect(ticksOf([], false)).not.toBe('');
    expect([[28, 450], [10, 450], [0.3]].map(y => logAxis(y, { label: 'y' }, true).low)).toEqual([10, 1, 0.1]); // prettier-ignore
  });

  test('are drawn with these ticks', () => {
    const y = [1e-5, 1e-3, 1];
    const chart: LineChart = {
      ...line,
      y: { label: 'y', log: true },
      series: [{ name: 's', x: [0, 1, 2], y }],
    };
    const svg = figureBundle(chart)['image/svg+xml']!;
    for (const tick of ['10⁻⁵', '10⁻⁴', '10⁰']) expect(svg).toContain(`>${tick}</text>`);
    expect(svg).not.toMatch(/0\.0000/);
  });
});

test('points without a line are hollow, and dashes tell lines of one color apart', () => {
  const series = Array.from({ length: 9 }, (_, i) => ({
    name: `s${i}`,
    x: [0, 1],
    y: [i, i],
    scatter: i === 1,
  }));
  const bundle = figureBundle({ ...line, y: { label: 'y' }, series });
  const { data } = bundle['application/vnd.plotly.v1+json'] as {
    data: { mode: string; marker?: { symbol: string }; line?: { color: string; dash: string } }[];
  };
  expect([data[1].mode, data[1].marker?.symbol, data[1].line]).toEqual(['markers', 'circle-open', undefined]);
  expect([data[0].line?.color, data[0].line?.dash]).toEqual([data[8].line?.color, 'solid']);
  expect(data[8].line?.dash).toBe('dash');
  expect(bundle['image/svg+xml']).toContain('stroke-dasharray');
});

test('names of a heat map are turned only where they have no room', () => {
  const map = (names: string[]) => {
    const values = names.map(() => names.map(() => 1));
    const axes = { x: { label: 'x' }, y: { label: 'y' } };
    const bundle = figureBundle({ kind: 'heatmap', ...axes, columns: names, rows: names, values });
    const { layout } = bundle['application/vnd.plotly.v1+json'] as {
      layout: { xaxis: { tickangle: number } };
    };
    return [
      layout.xaxis.tickangle,
      /rotate|matrix\(0?\.7/.test(bundle['image/svg+xml']!.replace(/[^>]*>y</, '')),
    ];
  };
  expect(map(['0', '1', '2'])).toEqual([0, false]);
  expect(map(Array.from({ length: 10 }, (_, i) => `automobile ${i}`))).toEqual([40, true]);
});

test('confusionChart gives percent of each true class', () => {
  const chart = confusionChart([[3, 1], [0, 8]], ['a', 'b']); // prettier-ignore
  expect(chart.values).toEqual([[75, 25], [0, 100]]); // prettier-ignore
  expectBalanced(figureBundle(chart)['image/svg+xml']!);
});

test('gridSvg keeps every pixel', () => {
  const images = [0, 1, 2].map(n => Uint8Array.from({ length: 12 }, (_, k) => n * 50 + k));
  const svg = gridSvg(images, {
    columns: 2,
    side: 2,
    captions: ['a', 'b & c', 'd'],
    rowNames: ['r', 's'],
    title: 't',
  });
  expectBalanced(svg);
  expect(svg).toContain('b &amp; c');
  const sheet = PNG.sync.read(Buffer.from(svg.match(/base64,([^"]+)/)![1], 'base64'));
  expect([sheet.width, sheet.height]).toEqual([4, 4]);
  expect([...sheet.data.subarray(8, 11)]).toEqual([50, 51, 52]); // second picture, first pixel
  expect(() => gridSvg([])).toThrow(/no pictures/);
  expect(() => gridSvg([new Uint8Array(5)])).toThrow(/5 bytes/);
});

test('picturesOf undoes the normalization', () => {
  const [picture] = picturesOf([1, 0, -1], [0.5, 0.25, 0.5], [0.25, 0.2, 1], 1);
  expect([...picture]).toEqual([191, 64, 0]);
});

test('filterPictures: zero is gray, the largest weight is full', () => {
  const [first, second] = filterPictures([2, 0, -2, 0, 1, 0], 1, 2);
  expect([...first]).toEqual([255, 0, 191]);
  expect([...second]).toEqual([128, 128, 128]);
});

test('tableHtml escapes and aligns', () => {
  const html = tableHtml(['model', 'parameters'], [['a<b', 269_722]]);
  expect(html).toContain('a&lt;b');
  expect(html).toContain('<td align="right" style="text-align:right">269,722</td>');
  expect(html).toContain('<th align="right" style="text-align:right">parameters</th>');
});

test('attempt shows what can be mended and throws what cannot', async () => {
  const failed = await attempt('Training', () => {
    throw new UserError('no plugin: run npm start');
  });
  expect(failed).toBeUndefined();
  expect(outputs[0].bundle['text/html']).toMatch(/Training is not possible here.*no plugin/s);
  await expect(attempt('x', () => Promise.reject(new TypeError('defect')))).rejects.toThrow('defect');
  expect(await attempt('x', () => 3)).toBe(3);
});

/** How a made-up run of 40 steps stands. */
const progressAt = (step: number): Progress => ({
  ...{ step, steps: 40, epoch: step, epochs: 40, learningRate: 0.1, loss: 2, classificationLoss: 2 },
  ...{ regularizationLoss: 0, error: 50, imagesPerSecond: 9, seconds: step, secondsLeft: 40 - step },
});

test('liveTraining redraws at most twice a second and ends with the whole curve', async () => {
  let time = 0;
  const run = async (live: LiveTraining) => {
    for (let step = 1; step <= 40; step++) {
      time += 100;
      live.onProgress(progressAt(step));
    }
    live.onValidation({ step: 40, error: 44, loss: 1 });
    expect(outputs.length).toBeLessThanOrEqual(2 * 9);
    return 'done';
  };
  expect(await liveTraining(run, () => time)).toBe('done');
  const last = outputs[outputs.length - 1];
  expect(last.update).toBe(true);
  const data = (last.bundle['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] }).data;
  expect(data.map(trace => trace.x.length)).toEqual([40, 1, 40, 1]);
  expect(new Set(outputs.map(output => output.id)).size).toBe(2);
  expect(outputs[outputs.length - 2].bundle['text/html']).toContain('took 40 s');
});

test('the first interrupt ends a live training, and only that; what is wrong stands under the cell', async () => {
  const kernel = jest.fn();
  process.on('SIGINT', kernel);
  const listeners = process.rawListeners('SIGINT');
  const interrupted = await liveTraining(async ({ signal, onProgress }) => {
    onProgress(progressAt(3));
    process.emit('SIGINT');
    expect(signal.aborted).toBe(true);
    expect(outputs[outputs.length - 2].bundle['text/html']).toContain('finishing the step');
    expect(kernel).not.toHaveBeenCalled();
    process.emit('SIGINT');
    expect(kernel).toHaveBeenCalledTimes(1);
    return 3;
  });
  expect(interrupted).toBe(3);
  expect(outputs[outputs.length - 2].bundle['text/html']).toContain('interrupted after 3 s');
  expect(process.rawListeners('SIGINT')).toEqual(listeners);
  await expect(liveTraining(() => Promise.reject(new TypeError('defect')))).rejects.toThrow('defect');
  expect(await liveTraining(() => Promise.reject(new UserError('lower the rate')))).toBeUndefined();
  expect(outputs[outputs.length - 1].bundle['text/html']).toContain('lower the rate');
  expect(process.rawListeners('SIGINT')).toEqual(listeners);
  process.off('SIGINT', kernel);
});

test('duration reads naturally', () => {
  expect([12, 200, 3725].map(duration)).toEqual(['12 s', '3 min 20 s', '1 h 02 min']);
});
