import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { portableModel } from './portable';
import { halfBytes } from './safetensors';

/** Options of `exportTfjs`. */
export interface ExportOptions {
  /** 'f16' halves the kernels on disk; tfjs widens them on loading. Default 'f32'. */
  dtype?: 'f32' | 'f16';
  /** Largest size of one weight file in bytes; browsers cache files of a few MB best. Default 4 MiB. */
  shardBytes?: number;
}

/**
 * Writes a model as tfjs's model.json with weight files beside it, in layers that plain tfjs knows (`portableModel`), for
 * `tf.loadLayersModel('…/model.json')` in a browser. Takes normalized images [batch, 32, 32, 3], gives logits.
 * @param folder is made if need be.
 * @returns the names of the files written.
 */
export async function exportTfjs(model: tf.LayersModel, folder: string, options: ExportOptions = {}): Promise<string[]> {
  const { dtype = 'f32', shardBytes = 4 * 1024 * 1024 } = options;
  const portable = portableModel(model);
  let artifacts: tf.io.ModelArtifacts | undefined;
  await portable.save(
    tf.io.withSaveHandler(async saved => {
      artifacts = saved;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }),
  );
  portable.dispose();
  const { modelTopology, weightSpecs, weightData, format, generatedBy, convertedBy } = artifacts!;
  const { bytes, specs } = encode(tf.io.CompositeArrayBuffer.join(weightData), weightSpecs!, dtype);

  mkdirSync(folder, { recursive: true });
  const count = Math.max(1, Math.ceil(bytes.length / shardBytes));
  const paths: string[] = [];
  for (let i = 0; i < count; i++) {
    const path = `group1-shard${i + 1}of${count}.bin`;
    writeFileSync(join(folder, path), bytes.subarray(i * shardBytes, (i + 1) * shardBytes));
    paths.push(path);
  }
  const json = { format, generatedBy, convertedBy, modelTopology, weightsManifest: [{ paths, weights: specs }] };
  writeFileSync(join(folder, 'model.json'), JSON.stringify(json));
  return ['model.json', ...paths];
}

/** The saved float32 values, one after another → the bytes of the weight files and their description. */
function encode(values: ArrayBuffer, specs: tf.io.WeightsManifestEntry[], dtype: 'f32' | 'f16') {
  const parts: Uint8Array[] = [];
  let at = 0;
  const described = specs.map(spec => {
    const length = tf.util.sizeFromShape(spec.shape);
    const data = new Float32Array(values, at, length);
    at += 4 * length;
    if (dtype === 'f32' || spec.shape.length < 2) {
      parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      return spec;
    }
    parts.push(halfBytes(spec.name, data));
    return { ...spec, quantization: { dtype: 'float16' as const, original_dtype: 'float32' as const } };
  });
  return { bytes: Buffer.concat(parts), specs: described };
}
