import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseNotebook, readNotebook } from '../../src/nbtest/notebook/read';
import { type CodeCell } from '../../src/nbtest/notebook/types';
import { writeNotebook } from '../../src/nbtest/notebook/write';
import { root, temporaryFolder } from './support/notebooks';

const folder = temporaryFolder();
const empty = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };
const cell = { cell_type: 'code', id: 'a', metadata: {}, source: 'x', outputs: [], execution_count: null };

describe('reading', () => {
  it.each([
    ['invalid JSON', '{"cells": [,]}', /^n.ipynb is not valid JSON \(line 1, column 12: unexpected ","\)/],
    ['a text cut off', '{"cells": [\n"a', /line 2, column 1: a string that is not closed/],
    ['a merge conflict', '{\n<<<<<<< ours\n}', /resolve the merge conflict/],
    ['an empty file', '', /the text ends too early/],
    [
      'nbformat 3',
      '{"nbformat": 3, "worksheets": []}',
      /nbformat is 3; convert the file with "jupyter nbconvert/,
    ],
    ['no nbformat', '{"cells": []}', /the field "nbformat" is missing/],
    ['a list', '[]', /the top level must be an object/],
    ['cells that are no list', '{"nbformat": 4, "cells": {}}', /"cells" must be a list/],
    [
      'an unknown cell',
      JSON.stringify({ ...empty, cells: [{ ...cell, cell_type: 'sql' }] }),
      /cell 1: cell_type is "sql"/,
    ],
    [
      'a source that is no text',
      JSON.stringify({ ...empty, cells: [cell, { ...cell, source: 3 }] }),
      /cell 2: "source"/,
    ],
    [
      'an unknown output',
      JSON.stringify({ ...empty, cells: [{ ...cell, outputs: [{ output_type: 'smell' }] }] }),
      /cell 1: output 1: output_type is "smell"/,
    ],
  ])('refuses %s with its place and the mend', (_, text, message) => {
    expect(() => parseNotebook(text, 'n.ipynb')).toThrow(message);
  });

  it('names a file that is not there', () => {
    expect(() => readNotebook('/nowhere/n.ipynb')).toThrow(
      /^Cannot read the notebook \/nowhere\/n.ipynb: ENOENT/,
    );
  });

  it('gives cells without an id, or with a repeated one, the same new ids each time', () => {
    const text = JSON.stringify({
      ...empty,
      nbformat_minor: 4,
      cells: [cell, cell, { ...cell, id: undefined }],
    });
    const ids = parseNotebook(text).cells.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toBe('a');
    expect(parseNotebook(text).cells.map(({ id }) => id)).toEqual(ids);
  });
});

describe('writing', () => {
  const outputs = [{ output_type: 'stream', name: 'stdout', text: 'ä 1.0\nß' }];
  // The same notebook as different programs write it.
  const value = {
    cells: [{ ...cell, metadata: { score: 'S' }, outputs }],
    metadata: { b: 1, a: { z: 'S' } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  const withoutIds = (text: string): string =>
    `${text.replace(/ *"id": "a",\n/, '').replace('"nbformat_minor": 5', '"nbformat_minor": 4')}\n`;
  const layouts: [string, string][] = [
    ['one line', JSON.stringify(value).replace(/([,:])(?=[^\n])/g, '$1 ')],
    ['indent 2, no end of line', JSON.stringify(value, null, 2)],
    ['tabs, Windows line ends', `${JSON.stringify(value, null, '\t')}\n`.replace(/\n/g, '\r\n')],
    ['nbformat 4.4, whose cells have no ids', withoutIds(JSON.stringify(value, null, 1))],
    ['escapes', `${JSON.stringify(value, null, 1).replace(/ä/g, '\\u00e4').replace(/ß/g, '\\u00df')}\n`],
  ].map(([name, text]) => [name, text.replace(/"S"/g, '1.0')]);

  it.each(layouts)('keeps a file to the byte: %s', (_, text) => {
    const path = join(folder, 'same.ipynb');
    writeFileSync(path, text);
    writeNotebook(path, readNotebook(path));
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it.each(layouts)('changes only the lines that changed: %s', (_, text) => {
    const path = join(folder, 'changed.ipynb');
    writeFileSync(path, text);
    const notebook = readNotebook(path);
    (notebook.cells[0] as CodeCell).execution_count = 7;
    writeNotebook(path, notebook);
    expect(readFileSync(path, 'utf8')).toBe(
      text.replace(/"execution_count":( ?)null/, '"execution_count":$17'),
    );
  });

  it("writes new files in nbformat's layout, into new folders", () => {
    const path = join(folder, 'new', 'folders', 'n.ipynb');
    writeNotebook(
      path,
      parseNotebook(JSON.stringify({ ...empty, cells: [{ ...cell, source: 'a\r\nb\n' }] })),
    );
    expect(readFileSync(path, 'utf8').split('\n')).toEqual([
      '{',
      ' "cells": [',
      '  {',
      '   "cell_type": "code",',
      '   "execution_count": null,',
      '   "id": "a",',
      '   "metadata": {},',
      '   "outputs": [],',
      '   "source": [',
      '    "a\\r\\n",',
      '    "b\\n"',
      '   ]',
      '  }',
      ' ],',
      ' "metadata": {},',
      ' "nbformat": 4,',
      ' "nbformat_minor": 5',
      '}',
      '',
    ]);
  });

  it("leaves the repository's notebooks as they are", () => {
    const notebooks = join(root, 'notebooks');
    for (const name of readdirSync(notebooks).filter(file => file.endsWith('.ipynb'))) {
      const copy = join(folder, name);
      copyFileSync(join(notebooks, name), copy);
      writeNotebook(copy, readNotebook(copy));
      expect(readFileSync(copy, 'utf8')).toBe(readFileSync(join(notebooks, name), 'utf8'));
    }
  });

  it('follows links and keeps the mode', () => {
    mkdirSync(join(folder, 'links'));
    const [path, link] = ['n.ipynb', 'link.ipynb'].map(name => join(folder, 'links', name));
    writeFileSync(path, JSON.stringify(empty), { mode: 0o640 });
    symlinkSync(path, link);
    writeNotebook(link, { ...readNotebook(path), metadata: { changed: true } });
    expect(readNotebook(path).metadata).toEqual({ changed: true });
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it('names a file that cannot be written', () => {
    const path = join(folder, 'same.ipynb', 'below-a-file.ipynb');
    expect(() => writeNotebook(path, parseNotebook(JSON.stringify(empty)))).toThrow(
      /^Cannot write .*below-a-file/,
    );
  });
});
