import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExactNumber, JsonSyntaxError, type Json, parseJson, stringifyJson } from '../../src/nbtest/json';
import { parseNotebook, readNotebook } from '../../src/nbtest/notebook/read';
import { type CodeCell } from '../../src/nbtest/notebook/types';
import { writeNotebook } from '../../src/nbtest/notebook/write';
import { notebook, temporaryFolder } from './support/notebooks';

const oneLine = (value: Json): string => stringifyJson(value, { indent: null, sortKeys: true, ascii: false });

describe('numbers', () => {
  it('keep their spelling', () => {
    const text = '[1.0, 1e-05, 12345678901234567890, -0, 0.1, 3]';
    expect(oneLine(parseJson(text))).toBe(text);
    expect(parseJson('1.0')).toEqual(new ExactNumber('1.0'));
    expect(parseJson('0.5')).toBe(0.5);
  });

  it("that JSON lacks are read and written as Python's json does", () => {
    const text = '[NaN, Infinity, -Infinity, {"a": NaN}]';
    expect(oneLine(parseJson(text))).toBe(text);
    expect((parseJson(text) as ExactNumber[]).slice(0, 3).map(Number)).toEqual([NaN, Infinity, -Infinity]);
    expect(() => parseJson('[-Inf]')).toThrow('line 1, column 2: unexpected "-"');
  });
});

describe('strings', () => {
  it.each(['', 'a"b', '\\', '\\"', '\\\\', 'tab\t, line\n', 'ä 😀 \u2028', '[NaN, 1.0]'])(
    '%j is read',
    text => {
      // The number beside it makes the exact parser read it.
      expect(parseJson(`[1.0, ${JSON.stringify(text)}, "z"]`)).toEqual([new ExactNumber('1.0'), text, 'z']);
    },
  );

  it.each(['"a', '"a\\"', '"a\nb"', '"\\x"', '"\\u12"', '"'])('%j is refused with its place', text => {
    expect(() => parseJson(`[1.0,\n ${text}`)).toThrow(/^line 2, column 2: a string that is not closed/);
  });

  it('may have tens of megabytes', () => {
    const image = 'iVBORw0KGgo1e5/+'.repeat(2 ** 20);
    expect(parseJson(`{"image/png": "${image}"}`)).toEqual({ 'image/png': image });
  });
});

describe('nesting', () => {
  const lists = (depth: number, innermost = ''): string => '['.repeat(depth) + innermost + ']'.repeat(depth);

  it.each(['', '1.0'])('of 1000 levels around %j is read and written', innermost => {
    expect(oneLine(parseJson(lists(1000, innermost)))).toBe(lists(1000, innermost));
  });

  it.each(['', '1.0'])('of 20,000 levels around %j is a syntax error', innermost => {
    expect(() => parseJson(lists(20_000, innermost))).toThrow(
      new JsonSyntaxError('nested more than 1000 levels deep', 1, 1001),
    );
  });
});

describe('notebooks', () => {
  const folder = temporaryFolder();

  it('with an image of 9 MB are read and written', () => {
    const path = join(folder, 'image.ipynb');
    const image = 'iVBORw0KGgo1e5/+'.repeat(9 * 2 ** 16);
    const book = notebook('python3', ['plot()']);
    (book.cells[0] as CodeCell).outputs = [
      { output_type: 'display_data', data: { 'image/png': image }, metadata: {} },
    ];
    writeNotebook(path, book);
    writeNotebook(path, readNotebook(path));
    expect(readNotebook(path)).toEqual(book);
  });

  it('nested too deep are refused by name', () => {
    const path = join(folder, 'deep.ipynb');
    const metadata = `{"deep": ${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    writeFileSync(path, `{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": ${metadata}}`);
    expect(() => readNotebook(path)).toThrow(
      /deep.ipynb is not valid JSON \(line 1, column [0-9]+: nested more than 1000 levels deep\)/,
    );
  });

  it('keep NaN and infinities in their metadata', () => {
    const path = join(folder, 'nan.ipynb');
    const text =
      '{\n "cells": [],\n "metadata": {\n  "best": -Infinity,\n  "loss": NaN\n },\n "nbformat": 4,\n "nbformat_minor": 5\n}\n';
    writeFileSync(path, text);
    const book = readNotebook(path);
    expect(book.metadata.loss).toEqual(new ExactNumber('NaN'));
    book.metadata.more = new ExactNumber('Infinity');
    writeNotebook(path, book);
    expect(parseNotebook(text.replace('NaN\n', 'NaN,\n  "more": Infinity\n'))).toEqual(readNotebook(path));
  });
});
