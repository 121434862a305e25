import { createHmac } from 'node:crypto';
import { SignatureError, Wire } from '../../src/nbtest/protocol/wire';
import { describePython, execute, outcomes } from './support/notebooks';

describe('messages', () => {
  const wire = new Wire('key', 'hmac-sha256');
  const frames = (...parts: string[]): Buffer[] => {
    const hmac = createHmac('sha256', 'key');
    for (const part of parts) hmac.update(part);
    return ['<IDS|MSG>', hmac.digest('hex'), ...parts].map(part => Buffer.from(part));
  };
  const header = '{"msg_type": "execute_result"}';

  it('keep the spelling of numbers, in metadata too', () => {
    const { content } = wire.decode(
      frames(header, '{}', '{}', '{"data": {}, "metadata": {"width": 640.0, "x": NaN}}'),
    );
    expect(content.metadata).toMatchObject({ width: { text: '640.0' }, x: { text: 'NaN' } });
  });

  it.each([
    [frames(header, '{}', '{}', '{"data"'), /the text ends too early|':' was expected/],
    [frames('null', '{}', '{}', '{}'), 'its header names no msg_type'],
    [[Buffer.from('noise')], 'not a Jupyter message'],
  ])('that cannot be read are told from those with a wrong signature: %#', (message, reason) => {
    expect(() => wire.decode(message)).toThrow(reason);
    expect(() => wire.decode(message)).not.toThrow(SignatureError);
  });

  it('with a wrong signature are refused', () => {
    expect(() => new Wire('other', 'hmac-sha256').decode(frames(header, '{}', '{}', '{}'))).toThrow(
      SignatureError,
    );
  });
});

// A message whose content is the given bytes, rightly or wrongly signed.
const publish = `
def publish(content, sign=True):
    kernel = get_ipython().kernel
    session = kernel.session
    message = session.msg('display_data', {}, parent=kernel.get_parent())
    frames = session.serialize(message)
    frames[-1] = content
    if sign:
        frames[1] = session.sign(frames[2:])
    kernel.iopub_socket.send_multipart(frames)`;

describePython('outputs', () => {
  it('of ten megabytes are kept; those that cannot be read fail the cell, and only it; strangers are ignored', async () => {
    const result = await execute(
      'python3',
      [
        publish,
        "from IPython.display import display\ndisplay({'application/json': {'a': 'x1e5' * 2_500_000}}, raw=True)",
        'publish(b\'{"data": {"application/json": \' + b"[" * 20000 + b"]" * 20000 + b"}}")',
        'publish(b"{", sign=False)',
        'print("on")',
      ],
      { allowErrors: true },
    );
    expect(outcomes(result)).toEqual(['passed', 'passed', 'failed: protocol', 'passed', 'passed']);
    expect(result.cells[1].cell.outputs).toMatchObject([{ output_type: 'display_data' }]);
    expect(JSON.stringify(result.cells[1].cell.outputs).length).toBeGreaterThan(1e7);
    expect(result.cells[2].failure!.message).toBe(
      'The kernel sent a message on its iopub socket that cannot be read (line 1, column 1029: nested more than 1000 levels deep), ' +
        'and what it held is lost: let the cell put out plainer data, or update the kernel',
    );
    expect(result.cells[4].cell.outputs).toMatchObject([{ text: 'on\n' }]);
  });

  it('that cannot be read and come between two cells fail the next one', async () => {
    const late = 'import threading\nthreading.Timer(0.5, lambda: publish(b"{")).start()';
    const pause = (): Promise<void> => new Promise(done => setTimeout(done, 2000));
    const cells = [publish, late, 'print("on")'];
    const hooks = { onCellStart: ({ index }: { index: number }) => (index === 2 ? pause() : undefined) };
    const result = await execute('python3', cells, {}, hooks);
    expect(outcomes(result)).toEqual(['passed', 'passed', 'failed: protocol']);
  });
});
