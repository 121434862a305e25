import { Command } from 'commander';
import { formatCount, MODELS } from '../models';
import { jsonOption } from './options';

/** `cifar models` */
export function modelsCommand(): Command {
  return new Command('models')
    .description('List the models with paper, parameters and multiply-adds.')
    .addOption(jsonOption())
    .action(({ json }: { json?: boolean }) => {
      const rows = MODELS.map(({ name, title, paper, parameters, multiplyAdds, paperError }) => ({
        ...{ name, title, paper: { title: paper.title, year: paper.year, url: paper.url } },
        ...{ parameters, multiplyAdds, paperTestError: paperError ?? null },
      }));
      if (json) return console.log(JSON.stringify(rows, null, 2));
      console.log(`${'name'.padEnd(19)} parameters  multiply-adds  paper`);
      for (const { name, parameters, multiplyAdds, paper } of rows) {
        const numbers = `${formatCount(parameters).padStart(10)}  ${formatCount(multiplyAdds).padStart(13)}`;
        console.log(`${name.padEnd(19)} ${numbers}  ${paper.title} (${paper.year})`);
      }
    });
}
