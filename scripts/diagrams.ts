/**
 * Draws every model of the table into docs/models/NAME.svg, and the index docs/models/README.md:
 * `npx tsx scripts/diagrams.ts [folder]`.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createModel, formatCount, MODELS, summarize } from '../src/models';
import { diagram } from '../src/notebook/diagram';

const folder = process.argv[2] ?? path.join(path.dirname(__dirname), 'docs', 'models');
fs.mkdirSync(folder, { recursive: true });

const rows = MODELS.map(({ name, title, paper, parameters, multiplyAdds }) => {
  const model = createModel(name, { initializer: 'zeros' });
  fs.writeFileSync(path.join(folder, `${name}.svg`), `${diagram(model)}\n`);
  const sees = summarize(model).receptiveField;
  model.dispose();
  const counts = `${parameters.toLocaleString('en-US')} | ${formatCount(multiplyAdds)} | ${sees} × ${sees}`;
  return `| [${title}](${name}.svg) | \`${name}\` | ${counts} | [${paper.title}](${paper.url}) (${paper.authors}, ${paper.year}) |`;
});

const pictures = MODELS.map(({ name, title }) => `## ${title}\n\n![Diagram of ${title}](${name}.svg)`);
fs.writeFileSync(
  path.join(folder, 'README.md'),
  `# The models, drawn

Made by \`npx tsx scripts/diagrams.ts\` from the models themselves. Data flows from top to bottom, column by column; equal blocks
that follow one another are drawn once, with their number beside the frame. The numbers on the edges are height × width ×
channels of the feature maps; "/ 2" is a stride of 2; shortcuts run on the right of each block, the identity where there is no box.

| model | \`createModel\` name | parameters | multiply-adds an image | sees (pixels) | paper |
| :--- | :--- | ---: | ---: | ---: | :--- |
${rows.join('\n')}

${pictures.join('\n\n')}
`,
);
console.log(`${MODELS.length} diagrams in ${path.relative(process.cwd(), folder)}`);
