import { createServer } from 'node:net';
import { SetupError } from '../setup/steps.mjs';

function isFree(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', ({ code }) =>
      code === 'EADDRINUSE'
        ? resolve(false)
        : reject(new SetupError(`port ${port} cannot be used (${code}): name another one by --port`)),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first free port from `first` on. */
export async function freePort(first) {
  for (let port = first; port <= 65535; port++) if (await isFree(port)) return port;
  throw new SetupError(`no port from ${first} on is free: name a lower one by --port`);
}
