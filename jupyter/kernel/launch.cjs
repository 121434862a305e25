/**
 * Starts the tslab kernel for this project: in the project's root, so that a cell can import './src/…' wherever the
 * notebook lies, and with imports of folders ('./src/data' for './src/data/index'), which tslab type-checks but does
 * not find when it runs them. A kernelspec calls it: node jupyter/kernel/launch.cjs kernel --config-path=FILE
 */
const path = require('node:path');

process.chdir(path.join(__dirname, '..', '..'));

const converter = require('tslab/dist/converter');
const { createConverter } = converter;

/** For each emitted folder/index.js, a module "folder" that hands on what the index exports. */
function withFolders(outputs) {
  return outputs.flatMap(output => {
    if (!output.path.endsWith('/index.js')) return [output];
    const folder = path.posix.dirname(output.path);
    const data = `module.exports = require("./${path.posix.basename(folder)}/index");`;
    return [output, { path: `${folder}.js`, data }];
  });
}

converter.createConverter = (...args) => {
  const made = createConverter(...args);
  const { convert } = made;
  made.convert = (...cell) => {
    const converted = convert(...cell);
    return converted.sideOutputs
      ? { ...converted, sideOutputs: withFolders(converted.sideOutputs) }
      : converted;
  };
  return made;
};

require('tslab/dist/main').main();
