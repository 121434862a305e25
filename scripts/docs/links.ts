/** Links within the site that lead nowhere. */
import * as fs from 'node:fs';
import * as path from 'node:path';

/**
 * Checks each link and picture of each page, the anchors too.
 * @returns one line a broken link: "page: target"
 */
export function brokenLinks(folder: string): string[] {
  const files = (fs.readdirSync(folder, { recursive: true }) as string[]).filter(f => f.endsWith('.html'));
  return files.flatMap(file => {
    const html = fs.readFileSync(path.join(folder, file), 'utf8');
    const targets = [...html.matchAll(/<(?:a href|img src|img alt="[^"]*" src)="([^"]+)"/g)].map(m => m[1]);
    return targets
      .filter(target => !/^(https?:|mailto:|data:)/.test(target))
      .filter(target => !leadsSomewhere(folder, file, target))
      .map(target => `${file}: ${target}`);
  });
}

function leadsSomewhere(folder: string, file: string, target: string): boolean {
  const [name, anchor] = decodeURI(target).split('#');
  const to = name ? path.join(folder, path.dirname(file), name) : path.join(folder, file);
  if (!fs.existsSync(to) || !fs.statSync(to).isFile()) return false;
  return !anchor || fs.readFileSync(to, 'utf8').includes(`id="${anchor}"`);
}
