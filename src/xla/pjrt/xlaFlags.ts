/** XLA's flags in the environment. */
import * as fs from 'fs';

/** `--name`, `--name=value`, and values in quotes, where a backslash in double ones takes the next character as it is. */
const FLAG = /(?<=^|\s)--(\w+)(?:=(?:"((?:\\.|[^"\\])*)"|'([^']*)'|(\S*)))?/gs;

/**
 * Flags that XLA_FLAGS gives, by name; of a repeated one the last. XLA takes the variable for flags where it begins with a
 * dash, else for the name of a file that holds them (xla/parse_flags_from_env.cc).
 */
export function environmentFlags(): Readonly<Record<string, string>> {
  const text = flagText(process.env.XLA_FLAGS ?? '');
  return Object.fromEntries(
    [...text.matchAll(FLAG)].map(([, name, double, single, plain]) => [
      name,
      double?.replace(/\\(.)/gs, '$1') ?? single ?? plain ?? '',
    ]),
  );
}

function flagText(given: string): string {
  if (given === '' || /^\s*-/.test(given)) return given;
  try {
    return fs.readFileSync(given, 'utf8');
  } catch {
    return ''; // XLA ends the process, and the probe tells so
  }
}
