/** A page of this repository as a page of the package: its links, its examples, and how to install. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Manifest } from './manifest';
import { DOCUMENTS, FILES } from './places';

const NOTE =
  '> This page comes from the project in which the package is made: `npm run …`, `npx tsx …` and files named without a link are there.';

/** Where a file of the repository is in the package; undefined: it is not. */
const placeOf = (file: string): string | undefined =>
  DOCUMENTS[file] ?? (FILES.includes(file) ? file : undefined);

/** Links to what the package has lead there; of the others the text remains. */
function fitLinks(text: string, source: string): string {
  return text.replace(/!?\[([^\]]*)\]\(([^)\s]+)\)/g, (link: string, label: string, target: string) => {
    if (/^([a-z]+:|#)/.test(target)) return link;
    const [file, ...anchor] = target.split('#');
    const place = placeOf(path.posix.join(path.posix.dirname(source), file));
    if (!place) return label;
    const there = path.posix.relative(path.posix.dirname(DOCUMENTS[source]), place);
    return `[${label}](${[there, ...anchor].join('#')})`;
  });
}

/** How the package is installed, in place of how it is made. */
function withInstallation(text: string, { name, version, peerDependencies }: Manifest): string {
  const section = /^## As a package\n[^]*?(?=^## )/m;
  if (!section.test(text)) throw new Error("src/xla/README.md has no section 'As a package'.");
  const template = fs.readFileSync(path.join(__dirname, 'install.md'), 'utf8');
  const tfjs = peerDependencies['@tensorflow/tfjs-core'].replace('^', ''); // which shells read in ways of their own
  const filled = template
    .replace(/NAME/g, name)
    .replace(/VERSION/g, version)
    .replace(/TFJS/g, tfjs);
  return text.replace(section, () => `${filled}\n`);
}

/** The text of the page made of file `source`, whose text is `text`. */
export function documentOf(text: string, source: string, manifest: Manifest): string {
  const parts = text.split(/(^```[^]*?^```$)/m); // code at odd places
  const fitted = parts
    .map((part, i) => (i % 2 === 0 ? fitLinks(part, source) : part))
    .join('')
    .replace(/'\.\/src\/xla'/g, `'${manifest.name}'`)
    .replace(/-r requirements-/g, `-r node_modules/${manifest.name}/requirements-`)
    .replace(/^(# .*\n)/, `$1\n${NOTE}\n`);
  return DOCUMENTS[source] === 'README.md' ? withInstallation(fitted, manifest) : fitted;
}
