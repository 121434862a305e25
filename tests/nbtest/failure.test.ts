import { errorFromStderr, failureReport, lineOf } from '../../src/nbtest/execute/failure';
import { cellLabels } from '../../src/nbtest/execute/labels';
import { parameterCode } from '../../src/nbtest/execute/parameters';
import { ExactNumber } from '../../src/nbtest/json';
import { code, markdown, notebook } from './support/notebooks';

describe('errorFromStderr', () => {
  it.each([
    ['warning: x\nTypeError: no\n    at f (evalmachine.<anonymous>:1:1)', 'TypeError', 'no'],
    ['1:7 - Type wrong.\n', 'TypeScriptError', '1:7 - Type wrong.'],
    ['unexpected error: Error: inside\n    at g (a.js:1:1)\n    at h (b.js:1:1)', 'Error', 'inside'],
    ['UncaughtException: RangeError: late\n    at g (a.js:1:1)', 'RangeError', 'late'],
    ['Error [ERR_X]: coded\n    at g (a.js:1:1)', 'Error [ERR_X]', 'coded'],
    ['something thrown', 'Error', 'something thrown'],
    ['', 'Error', 'the kernel reported an error without a message'],
  ])('%j', (stderr, ename, evalue) => {
    expect(errorFromStderr(stderr)).toMatchObject({ ename, evalue });
  });
});

it('lineOf finds the line in the traces of compilers, IPython and Node', () => {
  const cell = code('const a: number = 1;\nconst b = f(a);\nb');
  expect(lineOf('2:11 - Cannot find name', cell)).toBe(2);
  expect(lineOf('x\nCell In[4], line 3\n', cell)).toBe(3);
  expect(lineOf('evalmachine.<anonymous>:5\nconst b = f(exports.a);\n      ^\n', cell)).toBe(2);
  expect(lineOf('99:1 - elsewhere', cell)).toBeUndefined();
});

it('failureReport marks the line', () => {
  const text = failureReport('n.ipynb, cell 1', code('a\nb'), {
    code: 'cell',
    message: 'E: m',
    trace: 't',
    line: 2,
  });
  expect(text).toContain('E: m\n  in n.ipynb, cell 1\n\n  1 | a\n> 2 | b\n\nThe kernel');
});

it('cells are named by headings and first line of code, repeated names are numbered', () => {
  const cells = [
    code('1'),
    markdown('# **Title**\n\ntext\n\n```\n# no heading\n```\n\n## [Part](x)'),
    code('// comment\nf()'),
    code('f()'),
    markdown('# Next'),
    code('# only\n# comments'),
    code(''),
  ];
  expect([...cellLabels(notebook('x', cells)).values()]).toEqual([
    { headings: [], title: '1' },
    { headings: ['Title', 'Part'], title: 'f()' },
    { headings: ['Title', 'Part'], title: 'f() (2)' },
    { headings: ['Next'], title: '# only' },
    { headings: ['Next'], title: '(empty cell)' },
  ]);
});

it('parameters are written in the kernel’s language', () => {
  const values = { a: [1, null, 'x"'], b: true, c: { d: 2 } };
  expect(parameterCode(values, 'python')).toBe('# Parameters\na = [1, None, "x\\""]\nb = True\nc = {"d": 2}');
  expect(parameterCode(values, 'typescript')).toContain('let c = {"d":2};');
  const numbers = {
    a: NaN,
    b: [Infinity, { c: -Infinity }],
    d: new ExactNumber('NaN'),
    e: new ExactNumber('1.0'),
  };
  expect(parameterCode(numbers, 'python')).toBe(
    "# Parameters\na = float('nan')\nb = [float('inf'), {\"c\": float('-inf')}]\nd = float('nan')\ne = 1.0",
  );
  expect(parameterCode(numbers, 'typescript')).toBe(
    '// Parameters\nlet a = NaN;\nlet b = [Infinity,{"c":-Infinity}];\nlet d = NaN;\nlet e = 1.0;',
  );
  expect(() => parameterCode({ 'a b': 1 }, 'python')).toThrow('"a b" is not a name that a variable can have');
  expect(() => parameterCode({ a: 1 }, 'fortran')).toThrow('supported are typescript, javascript, python');
});
