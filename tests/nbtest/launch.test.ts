import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { code, execute, outcomes, root } from './support/notebooks';

// Modules of a notebook lie below the kernel's folder, the project's root.
mkdirSync(join(root, '.cache'), { recursive: true });
const folder = mkdtempSync(join(root, '.cache', 'launch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("the project's kernel reloads what imports a changed file, finds folders, and keeps all that a loop prints", async () => {
  const name = `./${relative(root, folder)}`;
  mkdirSync(join(folder, 'lib'));
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  write('leaf.ts', 'export const value: string = "old";');
  write(
    'lib/index.ts',
    'import { value } from "../leaf";\nexport const twice = (): string => value + value;',
  );
  write('other.ts', 'export const state = { loads: 0 };\nstate.loads++;\nexport const done: number = 1;');
  const show = `import { twice } from "${name}/lib";\nimport { state } from "${name}/other";\nstate.loads++;\nconsole.log(twice(), state.loads);`;
  const change = `require("fs").writeFileSync(${JSON.stringify(join(folder, 'leaf.ts'))}, 'export const value: string = "new";');`;
  const loop = 'for (let i = 0; i < 3000; i++) console.log(`line ${i}`);';
  const wait = 'await new Promise(done => setTimeout(done, 1500));';
  const result = await execute('tslab', [show, change, wait, show, loop]);
  const text = (index: number): string =>
    result.cells[index].cell.outputs
      .map(output => (output.output_type === 'stream' ? output.text : ''))
      .join('');
  expect(outcomes(result)).toEqual(['passed', 'passed', 'passed', 'passed', 'passed']);
  expect(text(0)).toBe('oldold 2\n');
  expect(text(3)).toBe('newnew 3\n'); // other.ts, which imports nothing changed, kept its state.
  expect(text(4).split('\n')).toHaveLength(3001);
});

it('the shorthand { name } of an earlier variable works, and files may come and go meanwhile', async () => {
  const file = JSON.stringify(join(folder, 'come-and-go.ts'));
  const missing = `./${relative(root, folder)}/missing`;
  const cells = [
    'let steps = 3; const { a } = { a: 1 }; let b = 0;',
    code(`import { x } from "${missing}";`, 'raises-exception'),
    `const fs = require("fs"); const wait = (ms: number) => new Promise(done => setTimeout(done, ms));
    for (let i = 0; i < 3; i++) {
      fs.writeFileSync(${file}, "export const x = 1;");
      fs.writeFileSync(${file}.replace("come-and-go", "missing"), ` +
      '`export const x: number = ${i};`' +
      `);
      await wait(700);
      fs.rmSync(${file});
      await wait(700);
    }`,
    'const f = () => ({ steps, a, list: [{ b }] });\n({ b } = { b: 7 });\nconsole.log(JSON.stringify(f()));',
    '6 * 7',
  ];
  const result = await execute('tslab', cells);
  expect(result.cells.map(({ failure }) => failure?.message)).toEqual(cells.map(() => undefined));
  expect(result.cells[3].cell.outputs).toMatchObject([{ text: '{"steps":3,"a":1,"list":[{"b":7}]}\n' }]);
  expect(result.cells[4].cell.outputs).toMatchObject([{ text: '42\n' }]);
});
