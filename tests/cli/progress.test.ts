import { PassThrough } from 'node:stream';
import { reporter } from '../../src/cli/progress';

test.each([true, false])(
  'terminal: %s; what is validated on may be held-out images, and is not called a test',
  isTTY => {
    const stream = Object.assign(new PassThrough(), { isTTY, columns: 200 });
    const report = reporter(stream as unknown as NodeJS.WriteStream);
    const numbers = {
      classificationLoss: 1,
      regularizationLoss: 1,
      imagesPerSecond: 5,
      seconds: 1,
      secondsLeft: 9,
    };
    report.onProgress({
      ...numbers,
      step: 2,
      steps: 4,
      epoch: 1,
      epochs: 2,
      learningRate: 1,
      loss: 2,
      error: 50,
    });
    report.onValidation({ step: 2, error: 12.5, loss: 1 });
    report.stop();
    expect(String(stream.read())).toMatch(/validation error 12\.50 %/);
  },
);
