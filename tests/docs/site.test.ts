/** The static site, made by the real script in a process of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

const root = path.resolve(__dirname, '../..');
const script = ['--import', 'tsx', path.join(root, 'scripts/docs.ts')];
let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'docs-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const htmlFiles = (at: string) =>
  (fs.readdirSync(at, { recursive: true }) as string[]).filter(name => name.endsWith('.html'));

test('a page for every notebook and document, and no link that leads nowhere', () => {
  execFileSync(process.execPath, [...script, folder], { cwd: root, stdio: 'pipe' });
  const notebooks = fs.readdirSync(path.join(root, 'notebooks')).filter(name => name.endsWith('.ipynb'));
  expect(notebooks.length).toBeGreaterThan(3);
  for (const name of notebooks)
    expect(fs.existsSync(path.join(folder, 'notebooks', name.replace('.ipynb', '.html')))).toBe(true);
  for (const file of htmlFiles(folder)) {
    const html = fs.readFileSync(path.join(folder, file), 'utf8');
    expect(/<script|KEPT\d+TEXT/.test(html)).toBe(false); // a matcher would print megabytes
    // A second look, apart from the script's own check: every relative link is a file.
    for (const [, target] of html.matchAll(/(?:href|src)="([^":#]+)(?:#[^"]*)?"/g))
      expect(`${file} → ${target}: ${fs.existsSync(path.join(folder, path.dirname(file), target))}`).toBe(
        `${file} → ${target}: true`,
      );
  }
  const playground = fs.readFileSync(path.join(folder, 'notebooks', 'Playground.html'), 'utf8');
  expect(playground.match(/data:image\/svg\+xml;base64,/g)!.length).toBeGreaterThan(5);
  expect(playground.includes('aria-current="page"')).toBe(true);
});

function site(files: Record<string, string>): { status: number | null; stderr: string; out: string } {
  const source = path.join(folder, 'source');
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(source, name)), { recursive: true });
    fs.writeFileSync(path.join(source, name), text);
  }
  const out = path.join(folder, 'site');
  const env = { ...process.env, DOCS_ROOT: source };
  const { status, stderr } = spawnSync(process.execPath, [...script, out], { cwd: root, env, encoding: 'utf8' });
  return { status, stderr, out };
}

test('links between pages, to pictures and to other files of the repository', () => {
  const notebook = { cells: [{ cell_type: 'markdown', source: ['# One\n', '\n', 'Cost: $x^2$, `$HOME`, 5 $ or 6 $.'] }] };
  const { status, out } = site({
    'notebooks/one.ipynb': JSON.stringify(notebook),
    'src/code.ts': '',
    'docs/a b.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
    'docs/guide.md':
      '# Guide\n\n## The second part\n\n[one](../notebooks/one.ipynb), [here](#the-second-part), [code](../src/code.ts), ![picture](a%20b.svg)',
  });
  expect(status).toBe(0);
  const guide = fs.readFileSync(path.join(out, 'docs/guide.html'), 'utf8');
  expect(guide).toContain('<a href="../notebooks/one.html">one</a>');
  expect(guide).not.toContain('code.ts');
  expect(fs.existsSync(path.join(out, 'docs/a b.svg'))).toBe(true);
  const one = fs.readFileSync(path.join(out, 'notebooks/one.html'), 'utf8');
  expect(one).toContain('<math');
  expect(one).toContain('<code>$HOME</code>');
  expect(one).toContain('5 $ or 6 $.');
});

test.each([
  ['a page that is not there', '[x](missing.md)', 'docs/guide.html: missing.md'],
  ['a heading that is not there', '# Guide\n\n[x](#elsewhere)', 'docs/guide.html: #elsewhere'],
  ['a picture that is not there', '![x](missing.svg)', 'docs/guide.html: missing.svg'],
])('fails on %s', (_, text, line) => {
  const { status, stderr } = site({ 'docs/guide.md': text });
  expect(status).toBe(1);
  expect(stderr).toContain(`Broken link in ${line}`);
});
