/**
 * npm run bench: a training step of ours beside TensorFlow's, PyTorch's and JAX's, in interleaved rounds on this machine.
 * A step is forward, backward, SGD with momentum and weight decay, and batch norm's moving averages, on a fixed batch.
 */
import { execFileSync } from 'child_process';
import * as path from 'path';
import { Command, Option } from 'commander';
import { whole } from '../src/cli/numbers';
import { PRECISIONS } from '../src/train/options';
import { Peer, type Ready, type Variant } from './peer';
import { saveRecord } from './record';
import { type Result, formatTable } from './table';

const ROOT = path.join(__dirname, '..');
const VENV = path.join(ROOT, '.venv-bench');
const FRAMEWORKS = ['tensorflow', 'torch', 'jax'];
/** Each of ours by its back end and what is special about it: see `Variant`. */
const OURS: Record<string, readonly [backend: string, variant: Variant]> = {
  xla: ['xla', 'plain'],
  'xla+input': ['xla', 'input'],
  'xla+whole': ['xla', 'whole'],
  'xla+cut': ['xla', 'cut'],
  'tfjs-node': ['tensorflow', 'plain'],
  wasm: ['wasm', 'plain'],
  cpu: ['cpu', 'plain'],
};
const PEERS = [...Object.keys(OURS), ...FRAMEWORKS];

interface Options {
  model: string;
  batch: number;
  steps: number;
  rounds: number;
  precision: string;
  only?: string;
  save?: string;
  python: string;
  setup?: boolean;
}

function commandOf(peer: string, o: Options): string[] {
  if (FRAMEWORKS.includes(peer)) {
    const script = path.join(__dirname, 'peers', `${peer}_step.py`);
    return [o.python, script, o.model, String(o.batch), o.precision];
  }
  const [backend, variant] = OURS[peer];
  const worker = path.join(__dirname, 'worker.ts');
  return [
    'node',
    path.join(ROOT, 'scripts', 'launch.mjs'),
    worker,
    backend,
    o.model,
    String(o.batch),
    o.precision,
    variant,
  ];
}

/** The peers that run here; the others are named with the reason. They start one after another. */
async function start(names: readonly string[], o: Options): Promise<Map<Peer, Ready>> {
  const peers = new Map<Peer, Ready>();
  for (const name of names) {
    const peer = new Peer(name, commandOf(name, o));
    try {
      peers.set(peer, await peer.ready());
    } catch (error) {
      console.log(`${name}: left out (${(error as Error).message})`);
      await peer.stop();
    }
  }
  return peers;
}

async function measure(peers: ReadonlyMap<Peer, Ready>, o: Options): Promise<Result[]> {
  const times = new Map<Peer, { ms: number[]; cpuMs: number[]; peakMB: number }>();
  try {
    for (let round = 0; round < o.rounds; round++) {
      for (const peer of peers.keys()) {
        const { ms, cpuMs, peakMB } = await peer.run(o.steps);
        const before = times.get(peer) ?? { ms: [], cpuMs: [] };
        times.set(peer, { ms: [...before.ms, ...ms], cpuMs: [...before.cpuMs, cpuMs], peakMB });
      }
    }
  } finally {
    await Promise.all([...peers.keys()].map(peer => peer.stop()));
  }
  return [...peers].map(([peer, ready]) => ({ name: peer.name, ...ready, ...times.get(peer)! }));
}

async function main(): Promise<void> {
  const venvPython = path.join(VENV, 'bin', 'python');
  const program = new Command('bench')
    .option('--model <name>', 'resnet20_v1, vgg16 or wrn_16_4 (ours: any model)', 'resnet20_v1')
    .option('--batch <n>', 'images a step', whole(1), 128)
    .option('--steps <n>', 'steps a round', whole(1), 3)
    .option('--rounds <n>', 'rounds, each in turn', whole(1), 4)
    .addOption(new Option('--precision <policy>', 'of products').choices(PRECISIONS).default('float32'))
    .option('--only <names>', `comma-separated: ${PEERS.join(', ')}; wasm and cpu are slow`)
    .option('--save <name>', 'also write bench/results/<name>.json')
    .option('--python <path>', 'Python that has the frameworks', venvPython)
    .option('--setup', 'first install bench/requirements.txt into .venv-bench');
  const o = program.parse().opts<Options>();
  if (o.setup) {
    execFileSync('python3', ['-m', 'venv', VENV], { stdio: 'inherit' });
    const requirements = path.join(__dirname, 'requirements.txt');
    execFileSync(venvPython, ['-m', 'pip', 'install', '-r', requirements], { stdio: 'inherit' });
  }
  const names = o.only?.split(',') ?? ['xla', 'xla+input', 'tfjs-node', ...FRAMEWORKS];
  const unknown = names.find(name => !PEERS.includes(name));
  if (unknown) program.error(`--only: "${unknown}" is none of ${PEERS.join(', ')}.`);
  const peers = await start(names, o);
  if (peers.size === 0) program.error('Nothing to measure: no peer runs here.');
  const results = await measure(peers, o);
  console.log(formatTable(results, o.batch));
  const { model, batch, precision } = o;
  if (o.save) saveRecord(o.save, { model, batch, precision, results });
}

void main();
