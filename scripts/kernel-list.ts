/** Writes the list of kernels in src/xla/README.md from the code: npm run kernels. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostKernelNames, kernelNames } from '../src/xla/kernels';

const FILE = join(__dirname, '..', 'src', 'xla', 'README.md');

const listed = (names: readonly string[]): string => [...new Set(names)].sort().join(', ');

/** README.md as the code has it now. */
export function withKernels(readme: string): string {
  const text = [
    '<!-- kernels -->',
    '',
    `**Compiled** (${new Set(kernelNames).size}): ${listed(kernelNames)}.`,
    '',
    `**On the host**, not under \`jit\` (${hostKernelNames.length}): ${listed(hostKernelNames)}.`,
    '',
    '<!-- /kernels -->',
  ].join('\n');
  return readme.replace(/<!-- kernels -->[^]*<!-- \/kernels -->/, text);
}

export const readReadme = (): string => readFileSync(FILE, 'utf8');

if (require.main === module) writeFileSync(FILE, withKernels(readReadme()));
