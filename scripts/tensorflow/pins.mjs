/** The exact things that `npm run setup:tensorflow` puts together. Change one, and the next run rebuilds what depends on it. */
export const pins = {
  /** Python wheel by kind; both unpack into site-packages/tensorflow, so that only one can be there. */
  wheels: { cpu: 'tensorflow-cpu', cuda: 'tensorflow' },
  tensorflow: '2.21.0',
  /** Python versions that TensorFlow 2.21 has wheels for. */
  python: { from: [3, 10], to: [3, 13] },
  tfjsNode: {
    name: '@tensorflow/tfjs-node',
    version: '4.22.0',
    integrity:
      'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
  },
  /** Node-API version that the add-on is compiled for; the package looks for it in lib/napi-v8. */
  nodeApi: 8,
};
