/** Which commit a record names. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectRoot } from '../../src/projectRoot';
import { currentCommit } from '../../src/train/record';

jest.mock('../../src/projectRoot');

let root: string;
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const write = (file: string, text: string) => {
  fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  fs.writeFileSync(path.join(root, file), text);
};

/** A project of these files in a repository, in which `folder` is the one that it lies in. */
function project(folder: string, files: string[]): void {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-commit-'));
  git('init', '-q');
  for (const file of files) write(file, 'as it was');
  git('add', '-A');
  git('-c', 'user.name=a', '-c', 'user.email=a@b.c', 'commit', '-qm', 'a');
  jest.mocked(projectRoot).mockReturnValue(path.join(root, folder));
}
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const withoutBundle = process.env.CIFAR_COMMIT === undefined ? test : test.skip;

withoutBundle("a changed file anywhere in the project gives the commit its '+', a record does not", () => {
  const files = [
    'package.json',
    'src/xla/jit.ts',
    'src/train/run.ts',
    'experiments/a.yaml',
    'records/a.json',
  ];
  project('.', files);
  const commit = git('rev-parse', 'HEAD');
  expect(currentCommit()).toBe(commit);
  write('records/a.json', 'changed');
  write('notes.txt', 'new');
  expect(currentCommit()).toBe(commit);
  for (const file of files.filter(each => !each.startsWith('records'))) {
    write(file, 'changed');
    expect(currentCommit()).toBe(`${commit}+`);
    git('checkout', '-q', '--', file);
    expect(currentCommit()).toBe(commit);
  }
});

withoutBundle('what is changed beside the project does not count', () => {
  project('project', ['project/a.ts', 'other/b.ts']);
  write('other/b.ts', 'changed');
  expect(currentCommit()).toBe(git('rev-parse', 'HEAD'));
});
