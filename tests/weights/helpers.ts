import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import type * as tf from '@tensorflow/tfjs';
import { readWeights } from '../../src/weights';

const PYTHON = path.join(__dirname, '..', '..', '.venv', 'bin', 'python');

/** `test` when .venv's Python can import the packages; else it is skipped, and says so. */
export function testWithPython(packages: string): jest.It {
  try {
    execFileSync(PYTHON, ['-c', `import ${packages}`], { stdio: 'ignore' });
    return test;
  } catch {
    console.warn(`SKIPPED: .venv's Python has no ${packages} (npm run setup).`);
    return test.skip as unknown as jest.It;
  }
}

/** Runs a Python program and parses the JSON that it prints. */
export function python(program: string, ...args: string[]): unknown {
  const out = execFileSync(PYTHON, ['-c', program, ...args], { encoding: 'utf8' });
  return out.trim() ? JSON.parse(out) : undefined;
}

/** A folder for the tests of one file, removed after them. */
export function temporaryFolder(): { readonly path: string; file(name: string): string } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'weights-'));
  afterAll(() => fs.rmSync(folder, { recursive: true }));
  return { path: folder, file: name => path.join(folder, name) };
}

/** A model's weights as plain data, to compare. */
export async function snapshot(model: tf.LayersModel): Promise<Record<string, Float32Array>> {
  return Object.fromEntries([...(await readWeights(model))].map(([name, { data }]) => [name, data]));
}
