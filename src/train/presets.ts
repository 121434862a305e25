/** Recipes by name for `cifar train`: a short one for a laptop, and those of the experiment files. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { projectRoot } from '../projectRoot';
import { UserError } from '../errors';
import { type Experiment, parseExperiments, readExperiments } from './experiment';

export const PRESETS = ['laptop', 'paper', 'short', 'modern'] as const;
export type Preset = (typeof PRESETS)[number];

/** 2 epochs of a rising and falling rate: minutes on two CPU cores for ResNet-20, not a paper's number. */
const laptop = (model: string): string => `
module: models
model: ${model}
description: Two epochs, to see a network learn.
train_parameters:
  logdir: logs
  run_name: ${model}-laptop
  nesterov: true
  weight_decay: 5.0e-4
  log_interval: 20
  val_interval: 0
  schedule: { type: one_cycle, peak: 0.1, epochs: 2 }
`;

/**
 * The experiment that a preset means for a model: 'laptop' for any; the others are read from experiments/.
 * @throws UserError when there is no such experiment file
 */
export function presetExperiment(model: string, preset: Preset): Experiment {
  if (preset === 'laptop') return parseExperiments(laptop(model), `the preset ${preset}`)[0];
  // A model whose paper trains no CIFAR-10 (VGG) has the seed's recipe in its place.
  const recipes: Experiment['recipe'][] = preset === 'paper' ? ['paper', 'seed'] : [preset];
  const folder = path.join(projectRoot(), 'experiments');
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter(file => file.endsWith('.yaml')) : [];
  for (const file of files.filter(name => name !== 'queue.yaml')) {
    const found = readExperiments(path.join(folder, file)).find(
      experiment => experiment.model === model && recipes.includes(experiment.recipe),
    );
    if (found) return found;
  }
  throw new UserError(
    `experiments/ holds no ${preset} recipe for ${model}: take the preset laptop, or write one.`,
  );
}
