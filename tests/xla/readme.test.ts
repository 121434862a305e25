import { execFileSync } from 'node:child_process';
import { readReadme, withKernels } from '../../scripts/kernel-list';

test('src/xla/README.md lists the kernels that there are (npm run kernels)', () => {
  expect(readReadme()).toBe(withKernels(readReadme()));
  expect(readReadme()).toContain('Conv2DBackpropFilter');
});

test('src/xla stands alone: it imports packages and itself', () => {
  const imports = execFileSync('git', ['grep', '-hoE', "from '[^']+'", '--', 'src/xla'], {
    encoding: 'utf8',
  });
  const outside = imports
    .split('\n')
    .filter(line => /from '(\.\.\/){3}|from '\.\.\/\.\.\/(?!hlo|pjrt|kernels)/.test(line));
  expect(outside).toEqual([]);
});
