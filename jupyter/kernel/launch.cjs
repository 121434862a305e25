/**
 * Starts the tslab kernel for this project: in the project's root, so that a cell can import './src/…' wherever the
 * notebook lies, and with what tslab lacks:
 * - imports of folders ('./src/data' for './src/data/index'), which it type-checks but does not find when it runs them;
 * - after a file has changed, modules that import it are loaded anew too, not only the file itself;
 * - all that a loop prints arrives, not only its first 512 lines;
 * - { steps } works for { steps: steps } with a variable of an earlier cell;
 * - files that appear or go while a cell runs are no error of the cell.
 * A kernelspec calls it: node jupyter/kernel/launch.cjs kernel --config-path=FILE
 */
const path = require('node:path');
const { clearImmediate, clearTimeout, setImmediate, setTimeout } = require('node:timers');

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

const ts = require(require.resolve('@tslab/typescript-for-tslab', { paths: [require.resolve('tslab')] }));

// tslab keeps one timer of the compiler's and fires it with the next cell. The compiler has a second one, set when files
// appear or go; let it run by itself. And it may set the first anew while that is fired, or fail then: tslab expects neither.
const { createWatchCompilerHost } = ts;
ts.createWatchCompilerHost = (files, options, sys, ...rest) => {
  const { setTimeout: setOne, clearTimeout: clearOne } = sys;
  const others = new Set();
  let firing = false;
  /** The timer that tslab keeps: { one }, or { waiting } for the one that is fired now to be done. */
  const keep = (callback, more) => {
    const timer = {};
    const set = () => {
      timer.waiting = undefined;
      timer.one = setOne(
        () => {
          firing = true;
          try {
            callback();
          } catch (error) {
            clearOne(timer.one);
            throw error;
          } finally {
            firing = false;
          }
        },
        ...more,
      );
    };
    if (firing) timer.waiting = setImmediate(set);
    else set();
    return timer;
  };
  sys.setTimeout = (callback, ...more) => {
    if (callback.name !== 'invalidateResolutionsOfFailedLookup') return keep(callback, more);
    const timer = setTimeout(() => {
      others.delete(timer);
      callback();
    }, more[0]);
    others.add(timer);
    return timer;
  };
  sys.clearTimeout = timer => {
    if (others.delete(timer)) clearTimeout(timer);
    else if (timer.waiting) clearImmediate(timer.waiting);
    else clearOne(timer.one);
  };
  return createWatchCompilerHost(files, options, sys, ...rest);
};

/** { steps } as { steps: steps }: in the short form tslab does not find a variable of an earlier cell. */
function withoutShorthand(source) {
  const ends = [];
  const visit = node => {
    if (ts.isShorthandPropertyAssignment(node) && !node.objectAssignmentInitializer) ends.push(node.name);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true));
  return ends.reduceRight(
    (text, { end, text: name }) => `${text.slice(0, end)}: ${name}${text.slice(end)}`,
    source,
  );
}

const converter = require('tslab/dist/converter');
const { createConverter } = converter;
converter.createConverter = (...args) => {
  const made = createConverter(...args);
  const { convert } = made;
  made.convert = (declarations, source) => {
    const converted = convert(declarations, withoutShorthand(source));
    const { sideOutputs } = converted;
    return sideOutputs ? { ...converted, sideOutputs: withImporters(withFolders(sideOutputs)) } : converted;
  };
  return made;
};

require('tslab/dist/main').main();
