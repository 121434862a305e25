import { BACKEND_NAMES, BACKEND_VARIABLE, type SelectedBackend } from '../../src/backends';
import { restoreRemovedUtil } from '../../src/backends/tensorflow';
import { runProgram, unavailableBackends } from './runProgram';

type Answer = SelectedBackend & { current: string; error?: string };

/** In a process of its own, without a back end chosen by the environment unless given. */
function select(prefer?: string, env: Record<string, string> = {}) {
  const { answer, stdout, stderr } = runProgram('selection.ts', prefer ? [prefer] : [], {
    [BACKEND_VARIABLE]: '',
    ...env,
  });
  return { ...(answer as Answer), printed: stdout.split('\n').slice(0, -2).join('\n') + stderr };
}

const unavailable = unavailableBackends();

test('the best that works is taken, and every better one is passed over with a reason', () => {
  const selected = select();
  const best = BACKEND_NAMES.find(name => !unavailable.has(name))!;
  expect(selected.name).toBe(best);
  expect(selected.current).toBe(best);
  expect(selected.passedOver.map(({ name }) => name)).toEqual(
    BACKEND_NAMES.slice(0, BACKEND_NAMES.indexOf(best)),
  );
  for (const { reason } of selected.passedOver) expect(reason).toMatch(/\w.*\w/);
  expect(selected.why).toContain(selected.device);
});

for (const backend of BACKEND_NAMES) {
  const reason = unavailable.get(backend);
  (reason ? test.skip : test)(
    `${backend} can be asked for, and prints nothing${reason ? ` (${reason})` : ''}`,
    () => {
      const selected = select(backend);
      expect(selected.name).toBe(backend);
      expect(selected.current).toBe(backend);
      expect(selected.printed).toBe('');
      expect(selected.passedOver).toEqual([]);
    },
  );
}

test(`${BACKEND_VARIABLE} chooses for programs that don't, and is overruled by those that do`, () => {
  expect(select(undefined, { [BACKEND_VARIABLE]: 'cpu' }).name).toBe('cpu');
  expect(select('wasm', { [BACKEND_VARIABLE]: 'cpu' }).name).toBe('wasm');
});

test('a wrong name is one line with the right ones', () => {
  const { error } = select(undefined, { [BACKEND_VARIABLE]: 'webgl' });
  expect(error).toContain('webgl');
  expect(error).toContain(BACKEND_VARIABLE);
  for (const name of BACKEND_NAMES) expect(error).toContain(name);
  expect(error).not.toContain('\n');
});

for (const [name, reason] of unavailable) {
  test(`asking for ${name}, which is not there, is one line that says why`, () => {
    const { error } = select(name);
    expect(error).toContain(reason);
    expect(error).not.toContain('\n');
  });
}

test('functions that Node 23 removed are there for tfjs-node', () => {
  const util: Record<string, unknown> = {};
  restoreRemovedUtil(util);
  const { isArray, isNullOrUndefined } = util as Record<string, (value: unknown) => boolean>;
  expect([null, undefined, 0, '', []].map(isNullOrUndefined)).toEqual([true, true, false, false, false]);
  expect([[], {}, 'a'].map(isArray)).toEqual([true, false, false]);
});
