/** Work that is begun in the order in which it was asked for. */
export class InOrder {
  private last: Promise<unknown> | undefined;

  /**
   * Calls `work`: at once, where there is nothing to prepare and nothing before it waits; else when both are over.
   * @param prepare is called at once
   */
  async run<T>(work: () => T, prepare?: () => Promise<unknown>): Promise<T> {
    const before = this.last;
    if (!before && !prepare) return work();
    const prepared = prepare?.();
    const done = (async () => {
      await Promise.allSettled([before, prepared]);
      await prepared;
      return work();
    })();
    const over = done.catch(() => undefined);
    this.last = over;
    try {
      return await done;
    } finally {
      if (this.last === over) this.last = undefined;
    }
  }
}
