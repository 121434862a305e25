/**
 * The executed notebooks and docs/ as static HTML, for reading without Jupyter: `npm run docs [-- FOLDER]` (default
 * dist/docs). Exit status 1 when a link leads nowhere.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Command } from 'commander';
import { pageHtml, type Site } from './docs/html';
import { brokenLinks } from './docs/links';
import { readPages } from './docs/pages';

const root = process.env.DOCS_ROOT ?? path.dirname(__dirname);
const [folder = path.join(root, 'dist', 'docs')] = new Command('docs')
  .description('Writes the executed notebooks and docs/ as static HTML.')
  .argument('[folder]', 'where to (default: dist/docs)')
  .parse().args;
const target = path.resolve(folder);

const write = (file: string, content: string | Buffer): void => {
  const full = path.join(target, file);
  fs.mkdirSync(path.dirname(full), { recursive: true });
  fs.writeFileSync(full, content);
};

const site: Site = { root, pages: readPages(root), assets: new Set() };
for (const page of site.pages) write(page.target, pageHtml(page, site));
for (const asset of site.assets) {
  const file = path.join(root, asset);
  if (!asset.startsWith('..') && fs.existsSync(file)) write(asset, fs.readFileSync(file));
}
const first = site.pages[0]?.target;
if (first)
  write(
    'index.html',
    `<!doctype html><meta http-equiv="refresh" content="0; url=${first}"><a href="${first}">Start here</a>`,
  );
const broken = brokenLinks(target);
for (const line of broken) console.error(`Broken link in ${line}`);
console.log(`${site.pages.length} pages → ${path.relative(process.cwd(), target) || '.'}`);
process.exitCode = broken.length > 0 ? 1 : 0;
