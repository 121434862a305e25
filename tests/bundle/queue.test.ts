import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { shortened } from '../../scripts/bundle/shortened';
import { defaultStepsPerCall } from '../../scripts/bundle/stepsPerCall';
import { UserError } from '../../src/errors';

test('a GPU takes many steps a call, but those of a model whose step is cut into several programs', () => {
  expect(defaultStepsPerCall('gpu', 'resnet110_v2')).toBe(20);
  expect(defaultStepsPerCall('gpu', 'resnet1001')).toBe(1);
  expect(defaultStepsPerCall('cpu', 'resnet20_v1')).toBe(1);
});

test('errors that are too long are cut, and kept whole', () => {
  const folder = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'shortened-')), 'out');
  try {
    expect(shortened(new UserError('Give more.'), folder)).toBe('Give more.');
    expect(shortened(new Error('defect'), folder)).toMatch(/^Error: defect\n +at /);
    expect(fs.existsSync(folder)).toBe(false);
    const message = `begins ${'x'.repeat(20_000)} ends`;
    const said = shortened(new Error(message), folder);
    expect(said.length).toBeLessThan(1_700);
    expect(said).toMatch(/^Error: begins x+ … \(2\d{4} characters, all of them in .*failures.log\)$/);
    shortened(new Error(message), folder);
    expect(fs.readFileSync(path.join(folder, 'failures.log'), 'utf8').split(message)).toHaveLength(3);
    fs.writeFileSync(`${folder}-file`, '');
    expect(shortened(new Error(message), `${folder}-file`)).toMatch(/not kept: /);
  } finally {
    fs.rmSync(path.dirname(folder), { recursive: true });
  }
});
