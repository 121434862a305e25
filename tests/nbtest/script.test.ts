import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNotebook, writeNotebook } from '../../src/nbtest';
import { type CodeCell } from '../../src/nbtest/notebook/types';
import { code, describePython, notebook, processesWith, root, temporaryFolder } from './support/notebooks';

interface Finished {
  status: number | null;
  text: string;
}

/** Runs `npm run notebooks -- …` without npm; `onText` sees the output as it comes. */
function notebooks(
  args: string[],
  onText?: (text: string, kill: () => void) => void,
  env = {},
): Promise<Finished> {
  const program = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const all = ['scripts/execute-notebooks.ts', ...args];
  const path = join(root, '.venv', 'share', 'jupyter');
  const child = spawn(process.execPath, [program, ...all], {
    cwd: root,
    env: { ...process.env, JUPYTER_PATH: path, NO_COLOR: '1', FORCE_COLOR: '0', ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      text += data.toString();
      onText?.(text, () => child.kill('SIGINT'));
    });
  }
  return new Promise(done => child.on('close', status => done({ status, text })));
}

describePython('npm run notebooks', () => {
  const folder = temporaryFolder();
  const write = (name: string, cells: (string | CodeCell)[]): string => {
    const path = join(folder, `${name}.ipynb`);
    writeNotebook(path, notebook('python3', cells, { nbtest: { parameters: { n: 5 } } }));
    return path;
  };

  it('executes several at a time, prints progress and a table, writes copies and a report, fails if one failed', async () => {
    const good = write('good', [code('n = 1', 'parameters'), 'print("n is", n)']);
    const bad = write('bad', ['1 / 0', '2']);
    const junit = join(folder, 'junit.xml');
    const out = join(folder, 'out');
    const before = readFileSync(good, 'utf8');
    const { status, text } = await notebooks([
      good,
      bad,
      '--parallel',
      '2',
      '--output-dir',
      out,
      '--junit',
      junit,
    ]);
    expect(status).toBe(1);
    expect(text).toMatch(/good.ipynb \[2\/2\] ✓ print\("n is", n\) \([0-9.]+ s\)/);
    expect(text).toContain('ZeroDivisionError: division by zero\n  in ');
    expect(text).toMatch(/^good.ipynb +[0-9.]+ s +2 +0 +0 +0 {2}passed$/m);
    expect(text).toMatch(/^bad.ipynb +[0-9.]+ s +0 +1 +0 +1 {2}failed$/m);
    expect(text).toMatch(/^1 of 2 notebooks passed in/m);
    expect(readNotebook(join(out, 'good.ipynb')).cells[1]).toMatchObject({ outputs: [{ text: 'n is 1\n' }] });
    expect(readFileSync(junit, 'utf8')).toContain('<testsuites name="nbtest" tests="4" failures="1"');
    expect(readFileSync(good, 'utf8')).toBe(before);
  });

  it('keeps notebooks of the same name apart, and gives one that is named twice once', async () => {
    const [a, b] = ['a', 'b'].map(name => write(`${name}/same`, [`print("in ${name}")`]));
    const out = join(folder, 'copies');
    const { status, text } = await notebooks([a, b, join(folder, 'a', '..', 'a'), '--output-dir', out]);
    expect(status).toBe(0);
    for (const name of ['a', 'b']) {
      const copy = readNotebook(join(out, name, 'same.ipynb'));
      expect(copy.cells[0]).toMatchObject({ outputs: [{ text: `in ${name}\n` }] });
      expect(text).toContain(`\n${name}/same.ipynb [1/1] ✓ print`);
      expect(text).toMatch(new RegExp(`^${name}/same.ipynb +[0-9.]+ s +1 `, 'm'));
    }
    expect(text).toContain('2 of 2 notebooks passed');
  });

  it('--in-place writes the notebook, parameters are injected, the test ones on request', async () => {
    const path = write('parameters', [code('n = 1', 'parameters'), 'print("n is", n)']);
    const run = (...args: string[]) => notebooks([path, '--in-place', ...args]);
    expect((await run('-p', 'n=[1, x]')).status).toBe(0);
    expect(readNotebook(path).cells[2]).toMatchObject({ outputs: [{ text: "n is [1, 'x']\n" }] });
    expect((await run('--as-tested')).status).toBe(0);
    expect(readNotebook(path).cells[2]).toMatchObject({ outputs: [{ text: 'n is 5\n' }] });
    const wrong = await run('-p', 'm=1');
    expect(wrong.status).toBe(1);
    expect(wrong.text).toContain('The notebook has no parameter m: its cell tagged "parameters" sets n');
  });

  it('Ctrl-C keeps what was done, prints the table and leaves no kernel', async () => {
    const path = write('long', ['print("done")', 'import time; time.sleep(600)', '3']);
    const out = join(folder, 'interrupted');
    const mark = { NBTEST_TEST: `script-${process.pid}-${Date.now()}` };
    let sent = false;
    const stop = (text: string, kill: () => void): void => {
      if (sent || !text.includes('[1/3] ✓')) return;
      sent = true;
      setTimeout(kill, 300);
    };
    const { status, text } = await notebooks([path, path, '--output-dir', out], stop, mark);
    expect(text).toMatch(/^long.ipynb +[0-9.]+ s +1 +1 +0 +1 {2}failed$/m);
    expect(status).toBe(130);
    expect(readNotebook(join(out, 'long.ipynb')).cells[0]).toMatchObject({ outputs: [{ text: 'done\n' }] });
    expect(processesWith(mark.NBTEST_TEST)).toEqual([]);
  });

  it('--total-timeout stops all, --check writes nothing', async () => {
    const path = write('slow', ['import time; time.sleep(600)']);
    const { status, text } = await notebooks([path, '--total-timeout', '4', '--check']);
    expect(status).toBe(1);
    expect(text).toContain('Stopped by --total-timeout 4');
    expect(existsSync(join(root, '.cache', 'notebooks', 'slow.ipynb'))).toBe(false);
  });

  it.each([
    [['--no-such-option'], /Unknown option '--no-such-option'[\s\S]*--help lists the options/],
    [['nowhere/*.ipynb'], /no notebook matches nowhere/],
    [['--parallel', 'many'], /--parallel needs a number above 0, not "many"/],
    [['--check', '--in-place'], /give only one of --in-place, --check/],
  ])('%j is refused', async (args, message) => {
    const { status, text } = await notebooks(args);
    expect(text).toMatch(message);
    expect(status).toBe(2);
  });
});
