/** The papers' numbers beside those of this project's runs, which are read from records/. */
import * as path from 'node:path';
import { findModel, formatCount, MODELS, type ModelEntry } from '../models';
import { projectRoot } from '../projectRoot';
import { readRecords, type RunRecord } from '../train/record';
import { type Cell, table } from './table';

/** Rows of `resultsTable`: a row a run, or one that says plainly that there is none. */
export function resultRows(entries: readonly ModelEntry[], records: readonly RunRecord[]): Cell[][] {
  return entries.flatMap(entry => {
    const model: Cell[] = [
      entry.title,
      entry.parameters,
      formatCount(entry.multiplyAdds),
      papersError(entry),
    ];
    const runs = sortedRuns(records.filter(record => record.model === entry.name));
    if (runs.length === 0) return [[...model, 'not run yet', `experiments/${entry.name}.yaml`]];
    return runs.map(run => [...model, `${run.finalTestError.toFixed(2)} %`, runText(run)]);
  });
}

const RECIPES: readonly RunRecord['recipe'][] = ['paper', 'seed', 'short', 'modern', undefined];

/** Runs in the order of lists: by recipe, the papers' first, by model as the registry has them, by experiment and by seed. */
export function sortedRuns(records: readonly RunRecord[]): RunRecord[] {
  const place = ({ model }: RunRecord) => MODELS.findIndex(({ name }) => name === model);
  const file = ({ experiment = '' }: RunRecord) => experiment.replace(/\.yaml$/, '');
  return [...records].sort(
    (a, b) =>
      RECIPES.indexOf(a.recipe) - RECIPES.indexOf(b.recipe) ||
      place(a) - place(b) ||
      file(a).localeCompare(file(b), 'en', { numeric: true }) ||
      a.seed - b.seed,
  );
}

function papersError({ paperErrorBest: best, paperErrorMean: mean }: ModelEntry): string {
  if (best === undefined && mean === undefined) return '–';
  if (best !== undefined && mean !== undefined) return `${best.toFixed(2)} % (mean ${mean.toFixed(2)} %)`;
  return `${(mean ?? best)!.toFixed(2)} %`;
}

function runText({ name, recipe, epochs, backend, device, commit }: RunRecord): string {
  const where = device.toLowerCase().startsWith(backend) ? device : `${backend} on ${device}`;
  const how = [recipe && `recipe "${recipe}"`, `${Math.round(epochs)} epochs`, where];
  return `${name}: ${how.filter(Boolean).join(', ')}, commit ${commit.slice(0, 8)}`;
}

/**
 * Shows a table of models: parameters, multiply-adds, the paper's test error, ours and the run that made it.
 * @param names of the registry
 * @throws UserError when a name is not in the registry
 */
export function resultsTable(names: readonly string[], folder = path.join(projectRoot(), 'records')): void {
  const columns = ['model', 'parameters', 'multiply-adds', "paper's test error", 'our test error', 'run'];
  table(columns, resultRows(names.map(findModel), readRecords(folder)));
}
