import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeNotebook } from '../../src/nbtest';
import { code, describePython, markdown, notebook, root, temporaryFolder } from './support/notebooks';

const readme = readFileSync(join(root, 'src', 'nbtest', 'README.md'), 'utf8');
const examples = (language: string): string[] =>
  Array.from(
    readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm')),
    match => match[1],
  );

describePython("the README's examples, in a project of their own that has src/nbtest alone", () => {
  const folder = temporaryFolder();

  it('work', () => {
    const [config, metadata] = examples('json');
    const [test, program] = examples('ts');
    mkdirSync(join(folder, 'src'));
    mkdirSync(join(folder, 'notebooks'));
    for (const name of ['node_modules', '.venv']) symlinkSync(join(root, name), join(folder, name));
    symlinkSync(join(root, 'src', 'nbtest'), join(folder, 'src', 'nbtest'));
    writeNotebook(
      join(folder, 'notebooks', 'numbers.ipynb'),
      notebook('python3', [
        code('scale = 2', 'parameters'),
        'values = [scale * v for v in (1, 2, 3)]',
        markdown('## Sums'),
        'print(scale * 6)',
      ]),
    );
    writeFileSync(join(folder, 'values.test.ts'), test);
    const main = `async function main() {\n${program.replace(/^import .*\n/m, '')}}\n`;
    writeFileSync(
      join(folder, 'program.test.ts'),
      `${program.match(/^import .*/m)![0]}\n${main}\ntest('program', main);`,
    );
    const transform = {
      '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }],
    };
    const notebooks = { ...JSON.parse(config), transform } as object;
    const unit = { displayName: 'unit', roots: ['<rootDir>'], testMatch: ['<rootDir>/*.test.ts'], transform };
    writeFileSync(
      join(folder, 'jest.config.json'),
      JSON.stringify({ testTimeout: 60000, projects: [unit, notebooks] }),
    );
    const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
    const { stderr, status } = spawnSync(process.execPath, [jest, '--rootDir', folder, '-i'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/PASS notebooks .*numbers.ipynb/);
    expect(stderr).toMatch(/Tests: +5 passed, 5 total/);
    expect(status).toBe(0);
    expect(JSON.parse(metadata)).toHaveProperty('nbtest.parameters.steps', 20);
  });
});
