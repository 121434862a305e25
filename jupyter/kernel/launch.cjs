/**
 * Starts the tslab kernel for this project: in the project's root, so that a cell can import './src/…' wherever the
 * notebook lies, and with what tslab lacks:
 * - imports of folders ('./src/data' for './src/data/index'), which it type-checks but does not find when it runs them;
 * - after a file has changed, modules that import it are loaded anew too, not only the file itself;
 * - all that a loop prints arrives, not only its first 512 lines.
 * A kernelspec calls it: node jupyter/kernel/launch.cjs kernel --config-path=FILE
 */
const path = require('node:path');

process.chdir(path.join(__dirname, '..', '..'));

// While a cell's loop runs, ZeroMQ's binding takes 512 messages and refuses the rest, which tslab does not notice;
// ZeroMQ itself drops what waits beyond 1000. A publisher never blocks, so neither limit is needed.
const zmq = require('zeromq');
zmq.Publisher = class extends zmq.Publisher {
  constructor(options) {
    super({ sendTimeout: 0, sendHighWaterMark: 0, ...options });
  }
};

/** For each emitted folder/index.js, a module "folder" that hands on what the index exports. */
function withFolders(outputs) {
  return outputs.flatMap(output => {
    if (!output.path.endsWith('/index.js')) return [output];
    const folder = path.posix.dirname(output.path);
    const data = `module.exports = require("./${path.posix.basename(folder)}/index");`;
    return [output, { path: `${folder}.js`, data }];
  });
}

/** All modules emitted so far: code by path. */
const emitted = new Map();

/** The outputs and the modules that import them, directly or not: tslab loads anew what it is given. */
function withImporters(outputs) {
  const given = new Map(outputs.map(output => [output.path, output]));
  const changed = outputs.filter(({ path, data }) => emitted.has(path) && emitted.get(path) !== data);
  for (const { path, data } of outputs) emitted.set(path, data);
  const queue = changed.map(output => output.path);
  for (const target of queue) {
    for (const [importer, data] of emitted) {
      if (queue.includes(importer) || !imports(importer, data).includes(target)) continue;
      queue.push(importer);
      given.set(importer, { path: importer, data });
    }
  }
  return [...given.values()];
}

function imports(file, code) {
  const folder = path.posix.dirname(file);
  return Array.from(
    code.matchAll(/require\("(\.[^"]*)"\)/g),
    ([, name]) => `${path.posix.join(folder, name)}.js`,
  );
}

const converter = require('tslab/dist/converter');
const { createConverter } = converter;
converter.createConverter = (...args) => {
  const made = createConverter(...args);
  const { convert } = made;
  made.convert = (...cell) => {
    const converted = convert(...cell);
    const { sideOutputs } = converted;
    return sideOutputs ? { ...converted, sideOutputs: withImporters(withFolders(sideOutputs)) } : converted;
  };
  return made;
};

require('tslab/dist/main').main();
