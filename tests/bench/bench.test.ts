/** npm run bench: its table, and one small round with the real engine. */
import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as path from 'path';
import { Peer } from '../../bench/peer';
import { formatTable, median } from '../../bench/table';

const result = (name: string, ms: number[]) => ({
  ...{ name, ms, cpuMs: ms, version: `${name} 1`, device: 'cpu', compileSeconds: 2, peakMB: 100 },
});

test('the median of an even number of values lies between the middle two', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([9, 1, 5])).toBe(5);
});

test('the table gives medians, the fastest step and ratios to the first line', () => {
  const [, ours, theirs] = formatTable([result('xla', [10, 20, 30]), result('torch', [5, 10, 60])], 64).split(
    '\n',
  );
  expect(ours.split(/\s+/).slice(0, 6)).toEqual(['xla', '20.0', '10.0', '1.00', '20', '3200']);
  expect(theirs.split(/\s+/).slice(0, 6)).toEqual(['torch', '10.0', '5.0', '0.50', '10', '6400']);
});

test('a peer that is killed leaves no temporary files', async () => {
  const script = `
    const fs = require('fs'), file = require('os').tmpdir() + '/left.txt';
    fs.writeFileSync(file, '');
    console.log(JSON.stringify({ version: file }));
    setInterval(() => {}, 1000);`;
  const peer = new Peer('node', [process.execPath, '-e', script]);
  const { version: file } = await peer.ready();
  expect(fs.existsSync(file)).toBe(true);
  await peer.stop();
  expect(fs.existsSync(path.dirname(file))).toBe(false);
});

test('a peer whose program is missing says so', async () => {
  const peer = new Peer('none', ['no-such-program-anywhere']);
  await expect(peer.ready()).rejects.toThrow('ENOENT');
  await peer.stop();
});

test('a round with the engine', () => {
  const root = path.join(__dirname, '..', '..');
  const args = '--import tsx bench/main.ts --only xla --batch 2 --steps 1 --rounds 1'.split(' ');
  const said = execFileSync('node', args, { cwd: root, encoding: 'utf8' });
  expect(said).toMatch(/^xla +\d+\.\d +\d+\.\d +1\.00/m);
}, 120_000);
