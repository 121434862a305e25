/**
 * The executed notebooks as static HTML, for reading without Jupyter: `npx tsx scripts/docs.ts [folder]`
 * (default dist/notebooks). Pictures are the stored SVGs, formulas are set by KaTeX here, no page runs a script.
 * Fails when a page links to one that is not there.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import katex from 'katex';
import { marked } from 'marked';
import { escapeHtml } from '../src/notebook/display';

interface Output {
  output_type: string;
  name?: string;
  text?: string | string[];
  data?: Record<string, string | string[]>;
}
interface Cell {
  cell_type: string;
  source: string | string[];
  outputs?: Output[];
}
interface Page {
  name: string;
  title: string;
  cells: Cell[];
}

const root = path.dirname(__dirname);
const joined = (text: string | string[] | undefined) => (Array.isArray(text) ? text.join('') : (text ?? ''));

function readPages(folder: string): Page[] {
  const names = fs.readdirSync(folder).filter(name => name.endsWith('.ipynb'));
  // Playground first, then the numbered ones.
  names.sort((a, b) => Number(/^\d/.test(a)) - Number(/^\d/.test(b)) || a.localeCompare(b));
  return names.map(name => {
    const { cells } = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as { cells: Cell[] };
    const title = joined(cells[0]?.source).match(/^# (.*)$/m)?.[1] ?? name;
    return { name: name.replace('.ipynb', ''), title, cells };
  });
}

/** Markdown with $…$ and $$…$$. */
function markdown(text: string): string {
  const formulas: string[] = [];
  const hide = (display: boolean) => (_: string, formula: string) => {
    formulas.push(katex.renderToString(formula, { displayMode: display, output: 'mathml' }));
    return `KATEX${formulas.length - 1}FORMULA`;
  };
  const hidden = text.replace(/\$\$([\s\S]+?)\$\$/g, hide(true)).replace(/\$([^$\n]+?)\$/g, hide(false));
  const html = marked.parse(hidden, { async: false });
  return html
    .replace(/KATEX(\d+)FORMULA/g, (_, i: string) => formulas[Number(i)])
    .replace(/href="([^":]+)\.ipynb"/g, 'href="$1.html"');
}

function outputHtml({ data, text }: Output): string {
  const svg = joined(data?.['image/svg+xml']);
  if (svg) {
    const words = escapeHtml(joined(data?.['text/plain']));
    return `<img alt="${words}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`;
  }
  return (
    joined(data?.['text/html']) || `<pre>${escapeHtml(joined(text) || joined(data?.['text/plain']))}</pre>`
  );
}

function cellHtml(cell: Cell): string {
  if (cell.cell_type === 'markdown') return markdown(joined(cell.source));
  const outputs = (cell.outputs ?? []).map(output => `<div class="output">${outputHtml(output)}</div>`);
  return `<pre class="code"><code>${escapeHtml(joined(cell.source))}</code></pre>${outputs.join('\n')}`;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 50rem; margin: 0 auto; padding: 1rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; border-bottom: 1px solid #8886; padding-bottom: 0.6rem; }
pre.code { background: #8882; border-radius: 4px; padding: 0.7rem; overflow-x: auto; font-size: 13px; line-height: 1.45; }
.output { overflow-x: auto; margin: 0.8rem 0; }
td, th { padding: 0.15rem 0.9rem 0.15rem 0; }
[aria-current] { font-weight: bold; }`;

function pageHtml(page: Page, pages: readonly Page[]): string {
  const link = ({ name, title }: Page) =>
    `<a href="${name}.html"${name === page.name ? ' aria-current="page"' : ''}>${escapeHtml(title)}</a>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(page.title)}</title><style>${STYLE}</style></head>
<body><nav>${pages.map(link).join('\n')}</nav>
<main>${page.cells.map(cellHtml).join('\n')}</main></body></html>
`;
}

/** Links between pages that lead nowhere. */
function brokenLinks(folder: string): string[] {
  return fs
    .readdirSync(folder)
    .filter(name => name.endsWith('.html'))
    .flatMap(name =>
      [...fs.readFileSync(path.join(folder, name), 'utf8').matchAll(/href="([^"]+)"/g)]
        .map(([, target]) => target)
        .filter(target => !/^(https?:|#|mailto:)/.test(target))
        .filter(target => !fs.existsSync(path.join(folder, target.split('#')[0])))
        .map(target => `${name}: ${target}`),
    );
}

const target = path.resolve(process.argv[2] ?? path.join(root, 'dist', 'notebooks'));
const pages = readPages(path.join(root, 'notebooks'));
fs.mkdirSync(target, { recursive: true });
for (const page of pages) fs.writeFileSync(path.join(target, `${page.name}.html`), pageHtml(page, pages));
if (pages.length > 0)
  fs.copyFileSync(path.join(target, `${pages[0].name}.html`), path.join(target, 'index.html'));
const broken = brokenLinks(target);
for (const line of broken) console.error(`Broken link in ${line}`);
console.log(`${pages.length} notebooks → ${target}`);
process.exitCode = broken.length > 0 ? 1 : 0;
