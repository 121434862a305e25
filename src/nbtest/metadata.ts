import { compareRules } from './compare/options';
import { executeRules } from './execute/options';
import { type JsonObject } from './json';
import { codeCells } from './notebook/read';
import { type Notebook } from './notebook/types';
import { objectOf, type Rules } from './rules';

const cellRules = { timeout: executeRules.timeout, ...compareRules };
const notebookRules = {
  ...cellRules,
  cellTimeout: executeRules.cellTimeout,
  startTimeout: executeRules.startTimeout,
  parameters: executeRules.parameters,
};

/** Checks `metadata.nbtest` of a notebook and its code cells. Throws NbtestError 'usage' for what cannot be used. */
export function checkMetadata(notebook: Notebook, path: string): void {
  check(notebook.metadata, notebookRules, path);
  for (const { cell, index } of codeCells(notebook)) {
    check(cell.metadata, cellRules, `${path}, cell ${index + 1}`);
  }
}

function check(metadata: JsonObject, rules: Rules, owner: string): void {
  if (metadata.nbtest === undefined) return;
  objectOf(rules)(metadata.nbtest, { where: `metadata.nbtest of ${owner}`, name: '' });
}
