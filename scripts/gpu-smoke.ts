/**
 * `npx tsx scripts/gpu-smoke.ts`: does XLA work on this machine's accelerator? One command for a machine with a GPU; `npm run bundle`
 * takes it along as ./run-smoke.
 */
import { UserError } from '../src/errors';
import { XlaError } from '../src/xla';
import { smokeCommand } from './gpu/smoke';

smokeCommand()
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof UserError || error instanceof XlaError ? error.message : error);
    process.exitCode = 1;
  });
