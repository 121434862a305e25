/** README's tables, made of the records of finished runs and of nothing else. */
import { canonicalJson } from '../../src/canonicalJson';
import { formatCount, type ModelEntry } from '../../src/models';
import { type RunRecord, wholeRate } from '../../src/train/record';
import { type SpeedrunRecord } from '../../src/train/speedrun';
import { SEED_ERRORS } from './seedErrors';

export interface ReportInput {
  models: readonly ModelEntry[];
  records: readonly RunRecord[];
  speedruns: readonly SpeedrunRecord[];
  /** The models whose weights are shipped, with the run that made these and their test error in float32, as their files tell. */
  shipped: ReadonlyMap<string, { run: string; testError: number }>;
}

type Recipe = 'paper' | 'short' | 'modern';

/** The column that a record's number stands in: an experiment by the Python project's recipe is by the paper's, or nearest to it. */
const COLUMN: Readonly<Record<NonNullable<RunRecord['recipe']>, Recipe>> = {
  paper: 'paper',
  seed: 'paper',
  short: 'short',
  modern: 'modern',
};

const TO_BE_RUN = '*to be run*';

const percent = (value: number): string => value.toFixed(2);
const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;

/** Everything between README's marks. */
export function report({ models, records, speedruns, shipped }: ReportInput): string {
  const lines = [
    ...results(models, records, shipped),
    '',
    'Test error in percent on the whole test set, by the weights at the end of the run; where several seeds were run, mean ± deviation. ' +
      'Of several recipes of one kind the longest counts, whatever came out. ' +
      "In brackets the lowest error on the way: chosen by the test set itself, it is no fair result. The papers' numbers are those of their best run, " +
      "or mean (median for WRN and pre-activation ResNets) where they give one. VGG's paper has no CIFAR-10: its numbers are those of " +
      "[Ayinde et al. 2019](https://arxiv.org/abs/1901.10900), its recipe is the Python project's. " +
      "That project's numbers are those of its README of November 2019, the lowest on the way as far as its logs tell; its ResNets decay their weights twice as fast as the papers' and ours (its l2 of 10⁻⁴ has no ½ in front), and its ResNet110 v2 has shortcut B.",
    ...(shipped.size > 0
      ? ['', `★: weights shipped (\`pretrained: true\`).${otherErrors(models, records, shipped)}`]
      : []),
    ...(records.length > 0 ? ['', ...runs(records)] : []),
    ...(speedruns.length > 0 ? ['', ...speedrunTable(speedruns)] : []),
  ];
  return lines.join('\n');
}

function results(
  models: readonly ModelEntry[],
  records: readonly RunRecord[],
  shipped: ReportInput['shipped'],
): string[] {
  return [
    row(
      'architecture',
      'parameters',
      'paper',
      'Python project',
      "ours, the paper's recipe",
      'ours, a short recipe',
      'ours, a recipe of today',
    ),
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...models.map(model => {
      const of = (recipe: Recipe) =>
        longest(
          records.filter(each => each.model === model.name && each.recipe && COLUMN[each.recipe] === recipe),
        );
      return row(
        `${model.title}${shipped.has(model.name) ? ' ★' : ''}`,
        formatCount(model.parameters),
        paperError(model),
        SEED_ERRORS[model.name] ?? '',
        error(of('paper')) ?? TO_BE_RUN,
        error(of('short')) ?? '',
        error(of('modern')) ?? TO_BE_RUN,
      );
    }),
  ];
}

/** A run in bfloat16 is scored in it; its weights, scored in float32, come to another error. */
function otherErrors(
  models: readonly ModelEntry[],
  records: readonly RunRecord[],
  shipped: ReportInput['shipped'],
): string {
  const others = models.flatMap(({ name, title }) => {
    const { run, testError } = shipped.get(name) ?? {};
    const record = records.find(each => each.name === run);
    if (!record || testError === undefined || record.finalTestError === testError) return [];
    return [`${title} ${percent(testError)} (${record.precision}: ${percent(record.finalTestError)})`];
  });
  return others.length > 0
    ? ` Their error in float32, where it differs from the run's: ${others.join(', ')}.`
    : '';
}

