/** Published graph models, read from the packages that fetch.mjs unpacked. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { projectRoot } from '../../src/projectRoot';

const FOLDER = path.join(projectRoot(), '.cache', 'zoo');

export interface ZooModel {
  readonly name: string;
  readonly handler: tf.io.IOHandler;
  /** TensorFlow's names of the operations in its graph. */
  operations(): string[];
}

interface ModelJson {
  modelTopology: { node: { op: string }[] };
  weightsManifest: { paths: string[]; weights: tf.io.WeightsManifestEntry[] }[];
}

/** A model of a parsed model.json, its weights' files in the order of the manifest. */
function graphModel(name: string, load: () => { json: ModelJson; files: Buffer[] }): ZooModel {
  return {
    name,
    operations: () => load().json.modelTopology.node.map(({ op }) => op),
    handler: {
      load: () => {
        const { json, files } = load();
        const weightData = Uint8Array.from(Buffer.concat(files)).buffer;
        const weightSpecs = json.weightsManifest.flatMap(group => group.weights);
        return Promise.resolve({ modelTopology: json.modelTopology, weightSpecs, weightData });
      },
    },
  };
}

/** Human's models: faces, hands, bodies, objects; a model.json and its weights each. */
function humanModels(): ZooModel[] {
  const folder = path.join(FOLDER, 'human', 'models');
  const names = fs.readdirSync(folder).filter(file => file.endsWith('.json') && file !== 'models.json');
  return names.map(file =>
    graphModel(path.basename(file, '.json'), () => {
      const json = JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')) as ModelJson;
      const paths = json.weightsManifest.flatMap(group => group.paths);
      return { json, files: paths.map(name => fs.readFileSync(path.join(folder, name))) };
    }),
  );
}

/** NSFWJS's graph model, stored as scripts: MobileNet v2. */
function nsfwModel(): ZooModel {
  const folder = path.join(FOLDER, 'nsfwjs', 'dist', 'models', 'mobilenet_v2_mid');
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const read = (file: string): unknown => require(path.join(folder, file));
  const shards = fs.readdirSync(folder).filter(file => file.startsWith('group1'));
  return graphModel('nsfwjs mobilenet_v2_mid', () => ({
    json: read('model.min.js') as ModelJson,
    files: shards.sort().map(file => Buffer.from(read(file) as string, 'base64')),
  }));
}

export const zooModels = (): ZooModel[] => [...humanModels(), nsfwModel()];
