// XLA's own log, on stderr; what goes wrong is also an exception.
process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';

const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'commonjs' } },
  ],
};

/** @type {import('jest').Config} */
module.exports = {
  testTimeout: 120000,
  projects: [
    {
      displayName: 'unit',
      testEnvironment: 'node',
      roots: ['<rootDir>/tests'],
      testMatch: ['**/*.test.ts'],
      transform,
      testTimeout: 120000,
    },
    {
      // Each notebook a test file, each code cell a test: src/nbtest/README.md.
      displayName: 'notebooks',
      roots: ['<rootDir>/notebooks'],
      testMatch: ['**/*.ipynb'],
      testPathIgnorePatterns: ['.ipynb_checkpoints'],
      moduleFileExtensions: ['ts', 'js', 'json', 'ipynb'],
      testRunner: '<rootDir>/src/nbtest/jest/runner.ts',
      transform,
      testEnvironmentOptions: {
        nbtest: {
          kernelDirs: ['jupyter/kernels'],
          slow: 'skip',
          startTimeout: 180,
          cellTimeout: 600,
          outputDir: 'logs/notebooks',
        },
      },
    },
  ],
};
