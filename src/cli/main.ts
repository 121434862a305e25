/** `npm run -s cifar -- COMMAND`: what can be done without a notebook. */
import { Command, CommanderError } from 'commander';
import { UserError } from '../errors';
import { devicesCommand } from './devices';
import { evaluateCommand } from './evaluate';
import { modelsCommand } from './models';
import { outliveReaders } from './output';
import { runCommand } from './run';
import { trainCommand } from './train';

/** The whole command line; `parseAsync` runs it. */
export function program(): Command {
  const root = new Command('cifar')
    .description('The classic CIFAR-10 networks: trained, scored and listed from the command line.')
    .showHelpAfterError('(--help lists the options)')
    .exitOverride();
  for (const command of [devicesCommand, modelsCommand, trainCommand, runCommand, evaluateCommand])
    root.addCommand(command().exitOverride().showHelpAfterError('(--help lists the options)'));
  return root;
}

async function main(): Promise<void> {
  outliveReaders();
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode; // commander has printed it
    } else {
      console.error(error instanceof UserError ? error.message : error);
      process.exitCode = 1;
    }
  }
}

if (require.main === module) void main();
