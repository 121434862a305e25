/**
 * Goes on when nobody reads what is written any longer: `cifar run … | head -3`, a terminal that was closed. The text is lost, the work
 * is not.
 */
export function outliveReaders(
  streams: readonly NodeJS.WritableStream[] = [process.stdout, process.stderr],
): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
}
