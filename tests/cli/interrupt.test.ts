/** How a run is asked to end. */
import { untilInterrupted } from '../../src/cli/interrupt';

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
