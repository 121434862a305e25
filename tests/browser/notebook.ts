import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

const CELLS = [
  `import * as tf from '@tensorflow/tfjs';
import { selectBackend } from './src/backends';
import { table } from './src/notebook';

const backend = await selectBackend();
table(['back end', 'sum'], [[backend.name, (await tf.tensor1d([20, 22]).sum().data())[0]]]);`,
  `import { figure, imageGrid } from './src/notebook';

figure([{ kind: 'line', title: 'squares', x: { label: 'x' }, y: { label: 'y' }, series: [{ name: 'y', x: [0, 1, 2], y: [0, 1, 4] }] }]);`,
  `const pictures = [0, 1, 2].map(channel => Uint8Array.from({ length: 3072 }, (_, i) => (i % 3 === channel ? 255 : 0)));
imageGrid(pictures, { columns: 3, captions: ['red', 'green', 'blue'] });`,
];

/** Writes a notebook of the tslab kernel, not executed, into logs/; gives its path from the root. */
export function writeShortNotebook(): string {
  const cell = (source: string, index: number) => ({
    cell_type: 'code',
    id: `cell-${index}`,
    execution_count: null,
    metadata: {},
    outputs: [],
    source,
  });
  const notebook = {
    cells: CELLS.map(cell),
    metadata: {
      kernelspec: { display_name: 'TypeScript (tslab)', language: 'typescript', name: 'tslab' },
      language_info: { name: 'typescript', file_extension: '.ts', mimetype: 'text/typescript' },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  const folder = join('logs', 'browser');
  mkdirSync(join(ROOT, folder), { recursive: true });
  writeFileSync(join(ROOT, folder, 'short.ipynb'), JSON.stringify(notebook));
  return 'logs/browser/short.ipynb';
}

/** The number of code cells in it. */
export const CELL_COUNT = CELLS.length;
