import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Split } from '../../src/data';
import { UserError } from '../../src/errors';
import { createModel } from '../../src/models';
import { evaluate } from '../../src/train';
import { readRecord } from '../../src/train/record';
import { PRETRAINED_FOLDER, saveWeights } from '../../src/weights';

/** Percent; another device's rounding may turn an image or two of 10,000, and another precision's a few more. */
const TOLERANCE = { sameRounding: 0.02, otherPrecision: 0.1 };

export interface Shipped {
  file: string;
  dtype: 'f16' | 'f32';
  /** Test errors in percent, of the run's record, and as computed here, in float32, from the full weights and from the file shipped. */
  recorded: number;
  computed: number;
  shipped: number;
  bytes: number;
}

/**
 * Makes a finished run's final weights the ones that the project ships for its model: in half precision where not one test image
 * more or less is then misclassified, else in full.
 *
 * @param root the project's folder
 * @param run name of a record in records/
 * @param test the whole test set
 * @throws UserError when the run is not finished, or its weights don't give the record's error in the model of the registry
 */
export async function shipWeights(root: string, run: string, test: Split): Promise<Shipped> {
  const record = readRecord(path.join(root, 'records'), run);
  if (!record) throw new UserError(`records/${run}.json is missing: only a finished run can be shipped.`);
  const { model: name, finalTestError: recorded } = record;
  const exact = (record.precision ?? 'float32') === 'float32';
  const errorOf = async (pretrained: string): Promise<number> => {
    const model = createModel(name, { pretrained });
    const { error } = await evaluate(model, test, Math.min(500, test.count));
    model.dispose();
    return error;
  };
  const final = path.join(root, 'records', 'checkpoints', run, 'final.safetensors');
  const computed = await errorOf(final);
  if (Math.abs(computed - recorded) > (exact ? TOLERANCE.sameRounding : TOLERANCE.otherPrecision) + 1e-9)
    throw new UserError(
      `${final} gives a test error of ${computed} %, the record says ${recorded} %: the weights are not this run's, ` +
        `or its experiment changes the model, so that '${name}' alone is another one.`,
    );
  const file = path.join(root, PRETRAINED_FOLDER, `${name}.safetensors`);
  const candidate = `${file}.candidate.safetensors`;
  const model = createModel(name, { pretrained: final });
  const metadata = {
    run,
    testError: String(exact ? recorded : computed),
    recipe: record.recipe ?? 'own',
    commit: record.commit,
  };
  try {
    for (const dtype of ['f16', 'f32'] as const) {
      await saveWeights(model, candidate, { dtype, metadata });
      const shipped = await errorOf(candidate);
      if (dtype === 'f16' && shipped !== computed) continue;
      fs.renameSync(candidate, file);
      return { file, dtype, recorded, computed, shipped, bytes: fs.statSync(file).size };
    }
    throw new Error('unreachable: full precision is always taken');
  } finally {
    fs.rmSync(candidate, { force: true });
    model.dispose();
  }
}
