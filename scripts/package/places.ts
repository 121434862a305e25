/** What goes into the package besides the compiled code: files of this repository, with '/', and where they stand there. */

/** Pages, whose links and examples are fitted to the package. */
export const DOCUMENTS: Readonly<Record<string, string>> = {
  'src/xla/README.md': 'README.md',
  'docs/plugins.md': 'docs/plugins.md',
  'docs/performance.md': 'docs/performance.md',
};

/** The kernels in C, which are compiled where the package is used; they go beside the code that does so. */
export const NATIVE = 'src/xla/native';

/** Files that stay as they are: pip reads the requirements. */
export const FILES = [
  'LICENSE',
  'requirements-cpu.txt',
  'requirements-cuda12.txt',
  'requirements-cuda13.txt',
];
