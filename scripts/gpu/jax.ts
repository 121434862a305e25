/** What JAX makes of the same training step. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../../src/errors';
import { projectRoot } from '../../src/projectRoot';

/**
 * JAX's step for CUDA as StableHLO text, from bench/peers/jax_step.py. Unlike ours it is given its batch, and neither gathers nor normalizes images.
 * @param model of bench/peers/networks.py
 * @throws UserError when JAX is not installed, or the model is not one of these
 */
export function jaxProgram(model: string, batch: number, precision: string): string {
  const root = projectRoot();
  const python = path.join(root, '.venv-bench', 'bin', 'python');
  if (!fs.existsSync(python))
    throw new UserError('--jax: JAX is not installed: npm run bench -- --setup does it.');
  const script = path.join(root, 'bench', 'peers', 'jax_step.py');
  const command = [script, model, String(batch), precision, 'program'];
  try {
    return execFileSync(python, command, {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string };
    throw new UserError(`--jax: ${model}: ${stderr.trim().split('\n').pop()}`);
  }
}
