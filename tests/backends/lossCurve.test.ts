import { BACKEND_NAMES, type BackendName } from '../../src/backends';
import { runProgram, unavailableBackends } from './runProgram';
import { type Curve } from './trainingCurve';

/** Back ends differ in the order in which they sum, and training amplifies that: measured 2e-5 after these few steps. */
const TOLERANCE = 2e-4;

/** The steps are few where plain JavaScript takes seconds for one. */
const families: [family: string, steps: number][] = [
  ['resnet', 6],
  ['resnetV2', 2],
  ['wideResnet', 2],
  ['vgg', 4],
  ['resnext', 2],
];

function train(backend: BackendName, family: string, steps: number): Curve {
  return runProgram('trainingCurve.ts', [backend, family, `${steps}`]).answer as Curve;
}

const unavailable = unavailableBackends();

describe('the same seed gives the same loss curve', () => {
  const reference = new Map<string, Curve>();

  beforeAll(() => {
    for (const [family, steps] of families) reference.set(family, train('cpu', family, steps));
  });

  test('plain JavaScript learns: the ResNet loss falls on the images that it saw', () => {
    const { losses } = reference.get('resnet')!;
    expect(losses).toHaveLength(6);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses[4]).toBeLessThan(losses[0]); // steps 0 and 4 take the same images
  });

  for (const backend of BACKEND_NAMES.filter(name => name !== 'cpu')) {
    const reason = unavailable.get(backend);
    const declare = reason ? test.skip : test;
    declare.each(families)(
      reason ? `on ${backend}: %s, %i steps (${reason})` : `on ${backend} as on cpu: %s, %i steps`,
      (family, steps) => {
        const { losses } = train(backend, family, steps);
        reference.get(family)!.losses.forEach((expected, step) => {
          expect(Math.abs(losses[step] - expected)).toBeLessThan(TOLERANCE * Math.abs(expected));
        });
      },
    );
  }
});
