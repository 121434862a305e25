/** How a run is asked to end. */
import { EventEmitter } from 'node:events';
import { untilInterrupted } from '../../src/cli/interrupt';
import { outliveReaders } from '../../src/cli/output';

test('a SIGTERM that reaches the process twice, once by its launcher, lets it save; a second Ctrl-C does not', async () => {
  const exit = jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    await untilInterrupted(async signal => {
      process.emit('SIGTERM', 'SIGTERM');
      process.emit('SIGTERM', 'SIGTERM');
      expect(signal.aborted).toBe(true);
      await Promise.resolve();
    });
    expect(exit).not.toHaveBeenCalled();
    await untilInterrupted(async () => {
      process.emit('SIGINT', 'SIGINT');
      process.emit('SIGINT', 'SIGINT');
      await Promise.resolve();
    });
    expect(exit).toHaveBeenCalledWith(130);
  } finally {
    exit.mockRestore();
    said.mockRestore();
  }
});

test('a terminal that is closed lets a run save, also when it was asked to before', async () => {
  const exit = jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const said = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  try {
    for (const first of ['SIGHUP', 'SIGINT'] as const) {
      await untilInterrupted(async signal => {
        process.emit(first, first);
        expect(signal.aborted).toBe(true);
        process.emit('SIGHUP', 'SIGHUP');
        await Promise.resolve();
      });
    }
    expect(exit).not.toHaveBeenCalled();
    expect(process.listenerCount('SIGHUP')).toBe(0);
  } finally {
    exit.mockRestore();
    said.mockRestore();
  }
});

test('output that nobody reads any longer is let go; other trouble with it is not', () => {
  const stream = new EventEmitter();
  outliveReaders([stream as unknown as NodeJS.WritableStream]);
  for (const code of ['EPIPE', 'EIO']) stream.emit('error', Object.assign(new Error(code), { code }));
  const full = Object.assign(new Error('full'), { code: 'ENOSPC' });
  expect(() => stream.emit('error', full)).toThrow(full);
});
