/** SVGs must be well-formed XML: shown inline a browser forgives, as a file (a code host, an <img>) it shows nothing. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { figureBundle } from '../../src/notebook';

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

test('SVGs stored in the notebooks', () => {
  const folder = path.join(__dirname, '../../notebooks');
  type Notebook = { cells: { outputs?: { data?: Record<string, string | string[]> }[] }[] };
  let pictures = 0;
  for (const name of fs.readdirSync(folder).filter(file => file.endsWith('.ipynb'))) {
    const { cells } = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as Notebook;
    for (const { data } of cells.flatMap(cell => cell.outputs ?? [])) {
      const svg = data?.['image/svg+xml'];
      if (!svg) continue;
      pictures++;
      expect([name, mistake([svg].flat().join(''))]).toEqual([name, undefined]);
    }
  }
  expect(pictures).toBeGreaterThan(15);
});
