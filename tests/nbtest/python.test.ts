import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNotebook } from '../../src/nbtest/notebook/read';
import { type CodeCell } from '../../src/nbtest/notebook/types';
import { type NotebookResult } from '../../src/nbtest/execute/execute';
import {
  code,
  describePython,
  execute,
  kernelDirs,
  limited,
  outcomes,
  processesWith,
  temporaryFolder,
} from './support/notebooks';

describePython('Python notebooks', () => {
  const folder = temporaryFolder();

  describe('in one kernel', () => {
    let result: NotebookResult;
    const saved = join(folder, 'deep', 'executed.ipynb');
    beforeAll(async () => {
      const cells = [
        /* 0 */ code('steps = 10\nname = "a"', 'parameters'),
        /* 1 (injected) */
        /* 2 */ 'steps, name',
        /* 3 */ 'def f(x):\n    return 1 / x\nf(0)',
        /* 4 */ 'if True print("no")',
        /* 5 */ 'input("Your name: ")',
        /* 6 */ 'from IPython.display import display, clear_output\nh = display("one", display_id=True)',
        /* 7 */ 'h.update("two"); print("a"); clear_output(wait=True); print("b")',
        /* 8 */ limited(2, 'while True: pass'),
        /* 9 */ 'for i in range(1000000): print(i)',
        /* 10 */ code('raise SystemError("x")', 'skip-execution'),
        /* 11 */ code('1', 'slow'),
        /* 12 */ '1e-05, 1.0',
      ];
      result = await execute(
        'python3',
        cells,
        {
          allowErrors: true,
          cellTimeout: 60,
          outputLimit: { lines: 5000, characters: 1e6 },
          parameters: { steps: 2, name: "it's" },
          slow: 'skip',
        },
        { saveTo: saved },
      );
    });
    const cell = (index: number) => result.cells[index];
    const text = (index: number): string =>
      cell(index)
        .cell.outputs.map(output => (output.output_type === 'stream' ? output.text : ''))
        .join('');

    it('judges each cell', () => {
      expect(outcomes(result)).toEqual([
        'passed',
        'passed',
        'passed',
        'failed: cell',
        'failed: cell',
        'failed: cell',
        'passed',
        'passed',
        'failed: timeout',
        'failed: flood',
        'skipped',
        'skipped',
        'passed',
      ]);
      expect(cell(11).reason).toBe('slow');
    });

    it('injects parameters', () => {
      expect(cell(1).cell.source).toBe('# Parameters\nsteps = 2\nname = "it\'s"');
      expect(cell(2).cell.outputs[0]).toMatchObject({ data: { 'text/plain': '(2, "it\'s")' } });
    });

    it('names errors with the line and the trace, syntax errors too', () => {
      expect(cell(3).failure).toMatchObject({ message: 'ZeroDivisionError: division by zero', line: 2 });
      expect(cell(3).failure!.trace).toContain('return 1 / x');
      expect(cell(4).failure!.message).toContain('SyntaxError');
      expect(cell(4).failure!.line).toBe(1);
    });

    it('refuses keyboard input', () => {
      expect(cell(5).failure!.message).toContain('does not support input requests');
    });

    it('records updates by display id and clear_output', () => {
      expect(cell(6).cell.outputs).toEqual([
        { output_type: 'display_data', data: { 'text/plain': "'two'" }, metadata: {} },
      ]);
      expect(text(7)).toBe('b\n');
    });

    it('interrupts an endless loop and cuts a flood', () => {
      expect(cell(8).failure!.message).toBe('The cell ran longer than its limit of 2 s');
      expect(text(9)).toContain('0\n1\n2\n');
      expect(text(9)).toContain('lines left out');
      expect(cell(12).cell.outputs[0]).toMatchObject({ data: { 'text/plain': '(1e-05, 1.0)' } });
    });

    it('writes the executed notebook', () => {
      expect(readNotebook(saved)).toEqual(result.notebook);
    });
  });

  it.each([
    ['os._exit', 'import os; os._exit(7)', /^The kernel died \(exit code 7\)/],
    ['a segmentation fault', 'import ctypes; ctypes.string_at(0)', /^The kernel died \(signal SIGSEGV\)/],
  ])('%s fails the notebook, names the cell, and the file is written', async (_, source, message) => {
    const saved = join(folder, 'died.ipynb');
    const result = await execute(
      'python3',
      ['print("before")', source, 'print("never")'],
      {},
      { saveTo: saved },
    );
    expect(outcomes(result)).toEqual(['passed', 'failed: died', 'not-run']);
    expect(result.cells[1].failure!.message).toMatch(message);
    expect(JSON.parse(readFileSync(saved, 'utf8')).cells[0].outputs[0].text).toEqual(['before\n']);
  });

  it('cells that are not run keep the outputs that they had, those that are lose them when they begin', async () => {
    const saved = join(folder, 'kept.ipynb');
    const old = (source: string, ...tags: string[]): CodeCell => ({
      ...code(source, ...tags),
      outputs: [{ output_type: 'stream', name: 'stdout', text: 'old\n' }],
      execution_count: 9,
    });
    const cells = [
      old('x = 1'),
      old('', 'empty'),
      old('x', 'skip-execution'),
      old('1 / 0'),
      old('print("new")'),
    ];
    const result = await execute('python3', cells, {}, { saveTo: saved });
    expect(outcomes(result)).toEqual(['passed', 'skipped', 'skipped', 'failed: cell', 'not-run']);
    for (const { cells } of [result.notebook, readNotebook(saved)]) {
      const [ran, empty, skipped, failed, later] = cells as CodeCell[];
      expect(ran).toMatchObject({ outputs: [], execution_count: 1 });
      expect(failed).toMatchObject({ outputs: [{ output_type: 'error' }], execution_count: 2 });
      for (const kept of [empty, skipped, later]) {
        expect(kept).toMatchObject({ outputs: [{ text: 'old\n' }], execution_count: 9 });
      }
    }
  });

  it('a kernel deaf to interrupts is killed with all its children, also those that left its group', async () => {
    const env = { NBTEST_TEST: `deaf-${process.pid}-${Date.now()}` };
    const cells = [
      'import signal, subprocess',
      'for s in signal.SIGINT, signal.SIGTERM: signal.signal(s, signal.SIG_IGN)\n' +
        'child = subprocess.Popen(["sleep", "600"], start_new_session=True)\n' +
        'while True: pass',
      '1',
    ];
    const result = await execute('python3', cells, { cellTimeout: 1, interruptGrace: 1, env });
    expect(outcomes(result)).toEqual(['passed', 'failed: timeout', 'not-run']);
    expect(result.cells[1].failure!.message).toContain('did not react to an interrupt within 1 s');
    expect(processesWith(env.NBTEST_TEST)).toEqual([]);
  });

  it('the limit of the whole notebook stops it, whatever the cells are allowed', async () => {
    const cells = ['import time', 'time.sleep(60)', '1'];
    const result = await execute('python3', cells, { timeout: 4, allowErrors: true });
    expect(outcomes(result)).toEqual(['passed', 'failed: timeout', 'not-run']);
    expect(result.cells[1].failure!.message).toBe('The notebook ran longer than its limit of 4 s');
    expect(result.duration).toBeLessThan(30_000);
  });

  it('one that cannot be saved while it runs ends with the reason', async () => {
    writeFileSync(join(folder, 'file'), '');
    const cells = ['import time\nfor i in range(40): print(i, flush=True); time.sleep(0.1)'];
    await expect(execute('python3', cells, {}, { saveTo: join(folder, 'file', 'x.ipynb') })).rejects.toThrow(
      'Cannot write',
    );
  }, 30_000);

  it('an aborted run keeps what was done', async () => {
    const stop = new AbortController();
    const result = await execute(
      'python3',
      ['print("done")', 'import time; time.sleep(60)', '1'],
      {},
      {
        signal: stop.signal,
        onCellStart: ({ index }) => void (index === 1 && setTimeout(() => stop.abort(), 300)),
      },
    );
    expect(outcomes(result)).toEqual(['passed', 'failed: aborted', 'not-run']);
    expect(result.cells[0].cell.outputs).toHaveLength(1);
  });
});

