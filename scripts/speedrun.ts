/**
 * `npm run speedrun`: 94 % on CIFAR-10 as fast as the device can (src/train/speedrun), and its record, records/speedrun/NAME.json.
 * On a CPU, shortened: `npm run speedrun -- --epochs 0.5 --batch 256`.
 */
import { UserError } from '../src/errors';
import { speedrunCommand } from './speedrun/command';

speedrunCommand()
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof UserError ? error.message : error);
    process.exitCode = 1;
  });
