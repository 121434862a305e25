/** A map that keeps the entries used last. */
export class Recent<K, V> {
  private readonly entries = new Map<K, V>();

  /** @param dropped is told of each value that no longer has room */
  constructor(
    private readonly limit: number,
    private readonly dropped: (value: V) => void = () => undefined,
  ) {}

  get(key: K): V | undefined {
    const value = this.entries.get(key);
    if (value !== undefined) {
      this.entries.delete(key);
      this.entries.set(key, value);
    }
    return value;
  }

  set(key: K, value: V): void {
    this.entries.set(key, value);
    if (this.entries.size <= this.limit) return;
    const [oldest, old] = this.entries.entries().next().value!;
    this.entries.delete(oldest);
    this.dropped(old);
  }
}