function paperError({ paperErrorBest: best, paperErrorMean: mean }: ModelEntry): string {
  if (mean === undefined) return best === undefined ? '' : `${percent(best)} best`;
  return best === undefined ? percent(mean) : `${percent(mean)} (best ${percent(best)})`;
}

/**
 * The runs of one experiment, with whatever seeds; of several experiments the one that trains longest, not the one that came out
 * best: a choice by the test error would be a choice by the test set.
 */
function longest(records: readonly RunRecord[]): RunRecord[] {
  const steps = Math.max(...records.map(record => record.steps));
  const chosen = records.find(record => record.steps === steps);
  return records.filter(record => chosen && record.steps === steps && recipeOf(record) === recipeOf(chosen));
}

/** What a run was asked to do, but for its name and seed; its precision is the one that it was trained in, whoever asked for it. */
function recipeOf({ experiment, config, precision }: RunRecord): string {
  const { train_parameters: given, ...others } = config as { train_parameters?: Record<string, unknown> };
  return canonicalJson([experiment, others, { ...given, precision, seed: undefined, run_name: undefined }]);
}

/** One run: '8.41 (8.35)'; several: '8.41 ± 0.12, 3 runs'. */
function error(records: readonly RunRecord[]): string | undefined {
  if (records.length === 0) return undefined;
  const errors = records.map(record => record.finalTestError);
  const mean = errors.reduce((sum, value) => sum + value) / errors.length;
  if (records.length > 1) {
    const variance = errors.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (errors.length - 1);
    return `**${percent(mean)}** ± ${percent(Math.sqrt(variance))}, ${errors.length} runs`;
  }
  const best = records[0].bestTestError;
  return `**${percent(mean)}**${best === undefined ? '' : ` (${percent(best)})`}`;
}

function runs(records: readonly RunRecord[]): string[] {
  const sorted = [...records].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return [
    row(
      'run',
      'model',
      'recipe',
      'seed',
      'epochs',
      'final',
      'best on test',
      'device',
      'precision',
      'images/s',
      'hours',
      'commit',
    ),
    '| --- | --- | --- | ---: | ---: | ---: | ---: | --- | --- | ---: | ---: | --- |',
    ...sorted.map(record =>
      row(
        `[${record.name}](records/${record.name}.json)`,
        record.model,
        record.experiment ? `[${record.recipe ?? 'own'}](${record.experiment})` : (record.recipe ?? 'own'),
        String(record.seed),
        record.epochs.toFixed(record.epochs < 10 ? 1 : 0),
        percent(record.finalTestError),
        record.bestTestError === undefined ? 'held-out validation' : percent(record.bestTestError),
        `${record.device}`,
        record.precision,
        String(Math.round(wholeRate(record))),
        (record.seconds / 3600).toFixed(record.seconds < 36_000 ? 2 : 1),
        commit(record),
      ),
    ),
  ];
}

function speedrunTable(speedruns: readonly SpeedrunRecord[]): string[] {
  return [
    'The speedrun ([notebook 9](notebooks/09-speedrun.ipynb)): a small network that reaches 94 % in ten epochs. The accuracy is that of six ' +
      "views of each test image, in brackets of the images as they are; compiling comes before the clock starts, and the paper's stops after the six views.",
    '',
    row(
      'speedrun',
      'epochs',
      'accuracy',
      'steps',
      'training',
      'six views',
      'compiling',
      'seed',
      'device',
      'precision',
      'commit',
    ),
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |',
    ...speedruns.map(record =>
      row(
        `[${record.name}](records/speedrun/${record.name}.json)`,
        String(record.recipe.epochs),
        `${percent(100 - record.testError)} % (${percent(100 - record.plainTestError)} %)`,
        String(record.steps),
        `${record.trainSeconds.toFixed(2)} s`,
        record.viewsSeconds === undefined ? '–' : `${record.viewsSeconds.toFixed(2)} s`,
        `${record.compileSeconds.toFixed(1)} s`,
        String(record.seed),
        record.device,
        record.precision,
        commit(record),
      ),
    ),
  ];
}

/** Shortened; '+' says that files were changed. */
const commit = (record: { commit: string }): string =>
  `\`${record.commit.slice(0, 7)}${record.commit.endsWith('+') ? '+' : ''}\``;
