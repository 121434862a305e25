import { Command, Option } from 'commander';
import { CLASS_NAMES, loadCifar10 } from '../data';
import { UserError } from '../errors';
import { createModel, findModel } from '../models';
import { evaluate } from '../train';
import { type TrainOptions } from '../train/options';
import { withPrecision } from '../train/precision';
import { type BackendName } from '../backends';
import {
  backendOption,
  dataOption,
  jsonOption,
  modelName,
  precisionOption,
  requireModel,
  startBackend,
} from './options';

interface Options {
  model: string;
  pretrained?: boolean;
  weights?: string;
  precision?: TrainOptions['precision'];
  data?: string;
  backend?: BackendName;
  json?: boolean;
}

/** `cifar evaluate` */
export function evaluateCommand(): Command {
  return requireModel(new Command('evaluate'))
    .description('Score a model on the whole test set.')
    .addOption(new Option('--pretrained', 'with the weights that the project ships').conflicts('weights'))
    .option('--weights <file>', 'with the weights of a .safetensors or .npz file')
    .addOption(precisionOption())
    .addOption(dataOption())
    .addOption(backendOption())
    .addOption(jsonOption())
    .action(score);
}

async function score({
  model: asked,
  pretrained,
  weights,
  precision = 'float32',
  data: folder,
  backend,
  json,
}: Options): Promise<void> {
  const { name } = findModel(modelName(asked));
  if (!pretrained && weights === undefined)
    throw new UserError('A model without weights knows nothing: give --pretrained or --weights FILE.');
  if (weights === '') throw new UserError('--weights is empty: name a .safetensors or .npz file.');
  const { device } = await startBackend(backend);
  const model = createModel(name, { pretrained: weights ?? true });
  const data = await loadCifar10({ folder });
  const { error, loss, confusion } = await withPrecision(precision, () => evaluate(model, data.test));
  if (json)
    return console.log(
      JSON.stringify({ model: name, images: data.test.count, error, loss, confusion, device, precision }),
    );
  console.log(
    `${name}: test error ${error.toFixed(2)} % of ${data.test.count} images, loss ${loss.toFixed(4)}`,
  );
  confusion.forEach((row, label) => {
    const missed = row.reduce((sum, count) => sum + count, 0) - row[label];
    console.log(`  ${CLASS_NAMES[label].padEnd(11)} ${String(missed).padStart(4)} missed`);
  });
}
