import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { pins } from './pins.mjs';
import { runProgram, say, SetupError } from '../setup/steps.mjs';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));

const LOOK = `
import importlib.metadata as m, json, platform, sys, sysconfig
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({'python': sys.version_info[:2], 'machine': platform.machine(), 'site': sysconfig.get_paths()['purelib'],
  'cpu': version('${pins.wheels.cpu}'), 'cuda': version('${pins.wheels.cuda}')}))`;

function checkPython({ python: [major, minor], machine }, venv) {
  const { from, to } = pins.python;
  const [low, high] = [from.join('.'), to.join('.')];
  if (major !== 3 || minor < from[1] || minor > to[1]) {
    throw new SetupError(
      `TensorFlow ${pins.tensorflow} has wheels for Python ${low} to ${high}, and ${venv} has ${major}.${minor}: ` +
        `make an environment with one of them (python${high} -m venv ENV) and pass --venv ENV`,
    );
  }
  if (process.platform !== 'linux' || machine !== 'x86_64') {
    throw new SetupError(
      `the TensorFlow add-on is built for Linux on x86-64 only, not for ${process.platform} on ${machine}: ` +
        'the other back ends work without it (docs/backends.md)',
    );
  }
}

/**
 * Installs the pinned TensorFlow wheel into a Python environment, without its Python dependencies: only its headers and
 * libraries are used, and nothing else in the environment is touched. (The CUDA wheel brings NVIDIA's libraries with it.)
 * @param {string} venv folder of the environment
 * @param {'cpu' | 'cuda'} kind
 * @returns {{wheel: string, version: string, include: string, libraries: string}} the real folders, links followed:
 *   TensorFlow finds CUDA's libraries relative to its own real place
 */
export function installWheel(venv, kind) {
  const python = join(venv, 'bin', 'python');
  if (!existsSync(python))
    throw new SetupError(`there is no Python environment in ${venv}: run npm run setup first`);
  const look = () => JSON.parse(runProgram(python, ['-c', LOOK], { what: `${python} does not run` }));
  let state = look();
  checkPython(state, venv);

  const wheel = pins.wheels[kind];
  const other = kind === 'cpu' ? 'cuda' : 'cpu';
  if (state[kind] === pins.tensorflow && state[other] === null) {
    say('wheel', `${wheel} ${pins.tensorflow} is installed already`);
  } else {
    if (state[other] !== null) {
      runProgram(python, ['-m', 'pip', 'uninstall', '-y', pins.wheels[other]], {
        what: `removing ${pins.wheels[other]}`,
      });
      say('wheel', `removed ${pins.wheels[other]} (it unpacks into the same folder)`);
    }
    say(
      'wheel',
      `installing ${wheel} ${pins.tensorflow} (${kind === 'cuda' ? 'with CUDA some gigabytes' : '274 MB'}) …`,
    );
    const pip = [
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      '--only-binary',
      ':all:',
      '--force-reinstall',
      '--no-deps',
    ];
    const mend = output =>
      /No matching distribution/.test(output)
        ? `no wheel of ${wheel} ${pins.tensorflow} for Python ${state.python.join('.')} on ${state.machine} in pip's index`
        : undefined;
    runProgram(python, [...pip, '-r', join(FOLDER, `requirements-${kind}.txt`)], {
      what: `installing ${wheel}`,
      mend,
    });
    state = look();
    say('wheel', `installed ${wheel} ${state[kind]}`);
  }
  const libraries = realpathSync(join(state.site, 'tensorflow'));
  for (const needed of [
    'include/tensorflow/c/c_api.h',
    'libtensorflow_cc.so.2',
    'libtensorflow_framework.so.2',
  ]) {
    if (!existsSync(join(libraries, needed))) {
      throw new SetupError(
        `${wheel} in ${venv} is incomplete (no ${needed}): ${python} -m pip uninstall ${wheel}, then run this again`,
      );
    }
  }
  return { wheel, version: pins.tensorflow, include: join(libraries, 'include'), libraries };
}
