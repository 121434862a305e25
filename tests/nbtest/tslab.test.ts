import { type NotebookResult } from '../../src/nbtest/execute/execute';
import { code, execute, limited, outcomes, processesWith } from './support/notebooks';

describe('a tslab notebook that goes wrong in many ways', () => {
  let result: NotebookResult;
  beforeAll(async () => {
    const cells = [
      /* 0 */ 'const x = 20;\nconst y: number = "text";',
      /* 1 */ 'let n = 1;\nn += 1;\nthrow new RangeError(`n is ${n}`);',
      /* 2 */ 'const broken = ;',
      /* 3 */ 'setTimeout(() => { throw new Error("late"); }, 1);\nawait new Promise(done => setTimeout(done, 50));',
      /* 4 */ 'void Promise.reject(new Error("nobody waits"));',
      /* 5 */ code('throw new Error("expected")', 'raises-exception'),
      /* 6 */ code('1 + 1', 'raises-exception'),
      /* 7 */ limited(3, 'for (let i = 0; ; i++) {}'),
      /* 8 */ 'console.log("still here"); 6 * 7',
      /* 9 */ limited(3, 'await new Promise(() => setInterval(() => {}, 1000));'),
      /* 10 */ 'for (let i = 0; i < 1e6; i++) console.log(`line ${i}`);',
      /* 11 */ 'console.log("after the flood")',
    ];
    result = await execute('tslab', cells, {
      allowErrors: true,
      cellTimeout: 60,
      outputLimit: { lines: 5000, characters: 1e6 },
    });
  });
  const cell = (index: number) => result.cells[index];

  it('judges each cell', () => {
    expect(outcomes(result)).toEqual([
      'failed: cell',
      'failed: cell',
      'failed: cell',
      'failed: cell',
      'failed: cell',
      'passed',
      'failed: cell',
      'failed: timeout',
      'passed',
      'failed: timeout',
      'failed: flood',
      'passed',
    ]);
    expect(result.passed).toBe(false);
  });

  it('names type errors with their line', () => {
    expect(cell(0).failure).toMatchObject({ line: 2 });
    expect(cell(0).failure!.message).toContain("Type 'string' is not assignable to type 'number'");
  });

  it('names exceptions with their line and trace', () => {
    expect(cell(1).failure).toMatchObject({ message: 'RangeError: n is 2', line: 3 });
    expect(cell(1).failure!.trace).toContain('at evalmachine');
    expect(cell(1).cell.outputs.at(-1)).toMatchObject({
      output_type: 'error',
      ename: 'RangeError',
      evalue: 'n is 2',
    });
  });

  it('names syntax errors', () => {
    expect(cell(2).failure).toMatchObject({ line: 1 });
    expect(cell(2).failure!.message).toContain('Expression expected');
  });

  it('notices what escapes from callbacks and promises', () => {
    expect(cell(3).failure!.message).toBe('Error: Uncaught exception: late');
    expect(cell(4).failure!.message).toBe('Error: Unhandled promise rejection: nobody waits');
  });

  it('fails a cell that should raise and does not', () => {
    expect(cell(6).failure!.message).toBe('The cell is tagged raises-exception and raised none');
  });

  it('interrupts loops and waits, and the kernel goes on', () => {
    expect(cell(7).failure!.message).toBe('The cell ran longer than its limit of 3 s');
    expect(cell(8).cell.outputs).toEqual([
      { output_type: 'stream', name: 'stdout', text: 'still here\n42\n' },
    ]);
    expect(cell(9).failure!.fatal).toBeUndefined();
  });

  it('cuts a flood short', () => {
    const text = cell(10)
      .cell.outputs.map(output => (output.output_type === 'stream' ? output.text : ''))
      .join('');
    expect(text.split('\n').length).toBeLessThan(600);
    expect(text).toContain('line 0\nline 1\n');
    expect(text).toContain('lines left out');
  });
});

it('a tslab kernel that exits fails its notebook and leaves nothing behind', async () => {
  const mark = `NBTEST_TEST=${process.pid}-${Date.now()}`;
  const [name, value] = mark.split('=');
  const child =
    'require("child_process").spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).unref();';
  const cells = [child, 'console.error("last words"); process.exit(3);', '1 + 1'];
  const result = await execute('tslab', cells, { env: { [name]: value } });
  expect(outcomes(result)).toEqual(['passed', 'failed: died', 'not-run']);
  expect(result.cells[1].failure!.message).toMatch(/^The kernel died \(exit code 3\)/);
  expect(result.cells[2].reason).toBe('cell 2 failed');
  expect(processesWith(mark)).toEqual([]);
});
