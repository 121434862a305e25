/** SVGs must be well-formed XML: shown inline a browser forgives, as a file (a code host, an <img>) it shows nothing. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { resnet } from '../../src/models';
import { figure, figureBundle, imageGrid, setOutputSink, showDiagram } from '../../src/notebook';

const TAG = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;

/** Where the text stops being well-formed XML, or undefined. Enough XML for SVG: elements, attributes, text. */
function mistake(svg: string): string | undefined {
  const text = svg.replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '');
  const open: string[] = [];
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', TAG.lastIndex)) {
    TAG.lastIndex = at;
    const tag = TAG.exec(text);
    if (!tag) return text.slice(at, at + 160);
    const [, closing, name, , empty] = tag;
    if (closing && open.pop() !== name) return `</${name}> closes another element`;
    if (!closing && !empty) open.push(name);
  }
  return open.length > 0 ? `<${open[open.length - 1]}> is not closed` : undefined;
}

test('the check finds an attribute that ends early, and elements that cross', () => {
  expect(mistake('<svg><text style="font:"Segoe UI"">a</text></svg>')).toContain('<text');
  expect(mistake('<svg><g></svg></g>')).toContain('closes another');
  expect(mistake('<svg><g a="1"/>text</svg>')).toBeUndefined();
});

test('charts as SVG', () => {
  const axes = { x: { label: 'a "quoted" & <odd> label' }, y: { label: 'y' } };
  const bundle = figureBundle([
    { kind: 'line', title: 'line', ...axes, series: [{ name: 'one', x: [0, 1], y: [1, 2] }, { name: 'two', x: [0], y: [3] }] }, // prettier-ignore
    { kind: 'bar', title: 'bar', ...axes, categories: ['a'], series: [{ name: 'b', values: [1] }] },
    { kind: 'heatmap', title: 'map', ...axes, columns: ['a'], rows: ['b'], values: [[1]] },
  ]);
  expect(mistake(bundle['image/svg+xml']!)).toBeUndefined();
});

test('names of bars that find no room beside each other are turned, none is left out; of numbers some are', () => {
  const shown = (categories: readonly string[]): string[] => {
    const axes = { x: { label: 'x' }, y: { label: 'y' } };
    const values = categories.map((_, i) => i);
    const bundle = figureBundle({
      kind: 'bar',
      title: 'bars',
      ...axes,
      categories,
      series: [{ name: 's', values }],
    });
    return categories.filter(name => bundle['image/svg+xml']!.includes(`>${name}<`));
  };
  const words = Array.from({ length: 14 }, (_, i) => `operation_${i}_of_many`);
  expect(shown(words)).toEqual(words);
  const numbers = Array.from({ length: 60 }, (_, i) => (1000 + i).toFixed(2));
  expect(shown(numbers).length).toBeLessThan(40);
});

/** The pictures stored in each notebook. */
function stored(): [string, string[]][] {
  const folder = path.join(__dirname, '../../notebooks');
  type Notebook = { cells: { outputs?: { data?: Record<string, string | string[]> }[] }[] };
  return fs
    .readdirSync(folder)
    .filter(file => file.endsWith('.ipynb'))
    .map(name => {
      const { cells } = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as Notebook;
      const svgs = cells.flatMap(cell => cell.outputs ?? []).map(({ data }) => data?.['image/svg+xml']);
      return [name, svgs.flatMap(svg => (svg ? [[svg].flat().join('')] : []))];
    });
}

test('SVGs stored in the notebooks', () => {
  const pictures = stored();
  for (const [name, svgs] of pictures)
    for (const svg of svgs) expect([name, mistake(svg)]).toEqual([name, undefined]);
  expect(pictures.flatMap(([, svgs]) => svgs).length).toBeGreaterThan(15);
});

const all = (svg: string, pattern: RegExp): string[] => [...svg.matchAll(pattern)].map(match => match[1]);

/** Where the pictures, all in one page, would take something of another's, or lack it. */
function clashes(svgs: readonly string[]): string[] {
  const owner = new Map<string, string>();
  return svgs.flatMap(svg => {
    const ids = all(svg, / id="([^"]+)"/g);
    const missing = all(svg, /(?:url\(|href=")#([^)"]+)/g).filter(id => !ids.includes(id));
    const taken = ids.filter(id => (owner.get(id) ?? svg) !== svg);
    ids.forEach(id => owner.set(id, svg));
    const styles = /<style|class="/.test(svg) ? ['a style sheet'] : [];
    return [...missing.map(id => `#${id} is missing`), ...taken.map(id => `${id} twice`), ...styles];
  });
}

test('pictures in one page take nothing of each other', () => {
  const shown: string[] = [];
  setOutputSink(bundle => void shown.push(bundle['image/svg+xml']!));
  try {
    const picture = (byte: number) => new Uint8Array(32 * 32 * 3).fill(byte);
    for (const byte of [0, 9]) imageGrid([picture(byte)]);
    const line = (y: number) => ({ name: 'a', x: [0, 1], y: [0, y] });
    for (const y of [1, 2]) {
      const chart = { kind: 'line', x: { label: 'x' }, y: { label: 'y' }, series: [line(y)] } as const;
      figure(chart);
      figure([chart, chart]);
    }
    for (const depth of [20, 32]) showDiagram(resnet({ depth }));
  } finally {
    setOutputSink(undefined);
  }
  expect(shown).toHaveLength(8);
  expect(new Set(shown).size).toBe(8);
  expect(clashes(shown)).toEqual([]);
  expect(
    clashes(['<svg><use href="#a"/></svg>', '<svg><i id="b"/></svg>', '<svg><g id="b"/></svg>']),
  ).toEqual(['#a is missing', 'b twice']);
});

test.each(stored())('the pictures of %s take nothing of each other', (_, svgs) => {
  expect(clashes(svgs)).toEqual([]);
});
