/** The package's package.json, made of this repository's. */
import * as fs from 'node:fs';
import * as path from 'node:path';

interface RootManifest {
  version: string;
  license: string;
  engines: { node: string };
  dependencies: { koffi: string; '@tensorflow/tfjs': string };
}

/** The fields that other parts of the packaging read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

export function manifestOf(root: string): Manifest {
  const project = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as RootManifest;
  const { version, license, engines, dependencies } = project;
  const tfjs = `^${dependencies['@tensorflow/tfjs']}`;
  const manifest = {
    name: 'tfjs-backend-xla',
    version,
    description: 'An XLA back end for TensorFlow.js in Node.js, through PJRT plugins',
    keywords: ['tensorflow', 'tfjs', 'xla', 'pjrt', 'stablehlo'],
    license,
    main: 'lib/index.js',
    types: 'lib/index.d.ts',
    engines,
    dependencies: { koffi: dependencies.koffi },
    peerDependencies: { '@tensorflow/tfjs-core': tfjs, '@tensorflow/tfjs-backend-cpu': tfjs },
    sideEffects: true, // importing it registers the kernels
    files: ['lib', 'docs', 'requirements-*.txt'],
  };
  return manifest;
}
