/**
 * How many letters must be put in, left out, exchanged or swapped with their neighbour to make one word of the other (optimal string
 * alignment).
 */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = last[j - 1] + Number(a[i - 1] !== b[j - 1]);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(exchanged, last[j] + 1, row[j - 1] + 1, swapped ? before[j - 2] + 1 : Infinity));
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** " (did you mean 'dropout'?)" where one of the names is so near to the word, else nothing: to be put behind the word. */
export function didYouMean(word: string, names: readonly string[]): string {
  let [nearest, least] = ['', Math.max(1, Math.floor(word.length / 3)) + 1];
  for (const name of names) {
    const distance = editDistance(word, name);
    if (distance < least) [nearest, least] = [name, distance];
  }
  return nearest && ` (did you mean '${nearest}'?)`;
}
