/**
 * src/xla as JavaScript, declarations and source maps. The compiler is told to write to a folder `lib` beside `src`, so that
 * maps say `../src/xla/…` wherever the files then go, and hold their sources themselves: no path of this machine is in them.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import ts from 'typescript';

const CONFIG = path.join(__dirname, 'tsconfig.xla.json');

const complain = (problems: readonly ts.Diagnostic[]): void => {
  if (problems.length === 0) return;
  const host = {
    getCanonicalFileName: (name: string) => name,
    getCurrentDirectory: process.cwd,
    getNewLine: () => '\n',
  };
  throw new Error(ts.formatDiagnostics(problems, host));
};

/**
 * Compiles into `folder`.
 * @throws Error with the compiler's messages; nothing is written then
 */
export function compileXla(folder: string): void {
  const config = ts.getParsedCommandLineOfConfigFile(CONFIG, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: problem => complain([problem]),
  });
  if (!config) throw new Error(`${CONFIG} could not be read.`);
  complain(config.errors);
  const program = ts.createProgram(config.fileNames, config.options);
  complain(ts.getPreEmitDiagnostics(program));
  program.emit(undefined, (name, text) => {
    const file = path.join(folder, path.relative(config.options.outDir!, name));
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  });
}
