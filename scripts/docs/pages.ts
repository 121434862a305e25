/** What the site is made of: notebooks and the Markdown files of docs/, each at the place it has in the repository. */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface Output {
  output_type: string;
  text?: string | string[];
  data?: Record<string, string | string[]>;
}

export interface Cell {
  cell_type: string;
  source: string | string[];
  outputs?: Output[];
}

/** A page before it is HTML. */
export interface Page {
  /** The file it is made of, relative to the root, with '/'. */
  source: string;
  /** The file it becomes, relative to the site. */
  target: string;
  title: string;
  cells: readonly Cell[];
}

/** nbformat keeps texts as lines or as one. */
export const joined = (text: string | string[] | undefined): string =>
  Array.isArray(text) ? text.join('') : (text ?? '');

/** Where the page made of a file stands in the site. */
export function targetOf(source: string): string {
  return source.replace(/(^|\/)README\.md$/i, '$1index.html').replace(/\.(ipynb|md)$/, '.html');
}

function toPage(root: string, source: string): Page {
  const text = fs.readFileSync(path.join(root, source), 'utf8');
  const cells = source.endsWith('.md')
    ? [{ cell_type: 'markdown', source: text }]
    : (JSON.parse(text) as { cells: Cell[] }).cells;
  const title = joined(cells[0]?.source).match(/^# (.*)$/m)?.[1] ?? path.posix.basename(source);
  return { source, target: targetOf(source), title, cells };
}

/** Every page in reading order: the notebooks' list, Playground, the numbered notebooks, then docs/. */
export function readPages(root: string): Page[] {
  const inFolder = (folder: string, ending: string): string[] => {
    const all = path.join(root, folder);
    if (!fs.existsSync(all)) return [];
    const names = fs.readdirSync(all, { recursive: true }) as string[];
    return names
      .map(name => name.split(path.sep).join('/'))
      .filter(name => name.endsWith(ending) && !name.includes('.ipynb_checkpoints'))
      .map(name => `${folder}/${name}`)
      .sort((a, b) => Number(/\/\d/.test(a)) - Number(/\/\d/.test(b)) || a.localeCompare(b));
  };
  const sources = [
    ...inFolder('notebooks', 'README.md'),
    ...inFolder('notebooks', '.ipynb'),
    ...inFolder('docs', '.md'),
  ];
  return sources.map(source => toPage(root, source));
}
