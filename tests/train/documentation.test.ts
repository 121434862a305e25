/** The programs of docs/training.md, run as a reader would; its YAML, read. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { parseExperiments } from '../../src/train';

const root = path.join(__dirname, '../..');
const text = fs.readFileSync(path.join(root, 'docs', 'training.md'), 'utf8');

const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp('```' + language + '\\n(.*?)```', 'gs'))].map(([, code]) => code);

/** Runs a program from a file in the project's folder; returns what it prints. */
function run(code: string, name: string): string {
  const file = path.join(root, `documentation-example-${name}-${process.pid}.ts`);
  fs.writeFileSync(file, code);
  try {
    return execFileSync(process.execPath, ['--import', 'tsx', file], { cwd: root, encoding: 'utf8' });
  } finally {
    fs.rmSync(file, { force: true });
  }
}

const runs = path.join(root, 'runs');
const clean = () =>
  ['example', 'example-logs'].forEach(name =>
    fs.rmSync(path.join(runs, name), { recursive: true, force: true }),
  );
beforeAll(clean);
afterAll(clean);

const [own, resumed, small, ...more] = blocks('ts');

test('there are three programs', () => expect(more).toEqual([]));

test("a recipe of one's own", () => {
  const lines = run(own, 'own').trim().split('\n');
  expect(lines.filter(line => line.startsWith('step '))).toHaveLength(4);
  expect(lines[4]).toMatch(/: test error \d+\.\d %$/);
});

test('broken off, resumed, best weights scored', () => {
  const lines = run(resumed, 'resumed').trim().split('\n');
  expect(lines[0]).toBe('stopped at step 6: true');
  expect(lines[1]).toMatch(/^ended at step 12, best at step (4|8|12)$/);
  expect(lines[2]).toMatch(/as they were validated: true$/);
});

test("a model of one's own by an experiment's recipe", () => {
  const lines = run(small, 'small').trim().split('\n');
  expect(lines[0]).toMatch(/^step 10: \d+ %, step 20: \d+ %, step 30: \d+ %, step 40: \d+ %$/);
  expect(Number(/test error ([\d.]+) %/.exec(lines[1])![1])).toBeLessThan(88);
});

test('the YAML is an experiment', () => {
  const [experiment] = parseExperiments(blocks('yaml')[0], 'docs/training.md');
  expect(experiment.model).toBe('resnet110_v1');
});

test('the commands are commands, and their files exist', () => {
  const lines = blocks('sh').flatMap(block => block.trim().split('\n'));
  const commands = lines.filter(line => line.startsWith('npm run -s cifar -- '));
  expect(commands).toHaveLength(lines.length);
  for (const file of lines.join(' ').match(/experiments\/\S+/g) ?? [])
    expect(fs.existsSync(path.join(root, file))).toBe(true);
});
