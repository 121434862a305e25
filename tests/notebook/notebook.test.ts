import { PNG } from 'pngjs';
import { UserError } from '../../src/errors';
import {
  attempt,
  confusionChart,
  figureBundle,
  filterPictures,
  gridSvg,
  histogram,
  liveTraining,
  picturesOf,
  setOutputSink,
  tableHtml,
  duration,
  type LineChart,
  type MimeBundle,
} from '../../src/notebook';
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
  expect(histogram([0, 0.1, 0.9, 1], 2, 'v').series[0].values).toEqual([2, 2]);
  expect(histogram([5, 5, 5], 4, 'v').series[0].values.reduce((a, b) => a + b)).toBe(3);
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

test('liveTraining redraws at most twice a second and ends with the whole curve', () => {
  let time = 0;
  const live = liveTraining(() => time);
  for (let step = 1; step <= 40; step++) {
    time += 100;
    live.onProgress({
      ...{ step, steps: 40, epoch: step, epochs: 40, learningRate: 0.1, loss: 2, classificationLoss: 2 },
      ...{ regularizationLoss: 0, error: 50, imagesPerSecond: 9, seconds: step, secondsLeft: 40 - step },
    } satisfies Progress);
  }
  live.onValidation({ step: 40, error: 44, loss: 1 });
  expect(outputs.length).toBeLessThanOrEqual(2 * 9);
  live.finish();
  const last = outputs[outputs.length - 1];
  expect(last.update).toBe(true);
  const data = (last.bundle['application/vnd.plotly.v1+json'] as { data: { x: number[] }[] }).data;
  expect(data.map(trace => trace.x.length)).toEqual([40, 1, 40, 1]);
  expect(new Set(outputs.map(output => output.id)).size).toBe(2);
  expect(outputs[outputs.length - 2].bundle['text/html']).toContain('took 40 s');
});

test('duration reads naturally', () => {
  expect([12, 200, 3725].map(duration)).toEqual(['12 s', '3 min 20 s', '1 h 02 min']);
});
