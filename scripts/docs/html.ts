/** Pages as HTML without scripts: pictures are the stored SVGs, formulas are set by KaTeX as MathML. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import katex from 'katex';
import { Marked } from 'marked';
import { escapeHtml } from '../../src/notebook/display';
import { type Cell, joined, type Output, type Page, targetOf } from './pages';

const marked = new Marked({
  renderer: {
    heading({ tokens, depth, text }) {
      return `<h${depth} id="${slug(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
  },
});

/** The anchor of a heading, as code hosts make it. */
function slug(heading: string): string {
  const words = heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '');
  return words.trim().replace(/ /g, '-');
}

/** What links may lead to: the pages, and the root where other files of the repository lie. */
export interface Site {
  root: string;
  pages: readonly Page[];
  /** Files other than pages that a page shows; filled in while pages are made. */
  assets: Set<string>;
}

/**
 * Links of a page, turned to the site's: pages become pages, pictures go along, other files of the repository, which the
 * site does not hold, become plain text.
 */
function relink(html: string, page: Page, { root, pages, assets }: Site): string {
  const folder = path.posix.dirname(page.source);
  const resolve = (target: string) => path.posix.normalize(path.posix.join(folder, decodeURI(target)));
  return html
    .replace(/<img src="([^":]+)"/g, (tag, target: string) => {
      assets.add(resolve(target));
      return tag;
    })
    .replace(/<a href="([^":#]+)(#[^"]*)?">([\s\S]*?)<\/a>/g, (link, target: string, anchor = '', words) => {
      const source = resolve(target);
      const found = pages.find(p => p.source === source || path.posix.dirname(p.source) === source);
      if (found) {
        const to = path.posix.relative(path.posix.dirname(page.target), targetOf(found.source));
        return `<a href="${to}${anchor as string}">${words as string}</a>`;
      }
      if (/\.(svg|png)$/.test(source)) {
        assets.add(source);
        return link;
      }
      return fs.existsSync(path.join(root, source)) ? (words as string) : link;
    });
}

/** Markdown with $…$ and $$…$$; what stands in code stays as it is. */
export function markdown(text: string): string {
  const kept: string[] = [];
  const keep = (html: string): string => `KEPT${kept.push(html) - 1}TEXT`;
  const formula = (display: boolean) => (_: string, tex: string) =>
    keep(katex.renderToString(tex, { displayMode: display, output: 'mathml' }));
  const parts = text.split(/(```[\s\S]*?```|`[^`\n]+`)/);
  const hidden = parts
    .map((part, i) =>
      i % 2 === 1
        ? part
        : part
            .replace(/\$\$([\s\S]+?)\$\$/g, formula(true))
            .replace(/\$([^$\s](?:[^$\n]*[^$\s])?)\$/g, formula(false)),
    )
    .join('');
  return marked
    .parse(hidden, { async: false })
    .replace(/KEPT(\d+)TEXT/g, (_, i: string) => kept[Number(i)]);
}

function outputHtml({ data, text }: Output): string {
  const plain = joined(data?.['text/plain']);
  const svg = joined(data?.['image/svg+xml']);
  if (svg) {
    return `<img alt="${escapeHtml(plain)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}">`;
  }
  const png = joined(data?.['image/png']);
  if (png) return `<img alt="${escapeHtml(plain)}" src="data:image/png;base64,${png}">`;
  return joined(data?.['text/html']) || `<pre>${escapeHtml(joined(text) || plain)}</pre>`;
}

function cellHtml(cell: Cell): string {
  if (cell.cell_type === 'markdown') return markdown(joined(cell.source));
  const outputs = (cell.outputs ?? []).map(output => `<div class="output">${outputHtml(output)}</div>`);
  return `<pre class="code"><code>${escapeHtml(joined(cell.source))}</code></pre>${outputs.join('\n')}`;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 68rem; display: grid;
  grid-template-columns: 14rem minmax(0, 1fr); gap: 0 2.5rem; }
nav { font-size: 14px; line-height: 1.4; }
nav ul { list-style: none; padding: 0; position: sticky; top: 1rem; }
nav li { margin: 0.35rem 0; }
pre { overflow-x: auto; font-size: 13px; line-height: 1.45; }
pre.code, main > pre { background: #8882; border-radius: 4px; padding: 0.7rem; }
.output { overflow-x: auto; margin: 0.8rem 0; }
img { max-width: 100%; }
td, th { padding: 0.15rem 0.9rem 0.15rem 0; vertical-align: top; }
footer { display: flex; justify-content: space-between; border-top: 1px solid #8886; margin: 2rem 0 1rem; padding-top: 0.6rem; }
[aria-current] { font-weight: bold; }
@media (max-width: 45rem) { body { display: block; } nav ul { position: static; } }`;

/** The whole page with navigation and the pages before and after it. */
export function pageHtml(page: Page, site: Site): string {
  const from = path.posix.dirname(page.target);
  const link = (to: Page, words = to.title) =>
    `<a href="${path.posix.relative(from, to.target)}"${to === page ? ' aria-current="page"' : ''}>${escapeHtml(words.replace(/`/g, ''))}</a>`;
  const at = site.pages.indexOf(page);
  const before = site.pages[at - 1];
  const after = site.pages[at + 1];
  const items = site.pages.map(other => `<li>${link(other)}</li>`).join('\n');
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(page.title)}</title><style>${STYLE}</style></head>
<body><nav><ul>${items}</ul></nav>
<main>${relink(page.cells.map(cellHtml).join('\n'), page, site)}
<footer><span>${before ? link(before, `← ${before.title}`) : ''}</span><span>${after ? link(after, `${after.title} →`) : ''}</span></footer>
</main></body></html>
`;
}
