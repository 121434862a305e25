/** An error of the XLA backend; the message names the thing and what can be done. */
export class XlaError extends Error {
  override readonly name: string = 'XlaError';
}
