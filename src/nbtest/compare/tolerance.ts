/** How far a fresh number may be from the stored one: |fresh − stored| ≤ absolute + relative · |stored|. */
export interface Tolerance {
  relative: number;
  absolute: number;
}

// A number that does not continue a word: not the 2 of conv2d, but the 12 of "12 ms".
const number = /(?<![\w.])[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?/g;

/**
 * The fresh text with every number that is close to its stored counterpart spelled as stored, so that a plain text
 * comparison (and a diff) shows only true differences. Lines are matched by position; a line whose words differ stays.
 */
export function adoptCloseNumbers(fresh: string, stored: string, tolerance: Tolerance): string {
  if (tolerance.relative === 0 && tolerance.absolute === 0) return fresh;
  const wanted = stored.split('\n');
  return fresh
    .split('\n')
    .map((line, i) => (wanted[i] === undefined ? line : adoptLine(line, wanted[i], tolerance)))
    .join('\n');
}

function adoptLine(fresh: string, stored: string, tolerance: Tolerance): string {
  const spellings = stored.match(number);
  if (!spellings || words(fresh) !== words(stored)) return fresh;
  let all = true;
  let i = 0;
  const adopted = fresh.replace(number, text => {
    const spelling = spellings[i++];
    if (isClose(Number(text), Number(spelling), tolerance)) return spelling;
    all = false;
    return text;
  });
  return all ? stored : adopted;
}

// Columns are padded to the width of their numbers, so the amount of space does not count.
function words(line: string): string {
  return line.replace(number, '#').replace(/\s+/g, ' ').trim();
}

function isClose(fresh: number, stored: number, { relative, absolute }: Tolerance): boolean {
  return Math.abs(fresh - stored) <= absolute + relative * Math.abs(stored);
}
