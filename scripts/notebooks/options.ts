import { parseArgs } from 'node:util';
import { YAML, fs, glob, path } from 'zx';
import { NbtestError } from '../../src/nbtest/errors';
import { isObject, type Json, type JsonObject } from '../../src/nbtest/json';

export const usage = `Usage: npm run notebooks -- [options] [notebook, folder or pattern ...]

Executes notebooks (default: notebooks/*.ipynb) from top to bottom, each in a fresh kernel.

  --in-place            write the outputs into the notebook itself
  --output-dir FOLDER   write executed copies there (default: .cache/notebooks), below it as the notebooks lie
                        below the folder that holds them all
  --check               write nothing
  --parameters P        name=value (YAML value), or a YAML/JSON file; may be repeated
  --as-tested           the notebooks' own parameters for tests (metadata.nbtest.parameters), no cells tagged "slow"
  --parallel N          notebooks executed at the same time (default: 1)
  --timeout S           limit of each notebook in seconds (default: none)
  --cell-timeout S      limit of each cell in seconds (default: none)
  --total-timeout S     limit of the whole run in seconds (default: none)
  --kernel NAME         use this kernel and not the notebook's own
  --allow-errors        go on after a failed cell (the run still counts as failed)
  --skip-slow           leave out cells tagged "slow"
  --junit FILE          write a JUnit report
  --quiet               print only failures and the summary
  --help                print this

Ctrl-C stops the running cells, keeps what was done, and prints the summary; a second one quits at once.
Exit status: 0 all cells passed, 1 a cell or kernel failed, 2 wrong arguments, 130 interrupted.`;

const flag = { type: 'boolean' } as const;
const text = { type: 'string' } as const;
const options = {
  'in-place': flag,
  'output-dir': text,
  check: flag,
  parameters: { type: 'string', multiple: true, short: 'p' },
  'as-tested': flag,
  parallel: text,
  timeout: text,
  'cell-timeout': text,
  'total-timeout': text,
  kernel: text,
  'allow-errors': flag,
  'skip-slow': flag,
  junit: text,
  quiet: flag,
  help: { type: 'boolean', short: 'h' },
} as const;

/** The command line's options. Throws NbtestError 'usage'. */
export function readArguments() {
  let parsed;
  try {
    parsed = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
  const { values, positionals } = parsed;
  const places = (['in-place', 'output-dir', 'check'] as const).filter(name => values[name]);
  if (places.length > 1) throw wrong(`give only one of ${places.map(name => `--${name}`).join(', ')}`);
  return { values, positionals };
}

/** The notebooks that the arguments name, sorted by argument, then name. Throws NbtestError 'usage' if one names none. */
export async function notebookFiles(patterns: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const pattern of patterns.length > 0 ? patterns : ['notebooks/*.ipynb']) {
    const folder = fs.existsSync(pattern) && fs.statSync(pattern).isDirectory();
    const file = fs.existsSync(pattern) && !folder;
    const found = file ? [pattern] : await glob(folder ? `${pattern}/**/*.ipynb` : pattern);
    const own = found.filter(name => !name.includes('.ipynb_checkpoints'));
    if (own.length === 0) throw wrong(`no notebook matches ${pattern}`);
    files.push(...own.sort());
  }
  return [...new Map(files.map(file => [path.resolve(file), file])).values()];
}

/** The values of all --parameters, later ones winning. Throws NbtestError 'usage'. */
export function readParameters(given: readonly string[]): JsonObject | undefined {
  const parameters: JsonObject = {};
  for (const item of given) {
    const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(item) ?? [];
    if (name) {
      parameters[name] = parseYaml(value, item);
      continue;
    }
    if (!fs.existsSync(item)) throw wrong(`--parameters ${item} is neither name=value nor a file`);
    const values = parseYaml(fs.readFileSync(item, 'utf8'), item);
    if (!isObject(values)) throw wrong(`the parameter file ${item} must hold name: value lines`);
    Object.assign(parameters, values);
  }
  return given.length > 0 ? parameters : undefined;
}

/** A positive number. Throws NbtestError 'usage'. */
export function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const result = Number(value);
  if (Number.isFinite(result) && result > 0 && value.trim() !== '') return result;
  throw wrong(`--${name} needs a number above 0, not "${value}"`);
}

function parseYaml(text: string, where: string): Json {
  try {
    return YAML.parse(text) as Json;
  } catch (error) {
    throw wrong(`--parameters ${where}: ${(error as Error).message}`);
  }
}

function wrong(message: string): NbtestError {
  return new NbtestError('usage', message);
}