describe('kernels that do not start', () => {
  const folder = temporaryFolder();
  const start = (name: string, argv: string[], startTimeout = 60) => {
    writeFileSync(join(folder, 'kernel.json'), JSON.stringify({ argv, display_name: name, language: 'x' }));
    return execute(name, ['1', '2'], { kernelDirs: [join(folder, '..'), ...kernelDirs], startTimeout });
  };
  const name = folder.split('/').at(-1)!;

  it('an unknown kernel: its name, those installed and the mend', async () => {
    const result = await execute('fortran-77', ['1']);
    expect(outcomes(result)).toEqual(['not-run']);
    expect(result.failure!.code).toBe('kernelspec');
    expect(result.failure!.message).toMatch(
      /^No Jupyter kernel named "fortran-77". Installed: .*tslab.* Install it, or name/,
    );
  });

  it('one that ends at once: its exit code and what it printed', async () => {
    const result = await start(name, ['node', '-e', 'console.error("missing module"); process.exit(9)']);
    expect(result.failure!.code).toBe('start');
    expect(result.failure!.message).toMatch(
      /ended before it was ready: exit code 9. It printed:\nmissing module/,
    );
  });

  it('one that says nothing: the time limit', async () => {
    const result = await start(name, ['node', '-e', 'setInterval(() => {}, 1000)', '{connection_file}'], 1);
    expect(result.failure!.message).toContain('did not start: no answer within 1 s');
  });

  it('a program that does not exist', async () => {
    const result = await start(name, ['no-such-program-anywhere']);
    expect(result.failure!.message).toContain('ENOENT');
  });
});
