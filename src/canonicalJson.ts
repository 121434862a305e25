/** JSON that does not depend on the order in which an object's keys were given: equal texts are equal values. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => withSortedKeys(each));
}

function withSortedKeys(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
