/** What lets SVGs stand beside each other in one page, as VS Code and docs pages have them. */
import { createHash } from 'node:crypto';

/**
 * The same picture, its ids made its own by a hash of its content (or the `url(#…)` of one picture would find the other's), without
 * style sheets (which would hold for the whole page), and no wider than the page.
 */
export function ownSvg(svg: string): string {
  const plain = svg.replace(/<style[\s>][\s\S]*?<\/style>/g, '').replace(/ class="[^"]*"/g, '');
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 8);
  return plain
    .replace(/ id="([^"]+)"/g, ` id="$1-${hash}"`)
    .replace(/url\(#([^)"]+)\)/g, `url(#$1-${hash})`)
    .replace(/href="#([^"]+)"/g, `href="#$1-${hash}"`)
    .replace('<svg ', '<svg style="max-width:100%;height:auto" ');
}
